package judge

import (
	"time"

	"github.com/atollcache/atoll/antientropy"
	"github.com/atollcache/atoll/command"
	"github.com/atollcache/atoll/crdt"
	"github.com/atollcache/atoll/replica"
	"github.com/atollcache/atoll/ring"
	"github.com/atollcache/atoll/simulate/model"
	"github.com/atollcache/atoll/simulate/scenario"
	"github.com/atollcache/atoll/simulate/world"
	"github.com/atollcache/atoll/store"
	"github.com/atollcache/atoll/wire"
)

var _ world.Observer = (*Judge)(nil)

// Judge observes one run.
type Judge struct {
	world.Nobody

	sc     *scenario.Scenario
	clock  func() time.Duration
	model  *model.Model
	sites  []*site
	byNode map[*world.Node]*site
	keys   map[string]*key
	parts  [ring.Partitions]*part
	scope  []uint16 // partitions that were written to, in the order of their first writes
	phase  world.Phase

	accused    map[string]int
	total      int // of violations
	violations []Violation
	excuses    []Excuse

	losses   losses
	origins  origins
	levels   levels
	sessions sessions
	heal     heal
	repairs  repairs
	silence  silence
	copies   copies
	given    []*handover
	traffic  traffic
	reads    staleness
	charts   charts
	broken   bool
	struck   int // messages that a fault stopped
}

// key is a key that was written to.
type key struct {
	name  string
	hash  uint64
	part  *part
	known *model.Key
	log   []happening // the last operations on it
	top   crdt.Dot    // the highest operation on it
	blind bool        // the model does not know one of them
}

// happening is an operation that changed a key.
type happening struct {
	op crdt.Dot
	at time.Duration
}

// part is a partition that was written to.
type part struct {
	number   uint16
	keys     []*key
	frontier crdt.Context // the last operation of each origin
}

// New gives a judge for one run of a scenario.
func New(sc *scenario.Scenario) *Judge {
	j := &Judge{
		sc: sc, model: model.New(), byNode: map[*world.Node]*site{}, keys: map[string]*key{}, accused: map[string]int{},
	}
	j.origins.init()
	j.levels.init()
	j.sessions.init()
	j.heal.init(sc)
	return j
}

// Watch tells the judge which world it observes, so that it knows the time. It
// follows world.New.
func (j *Judge) Watch(w *world.World) { j.clock = w.Now }

func (j *Judge) now() time.Duration {
	if j.clock == nil {
		return 0
	}
	return j.clock()
}

// wall is what a right clock shows, in unix milliseconds.
func (j *Judge) wall() int64 { return world.WallStart + j.now().Milliseconds() }

// Violations gives the broken promises, in the order in which they showed; of
// each oracle the first ones.
func (j *Judge) Violations() []Violation { return j.violations }

// Accused gives how many violations an oracle has found, those that were not
// kept included.
func (j *Judge) Accused(oracle string) int { return j.accused[oracle] }

// Excuses gives what was let pass, and why.
func (j *Judge) Excuses() []Excuse { return j.excuses }

// Executed judges a command where it runs.
func (j *Judge) Executed(n *world.Node, x *replica.Execution) { j.executed(j.siteOf(n), x) }

// Merged judges a delta where it arrives.
func (j *Judge) Merged(n *world.Node, m *replica.Merging) { j.merged(j.siteOf(n), m) }

func (j *Judge) executed(s *site, x *replica.Execution) {
	cmd, ok := command.Lookup(string(x.Args[0]))
	if !ok || cmd.Keys != command.OneKey && cmd.Keys != command.EachKey {
		return
	}
	if !cmd.Write {
		j.read(s, x)
		return
	}
	if x.Reply.Type == command.Error {
		return
	}

	k := j.keyOf(x.Args[1], x.Partition)
	j.judgeStamp(s, k, x)
	j.judgeClock(s, x)
	if cells := x.Observed.Cells(); k.known != nil && len(k.known.Cells) <= fewCells {
		j.judgeShown(s, k, cells, x.Context)
		j.judgeKept(s, k, x.Observed, x.Context)
	}
	j.judgeRemoval(s, k, x)
	changed, err := j.model.Run(x.Args, x.Op, x.Observed, x.Reply)
	j.judgeEffect(s, k, x, changed, err)
	if x.Delta == nil {
		return
	}

	k.known = j.model.Key(k.name)
	j.note(s, k, x.Op)
	j.levels.executed(j, s, k, x)
	j.sessions.executed(j, s, k, x, true)
	j.reads.overtaken(j, x.Op)
	j.traffic.writes++
}

// read judges a command that changes nothing.
func (j *Judge) read(s *site, x *replica.Execution) {
	k := j.keys[string(x.Args[1])]
	if k == nil {
		return
	}
	j.judgeReply(s, k, x)
	if cells := x.Observed.Cells(); k.known != nil && len(k.known.Cells) <= fewCells {
		j.judgeShown(s, k, cells, x.Context)
		j.judgeKept(s, k, x.Observed, x.Context)
	}
	j.sessions.executed(j, s, k, x, false)
	j.reads.read(j, s, k, x.Context)
}

// fewCells is how many cells a key may have to be looked at whenever it is used.
// Larger ones are looked at in the end.
const fewCells = 32

