package judge

import (
	"github.com/atollcache/atoll/crdt"
	"github.com/atollcache/atoll/replica"
)

// judgeRemoval is O6: a removal takes away what its node observed, and nothing
// else. What the delta kills is compared with what lives.
func (j *Judge) judgeRemoval(s *site, k *key, x *replica.Execution) {
	if x.Delta == nil || k.known == nil {
		return
	}
	for _, kill := range x.Delta.Cleared() {
		j.judgeClear(s, k, x, kill)
	}
	cells := x.Delta.Cells()
	for i := range cells {
		c := &cells[i]
		seen := x.Observed.Cell(c.Kind, c.Name)
		for _, slot := range c.Slots {
			if slot.Dead && !shows(seen, slot.Dot) {
				j.accuse("O6", s, k.name, []crdt.Dot{x.Op, slot.Dot}, "a removal takes away what %v wrote at %v, which its node did not observe", slot.Origin, slot.Stamp)
			}
		}
		for _, b := range c.Bases {
			if at := counted(seen, b.Origin); b.Reset == x.Op && b.Seen != at {
				j.accuse("O6", s, k.name, []crdt.Dot{x.Op}, "a reset takes away what %v counted up to %v, and its node observed %v", b.Origin, b.Seen, at)
			}
		}
	}
}

// judgeClear looks for what a stamp of a DEL vector reaches and its node did not
// observe.
func (j *Judge) judgeClear(s *site, k *key, x *replica.Execution, kill crdt.Dot) {
	for _, c := range k.known.Cells {
		if c.Kind == crdt.Expiry {
			continue
		}
		for _, w := range c.Live {
			if w.Dot.Origin != kill.Origin || w.Dot.Stamp > kill.Stamp || shows(x.Observed.Cell(c.Kind, c.Name), w.Dot) {
				continue
			}
			switch {
			case j.losses.unsure(w):
				j.excuse("O6", excuseMemory)
			case !j.expirable(w):
				j.accuse("O6", s, k.name, []crdt.Dot{x.Op, w.Dot}, "a DEL takes away what %v wrote at %v, which its node did not observe", w.Dot.Origin, w.Dot.Stamp)
			}
		}
	}
}

func shows(c *crdt.Cell, dot crdt.Dot) bool {
	if c == nil {
		return false
	}
	for i := range c.Slots {
		if c.Slots[i].Dot == dot && !c.Slots[i].Dead {
			return true
		}
	}
	return false
}

// counted is how far a cell shows the increments of an origin.
func counted(c *crdt.Cell, o crdt.Origin) crdt.Stamp {
	if c == nil {
		return 0
	}
	for i := range c.Counts {
		if c.Counts[i].Origin == o && !c.Counts[i].Dead {
			return c.Counts[i].Stamp
		}
	}
	return 0
}
