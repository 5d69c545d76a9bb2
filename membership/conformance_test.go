package membership

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/atollcache/atoll/simulate/scenario"
	"github.com/atollcache/atoll/simulate/world"
)

// A town is a region of three nodes, 1 2 3. The cases below run on the model of
// membership in simulate/world and on real gossip.
type town interface {
	cut(from, to int)   // one way
	mend()              // every cut
	kill(node int)      // without a word
	restart(node int)   // under another boot
	view(at int) string // who it sees: 1 2 3
	boot(at, of int) string
	wait(what string, holds func() bool)
	rest() // for as long as a death would take to be noticed, and more
}

var townCases = []struct {
	name string
	run  func(t *testing.T, c town)
}{
	{"a death is noticed", func(_ *testing.T, c town) {
		c.kill(3)
		c.wait("the others miss it", func() bool { return c.view(1) == "1 2" && c.view(2) == "1 2" })
	}},
	{"a one-way cut leaves everybody green", func(t *testing.T, c town) {
		c.cut(1, 2)
		c.rest()
		for at := 1; at <= 3; at++ {
			if got := c.view(at); got != "1 2 3" {
				t.Errorf("%d sees %s", at, got)
			}
		}
	}},
	{"a split parts, and heals by itself once it is over", func(_ *testing.T, c town) {
		for _, other := range []int{2, 3} {
			c.cut(1, other)
			c.cut(other, 1)
		}
		c.wait("both sides to be alone", func() bool { return c.view(1) == "1" && c.view(2) == "2 3" && c.view(3) == "2 3" })
		c.mend()
		c.wait("one region", func() bool { return c.view(1) == "1 2 3" && c.view(2) == "1 2 3" && c.view(3) == "1 2 3" })
	}},
	{"a path over the third is enough", func(t *testing.T, c town) {
		c.cut(1, 2)
		c.cut(2, 1)
		c.rest()
		if got := c.view(3); got != "1 2 3" {
			t.Errorf("3 sees %s", got)
		}
	}},
	{"a restart before anybody misses it shows by its boot", func(t *testing.T, c town) {
		before := c.boot(1, 3)
		c.restart(3)
		c.wait("the other boot", func() bool { return c.boot(1, 3) != before && c.boot(1, 3) != "" })
	}},
}

// TestTown runs the cases on the model, and on what it models.
func TestTown(t *testing.T) {
	for _, c := range townCases {
		t.Run("model/"+c.name, func(t *testing.T) { c.run(t, newModel(t, c.name)) })
		t.Run("gossip/"+c.name, func(t *testing.T) { c.run(t, newReal(t)) })
	}
}

// model is a simulated region. What a case does becomes steps of its timeline, so
// they are given by the name of the case.
type model struct {
	t *testing.T
	w *world.World
}

// steps is what each case does to the simulated region, from 10 s on.
func steps(name string) string {
	switch {
	case strings.HasPrefix(name, "a death"):
		return "{at: 10s, crash: r/3, restart: never}"
	case strings.HasPrefix(name, "a one-way"):
		return "{at: 10s, cut-one-way: r/1 > r/2, for: 60s}"
	case strings.HasPrefix(name, "a split"):
		return "{at: 10s, cut: 'r/1 | r/2, r/3', for: 20s}"
	case strings.HasPrefix(name, "a path"):
		return "{at: 10s, cut: r/1 | r/2, for: 60s}"
	default:
		return "{at: 10s, crash: r/3, restart: 500ms}"
	}
}

func newModel(t *testing.T, name string) *model {
	s, err := scenario.Parse("town", []byte(`
version: 1
name: town
topology: {regions: {r: {nodes: 3}}, rtt: {local: 0.5ms}}
phases: {warm-up: 9s, chaos: 100s, heal: 1s, quiesce: 1s}
load: []
timeline:
  - `+steps(name)+"\n"))
	if err != nil {
		t.Fatal(err)
	}
	w, err := world.New(world.Config{Scenario: s, Seed: 1})
	if err != nil {
		t.Fatal(err)
	}
	w.RunUntil(9500 * time.Millisecond)
	return &model{t, w}
}

func (m *model) cut(int, int) {}
func (m *model) mend()        {}
func (m *model) kill(int)     {}
func (m *model) restart(int)  {}

func (m *model) view(at int) string {
	var names []string
	for _, n := range m.w.Nodes()[at-1].Sees() {
		names = append(names, n.Name)
	}
	return strings.Join(names, " ")
}

func (m *model) boot(at, of int) string {
	for _, n := range m.w.Nodes()[at-1].Sees() {
		if n.Name == fmt.Sprint(of) {
			return fmt.Sprint(n.Boot)
		}
	}
	return ""
}

func (m *model) wait(what string, holds func() bool) {
	m.t.Helper()
	for limit := m.w.Now() + 50*time.Second; !holds(); m.w.RunUntil(m.w.Now() + 20*time.Millisecond) {
		if m.w.Now() > limit {
			m.t.Fatalf("not in time: %s", what)
		}
	}
}

func (m *model) rest() { m.w.RunUntil(m.w.Now() + 20*time.Second) }

// real is three nodes that gossip.
type real struct {
	t      *testing.T
	nodes  [3]*Gossip
	blades [3]blade
	lost   [3][]*Gossip // whom each does not reach
}

func newReal(t *testing.T) *real {
	r := &real{t: t}
	for i := range r.nodes {
		config := fast(t, fmt.Sprint(i+1), r.nodes[:i]...)
		config.wrap = r.blades[i].wrap
		r.nodes[i] = start(t, config)
	}
	for _, g := range r.nodes {
		sees(t, g, "1 2 3")
	}
	return r
}

func (r *real) cut(from, to int) {
	r.lost[from-1] = append(r.lost[from-1], r.nodes[to-1])
	r.blades[from-1].set(true, r.lost[from-1]...)
}

func (r *real) mend() {
	for i := range r.blades {
		r.blades[i].set(false)
	}
}

func (r *real) kill(node int) {
	if err := r.nodes[node-1].Close(); err != nil {
		r.t.Error(err)
	}
}

func (r *real) restart(node int) {
	at := port(r.t, r.nodes[node-1])
	r.kill(node)
	config := fast(r.t, fmt.Sprint(node), r.nodes[:node-1]...)
	config.Meta, config.BindPort = []byte("boot 2 of "+config.Name), at // elsewhere it would be a stranger of that name
	r.nodes[node-1] = start(r.t, config)
}

func (r *real) view(at int) string     { return names(r.nodes[at-1]) }
func (r *real) boot(at, of int) string { return meta(r.nodes[at-1], fmt.Sprint(of)) }

func (r *real) wait(what string, holds func() bool) { eventually(r.t, what, holds) }

func (r *real) rest() {
	began := time.Now()
	eventually(r.t, "the time in which a death would be noticed", func() bool {
		return time.Since(began) > 15*r.nodes[0].config.ProbeInterval
	})
}
