package e2e_test

import (
	"context"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	natsserver "github.com/nats-io/nats-server/v2/server"

	"github.com/atollcache/atoll/cmd/atoll/remote"
	"github.com/atollcache/atoll/server"
	"github.com/atollcache/atoll/server/broker"
	"github.com/atollcache/atoll/wire"
)

// A lossyCluster is two regions of two nodes that use one NATS server of somebody else, each through a path of its own.
type lossyCluster struct {
	clients map[string]*client
	lose    atomic.Pointer[func(from, to string) bool] // by the names of nodes; nil loses nothing

	mu    sync.Mutex // guards what follows
	nodes []*server.Node
	paths []*lossyPath
}

func startLossyCluster(t *testing.T) *lossyCluster {
	t.Helper()
	upstream := startNATS(t)
	c := &lossyCluster{clients: map[string]*client{}}
	for _, region := range []string{"eu", "us"} {
		c.clients[region] = dial(t, region+"="+upstream, remote.Options{User: "door", Password: "d"})
	}

	var starting sync.WaitGroup
	for _, region := range []string{"eu", "us"} {
		starting.Go(func() {
			var seeds []string
			for _, name := range []string{region + "-1", region + "-2"} {
				node := c.startNode(t, upstream, region, name, seeds)
				if node == nil {
					return
				}
				seeds = append(seeds, node.GossipAddr())
			}
		})
	}
	starting.Wait()
	if t.Failed() {
		t.FailNow()
	}
	eventually(t, patience, c.differ)
	t.Cleanup(func() { explain(t, c.nodes) })
	return c
}

