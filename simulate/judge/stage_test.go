package judge

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/atollcache/atoll/antientropy"
	"github.com/atollcache/atoll/command"
	"github.com/atollcache/atoll/crdt"
	"github.com/atollcache/atoll/region"
	"github.com/atollcache/atoll/replica"
	"github.com/atollcache/atoll/simulate/scenario"
	"github.com/atollcache/atoll/simulate/world"
	"github.com/atollcache/atoll/store"
)

// stage is where histories are made by hand, under a judge: nodes of bare crdt
// entries, which do what the test says and nothing else.
type stage struct {
	t     *testing.T
	j     *Judge
	now   time.Duration
	nodes []*actor
}

// actor is a node on the stage.
type actor struct {
	st      *stage
	s       *site
	origin  crdt.Origin
	clock   crdt.Clock
	skew    int64
	context crdt.Context
	keys    map[string]*crdt.Entry
	rooted  uint64 // added to the digest
	leaving bool   // holds its partitions only until others take them
	stand   replica.Status
	got     func(message []byte)
	dropped bool // holds none any more
}

// newStage sets two regions of two nodes up.
func newStage(t *testing.T, change ...func(*scenario.Scenario)) *stage {
	sc := &scenario.Scenario{
		Phases:   scenario.Phases{WarmUp: time.Second, Chaos: 30 * time.Second, Heal: time.Minute, Quiesce: time.Minute},
		Topology: scenario.Topology{Regions: []scenario.Region{{Name: "us", Nodes: 2}, {Name: "eu", Nodes: 2}}},
	}
	for _, f := range change {
		f(sc)
	}
	st := &stage{t: t, j: New(sc)}
	st.j.clock = func() time.Duration { return st.now }
	for _, name := range []string{"us/1", "us/2", "eu/1", "eu/2"} {
		st.add(name)
	}
	for _, a := range st.nodes {
		a.stand = st.healthy()
		a.stand.Boot = 1
	}
	return st
}

func (st *stage) add(name string) {
	in, _, _ := strings.Cut(name, "/")
	a := &actor{st: st, origin: crdt.Origin{Node: uint64(len(st.nodes) + 1), Epoch: 1}, keys: map[string]*crdt.Entry{}}
	a.got = func([]byte) {}
	a.s = st.j.add(&site{
		name: name, region: in, id: a.origin.Node, up: true, began: 1,
		wall:    func() int64 { return a.wall() },
		look:    a.look,
		status:  func() replica.Status { return a.stand },
		burden:  func() (int, int64) { return 0, 0 },
		receive: func(m []byte) { a.got(m) },
	})
	st.nodes = append(st.nodes, a)
}

// healthy is the status of a node that knows everybody.
func (st *stage) healthy() (s replica.Status) {
	for _, in := range []string{"eu", "us"} {
		v := region.View{Region: in, Nodes: []region.Node{{Name: "1", Boot: 1}, {Name: "2", Boot: 1}}}
		s.Regions = append(s.Regions, v)
	}
	return s
}

func (a *actor) wall() int64 { return world.WallStart + a.st.now.Milliseconds() + a.skew }

