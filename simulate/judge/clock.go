package judge

import (
	"cmp"
	"slices"
	"time"

	"github.com/atollcache/atoll/crdt"
	"github.com/atollcache/atoll/replica"
	"github.com/atollcache/atoll/simulate/model"
	"github.com/atollcache/atoll/simulate/scenario"
	"github.com/atollcache/atoll/wire"
)

// The excuses of O17.
const (
	excuseAlone    = "the node heard too few clocks to know that its own is wrong"
	excusePoison   = "the scenario blinds the guard of the node"
	excuseClocks   = "so many clocks are wrong that a node need not see a majority of right ones"
	excuseRanAhead = "a node whose clock was wrong stamps nothing until time has caught up, and others wait for its word"
	excuseFuture   = "it is stamped so far ahead that nobody may take it over yet"
)

// clockOff is since when the clock of a site has been off.
type clockOff struct {
	since time.Duration // zero: it is right
	acks  map[*site]time.Duration
}

// graceOff is how long a node may take to notice that its clock is wrong.
const graceOff = 5 * time.Second

func (j *Judge) maxSkew() int64 {
	return cmp.Or(j.sc.Config.MaxSkew, 500*time.Millisecond).Milliseconds()
}

// judgeClock is O17 for who writes: one whose clock is further off the median
// than the others accept must notice, if it hears two of them.
func (j *Judge) judgeClock(s *site, x *replica.Execution) {
	off := x.Wall - j.wall()
	if max(off, -off) > j.maxSkew() {
		off = offMedian(x.Wall, j.others(nil))
	}
	if x.Delta == nil || max(off, -off) <= j.maxSkew() {
		s.off.since = 0
		return
	}
	now := j.now()
	switch {
	case s.off.since == 0:
		s.off.since = max(now, 1)
	case now-s.off.since <= graceOff:
	case j.poisoned(s):
		j.excuse("O17", excusePoison)
	case len(s.heardClocks(j, now)) < 3:
		j.excuse("O17", excuseAlone)
	case abs(offMedian(x.Wall, s.heardClocks(j, now))) <= j.maxSkew():
		j.excuse("O17", excuseClocks)
	default:
		j.accuse("O17", s, string(x.Args[1]), []crdt.Dot{x.Op}, "the clock has been %d ms off the median since %v, and the node still stamps", off, s.off.since)
	}
}

// offMedian is how far a clock is off the median of some; of two medians, off the
// nearer.
func offMedian(wall int64, sites []*site) int64 {
	walls := make([]int64, len(sites))
	for i, s := range sites {
		walls[i] = s.wall()
	}
	slices.Sort(walls)
	low, high := wall-walls[(len(walls)-1)/2], wall-walls[len(walls)/2]
	if abs(low) < abs(high) {
		return low
	}
	return high
}

func abs(x int64) int64 { return max(x, -x) }

func (j *Judge) poisoned(s *site) bool {
	for _, step := range j.sc.Timeline {
		if step.Kind == scenario.ClockPoison {
			return true
		}
	}
	return s.twin
}

// heard notes an acknowledgement, which carries the clock of its sender.
func (j *Judge) heard(to, from *site, class wire.Kind) {
	if class != wire.KindAck {
		return
	}
	if to.off.acks == nil {
		to.off.acks = map[*site]time.Duration{}
	}
	to.off.acks[from] = j.now()
}

// heardClocks lists whose clocks a site has heard lately, and its own.
func (s *site) heardClocks(j *Judge, now time.Duration) (heard []*site) {
	for _, o := range j.sites {
		if at, acked := s.off.acks[o]; o == s || acked && now-at <= graceOff {
			heard = append(heard, o)
		}
	}
	return heard
}

// judgeAdmitted is O17 for who hears: what is stamped further ahead than a node
// may accept is not taken over.
func (j *Judge) judgeAdmitted(s *site, m *replica.Merging, top crdt.Dot) {
	if most := crdt.StampAt(s.wall() + j.maxSkew() + 1); top.Stamp > most {
		j.accuse("O17", s, string(m.Key), []crdt.Dot{top}, "a stamp %d ms ahead of the node's clock was taken over", top.Stamp.Millis()-s.wall())
	}
}

// future says whether an operation is stamped so far ahead that nobody may take it
// over yet.
func (j *Judge) future(op crdt.Dot) bool { return op.Stamp > crdt.StampAt(j.wall()+j.maxSkew()) }

// futureReset says whether a reset of what an origin added is.
func (j *Judge) futureReset(n *model.Count) bool {
	return slices.ContainsFunc(n.Resets, func(r model.Reset) bool { return j.future(r.By) })
}

// heldUp says whether an operation has not come since another one on its key is
// stamped so far ahead: an entry is taken over as a whole, and the increments of an
// origin as one sum. What had come before must stay.
func (j *Judge) heldUp(s *site, k *key, op crdt.Dot) bool {
	return j.future(k.top) && !s.mark(k).ops.Covers(op)
}

// ahead says whether anything in a partition is stamped so far ahead.
func (j *Judge) ahead(p *part) bool {
	for _, d := range p.frontier.Dots() {
		if j.future(d) {
			return true
		}
	}
	return false
}

// keptAhead says whether a replica is kept by a node that leaves, for what is
// stamped so far ahead that its heirs may not take it over yet. Nobody tells such
// a node anything new.
func (j *Judge) keptAhead(v *view, p *part) bool { return v.state == "leaving" && j.ahead(p) }