// keyOf gives the record of a key that is written to.
func (j *Judge) keyOf(name []byte, number uint16) *key {
	if k := j.keys[string(name)]; k != nil {
		return k
	}
	p := j.parts[number]
	if p == nil {
		p = &part{number: number}
		j.parts[number], j.scope = p, append(j.scope, number)
	}
	k := &key{name: string(name), hash: store.Hash(name), part: p}
	if antientropy.PartitionOf(k.hash) != number {
		j.accuse("O3", nil, k.name, nil, "the key ran in partition %d and belongs to %d", number, antientropy.PartitionOf(k.hash))
	}
	j.keys[k.name], p.keys = k, append(p.keys, k)
	return k
}

// logged is how many operations of a key are remembered for what a read misses.
const logged = 64

// note remembers that an operation changed a key.
func (j *Judge) note(s *site, k *key, op crdt.Dot) {
	if len(k.log) == logged {
		k.log = append(k.log[:0], k.log[logged/2:]...)
	}
	k.log = append(k.log, happening{op, j.now()})
	k.top = higher(k.top, op)
	k.part.frontier.Raise(op)
	m := s.mark(k)
	m.ops.Raise(op)
	m.high = higher(m.high, op)
}

func higher(a, b crdt.Dot) crdt.Dot {
	if b.Compare(a) > 0 {
		return b
	}
	return a
}

func (j *Judge) merged(s *site, m *replica.Merging) {
	var top crdt.Dot
	m.Delta.Dots(func(d crdt.Dot) { top = higher(top, d) })
	for _, op := range m.Delta.Ops {
		top = higher(top, op)
	}
	j.judgeAdmitted(s, m, top)
	j.repairs.merged(j, s, m)
	j.silence.merged(j, s, m)
	j.traffic.merged(m)

	k := j.keys[string(m.Key)]
	if k == nil {
		return
	}
	mark := s.mark(k)
	mark.high = higher(mark.high, top)
	for _, op := range m.Delta.Ops {
		mark.ops.Raise(op)
	}
}

// Asked notes what a client wants.
func (j *Judge) Asked(op *world.Op) {
	j.levels.asked(op)
	j.sessions.asked(op)
}

// Answered judges what a client got.
func (j *Judge) Answered(op *world.Op) {
	j.levels.answered(j, op)
	j.sessions.answered(j, op)
	j.reads.answered(op)
}

// Sent counts what goes over the wire.
func (j *Judge) Sent(m *world.Message) {
	j.traffic.sent(j, m)
	j.silence.sent(j, m.Class, m.Payload)
}

// Delivered notes what arrives.
func (j *Judge) Delivered(m *world.Message) {
	j.judgeHandovers()
	j.charts.sample(j)
	j.heal.look(j)
	if m.Whole != nil {
		j.damaged(j.siteOf(m.To), m.Class, m.Whole, m.To.Replica() != nil)
		return
	}
	j.copies.delivered(j.siteOf(m.To), m.Class, m.Payload)
	if m.Class == wire.KindHandedOff {
		j.handedOff(j.siteOf(m.To), j.siteOf(m.From), m.Payload)
	}
	j.silence.delivered(j, m.Class)
	j.heard(j.siteOf(m.To), j.siteOf(m.From), m.Class)
}

// Lost notes what does not.
func (j *Judge) Lost(m *world.Message, _ string) {
	j.struck++
	j.repairs.lost(m.Class, m.Payload)
	if m.Class == wire.KindAnnounce {
		j.siteOf(m.From).unheard = j.now()
	}
}

// Refused judges what a node could not read.
func (j *Judge) Refused(m *world.Message, err error) {
	j.judgeRefused(j.siteOf(m.To), m.Class.String(), m.Whole != nil, err)
}

// Crashing notes what is lost with the memory of a node.
func (j *Judge) Crashing(n *world.Node) { j.forget(j.siteOf(n)) }

// Leaving notes what is lost with a node that ends. Only one that has drained
// leaves nothing to wait for.
func (j *Judge) Leaving(n *world.Node, why string) {
	s := j.siteOf(n)
	j.forget(s)
	s.drained = why == world.Drained
}

func (j *Judge) forget(s *site) {
	j.levels.forget(j, s)
	j.losses.forget(j, s)
	j.repairs.stopped++
	j.judgeDamaged(s)
	s.up, s.marks, s.ended, s.drained = false, map[*key]*mark{}, max(j.now(), 1), false
}

// Started notes that a node has a replica again.
func (j *Judge) Started(n *world.Node) {
	s := j.siteOf(n)
	s.up, s.marks, s.off = true, map[*key]*mark{}, clockOff{}
	s.damaged, s.refused = 0, 0
	s.began++
	j.repairs.started(j, s)
}

// Phase notes that a part of the run begins.
func (j *Judge) Phase(p world.Phase) {
	j.phase = p
	j.heal.phase(j, p)
	j.silence.phase(j, p)
}

// Broke judges a panic.
func (j *Judge) Broke(n *world.Node, what string) {
	j.broken = true
	var s *site
	if n != nil {
		s = j.siteOf(n)
	}
	j.accuse("O22", s, "", nil, "%s", what)
}

// Final judges what is left when the run is over.
func (j *Judge) Final(w *world.World) {
	j.clock = w.Now
	j.traffic.world(w)
	if j.broken {
		return // replicas must not be looked at after a panic
	}
	j.final()
}

func (j *Judge) final() {
	j.judgeHandovers()
	j.charts.take(j)
	j.heal.final(j)
	j.judgeEqual()
	j.judgeDigests()
	j.judgeContent()
	j.repairs.final(j)
	j.silence.final(j)
	j.traffic.final(j)
	j.judgeLeft()
	j.judgeMembership()
	j.judgeStats()
	j.judgeCopies()
}