func (a *actor) look(part uint16, see func(*view)) bool {
	if !a.s.up || a.dropped {
		return false
	}
	names := []string{}
	for name := range a.keys {
		if antientropy.PartitionOf(store.Hash([]byte(name))) == part {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	v := &view{state: "ready", whole: true, context: &a.context, root: a.rooted, contents: &held{a, names}}
	if a.leaving {
		v.state = "leaving"
	}
	for _, name := range names {
		v.root += a.keys[name].Digest(store.Hash([]byte(name)))
	}
	see(v)
	return true
}

// held is what an actor holds of a partition: the keys named.
type held struct {
	a     *actor
	names []string
}

func (h *held) Digest(hash uint64, e *crdt.Entry) uint64 { return e.Digest(hash) }
func (h *held) Entry(_ uint64, key []byte) *crdt.Entry   { return h.a.keys[string(key)] }

func (h *held) Each(f func(hash uint64, key []byte, e *crdt.Entry) bool) {
	for _, name := range h.names {
		if !f(store.Hash([]byte(name)), []byte(name), h.a.keys[name]) {
			return
		}
	}
}

func (a *actor) entry(key string) *crdt.Entry {
	if a.keys[key] == nil {
		a.keys[key] = &crdt.Entry{}
	}
	return a.keys[key]
}

// do runs a command, and gives its delta.
func (a *actor) do(text string) *crdt.Delta { return a.doAs(text, func(*replica.Execution) {}) }

// doAs runs a command and has the judge see it otherwise than it was.
func (a *actor) doAs(text string, change func(*replica.Execution)) *crdt.Delta {
	a.st.t.Helper()
	words := strings.Fields(text)
	cmd, _ := command.Lookup(words[0])
	x := &replica.Execution{Wall: a.wall(), Context: &a.context, Observed: a.entry(words[1])}
	for _, w := range words {
		x.Args = append(x.Args, []byte(w))
	}
	x.Partition = antientropy.PartitionOf(store.Hash(x.Args[1]))
	d := &crdt.Delta{}
	if cmd.Write {
		x.Op = crdt.Dot{Stamp: a.clock.Tick(a.wall()), Origin: a.origin}
	}
	call := command.Call{Args: x.Args[1:], Entry: x.Observed, Context: &a.context, Now: x.Wall, Op: x.Op, Delta: d}
	x.Reply = cmd.Exec(&call).Clone()
	if cmd.Write && !d.Empty() {
		x.Delta = d
	}
	change(x)
	a.st.j.executed(a.s, x)
	if x.Delta == nil {
		return nil
	}
	kept := copyOf(x.Delta)
	a.context.Raise(x.Op)
	var t crdt.Tally
	a.entry(words[1]).Write(&x.Delta.Entry, &a.context, &t)
	return kept
}

func copyOf(d *crdt.Delta) *crdt.Delta {
	c := &crdt.Delta{}
	c.Coalesce(d)
	for i := range c.Cells() {
		for k := range c.Cells()[i].Slots {
			s := &c.Cells()[i].Slots[k]
			s.Value = slices.Clone(s.Value)
		}
	}
	return c
}

// hear merges a delta as a link brings it without a gap.
func (a *actor) hear(key string, d *crdt.Delta) { a.merge(key, d, false) }

func (a *actor) merge(key string, d *crdt.Delta, repair bool) {
	c := copyOf(d)
	c.Dots(func(dot crdt.Dot) { a.clock.Observe(dot.Stamp) })
	var t crdt.Tally
	changed := a.entry(key).Merge(&c.Entry, &a.context, &t)
	a.st.j.merged(a.s, &replica.Merging{Key: []byte(key), Repair: repair, Changed: changed, Delta: c})
	for _, op := range d.Ops {
		a.context.Raise(op)
	}
	a.entry(key).Strip(&a.context, &t)
}

// all has a command run at a node and heard by all others.
func (st *stage) all(at int, text string) {
	d := st.nodes[at].do(text)
	if d == nil {
		return
	}
	for i, a := range st.nodes {
		if i != at {
			a.hear(strings.Fields(text)[1], d)
		}
	}
}

// crash loses the memory of a node.
func (a *actor) crash() {
	a.st.j.forget(a.s)
	a.context, a.keys = crdt.Context{}, map[string]*crdt.Entry{}
}

// leave ends a node in order.
func (a *actor) leave() {
	a.crash()
	a.s.drained = true
}

// restart brings a node back, with what another holds.
func (a *actor) restart(from *actor) {
	a.s.up, a.s.began = true, a.s.began+1
	a.origin.Epoch++
	a.context = from.context.Clone()
	for key, e := range from.keys {
		d := &crdt.Delta{}
		d.Join(&crdt.Entry{}, e, &from.context)
		var t crdt.Tally
		a.entry(key).Merge(&copyOf(d).Entry, nil, &t)
	}
}

// forgets has a node lose a key although its context covers it.
func (a *actor) forgets(key string) { a.keys[key] = &crdt.Entry{} }

// end lets the run go through its phases and be judged.
func (st *stage) end() {
	for _, p := range []world.Phase{world.Heal, world.Quiesce} {
		st.now = max(st.now, st.j.sc.Phases.Healed())
		if p == world.Quiesce {
			st.now = max(st.now, st.j.sc.Phases.Quiet())
		}
		st.j.Phase(p)
		st.j.heal.look(st.j)
	}
	st.now = st.j.sc.Phases.End()
	st.j.final()
}
