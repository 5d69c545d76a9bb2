package judge

import "github.com/atollcache/atoll/crdt"

// judgeShown is O5 where a key is looked at: what a node knows to be removed it
// does not show. It knows once its context covers the removal.
func (j *Judge) judgeShown(s *site, k *key, cells []crdt.Cell, ctx *crdt.Context) {
	if k.known == nil {
		return
	}
	for i := range cells {
		c := &cells[i]
		for _, slot := range c.Slots {
			if !slot.Dead {
				j.judgeSlot(s, k, c, &slot, ctx)
			}
		}
	}
}

// judgeSlot judges one value that a node shows: somebody wrote it, it is as it was
// written (O3, O16), and the node has not heard of its removal.
func (j *Judge) judgeSlot(s *site, k *key, c *crdt.Cell, slot *crdt.Slot, ctx *crdt.Context) {
	w := j.model.Write(c.Kind, c.Name, k.name, slot.Dot)
	switch {
	case w == nil && k.blind:
		j.excuse("O3", excuseBlind)
		return
	case w == nil:
		j.accuse("O3", s, k.name, []crdt.Dot{slot.Dot}, "the %v cell %q shows what nobody wrote", c.Kind, c.Name)
		return
	}
	j.judgeWritten(s, k, slot, w)
	for _, by := range w.Gone {
		if ctx.Covers(by) && !k.blind {
			if j.losses.unsure(w) {
				j.excuse("O5", excuseMemory)
				return
			}
			j.accuse("O5", s, k.name, []crdt.Dot{w.Dot, by}, "the node shows what was written at %v, %s, and has heard of its removal at %v", w.Dot.Stamp, reach(ctx, w.Dot), by.Stamp)
			return
		}
	}
}

// reach says how a dot stands to a context.
func reach(ctx *crdt.Context, d crdt.Dot) string {
	if ctx.Covers(d) {
		return "which its context covers"
	}
	return "ahead of its context"
}
