package world

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/nats-io/nats.go"

	"github.com/atollcache/atoll/server/broker"
	"github.com/atollcache/atoll/server/wan"
	"github.com/atollcache/atoll/simulate/scenario"
	"github.com/atollcache/atoll/transport"
	natstransport "github.com/atollcache/atoll/transport/nats"
)

// A medium joins one node in each of the regions a, b and c. The cases below run
// on the model of the carrier and on NATS servers with gateways.
type medium interface {
	send(from, to, text string) error
	broadcast(from, text string) error
	heard(at string) []string // in order, each as sender:text
	cut(a, b string)
	cutOneWay(from, to string)
	heal(a, b string)
	eventually(what string, holds func() bool)
}

var regions = []string{"a", "b", "c"}

var carrierCases = []struct {
	name string
	run  func(t *testing.T, m medium)
}{
	{"in order, once, and to the addressed only", func(t *testing.T, m medium) {
		const messages = 300
		for i := range messages {
			must(t, m.send("a", "b", fmt.Sprint(i)), m.send("a", "c", fmt.Sprint(i)), m.send("c", "b", fmt.Sprint(i)))
		}
		m.eventually("all messages", func() bool { return len(m.heard("b")) >= 2*messages && len(m.heard("c")) >= messages })
		for _, way := range []struct{ from, to string }{{"a", "b"}, {"c", "b"}, {"a", "c"}} {
			if got := said(m.heard(way.to), way.from); len(got) != messages || !slices.IsSortedFunc(got, byNumber) {
				t.Errorf("from %s %s hears %d messages, in order: %v", way.from, way.to, len(got), slices.IsSortedFunc(got, byNumber))
			}
		}
		if got := m.heard("a"); len(got) > 0 {
			t.Errorf("a hears %v", got)
		}
	}},
	{"a broadcast reaches all others", func(t *testing.T, m medium) {
		must(t, m.broadcast("a", "all"), m.send("b", "a", "end"))
		m.eventually("the broadcast", func() bool { return len(m.heard("b"))+len(m.heard("c")) >= 2 && len(m.heard("a")) > 0 })
		if got := m.heard("a"); !slices.Equal(got, []string{"b:end"}) {
			t.Errorf("a hears %v", got)
		}
	}},
	{"sends succeed during a cut, and nothing arrives, not even through the third", func(t *testing.T, m medium) {
		m.cut("a", "b")
		for i := range 20 {
			must(t, m.send("a", "b", fmt.Sprint("lost ", i)))
			talk(t, m, "a", "c")
			talk(t, m, "c", "b")
		}
		m.heal("a", "b")
		talk(t, m, "a", "b")
		for _, text := range said(m.heard("b"), "a") {
			if text[:4] == "lost" {
				t.Errorf("b hears %q", text)
			}
		}
	}},
	{"a cut of one way leaves the other", func(t *testing.T, m medium) {
		m.cutOneWay("a", "b")
		for range 20 {
			must(t, m.send("a", "b", "lost"))
			talk(t, m, "b", "a")
		}
		if got := said(m.heard("b"), "a"); len(got) > 0 {
			t.Errorf("b hears %v", got)
		}
	}},
	{"what is too large never arrives", func(t *testing.T, m medium) {
		if err := m.send("a", "b", string(make([]byte, broker.MaxPayload+1))); err != nil && !errors.Is(err, transport.ErrTooLarge) {
			t.Error(err)
		}
		must(t, m.send("a", "b", "end"))
		m.eventually("the end", func() bool { return len(m.heard("b")) > 0 })
		if got := m.heard("b"); !slices.Equal(got, []string{"a:end"}) {
			t.Errorf("b hears %d messages", len(got))
		}
	}},
}

// TestCarrier runs the cases on the model, and on what it models.
func TestCarrier(t *testing.T) {
	for _, c := range carrierCases {
		t.Run("model/"+c.name, func(t *testing.T) { c.run(t, newModel(t)) })
		t.Run("nats/"+c.name, func(t *testing.T) { c.run(t, newMesh(t)) })
	}
}

// talk sends until something arrives that was sent since.
func talk(t *testing.T, m medium, from, to string) {
	t.Helper()
	before := len(said(m.heard(to), from))
	m.eventually(from+" in "+to, func() bool {
		must(t, m.send(from, to, "hello"))
		return len(said(m.heard(to), from)) > before
	})
}

func said(heard []string, from string) []string {
	var texts []string
	for _, h := range heard {
		if h[:1] == from {
			texts = append(texts, h[2:])
		}
	}
	return texts
}

func byNumber(a, b string) int { return cmp.Or(len(a)-len(b), strings.Compare(a, b)) }

func must(t *testing.T, all ...error) {
	t.Helper()
	if err := errors.Join(all...); err != nil {
		t.Fatal(err)
	}
}

// model is the carrier of a world, without the replicas' own messages.
type model struct {
	Nobody
	t    *testing.T
	w    *World
	said map[string][]string
	cuts map[string]*fault
}

const mouth = "test:" // begins what the tests say

