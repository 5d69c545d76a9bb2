package replica

import (
	"maps"
	"slices"
	"sync/atomic"
	"time"

	"github.com/atollcache/atoll/command"
	"github.com/atollcache/atoll/crdt"
	"github.com/atollcache/atoll/wire"
)

// clockGuard keeps a node whose wall clock is wrong from stamping. Every
// acknowledgement carries the wall clock of its sender, and gives back when the
// batch was sent, so it tells the other clock within half a round trip. The
// clocks that count are thus those of the nodes that hear this node's writes.
//
// Clocks are compared as what they show when the monotonic clock of this node
// shows zero. So a jump of the own clock is noticed at the very next write, and
// that of another with its next acknowledgement.
type clockGuard struct {
	readings map[uint64]reading // by node; the replica's lock guards it
	most     []int64            // scratch of weigh
	least    []int64
	agedAt   time.Duration // when they were last looked through for old ones
	bounds   atomic.Pointer[clockBounds]
	stopped  atomic.Bool
}

// reading is what is known of another node's wall clock.
type reading struct {
	zero int64         // milliseconds that it showed at zero of the monotonic clock here
	err  int64         // by how much that may be wrong
	at   time.Duration // when it was taken
}

// clockBounds are where a majority of all clocks, the own one included, stands:
// that many of the others are surely at upper or below, as many at lower or
// above. Who is outside is off the median on that side, wherever within their
// errors the other clocks really stand; of two medians, off both.
type clockBounds struct{ lower, upper int64 }

// The ages, in heartbeats, at which a reading gives way to a less exact one, and
// at which it is forgotten.
const (
	freshReading = 10
	oldReading   = 60
)

// rounding is what cutting the clocks to milliseconds adds to an error.
const rounding = 2

// hearClock takes the reading that an acknowledgement brings. The replica's lock
// is held.
func (r *Replica) hearClock(now Time, node uint64, a *wire.Ack) {
	trip := now.Mono - time.Duration(a.Sent)
	if a.Wall == 0 || a.Sent < 0 || trip < 0 {
		return
	}
	half := trip / 2
	s := reading{zero: a.Wall - (now.Mono - half).Milliseconds(), err: half.Milliseconds() + rounding, at: now.Mono}
	old, known := r.guard.readings[node]
	if known && !s.replaces(&old, &r.t) {
		return
	}
	r.guard.readings[node] = s
	if !known || s.zero != old.zero || s.err != old.err {
		r.guard.weigh()
	}
	r.stamps(now)
}

// replaces says whether a new reading is better than the one before: it is more
// exact, that one is no longer fresh, or they contradict each other, and then
// the clock has been set.
func (s *reading) replaces(old *reading, t *Timing) bool {
	apart := max(s.zero-old.zero, old.zero-s.zero)
	return s.err <= old.err || s.at-old.at > freshReading*t.Heartbeat || apart > s.err+old.err
}

// weigh finds the bounds. Of fewer than three clocks nobody can say which one is
// wrong.
func (g *clockGuard) weigh() {
	n := len(g.readings)
	if n < 2 {
		g.bounds.Store(nil)
		return
	}
	most, least := g.most[:0], g.least[:0]
	for _, s := range g.readings { // order-free: sorted below
		most, least = append(most, s.zero+s.err), append(least, s.zero-s.err)
	}
	slices.Sort(most)
	slices.Sort(least)
	g.most, g.least = most, least
	majority := (n+1)/2 + 1
	now := clockBounds{lower: least[n-majority], upper: most[majority-1]}
	if old := g.bounds.Load(); old == nil || *old != now {
		g.bounds.Store(&now)
	}
}

// off is by how many milliseconds a clock is surely ahead of the median, or
// behind it if negative.
func (b *clockBounds) off(zero int64) int64 {
	return zero - min(max(zero, b.lower), b.upper)
}

