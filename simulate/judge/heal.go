package judge

import (
	"time"

	"github.com/atollcache/atoll/crdt"
	"github.com/atollcache/atoll/simulate/model"
	"github.com/atollcache/atoll/simulate/scenario"
	"github.com/atollcache/atoll/simulate/world"
)

// heal is O11: from the start of the heal on, the judge looks now and then which
// replica still lacks something that was acknowledged before.
type heal struct {
	bound   time.Duration // default of converge.within
	calm    time.Duration // for what is under way when the load ends
	began   time.Duration
	on      bool
	due     []*healing
	ahead   bool // something could not be taken over, or handed over, yet
	nextAt  time.Duration
	done    time.Duration // when the last replica had everything
	atStart uint64        // repair bytes sent by then
	bytes   uint64        // repair bytes from the heal to convergence
}

// healing is a partition that lacks something somewhere.
type healing struct {
	part *part
	goal crdt.Context
}

// healEvery is how often replicas are looked at.
const healEvery = 100 * time.Millisecond

// init finds the bound: views settle, every pair of peers meets in a round, and
// twice a round trip for each step of it, or a slow link's time for the bytes.
func (h *heal) init(sc *scenario.Scenario) {
	round := or(sc.Config.RoundEvery, 10*time.Second)
	views := or(sc.Config.HoldDown, 2*time.Second) + 2*or(sc.Config.Announce, time.Second) + or(sc.Config.Settle, time.Second/2)
	var rtt time.Duration
	for _, d := range sc.Topology.RTT {
		rtt = max(rtt, d.Delay.Base+d.Delay.Spread)
	}
	h.calm = 8*time.Second + 20*rtt
	h.bound = h.calm + views + 2*round
}

func or(d, otherwise time.Duration) time.Duration {
	if d != 0 {
		return d
	}
	return otherwise
}

func (h *heal) phase(j *Judge, p world.Phase) {
	if p != world.Heal {
		return
	}
	h.on, h.began, h.atStart = true, j.now(), j.traffic.repairBytes
	h.done = h.began
	for _, number := range j.scope {
		part := j.parts[number]
		h.due = append(h.due, &healing{part, part.frontier.Clone()})
	}
}

// look goes through the partitions that lacked something when last looked at.
func (h *heal) look(j *Judge) {
	if !h.on || len(h.due) == 0 || j.now() < h.nextAt {
		return
	}
	h.nextAt = j.now() + healEvery
	left := h.due[:0]
	for _, g := range h.due {
		if !j.complete(g) {
			left = append(left, g)
		}
	}
	if h.due = left; len(left) == 0 {
		h.done, h.bytes = j.now(), j.traffic.repairBytes-h.atStart
	}
}

// complete says whether every replica of a partition has heard of the last
// operation of every origin, as of the start of the heal. A context may wait for
// the gaps of the dead to be closed when nothing is missing.
func (j *Judge) complete(g *healing) bool {
	for _, s := range j.others(nil) {
		whole := true
		s.look(g.part.number, func(v *view) {
			if j.keptAhead(v, g.part) {
				j.heal.ahead = true
				return
			}
			for _, d := range g.goal.Dots() {
				whole = whole && (v.context.Covers(d) || j.future(d) || j.without(s, v, g.part, d))
			}
		})
		if !whole {
			return false
		}
	}
	return true
}

// without says whether a replica lacks nothing that an origin wrote, although its
// context does not say so.
func (j *Judge) without(s *site, v *view, p *part, last crdt.Dot) bool {
	from := v.context.At(last.Origin)
	for _, k := range p.keys {
		if k.known == nil {
			continue
		}
		for _, w := range k.known.Writes {
			late := w.Dot.Origin == last.Origin && w.Dot.Stamp > from && w.Dot.Stamp <= last.Stamp
			if late && w.Lives() && !j.losses.unsure(w) && fateOf(v, k, w) == unheard && !j.waitsAhead(s, k, w.Dot) {
				return false
			}
		}
		for _, c := range k.known.Cells {
			if n := c.Count(last.Origin); n != nil && j.missesAdds(s, v, k, n, from, last.Stamp) {
				return false
			}
		}
	}
	return true
}

func (j *Judge) missesAdds(s *site, v *view, k *key, n *model.Count, from, to crdt.Stamp) bool {
	u := j.losses.count(n)
	for _, a := range n.Adds {
		due := a.Stamp > max(from, n.Reset()) && a.Stamp <= min(to, u.adds)
		if due && fateOfAdd(v, k, n, a.Stamp) == unheard && !j.waitsAhead(s, k, crdt.Dot{Stamp: a.Stamp, Origin: n.Origin}) {
			return true
		}
	}
	return false
}

func (j *Judge) waitsAhead(s *site, k *key, op crdt.Dot) bool {
	held := j.heldUp(s, k, op)
	j.heal.ahead = j.heal.ahead || held
	return held
}

// final judges how long it took.
func (h *heal) final(j *Judge) {
	if !h.on || j.sc.SafetyOnly {
		j.excuse("O11", excuseSafety)
		return
	}
	h.nextAt = 0
	h.look(j)
	if h.ahead {
		j.excuse("O11", excuseFuture)
	}
	took := h.done - h.began
	switch {
	case len(h.due) > 0 && j.now()-h.began < h.bound:
		j.excuse("O11", excuseShort)
	case len(h.due) > 0:
		j.accuse("O11", nil, "", h.due[0].goal.Dots(), "%v after the start of the heal, partition %d lacks what was acknowledged before (%d partitions do)", j.now()-h.began, h.due[0].part.number, len(h.due))
	case took > h.bound:
		j.accuse("O11", nil, "", nil, "it took %v until every replica had what was acknowledged before the heal, the bound is %v", took, h.bound)
	}
}
