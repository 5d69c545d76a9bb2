package world

import (
	"fmt"
	"strconv"
	"time"

	"github.com/atollcache/atoll/region"
	"github.com/atollcache/atoll/replica"
	"github.com/atollcache/atoll/simulate/scenario"
)

// place is a region with the nodes that there ever were in it.
type place struct {
	name   string
	index  int
	nodes  []*Node
	opened bool // some node has served: before, there are no clients
}

// stage is how far the process of a node has come in its life.
type stage uint8

const (
	down     stage = iota // there is no process
	learning              // it listens for its epoch
	joining               // it has a replica, and fetches its partitions
	serving
	draining
)

// A Node is a machine on which the process of a node comes and goes.
type Node struct {
	Region string
	Name   string // its number: 1 is us/1
	Number int
	Twin   bool // lives under the name of another

	w      *World
	region *place
	index  int // among all nodes
	rank   int // in the region
	id     uint64
	weight int
	clock  *clock
	saved  uint64 // epoch, on disk
	links  []*link
	wall   int64              // of the last step
	set    *scenario.Config   // instead of the settings of all
	pauses int                // reasons for a standstill
	speeds []*nodeSpeed       // reasons to be slow
	inbox  []int32            // letters that wait
	held   int                // bytes of them
	sees   map[*Node]*opinion // of the other nodes of the region
	frozen int                // reasons for keeping the view
	stays  bool               // down for ever, or until it is told to start

	// Of the process:
	gen      uint32
	stage    stage
	since    time.Duration // when it began, where its monotonic clock shows zero
	boot     uint64
	instance uint64
	replica  *replica.Replica
	learner  *replica.Learner
	openBy   time.Duration
	tickAt   time.Duration // when the next tick is due
	ticked   time.Duration // when the last one was
	woken    bool
	busyTill time.Duration
	breaking bool // dies between two effects of its next step
	open     []*Op
}

// add sets a machine up, without a process.
func (w *World) add(p *place, number, weight int) *Node {
	n := &Node{
		Region: p.name, Name: strconv.Itoa(number), Number: number,
		w: w, region: p, index: len(w.nodes), rank: len(p.nodes), weight: weight, sees: map[*Node]*opinion{},
	}
	n.id = region.NodeID(n.Region, n.Name)
	n.clock = &clock{natural: w.seed.draw(forSkew, n.id, 0).between(-naturalSkew, naturalSkew)}
	p.nodes = append(p.nodes, n)
	w.nodes = append(w.nodes, n)
	return n
}

// String writes a node as a scenario does.
func (n *Node) String() string {
	if n.Twin {
		return n.Region + "/" + n.Name + " (twin)"
	}
	return n.Region + "/" + n.Name
}

// Place names the node as a scenario does.
func (n *Node) Place() scenario.Place { return scenario.Place{Region: n.Region, Node: n.Number} }

// ID gives the identity of the node, which all its boots share.
func (n *Node) ID() uint64 { return n.id }

// Up says whether the node has a replica.
func (n *Node) Up() bool { return n.replica != nil }

// Serves says whether the node answers clients.
func (n *Node) Serves() bool { return n.stage >= serving }

// Paused says whether the node stands still.
func (n *Node) Paused() bool { return n.pauses > 0 }

// Replica gives the replica of the running process, nil if there is none.
func (n *Node) Replica() *replica.Replica { return n.replica }

// Boot gives the epoch of the running process, zero if it has none.
func (n *Node) Boot() uint64 { return n.boot }

// maxOutput is how many messages one step may send; more are a flood.
const maxOutput = 1 << 16

// minTick is the least time between two ticks, as in the server.
const minTick = time.Millisecond

// tick lets the replica act.
func (n *Node) tick(e *event) {
	if n.gen != e.gen || n.tickAt != e.at || n.replica == nil {
		return
	}
	n.tickAt = never
	if n.pauses > 0 {
		n.woken = true // it is late when it goes on
		return
	}
	n.w.fold(recordTick, n.id, n.boot, nil)
	n.w.record(recordTick, n, "", "", 0)
	n.ticked, n.woken = n.w.now, false
	next := n.act()
	if n.replica == nil {
		return
	}
	n.tickBy(n.since + next)
	n.settle()
	n.conclude()
}

func (n *Node) act() time.Duration {
	defer n.rescue("a tick")
	return n.replica.Tick(n.Time())
}

// tickBy has the next tick come at a time, or before.
func (n *Node) tickBy(t time.Duration) {
	t = max(t, n.ticked+minTick, n.w.now)
	if t >= n.tickAt {
		return
	}
	n.tickAt = t
	tie := n.w.seed.draw(forTie, n.id, uint64(t))
	n.w.queue.push(event{at: t, tie: uint64(tie), what: tick, slot: int32(n.index), gen: n.gen})
}

// settle carries what a step wants sent, and sees to a tick if it asked for one.
func (n *Node) settle() {
	if n.replica == nil {
		return
	}
	out := n.replica.AppendOutgoing(n.w.out[:0])
	n.w.out = out
	defer clear(out)
	n.w.totals.MaxOutput = max(n.w.totals.MaxOutput, len(out))
	if len(out) > maxOutput {
		n.w.breakDown(n, fmt.Sprintf("one step sends %d messages", len(out)))
		return
	}
	if n.breaking && len(out) > 0 {
		n.breakBetween(out)
		return
	}
	for i := range out {
		n.w.carry(n, &out[i])
	}
	if n.woken {
		n.tickBy(n.w.now)
	}
}

// breakBetween kills a node when some of what a step wants sent has gone.
func (n *Node) breakBetween(out []replica.Packet) {
	some := n.w.seed.draw(forCrash, n.id, uint64(n.w.now)).below(uint64(len(out)))
	for i := range out[:some] {
		n.w.carry(n, &out[i])
	}
	n.w.mark(MarkCrashBetween)
	n.crash()
}

// receive hands a message to the process.
func (n *Node) receive(m *Message) {
	if n.replica == nil {
		n.learner.Hear(m.Payload)
		n.learned()
		return
	}
	n.stepped()
	if err := n.take(m); err != nil {
		n.w.totals.Refused++
		if m.Whole != nil {
			n.w.mark(MarkCorruptRefused)
		}
		n.w.obs.Refused(m, err)
	}
	n.settle()
}

func (n *Node) take(m *Message) error {
	defer n.rescue(m.Class.String())
	return n.replica.Receive(n.Time(), m.Payload)
}

// stepped notes that the clock was looked at.
func (n *Node) stepped() {
	wall := n.Wall()
	if wall < n.wall {
		n.w.mark(MarkClockBack)
	}
	n.wall = wall
}

// rescue ends the world instead of the program when a replica panics. Deferred
// functions have let go of most locks by then, but not of all.
func (n *Node) rescue(doing string) {
	if p := recover(); p != nil {
		n.replica = nil
		n.w.breakDown(n, fmt.Sprintf("panic in %s: %v", doing, p))
	}
}

// witness passes on what a replica shows.
type witness struct{ n *Node }

// Executed passes an execution on.
func (s witness) Executed(x *replica.Execution) {
	if x.Delta != nil {
		s.n.w.stamped(s.n, x)
	}
	s.n.w.obs.Executed(s.n, x)
}

// Merged passes a merging on.
func (s witness) Merged(m *replica.Merging) { s.n.w.obs.Merged(s.n, m) }

// Marked counts a mark.
func (s witness) Marked(m replica.Mark) { s.n.w.marks[m]++ }
