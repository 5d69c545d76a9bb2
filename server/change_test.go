package server_test

import (
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/nats-io/nats.go"

	"github.com/atollcache/atoll/server"
	"github.com/atollcache/atoll/server/broker"
)

// counting increments counters through the door, each command acknowledged by the region, until it is told to stop.
type counting struct {
	counted  [8]int64 // by counter
	failures []string
	rounds   atomic.Int64
	stop     chan struct{}
	ended    sync.WaitGroup
}

func count(conn *nats.Conn) *counting {
	c := &counting{stop: make(chan struct{})}
	c.ended.Go(func() {
		for i := 0; ; i = (i + 1) % len(c.counted) {
			select {
			case <-c.stop:
				return
			default:
			}
			payload := fmt.Sprintf(`{"args":["counter-%d"],"ack":"region","timeout_ms":10000}`, i)
			msg, err := conn.Request("atoll.eu.v1.incr", []byte(payload), patience)
			if err != nil || !strings.HasPrefix(string(msg.Data), `{"value":`) {
				c.failures = append(c.failures, fmt.Sprintf("%v %s", err, msg.Data))
			} else {
				c.counted[i]++
			}
			c.rounds.Add(1)
		}
	})
	return c
}

func (c *counting) end() {
	close(c.stop)
	c.ended.Wait()
}

// A node joins and another drains while clients write: no operation fails, and none is lost.
func TestNodesComeAndGoUnderLoad(t *testing.T) {
	t.Parallel()
	b := startBroker(t, broker.Config{Region: "eu", Name: "shared"})
	nodes := startRegion(t, b, "eu", "n1", "n2")
	settled(t, nodes)
	load := count(dial(t, b.ClientURL()))
	eventually(t, "some load", func() bool { return load.rounds.Load() > 100 })

	cfg := local("n3")
	cfg.Broker, cfg.Seeds = b, []string{nodes[0].GossipAddr()}
	third := start(t, cfg)
	settled(t, []*server.Node{nodes[0], nodes[1], third})
	if err := nodes[0].Drain(t.Context()); err != nil {
		t.Error(err)
	}
	settled(t, []*server.Node{nodes[1], third})
	load.end()

	for _, failure := range load.failures {
		t.Errorf("an operation failed: %s", failure)
	}
	for i, want := range load.counted {
		key := fmt.Sprintf("counter-%d", i)
		for _, n := range []*server.Node{nodes[1], third} {
			if got := do(t, n, "get", key); got != fmt.Sprint(want) {
				t.Errorf("%s is %s at %s, counted were %d", key, got, n.Status().Node, want)
			}
		}
	}
}

// The NATS server of somebody else goes away and comes back: the links close the gap by themselves.
func TestTheServerRestarts(t *testing.T) {
	t.Parallel()
	_, port := freeAddr(t)
	b := startBroker(t, broker.Config{Region: "eu", Name: "shared", ClientPort: port})
	cfg := local("n1")
	cfg.NATS = b.ClientURL()
	first := start(t, cfg)
	cfg.Name, cfg.Seeds = "n2", []string{first.GossipAddr()}
	second := start(t, cfg)
	settled(t, []*server.Node{first, second})

	b.Stop()
	do(t, first, "set", "k", "v")
	startBroker(t, broker.Config{Region: "eu", Name: "shared", ClientPort: port})
	eventually(t, "the write of the gap to arrive", func() bool { return do(t, second, "get", "k") == "v" })
	if got := ask(t, cfg.NATS, "atoll.eu.v1.get", `{"args":["k"]}`); got != `{"value":"v"}` {
		t.Errorf("the door gives %s", got)
	}
}