func newModel(t *testing.T) *model {
	s, err := scenario.Parse("carrier", []byte(`
version: 1
name: carrier
topology: {regions: {a: {nodes: 1}, b: {nodes: 1}, c: {nodes: 1}}, rtt: {default: 20ms±50%}}
phases: {warm-up: 1h, chaos: 1h}
load: []
`))
	if err != nil {
		t.Fatal(err)
	}
	m := &model{t: t, said: map[string][]string{}, cuts: map[string]*fault{}}
	m.w, err = New(Config{Scenario: s, Seed: 1, Observer: m})
	if err != nil {
		t.Fatal(err)
	}
	return m
}

func (m *model) Delivered(x *Message) {
	if text, ours := bytes.CutPrefix(x.Payload, []byte(mouth)); ours {
		m.said[x.To.Region] = append(m.said[x.To.Region], x.From.Region+":"+string(text))
	}
}

func (m *model) node(region string) *Node { return m.w.place(region).nodes[0] }

func (m *model) send(from, to, text string) error {
	m.w.send(m.node(from), m.node(to), 0, []byte(mouth+text))
	return nil
}

func (m *model) broadcast(from, text string) error {
	for _, to := range regions {
		if to != from {
			must(m.t, m.send(from, to, text))
		}
	}
	return nil
}

func (m *model) heard(at string) []string { return m.said[at] }

func (m *model) strike(kind scenario.Kind, a, b string) {
	side := func(name string) []scenario.Place { return []scenario.Place{{Region: name}} }
	step := &scenario.Step{Kind: kind, Target: scenario.Target{Sides: [][]scenario.Place{side(a), side(b)}, OneWay: kind == scenario.CutOneWay}}
	f := &fault{w: m.w, step: step, id: 1, since: m.w.now}
	enactments[kind](f)
	m.w.hold(f, time.Hour)
	m.cuts[a+b] = f
}

func (m *model) cut(a, b string)           { m.strike(scenario.Cut, a, b) }
func (m *model) cutOneWay(from, to string) { m.strike(scenario.CutOneWay, from, to) }
func (m *model) heal(a, b string)          { m.w.relent(m.cuts[a+b]) }

func (m *model) eventually(what string, holds func() bool) {
	m.t.Helper()
	for limit := m.w.now + 20*time.Second; !holds(); m.w.RunUntil(m.w.now + 10*time.Millisecond) {
		if m.w.now > limit {
			m.t.Fatalf("not in time: %s", what)
		}
	}
}

// mesh is a NATS server for every region, joined by gateways.
type mesh struct {
	t     *testing.T
	sw    *wan.Switch
	links map[string]transport.Transport

	mu   sync.Mutex // guards said
	said map[string][]string
}

func newMesh(t *testing.T) *mesh {
	sw, err := wan.New(regions...)
	must(t, err)
	t.Cleanup(sw.Close)
	m := &mesh{t: t, sw: sw, links: map[string]transport.Transport{}, said: map[string][]string{}}
	for _, region := range regions {
		m.start(region)
	}
	for _, from := range regions {
		for _, to := range regions {
			if from != to {
				talk(t, m, from, to) // interest has travelled
				must(t, m.send(from, to, "ready"))
				m.eventually("all that was said", func() bool { return slices.Contains(m.heard(to), from+":ready") })
			}
		}
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	clear(m.said)
	return m
}

func (m *mesh) start(region string) {
	others := map[string][]string{}
	for other, door := range m.sw.Doors() {
		if other != region {
			others[other] = []string{door}
		}
	}
	b, err := broker.Start(broker.Config{
		Region: region, Name: "nats", GatewayPort: -1, GatewayAdvertise: m.sw.Doors()[region], Gateways: others, PingInterval: 300 * time.Millisecond,
	})
	must(m.t, err)
	m.t.Cleanup(b.Stop)
	must(m.t, m.sw.Attach(region, b.GatewayAddr()))

	closed := make(chan struct{})
	conn, err := b.LinkConn(append(natstransport.Options(natstransport.Events{}), nats.ClosedHandler(func(*nats.Conn) { close(closed) }))...)
	must(m.t, err)
	m.t.Cleanup(func() {
		conn.Close()
		<-closed
	})
	m.links[region], err = natstransport.Open(conn, "test", transport.Address{Region: region, Node: "1"}, func(payload []byte) {
		m.mu.Lock()
		defer m.mu.Unlock()
		m.said[region] = append(m.said[region], string(payload))
	})
	must(m.t, err)
}

func (m *mesh) send(from, to, text string) error {
	return m.links[from].Send(transport.Address{Region: to, Node: "1"}, []byte(from+":"+text))
}

func (m *mesh) broadcast(from, text string) error {
	return m.links[from].Broadcast([]byte(from + ":" + text))
}

func (m *mesh) heard(at string) []string {
	m.mu.Lock()
	defer m.mu.Unlock()
	return slices.Clone(m.said[at])
}

func (m *mesh) cut(a, b string)           { must(m.t, m.sw.Cut(a, b)) }
func (m *mesh) cutOneWay(from, to string) { must(m.t, m.sw.CutOneWay(from, to)) }
func (m *mesh) heal(a, b string)          { must(m.t, m.sw.Heal(a, b)) }

func (m *mesh) eventually(what string, holds func() bool) { eventually(m.t, what, holds) }

func eventually(t *testing.T, what string, holds func() bool) {
	t.Helper()
	for deadline := time.Now().Add(20 * time.Second); !holds(); time.Sleep(2 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("not in time: %s", what)
		}
	}
}
