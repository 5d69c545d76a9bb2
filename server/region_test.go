package server_test

import (
	"context"
	"fmt"
	"net"
	"testing"

	"github.com/atollcache/atoll/server"
	"github.com/atollcache/atoll/server/broker"
)

// startRegion starts nodes of one region that share a NATS server.
func startRegion(t *testing.T, b *broker.Broker, region string, names ...string) []*server.Node {
	t.Helper()
	var nodes []*server.Node
	var seeds []string
	for _, name := range names {
		cfg := local(name)
		cfg.Region, cfg.Broker, cfg.Seeds = region, b, seeds
		n := start(t, cfg)
		nodes = append(nodes, n)
		seeds = append(seeds, n.GossipAddr())
	}
	return nodes
}

func startBroker(t *testing.T, cfg broker.Config) *broker.Broker {
	t.Helper()
	b, err := broker.Start(cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(b.Stop)
	return b
}

// settled waits until every node knows all of its region and holds its part.
func settled(t *testing.T, nodes []*server.Node) {
	t.Helper()
	for _, n := range nodes {
		eventually(t, "a settled region", func() bool {
			s := n.Status()
			for _, r := range s.Regions {
				if r.Name == s.Region {
					return len(r.Nodes) == len(nodes) && s.Partitions["booting"] == 0 && s.Partitions["leaving"] == 0
				}
			}
			return false
		})
	}
}

func TestARegionOfThreeNodes(t *testing.T) {
	t.Parallel()
	b := startBroker(t, broker.Config{Region: "eu", Name: "shared"})
	nodes := startRegion(t, b, "eu", "n1", "n2", "n3")
	settled(t, nodes)

	for i := range 100 {
		key := fmt.Sprintf("key-%d", i)
		if got := do(t, nodes[i%3], "set", key, "hello"); got != "OK" {
			t.Fatalf("set %s gave %s", key, got)
		}
		eventually(t, key+" at another node", func() bool { return do(t, nodes[(i+1)%3], "get", key) == "hello" })
	}
	eventually(t, "two copies of each key", func() bool {
		copies := 0
		for _, n := range nodes {
			copies += n.Status().Keys
		}
		return copies == 200
	})
}

// freeAddr is an address on which nobody listens.
func freeAddr(t *testing.T) (addr string, port int) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().String(), l.Addr().(*net.TCPAddr).Port
}

// startRegions starts a node in each region, each with a NATS server of its own, joined by gateways.
func startRegions(t *testing.T, change func(*server.Config), regions ...string) map[string]*server.Node {
	t.Helper()
	addrs, ports := map[string]string{}, map[string]int{}
	for _, r := range regions {
		addrs[r], ports[r] = freeAddr(t)
	}
	nodes := map[string]*server.Node{}
	for _, r := range regions {
		cfg := local("n1")
		cfg.Region, cfg.GatewayPort, cfg.Gateways = r, ports[r], map[string][]string{}
		for _, other := range regions {
			if other != r {
				cfg.Gateways[other] = []string{addrs[other]}
			}
		}
		if change != nil {
			change(&cfg)
		}
		nodes[r] = start(t, cfg)
	}
	return nodes
}

func TestThreeRegions(t *testing.T) {
	t.Parallel()
	nodes := startRegions(t, nil, "eu", "us", "ap")
	for r, n := range nodes {
		eventually(t, r+" to know all regions", func() bool { return len(n.Status().Regions) == 3 })
	}
	if got := do(t, nodes["eu"], "set", "greeting", "hello"); got != "OK" {
		t.Fatal(got)
	}
	for r, n := range nodes {
		eventually(t, "the write to arrive in "+r, func() bool { return do(t, n, "get", "greeting") == "hello" })
	}

	got := ask(t, nodes["us"].ClientURL(), "atoll.us.v1.incr", `{"args": ["visits"], "ack": "regions:3", "timeout_ms": 10000}`)
	if got != `{"value":1,"ack":"regions:3"}` {
		t.Errorf("incr in all regions gave %s", got)
	}
	eventually(t, "equal digests", func() bool {
		return fmt.Sprint(nodes["eu"].Digests()) == fmt.Sprint(nodes["us"].Digests()) &&
			fmt.Sprint(nodes["eu"].Digests()) == fmt.Sprint(nodes["ap"].Digests())
	})
}

// A node that comes back with empty memory takes a higher epoch, and gets back what the others hold.
func TestARestartedNodeIsFilledAgain(t *testing.T) {
	t.Parallel()
	b := startBroker(t, broker.Config{Region: "eu", Name: "shared"})
	nodes := startRegion(t, b, "eu", "n1", "n2")
	settled(t, nodes)
	for i := range 100 {
		do(t, nodes[0], "set", fmt.Sprintf("key-%d", i), "hello")
	}
	eventually(t, "both to hold everything", func() bool { return nodes[1].Status().Keys == 100 && nodes[0].Status().Keys == 100 })
	before := nodes[1].Status().Boot
	stop(t, nodes[1])

	cfg := local("n2")
	cfg.Broker, cfg.Seeds = b, []string{nodes[0].GossipAddr()}
	again := start(t, cfg)
	if boot := again.Status().Boot; boot <= before {
		t.Errorf("the epoch is %d, before it was %d", boot, before)
	}
	for i := range 100 {
		if got := do(t, again, "get", fmt.Sprintf("key-%d", i)); got != "hello" {
			t.Fatalf("key-%d is %s after the restart", i, got)
		}
	}
	eventually(t, "the node to hold everything again", func() bool { return again.Status().Keys == 100 })
}

func TestADrainedNodeLosesNothing(t *testing.T) {
	t.Parallel()
	b := startBroker(t, broker.Config{Region: "eu", Name: "shared"})
	nodes := startRegion(t, b, "eu", "n1", "n2", "n3")
	settled(t, nodes)
	for i := range 300 {
		do(t, nodes[i%3], "set", fmt.Sprintf("key-%d", i), "hello")
	}

	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	if err := nodes[0].Drain(ctx); err != nil {
		t.Fatal(err)
	}
	<-nodes[0].Done()
	if err := nodes[0].Err(); err != nil {
		t.Errorf("a drained node reports %v", err)
	}
	if _, err := nodes[0].Do(ctx, "ping"); err == nil {
		t.Error("a drained node still answers")
	}
	settled(t, nodes[1:])
	for i := range 300 {
		if got := do(t, nodes[1+i%2], "get", fmt.Sprintf("key-%d", i)); got != "hello" {
			t.Fatalf("key-%d is %s after the node has left", i, got)
		}
	}
	for _, n := range nodes[1:] {
		if keys := n.Status().Keys; keys != 300 {
			t.Errorf("%s holds %d of 300 keys", n.Status().Node, keys)
		}
	}
}
