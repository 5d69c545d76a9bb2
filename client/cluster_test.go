package client_test

import (
	"context"
	"fmt"
	"log/slog"
	"net"
	"slices"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/atollcache/atoll/client"
	"github.com/atollcache/atoll/cmd/atoll/up"
	"github.com/atollcache/atoll/server"
)

// A probe of memberlist that is under way goes on to its time-out, of some seconds, after Shutdown has returned.
func TestMain(m *testing.M) {
	goleak.VerifyTestMain(m, goleak.IgnoreTopFunction("github.com/hashicorp/memberlist.(*Memberlist).probeNode"))
}

// started runs regions of some nodes, as `atoll up` does.
func started(t testing.TB, nodes int, regions ...string) up.Layout {
	t.Helper()
	c, err := up.Start(t.Context(), up.Config{Regions: regions, Nodes: nodes, Changes: true})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
		defer cancel()
		if err := c.Stop(ctx); err != nil {
			t.Log(err)
		}
	})
	return c.Layout()
}

func seeds(l up.Layout) []string {
	var all []string
	for _, r := range l.Regions {
		all = append(all, r.NATS)
	}
	return all
}

// connected connects a client that is closed with the test.
func connected(t testing.TB, o client.Options) *client.Client {
	t.Helper()
	c, err := client.Connect(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := c.Close(); err != nil {
			t.Error(err)
		}
	})
	return c
}

// patience bounds every wait whose length is not itself under test. It is long because the machine may be busy.
const patience = time.Minute

// eventually waits until something holds.
func eventually(t testing.TB, what string, holds func() bool) {
	t.Helper()
	deadline := time.Now().Add(patience)
	for !holds() {
		if time.Now().After(deadline) {
			t.Fatalf("not so after %v: %s", patience, what)
		}
		<-time.After(5 * time.Millisecond)
	}
}

// must gives a value that comes without an error.
func must[T any](t testing.TB) func(T, error) T {
	return func(v T, err error) T {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
}

// house is one region whose nodes each bring a NATS server along, as `atoll serve` does. They can be killed and started
// again where they were.
type house struct {
	t      testing.TB
	region string
	nats   string // the URL of a server that the nodes use in place of their own; "" for none
	ports  []int  // of clients, routes and gossip, three for each node
	mu     sync.Mutex
	nodes  []*server.Node
}

func newHouse(t testing.TB, region string, nodes int) *house { return newHouseAt(t, region, nodes, "") }

func newHouseAt(t testing.TB, region string, nodes int, nats string) *house {
	h := &house{t: t, region: region, nats: nats, ports: freePorts(t, 3*nodes), nodes: make([]*server.Node, nodes)}
	for i := range nodes {
		h.start(i)
	}
	t.Cleanup(func() {
		for i := range h.nodes {
			h.stop(i)
		}
	})
	eventually(t, "the nodes know each other", func() bool {
		for _, n := range h.nodes {
			if s := n.Status(); len(n.Directory().Nodes) != nodes || s.Partitions["booting"] > 0 {
				return false
			}
		}
		return true
	})
	return h
}

func freePorts(t testing.TB, n int) []int {
	t.Helper()
	ports := make([]int, n)
	for i := range ports {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		defer l.Close()
		ports[i] = l.Addr().(*net.TCPAddr).Port
	}
	return ports
}

func (h *house) address(i, kind int) string { return fmt.Sprintf("127.0.0.1:%d", h.ports[3*i+kind]) }

func (h *house) start(i int) {
	h.t.Helper()
	cfg := server.Config{
		Region: h.region, Name: fmt.Sprintf("%s-%d", h.region, i+1), Pace: server.Fast, Changes: true, Logger: slog.New(slog.DiscardHandler),
		NATS: h.nats, GossipPort: h.ports[3*i+2],
	}
	if h.nats == "" {
		cfg.ClientPort, cfg.ClusterPort = h.ports[3*i], h.ports[3*i+1]
	}
	for other := range h.nodes {
		if h.nats == "" {
			cfg.Routes = append(cfg.Routes, h.address(other, 1))
		}
		cfg.Seeds = append(cfg.Seeds, h.address(other, 2))
	}
	n, err := server.Start(context.Background(), cfg)
	if err != nil {
		h.t.Fatal(err)
	}
	h.mu.Lock()
	h.nodes[i] = n
	h.mu.Unlock()
}

// kill ends a node as a crash does: nothing is handed over, and nobody who asked is answered.
func (h *house) kill(i int) {
	over, cancel := context.WithCancel(context.Background())
	cancel()
	_ = h.nodes[i].Stop(over)
}

func (h *house) stop(i int) {
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	_ = h.nodes[i].Stop(ctx)
}

func (h *house) seeds() []string {
	var all []string
	for i := range h.nodes {
		all = append(all, h.address(i, 0))
	}
	return all
}

// circuitOf gives what a client thinks of a region.
func circuitOf(c *client.Client, region string) client.RegionState {
	all := c.Regions()
	i := slices.IndexFunc(all, func(r client.RegionState) bool { return r.Name == region })
	if i < 0 {
		return client.RegionState{Circuit: client.Open}
	}
	return all[i]
}