// stamps says whether this node may stamp: its clock is off the median by no
// more than half of what others accept. Once it was, it must come back within a
// quarter, so that one at the edge does not flap.
func (r *Replica) stamps(now Time) bool {
	limit := r.t.MaxSkew.Milliseconds() / 2
	if r.guard.stopped.Load() {
		limit /= 2
	}
	off := r.clockOff(now)
	right := -limit <= off && off <= limit
	r.guard.stopped.Store(!right)
	return right
}

// clockOff is by how many milliseconds the stamps of this node are surely ahead
// of the median clock, or behind it if negative. Stamps never go back, so those
// of a clock that was set back stay ahead until it has caught up; what peers
// stamp may move them by MaxSkew, which is no fault of this node.
func (r *Replica) clockOff(now Time) int64 {
	b := r.guard.bounds.Load()
	if b == nil {
		return 0
	}
	zero := now.Mono.Milliseconds()
	off := b.off(now.Wall - zero)
	ran := b.off(r.clock.Last().Millis() - r.t.MaxSkew.Milliseconds() - zero)
	if ran > max(off, -off) {
		return ran
	}
	return off
}

// stamp gives a stamp above all that was stamped or seen here. A wall clock that
// is wrong does not move it on, or it would stay wrong when the clock is set
// right.
func (r *Replica) stamp(now Time) crdt.Stamp {
	if !r.stamps(now) {
		return r.clock.Tick(0)
	}
	return r.clock.Tick(now.Wall)
}

// reviewClock forgets the readings of nodes that have been silent for long, and
// looks at the clock even if nobody writes.
func (r *Replica) reviewClock(now Time) {
	r.stamps(now)
	g := &r.guard
	if now.Mono-g.agedAt < r.t.Heartbeat {
		return
	}
	g.agedAt = now.Mono
	maps.DeleteFunc(g.readings, func(_ uint64, s reading) bool { return now.Mono-s.at > oldReading*r.t.Heartbeat })
	g.weigh()
}

// passOn has a write run elsewhere while the clock here is wrong: a co-owner
// that is right can stamp it just as well, and the client need not know. If
// there is none the write is refused. It says whether it has seen to the write;
// where this node owns nothing, the usual way is as good.
func (r *Replica) passOn(now Time, part uint16, req *Request, done func(Answer)) bool {
	if r.stamps(now) {
		return false
	}
	r.note(MarkClockOff)
	owners := r.owned(part)
	for _, n := range owners {
		if n.ID != r.self.ID && req.hops < maxHops && r.clockRight(n.ID) && r.knownReady(n.ID, part) {
			if to, ok := r.peer(n.ID); ok {
				r.ask(now, to, part, false, req, done)
				return true
			}
		}
	}
	if !contains(owners, r.self.ID) {
		return false
	}
	r.finish(done, Answer{Reply: r.clockWrong(now)})
	return true
}

// clockRight says whether another node's clock is known to be right.
func (r *Replica) clockRight(node uint64) bool {
	s, known := r.guard.readings[node]
	b := r.guard.bounds.Load()
	limit := r.t.MaxSkew.Milliseconds() / 2
	return known && b != nil && -limit <= b.off(s.zero) && b.off(s.zero) <= limit
}

// clockWrong is the answer to a write that nobody can stamp.
func (r *Replica) clockWrong(now Time) command.Reply {
	off, way := r.clockOff(now), "ahead of"
	if off < 0 {
		off, way = -off, "behind"
	}
	return command.Fail("CLOCK", "the clock of node %s is %d ms %s that of the other nodes, so it takes no writes; set it right (NTP), and restart the node if it has run ahead", r.cfg.Name, off, way)
}

// ClockStatus is how the wall clock of this node stands to those of the others.
type ClockStatus struct {
	Offset  time.Duration // to the median clock, as far as it is certain; negative if behind
	Clocks  int           // that are known, this one included; three are needed to judge
	Stopped bool          // writes are passed on or refused
}

func (r *Replica) clockStatus(now Time) ClockStatus {
	stopped := !r.stamps(now)
	off := time.Duration(r.clockOff(now)) * time.Millisecond
	return ClockStatus{Offset: off, Clocks: len(r.guard.readings) + 1, Stopped: stopped}
}
