package judge

import (
	"cmp"
	"slices"

	"github.com/atollcache/atoll/crdt"
	"github.com/atollcache/atoll/simulate/model"
)

// judgeContent judges, at every replica, every key that was ever written to: what
// must be there (O4), what must not (O5), how much was counted (O7), and what a
// reader gets (O3).
func (j *Judge) judgeContent() {
	late := !j.longEnough("O4")
	for _, number := range j.scope {
		for _, k := range j.parts[number].keys {
			j.excuseGivenBack(k)
		}
		for _, s := range j.others(nil) {
			s.look(number, func(v *view) {
				kept := j.keptAhead(v, j.parts[number])
				if kept && !late {
					j.excuse("O4", excuseFuture)
				}
				for _, k := range j.parts[number].keys {
					j.judgeKey(s, v, k, late || kept)
				}
			})
		}
	}
}

// judgeKey judges one key at one replica. Where it is too early to tell what still
// comes, that is left out.
func (j *Judge) judgeKey(s *site, v *view, k *key, late bool) {
	if k.known == nil {
		return
	}
	if k.blind {
		j.excuse("O3", excuseBlind)
		return
	}
	e := v.Entry(k.hash, []byte(k.name))
	if e == nil {
		e = &crdt.Entry{}
	}
	j.judgeShown(s, k, e.Cells(), v.context)
	j.judgeKept(s, k, e, v.context)
	if late {
		return
	}
	excused, before := "", j.total
	for _, c := range k.known.Cells {
		excused = cmp.Or(j.judgeValues(s, v, k, c, e), excused)
		for _, n := range c.Counts {
			excused = cmp.Or(j.judgeCount(s, k, n, e), excused)
		}
	}
	switch {
	case excused != "":
		j.excuse("O3", excused)
	case j.total == before: // else it has been said what is wrong
		j.judgeVisible(s, k, e)
	}
}

// judgeValues judges the values that must be in a cell. It gives the excuse
// of the last that is missing.
func (j *Judge) judgeValues(s *site, v *view, k *key, c *model.Cell, e *crdt.Entry) (excused string) {
	for _, w := range slices.Clone(c.Live) {
		if w.Of != (crdt.Dot{}) && !j.lives(k, w.Of) {
			continue // a deadline whose value is gone
		}
		f := fateOf(v, k, w)
		switch {
		case f == alive:
		case j.losses.unsure(w), w.Value != nil && j.losses.unsure(w.Value): // a deadline goes with its value
			excused = excuseMemory
			j.excuse("O4", excused)
		case j.future(w.Dot), f == unheard && j.heldUp(s, k, w.Dot):
			excused = excuseFuture
			j.excuse("O4", excused)
		case j.expirable(w):
			w.Expire()
			j.excuse("O4", excuseExpired)
		case f == gone && v.context.Covers(w.Dot) && w.Of == (crdt.Dot{}): // judgeKept has said so
		case f == gone:
			j.accuse("O4", s, k.name, []crdt.Dot{w.Dot}, "what was written to the %v cell %q at %v is gone though nobody has taken it away", c.Kind, c.Name, w.Dot.Stamp)
		default:
			j.accuse("O4", s, k.name, []crdt.Dot{w.Dot}, "what was written to the %v cell %q at %v never arrived", c.Kind, c.Name, w.Dot.Stamp)
		}
	}
	return cmp.Or(j.judgeRemoved(s, k, c, e), excused)
}

// judgeRemoved judges the values that must not be in a cell any more.
func (j *Judge) judgeRemoved(s *site, k *key, c *model.Cell, e *crdt.Entry) (excused string) {
	seen := e.Cell(c.Kind, c.Name)
	if seen == nil {
		return ""
	}
	for _, slot := range seen.Slots {
		w := j.model.Write(c.Kind, c.Name, k.name, slot.Dot)
		switch {
		case slot.Dead || w == nil || w.Lives() || w.Past && len(w.Gone) == 0:
		case j.losses.unsure(w):
			excused = excuseMemory
			j.excuse("O5", excused)
		case j.future(w.Gone[0]), j.future(k.top): // it travels with what is ahead
			excused = excuseFuture
			j.excuse("O5", excused)
		default:
			j.accuse("O5", s, k.name, []crdt.Dot{w.Dot, w.Gone[0]}, "what was written at %v is there, and was taken away at %v", w.Dot.Stamp, w.Gone[0].Stamp)
		}
	}
	return excused
}

// lives says whether nobody has taken the value of a string away.
func (j *Judge) lives(k *key, of crdt.Dot) bool {
	w := j.model.Write(crdt.String, "", k.name, of)
	return w != nil && w.Lives()
}

// judgeCount is O7: of every origin those increments are there that no reset
// observed, and they add up to what the entry says. One that is wrong is enough.
func (j *Judge) judgeCount(s *site, k *key, n *model.Count, e *crdt.Entry) (excused string) {
	shown, count, base := spanOf(e, n)
	reset, u := n.Reset(), j.losses.count(n)
	for _, a := range n.Adds {
		want, have := a.Stamp > reset, count != nil && a.Stamp > shown.low && a.Stamp <= shown.high
		dots := []crdt.Dot{{Stamp: a.Stamp, Origin: n.Origin}}
		switch {
		case want == have:
		case want && a.Stamp > u.adds, have && a.Stamp > u.resets:
			excused = excuseMemory
			j.excuse("O7", excused)
		case j.future(dots[0]), have && j.futureReset(n), want && j.heldUp(s, k, dots[0]):
			excused = excuseFuture
			j.excuse("O7", excused)
		case want && j.expirable(&model.Write{Dot: dots[0], Cell: n.Cell}):
			n.Expire(a.Stamp)
			reset = n.Reset()
			j.excuse("O7", excuseExpired)
		case want:
			j.accuse("O7", s, k.name, dots, "what %v counted in %q at %v is missing: from it, what is above %v up to %v counts", n.Origin, n.Cell.Name, a.Stamp, shown.low, shown.high)
			return excused
		default:
			j.accuse("O7", s, k.name, dots, "what %v counted in %q at %v was reset, and counts: what is above %v up to %v does", n.Origin, n.Cell.Name, a.Stamp, shown.low, shown.high)
			return excused
		}
	}
	if count != nil {
		j.judgeSum(s, k, n, shown, count, base)
	}
	return excused
}

// judgeSum adds the increments up that an entry claims to hold.
func (j *Judge) judgeSum(s *site, k *key, n *model.Count, shown span, count *crdt.Count, base *crdt.Base) {
	whole, part := n.Sum(shown.low, shown.high)
	got := count.Sum
	if base != nil && base.Seen >= count.Birth {
		got = got.Minus(base.Sum)
	}
	if got.Int != whole || got.Float != part {
		j.accuse("O7", s, k.name, []crdt.Dot{count.Dot}, "the increments of %v add up to %d (%v), and count as %d (%v)", n.Origin, whole, part, got.Int, got.Float)
	}
}

// judgeVisible is O3: what a client reads is what the model says.
func (j *Judge) judgeVisible(s *site, k *key, e *crdt.Entry) {
	now := s.wall()
	want, got := k.known.Value(now), model.Shows(e, now)
	if want.Equal(got) {
		return
	}
	if soon := k.known.Value(now + maxDrift); soon.Equal(got) || want.Equal(model.Shows(e, now+1)) {
		return // it expires at this very moment
	}
	j.accuse("O3", s, k.name, nil, "a reader sees %s, and the model says %s", brief(got), brief(want))
}