// startNATS starts a server with an account for links and one for clients.
func startNATS(t *testing.T) (addr string) {
	t.Helper()
	links, clients := natsserver.NewAccount("LINKS"), natsserver.NewAccount("CLIENTS")
	s, err := natsserver.NewServer(&natsserver.Options{
		Host: "127.0.0.1", Port: -1, NoSigs: true, NoLog: true, MaxPayload: broker.MaxPayload,
		Accounts: []*natsserver.Account{links, clients},
		Users: []*natsserver.User{
			{Username: "link", Password: "l", Account: links},
			{Username: "door", Password: "d", Account: clients},
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	s.Start()
	t.Cleanup(func() {
		s.Shutdown()
		s.WaitForShutdown()
	})
	if !s.ReadyForConnections(patience) {
		t.Fatal("the NATS server does not listen")
	}
	return s.Addr().String()
}

func (c *lossyCluster) startNode(t *testing.T, upstream, region, name string, seeds []string) *server.Node {
	path := openLossyPath(t, upstream, func(message []byte) bool { return c.loses(message, name) })
	node, err := server.Start(context.Background(), server.Config{
		Cluster: "lossy", Region: region, Name: name, GossipPort: -1, Seeds: seeds,
		NATS:            "nats://" + path.listener.Addr().String(),
		LinkCredentials: secret(t, "link:l"), DoorCredentials: secret(t, "door:d"),
		Logger: slog.New(slog.DiscardHandler),
	})
	if err != nil {
		t.Error(err)
		return nil
	}
	t.Cleanup(func() { stop(t, node) })
	c.mu.Lock()
	defer c.mu.Unlock()
	c.nodes, c.paths = append(c.nodes, node), append(c.paths, path)
	return node
}

func secret(t *testing.T, content string) (path string) {
	path = filepath.Join(t.TempDir(), "secret")
	if err := os.WriteFile(path, []byte(content+"\n"), 0o600); err != nil {
		t.Error(err)
	}
	return path
}

func (c *lossyCluster) loses(message []byte, to string) bool {
	lose := c.lose.Load()
	if lose == nil {
		return false
	}
	envelope, err := wire.Open(message)
	return err == nil && (*lose)(envelope.From.Name, to)
}

func (c *lossyCluster) differ() string {
	var all []holding
	for _, node := range c.nodes {
		s := node.Status()
		if len(s.Regions) != 2 {
			return s.Node + " does not know the other region yet"
		}
		all = append(all, holding{s.Region, s.Node, node.Digests()})
	}
	return differ(all, 2)
}

// lost gives how many messages were lost. It fails the test if a node has noticed anything.
func (c *lossyCluster) lost(t *testing.T) int {
	t.Helper()
	sum := 0
	for _, path := range c.paths {
		lost, opened, err := path.counts()
		if opened != 2 || err != nil {
			t.Errorf("a node has opened %d connections, %v; one for links and one for its door would do", opened, err)
		}
		sum += lost
	}
	return sum
}

// scribble writes to every type in both regions at once, and gives what all nodes must then hold.
func (c *lossyCluster) scribble(t *testing.T, prefix string, rounds int) map[string]string {
	var writing sync.WaitGroup
	for region, client := range c.clients {
		for writer := range 4 {
			writing.Go(func() {
				for i := range rounds {
					n := writer*rounds + i
					client.do(t, "set", fmt.Sprintf("%s-%s-%d", prefix, region, n), "v")
					client.do(t, "incr", prefix+"-counter")
					client.do(t, "sadd", fmt.Sprintf("%s-set-%d", prefix, i), fmt.Sprintf("%s-%d", region, writer))
					client.do(t, "hincrby", fmt.Sprintf("%s-hash-%d", prefix, i), "f", "1")
					client.do(t, "zincrby", fmt.Sprintf("%s-zset-%d", prefix, i), "1", region)
				}
			})
		}
	}
	writing.Wait()

	want := map[string]string{
		"get " + prefix + "-counter": fmt.Sprint(8 * rounds),
	}
	for i := range rounds {
		want[fmt.Sprintf("smembers %s-set-%d", prefix, i)] = "[eu-0 eu-1 eu-2 eu-3 us-0 us-1 us-2 us-3]"
		want[fmt.Sprintf("hgetall %s-hash-%d", prefix, i)] = "{f:8}"
		want[fmt.Sprintf("zscore %s-zset-%d us", prefix, i)] = "4"
		for region := range c.clients {
			want[fmt.Sprintf("get %s-%s-%d", prefix, region, i)] = "v"
		}
	}
	return want
}

func (c *lossyCluster) judge(t *testing.T, want map[string]string) {
	t.Helper()
	for _, node := range c.nodes {
		for question, answer := range want {
			reply, err := node.Do(t.Context(), strings.Fields(question)...)
			if err != nil {
				t.Fatal(err)
			}
			if got := textOf(reply); got != answer {
				t.Errorf("%s at %s is %s, want %s", question, node.Status().Node, got, answer)
			}
		}
	}
}

// TestMessagesAreLost loses messages between nodes while NATS reports nothing: one in ten everywhere, and then all
// from one node to another, of the other region and then of its own, which has to hear of them from a third. The loss
// goes on while the replicas become equal.
func TestMessagesAreLost(t *testing.T) {
	c := startLossyCluster(t)

	var mu sync.Mutex // guards dice
	dice := rand.New(rand.NewPCG(1, 2))
	tenth := func(string, string) bool {
		mu.Lock()
		defer mu.Unlock()
		return dice.IntN(10) == 0
	}
	c.lose.Store(&tenth)
	want := c.scribble(t, "tenth", 25)
	took := eventually(t, patience, c.differ)
	lost := c.lost(t)
	t.Logf("%d messages lost; equal %v after the last write", lost, took)
	if lost < 100 {
		t.Errorf("only %d messages were lost", lost)
	}
	c.judge(t, want)

	for _, speaker := range []string{"eu-1", "us-2"} {
		lost = c.lost(t)
		deaf := func(from, to string) bool { return from == speaker && to == "us-1" }
		c.lose.Store(&deaf)
		want = c.scribble(t, "deaf-to-"+speaker, 25)
		took = eventually(t, patience, c.differ)
		t.Logf("%d messages of %s lost; equal %v after the last write", c.lost(t)-lost, speaker, took)
		if c.lost(t)-lost < 20 {
			t.Error("hardly any message was lost")
		}
		c.judge(t, want)
	}
}
