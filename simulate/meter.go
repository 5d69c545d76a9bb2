package simulate

import (
	"time"

	"github.com/atollcache/atoll/command"
	"github.com/atollcache/atoll/crdt"
	"github.com/atollcache/atoll/replica"
	"github.com/atollcache/atoll/simulate/scenario"
	"github.com/atollcache/atoll/simulate/world"
)

// meter measures what a cut does to the clients of every region. It sees only
// what they and the operators of a real cluster could see.
type meter struct {
	world.Nobody
	w    *world.World
	cut  *scenario.Step
	from time.Duration // the cut
	to   time.Duration

	keys    map[string]*written
	heard   map[*world.Node]map[string]*crdt.Context // operations that arrived, by key
	ages    map[string][]int64                       // of reads during the cut, by region
	reads   map[string]int
	refused map[string]int // operations during the cut, by region
	writes  int            // acknowledged in the whole run
	next    time.Duration
	outbox  peak
	crossed uint64     // bytes over the path that is cut
	across  []crossing // what that was over time
}

// written is the last operations on a key.
type written struct {
	ops []struct {
		dot crdt.Dot
		at  time.Duration
	}
}

// peak is the most that waited in outboxes.
type peak struct{ link, node, all int64 }

// crossing is how many bytes had gone over the cut path at a time.
type crossing struct {
	at    time.Duration
	bytes uint64
}

func newMeter(w *world.World, cut *scenario.Step, p scenario.Phases) *meter {
	return &meter{
		w: w, cut: cut, from: cut.At, to: cut.Until(p), keys: map[string]*written{}, heard: map[*world.Node]map[string]*crdt.Context{},
		ages: map[string][]int64{}, reads: map[string]int{}, refused: map[string]int{},
	}
}

// remembered is how many operations of a key are held against a read.
const remembered = 64

// Executed notes writes, and finds the oldest write that a read misses.
func (m *meter) Executed(n *world.Node, x *replica.Execution) {
	key := string(x.Args[1])
	if x.Delta != nil {
		m.wrote(key, x.Op)
		m.arrived(n, key, x.Op)
		return
	}
	cmd, ok := command.Lookup(string(x.Args[0]))
	if !ok || cmd.Write || m.w.Now() < m.from || m.w.Now() >= m.to {
		return
	}
	m.reads[n.Region]++
	age := time.Duration(0)
	if k := m.keys[key]; k != nil {
		age = m.misses(n, key, k, x.Context)
	}
	m.ages[n.Region] = append(m.ages[n.Region], int64(age))
}

func (m *meter) wrote(key string, op crdt.Dot) {
	k := m.keys[key]
	if k == nil {
		k = &written{}
		m.keys[key] = k
	}
	if len(k.ops) == remembered {
		k.ops = append(k.ops[:0], k.ops[remembered/2:]...)
	}
	k.ops = append(k.ops, struct {
		dot crdt.Dot
		at  time.Duration
	}{op, m.w.Now()})
}

func (m *meter) misses(n *world.Node, key string, k *written, ctx *crdt.Context) time.Duration {
	got := m.heard[n][key]
	for i := range k.ops {
		op := &k.ops[i]
		if !ctx.Covers(op.dot) && (got == nil || !got.Covers(op.dot)) {
			return m.w.Now() - op.at
		}
	}
	return 0
}

func (m *meter) arrived(n *world.Node, key string, op crdt.Dot) {
	byKey := m.heard[n]
	if byKey == nil {
		byKey = map[string]*crdt.Context{}
		m.heard[n] = byKey
	}
	c := byKey[key]
	if c == nil {
		c = &crdt.Context{}
		byKey[key] = c
	}
	c.Raise(op)
}

// Merged notes what arrives.
func (m *meter) Merged(n *world.Node, x *replica.Merging) {
	for _, op := range x.Delta.Ops {
		m.arrived(n, string(x.Key), op)
	}
}

// Crashing forgets what a node had heard.
func (m *meter) Crashing(n *world.Node) { delete(m.heard, n) }

// Answered counts what clients were refused.
func (m *meter) Answered(op *world.Op) {
	switch {
	case op.OK() && op.Write:
		m.writes++
	case !op.OK() && op.Asked >= m.from && op.Asked < m.to:
		m.refused[op.Region]++
	}
}

// Outboxes are looked at so many times in a cut, and bytes counted more often.
const (
	outboxLooks = 100
	countEvery  = 100 * time.Millisecond
)

// Delivered looks at the outboxes now and then: no lock is held.
func (m *meter) Delivered(*world.Message) {
	now := m.w.Now()
	if n := len(m.across); n == 0 || now >= m.across[n-1].at+countEvery {
		m.across = append(m.across, crossing{now, m.crossed})
	}
	if now < m.next || now < m.from {
		return
	}
	m.next = now + max((m.to-m.from)/outboxLooks, countEvery)
	m.weigh()
}

// weigh adds up what waits in outboxes.
func (m *meter) weigh() {
	all := int64(0)
	for _, n := range m.w.Nodes() {
		if n.Replica() == nil {
			continue
		}
		node := int64(0)
		for _, l := range n.Replica().Status(n.Time()).Links {
			m.outbox.link = max(m.outbox.link, int64(l.OutboxBytes))
			node += int64(l.OutboxBytes)
		}
		m.outbox.node = max(m.outbox.node, node)
		all += node
	}
	m.outbox.all = max(m.outbox.all, all)
}

// Sent counts what goes over the path that is cut.
func (m *meter) Sent(x *world.Message) {
	if m.cut.Target.Hits(x.From.Place(), x.To.Place()) || m.cut.Target.Hits(x.To.Place(), x.From.Place()) {
		m.crossed += uint64(x.Size)
	}
}

// until gives the bytes that had crossed by a time.
func (m *meter) until(at time.Duration) int64 {
	bytes := uint64(0)
	for _, c := range m.across {
		bytes = c.bytes
		if c.at >= at {
			break
		}
	}
	return int64(bytes)
}

// healing gives the bytes that crossed in a time after the cut, above what
// crosses in as much time before it.
func (m *meter) healing(within time.Duration) int64 {
	before := m.from / 2
	usual := (m.until(m.from) - m.until(m.from-before)) / max(before.Milliseconds(), 1) * within.Milliseconds()
	return max(0, m.until(m.to+within)-m.until(m.to)-usual)
}
