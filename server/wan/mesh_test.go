package wan_test

import (
	"fmt"
	"maps"
	"slices"
	"sync/atomic"
	"testing"
	"time"

	"github.com/atollcache/atoll/server/broker"
	"github.com/atollcache/atoll/server/wan"
	"github.com/atollcache/atoll/transport"
	natstransport "github.com/atollcache/atoll/transport/nats"
	"github.com/nats-io/nats.go"
)

const (
	patience = 20 * time.Second

	// pingInterval makes a server give a silent connection up within deadAfter.
	pingInterval = 300 * time.Millisecond
	deadAfter    = 3 * pingInterval
)

// A mesh is a switch with a real server per region, each with one node that hears and speaks.
type mesh struct {
	sw    *wan.Switch
	nodes map[string]*node
}

type node struct {
	region string
	broker *broker.Broker
	conn   *nats.Conn
	link   transport.Transport
	from   map[string]*stream // what it has heard, by the region it came from
}

// A stream is the messages from one region to another, which are numbered from 1.
type stream struct {
	sent atomic.Int64 // the number of the last message sent
	last atomic.Int64 // the number of the last message heard
	gaps atomic.Int64 // how often a number was not the one after the last
}

func (s *stream) hear(number int64) {
	if previous := s.last.Swap(number); number != previous+1 {
		s.gaps.Add(1)
	}
}

func startMesh(t *testing.T, regions ...string) *mesh {
	t.Helper()
	sw, err := wan.New(regions...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(sw.Close)

	m := &mesh{sw: sw, nodes: make(map[string]*node)}
	for _, region := range regions {
		m.nodes[region] = startNode(t, sw, region)
	}
	m.waitConnected(t)
	for _, to := range regions {
		for _, from := range regions {
			if from != to {
				m.waitHeard(t, from, to) // interest has travelled
			}
		}
	}
	return m
}

func startNode(t *testing.T, sw *wan.Switch, region string) *node {
	t.Helper()
	others := make(map[string][]string)
	for other, door := range sw.Doors() {
		others[other] = []string{door}
	}
	delete(others, region)
	b, err := broker.Start(broker.Config{
		Region: region, Name: "n1",
		GatewayAdvertise: sw.Doors()[region], Gateways: others,
		PingInterval: pingInterval,
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(b.Stop)
	if err := sw.Attach(region, b.GatewayAddr()); err != nil {
		t.Fatal(err)
	}

	n := &node{region: region, broker: b, from: make(map[string]*stream)}
	for other := range others {
		n.from[other] = new(stream)
	}
	n.conn = n.connect(t)
	n.link, err = natstransport.Open(n.conn, "test", address(region), func(payload []byte) {
		var from string
		var number int64
		if _, err := fmt.Sscan(string(payload), &from, &number); err != nil {
			t.Errorf("heard %q: %v", payload, err)
			return
		}
		n.from[from].hear(number)
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = n.link.Close() })
	return n
}

func (n *node) connect(t *testing.T) *nats.Conn {
	t.Helper()
	closed := make(chan struct{})
	options := append(natstransport.Options(natstransport.Events{}), nats.ClosedHandler(func(*nats.Conn) { close(closed) }))
	conn, err := n.broker.LinkConn(options...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		conn.Close()
		<-closed
	})
	return conn
}

func address(region string) transport.Address { return transport.Address{Region: region, Node: "n1"} }

func (m *mesh) stream(from, to string) *stream { return m.nodes[to].from[from] }

func (m *mesh) send(t *testing.T, from, to string) {
	t.Helper()
	payload := fmt.Sprint(from, " ", m.stream(from, to).sent.Add(1))
	if err := m.nodes[from].link.Send(address(to), []byte(payload)); err != nil {
		t.Fatal(err)
	}
}

// waitHeard sends until something arrives that was sent since the call.
func (m *mesh) waitHeard(t *testing.T, from, to string) {
	t.Helper()
	stream := m.stream(from, to)
	before := stream.sent.Load()
	eventually(t, "a message from "+from+" in "+to, func() bool {
		m.send(t, from, to)
		return stream.last.Load() > before
	})
}

// silentFor sends for a while and fails if anything arrives that was sent since the call. Meanwhile the regions of each
// other pair must hear each other without a break of half that time.
func (m *mesh) silentFor(t *testing.T, d time.Duration, from, to string, others ...[2]string) {
	t.Helper()
	stream := m.stream(from, to)
	before := stream.sent.Load()
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for end := time.Now().Add(d); time.Now().Before(end); <-tick.C {
		m.send(t, from, to)
		for _, other := range others {
			began := time.Now()
			m.waitHeard(t, other[0], other[1])
			if took := time.Since(began); took > d/2 {
				t.Errorf("from %s to %s it took %v", other[0], other[1], took)
			}
		}
	}
	if last := stream.last.Load(); last > before {
		t.Errorf("message %d from %s arrived in %s, and only those up to %d should", last, from, to, before)
	}
}

// connected reports whether every server sees every other region, both ways.
func (m *mesh) connected() bool {
	all := slices.Sorted(maps.Keys(m.nodes))
	for region, n := range m.nodes {
		status := n.broker.Gateways()
		others := slices.DeleteFunc(slices.Clone(all), func(other string) bool { return other == region })
		if !slices.Equal(status.Outbound, others) || !slices.Equal(status.Inbound, others) {
			return false
		}
	}
	return true
}

func (m *mesh) waitConnected(t *testing.T) {
	t.Helper()
	eventually(t, "the mesh", m.connected)
}

func (m *mesh) path(t *testing.T, from, to string) wan.Path {
	t.Helper()
	paths := m.sw.Status()
	i := slices.IndexFunc(paths, func(p wan.Path) bool { return p.From == from && p.To == to })
	if i < 0 {
		t.Fatalf("no path from %s to %s in %+v", from, to, paths)
	}
	return paths[i]
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func eventually(t *testing.T, what string, holds func() bool) {
	t.Helper()
	deadline := time.Now().Add(patience)
	for !holds() {
		if time.Now().After(deadline) {
			t.Fatalf("waited %v in vain for %s", patience, what)
		}
		time.Sleep(time.Millisecond)
	}
}
