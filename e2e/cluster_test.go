package e2e_test

import (
	"context"
	"fmt"
	"log/slog"
	"sync"
	"testing"
	"time"

	"github.com/atollcache/atoll/cmd/atoll/remote"
	"github.com/atollcache/atoll/server"
	"github.com/atollcache/atoll/server/broker"
	"github.com/atollcache/atoll/server/wan"
)

// A cluster is some regions in this process: each has a NATS server, and nodes that share it. A switch joins them.
type cluster struct {
	wan     *wan.Switch
	regions []string
	brokers map[string]*broker.Broker
	clients map[string]*client

	mu    sync.Mutex // guards nodes
	nodes map[string][]*server.Node
}

// startCluster starts regions of so many nodes each, and returns when all nodes know each other.
func startCluster(t *testing.T, perRegion int, regions ...string) *cluster {
	t.Helper()
	c := &cluster{regions: regions, brokers: map[string]*broker.Broker{}, clients: map[string]*client{}, nodes: map[string][]*server.Node{}}
	var err error
	if c.wan, err = wan.New(regions...); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.wan.Close)
	for _, region := range regions {
		c.startBroker(t, region)
	}

	var starting sync.WaitGroup
	for _, region := range regions {
		starting.Go(func() { c.startRegion(t, region, perRegion) })
	}
	starting.Wait()
	if t.Failed() {
		t.FailNow()
	}
	eventually(t, patience, func() string { return c.strangers(perRegion) })
	t.Cleanup(func() { explain(t, c.all()) })
	return c
}

// explain tells of a test that has failed how the nodes stand.
func explain(t *testing.T, nodes []*server.Node) {
	if !t.Failed() {
		return
	}
	for _, node := range nodes {
		s := node.Status()
		t.Logf("%s is %s (%v), knows %v, holds %v with %d keys, has repaired %+v, refused %d",
			s.Node, s.State, node.Err(), s.Regions, s.Partitions, s.Keys, s.Repair, s.Refused)
		for _, l := range s.Links {
			t.Logf("    its link to %s is %s: %d bytes wait, %d batches are not acknowledged, heard %.0f ms ago", l.Node, l.State, l.OutboxBytes, l.Unacked, l.HeardMillis)
		}
		for _, p := range s.Peers {
			t.Logf("    it hears %s, %.0f ms ago: %d partitions stuck, a round under way: %v", p.Node, p.HeardMillis, p.Stuck, p.Pulling)
		}
	}
}

func (c *cluster) startBroker(t *testing.T, region string) {
	t.Helper()
	doors := c.wan.Doors()
	gateways := map[string][]string{}
	for other, door := range doors {
		if other != region {
			gateways[other] = []string{door}
		}
	}
	b, err := broker.Start(broker.Config{
		Region: region, Name: "nats", GatewayPort: -1, GatewayAdvertise: doors[region], Gateways: gateways, PingInterval: time.Second,
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(b.Stop)
	if err := c.wan.Attach(region, b.GatewayAddr()); err != nil {
		t.Fatal(err)
	}
	c.brokers[region] = b
	c.clients[region] = dial(t, b.ClientURL(), remote.Options{})
}

// startRegion starts the nodes of a region, the first before the others, which find it by gossip.
func (c *cluster) startRegion(t *testing.T, region string, count int) {
	var seeds []string
	for number := range count {
		node, err := server.Start(context.Background(), server.Config{
			Region: region, Name: fmt.Sprintf("%s-%d", region, number+1), Broker: c.brokers[region],
			GossipPort: -1, Seeds: seeds, Replicas: min(count, 2), Logger: slog.New(slog.DiscardHandler),
		})
		if err != nil {
			t.Error(err)
			return
		}
		t.Cleanup(func() { stop(t, node) })
		seeds = append(seeds, node.GossipAddr())
		c.mu.Lock()
		c.nodes[region] = append(c.nodes[region], node)
		c.mu.Unlock()
	}
}

// stopRegion stops all nodes of a region, and with them goes all that they hold. The NATS server stays.
func (c *cluster) stopRegion(t *testing.T, region string) {
	for _, node := range c.nodes[region] {
		stop(t, node)
	}
	c.nodes[region] = nil
}

func stop(t *testing.T, node *server.Node) {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	if err := node.Stop(ctx); err != nil {
		t.Errorf("stop %s: %v", node.Status().Node, err)
	}
}

// all gives every node.
func (c *cluster) all() []*server.Node {
	var all []*server.Node
	for _, region := range c.regions {
		all = append(all, c.nodes[region]...)
	}
	return all
}

// strangers names a node that does not know or hear all others yet, "" if there is none.
func (c *cluster) strangers(perRegion int) string {
	for _, node := range c.all() {
		s := node.Status()
		if s.Partitions["booting"] > 0 {
			return fmt.Sprintf("%s waits for %d partitions", s.Node, s.Partitions["booting"])
		}
		if len(s.Regions) < len(c.regions) {
			return fmt.Sprintf("%s knows the regions %v", s.Node, s.Regions)
		}
		for _, region := range s.Regions {
			if len(region.Nodes) != perRegion {
				return fmt.Sprintf("%s knows %d nodes of region %s", s.Node, len(region.Nodes), region.Name)
			}
		}
		for _, link := range s.Links {
			if link.State != "up" {
				return fmt.Sprintf("the link from %s to %s is %s", s.Node, link.Node, link.State)
			}
		}
	}
	return ""
}

// differ compares all replicas of all regions; "" if they are equal.
func (c *cluster) differ() string {
	var all []holding
	copies := 2
	for _, region := range c.regions {
		copies = min(copies, len(c.nodes[region]))
	}
	for _, node := range c.all() {
		s := node.Status()
		all = append(all, holding{s.Region, s.Node, node.Digests()})
	}
	return differ(all, copies)
}

// cutAll cuts every region from every other.
func (c *cluster) cutAll(t *testing.T) {
	t.Helper()
	for i, a := range c.regions {
		for _, b := range c.regions[i+1:] {
			if err := c.wan.Cut(a, b); err != nil {
				t.Fatal(err)
			}
		}
	}
}
