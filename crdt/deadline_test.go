package crdt

import (
	"fmt"
	"math/rand"
	"testing"
)

// wipe lets go what has expired at r, if every origin has passed the deadline
// and the context covers what is there. The oracle forgets nothing: it marks
// what went, and checks that nothing went which was written since.
func (w *world) wipe(r *replica) error {
	deadline := r.entry.Deadline()
	if deadline == 0 || deadline > w.now || !w.passed(r, deadline) {
		return nil
	}
	before, err := w.oracle.shown(r.entry)
	if err != nil {
		return err
	}
	switch {
	case w.bugs.wipesAll:
		r.entry, r.tally = &Entry{}, Tally{Seed: testSeed}
	case w.bugs.wipesTop && r.entry.Type() == String:
		m := merge{e: r.entry, t: &r.tally}
		c := r.entry.Cell(String, "")
		m.name = nameHash(c)
		m.dropSlot(c, c.Value())
		m.finish(c, true)
	default:
		r.entry.Wipe(&r.tally)
	}
	switch {
	case r.entry.Empty():
		r.twin = &Entry{}
	case !w.bugs.wipesTop:
		r.twin.Wipe(&Tally{})
	}
	after, err := w.oracle.shown(r.entry)
	if err != nil {
		return err
	}
	if err := w.oracle.expires(before, after, r.adds, deadline); err != nil {
		return fmt.Errorf("replica %d, deadline %d: %w", r.id, deadline, err)
	}
	for v := range before {
		if !after[v] {
			delete(r.adds, v)
		}
	}
	return w.judge(r)
}

// expires marks what went, and says what should not have gone, what should have,
// and what nobody who lets a key go may be ignorant of.
func (o *oracle) expires(before, after, heard events, deadline int64) error {
	carrier := carrierOf(before, deadline)
	for v := range before {
		covered := v.dot.Stamp < carrier
		switch {
		case after[v] && v.sort == register && v.dot.Stamp.Millis() < deadline:
			return fmt.Errorf("%v outlives it", v)
		case !after[v] && v.sort == register && !covered:
			return fmt.Errorf("%v goes, but was written later", v)
		}
		if !after[v] {
			o.facts[v].dead = true
		}
	}
	for v := range o.live() {
		if v.dot.Stamp.Millis() < deadline && !heard[v] {
			return fmt.Errorf("%v was written before it, and is not known here", v)
		}
	}
	return nil
}

// carrierOf is above every stamp that a deadline covers: those before it, and
// those of what carries it.
func carrierOf(shown events, deadline int64) Stamp {
	carrier := StampAt(deadline)
	top, _ := newest(shown, cellName{String, ""})
	for v := range shown {
		if v.kind == Expiry || v.sort == extension || v == top {
			carrier = max(carrier, v.dot.Stamp+1)
		}
	}
	return carrier
}

// passed says whether r knows everything that was written before the deadline.
func (w *world) passed(r *replica, deadline int64) bool {
	for _, o := range w.replicas {
		if !w.bugs.wipesEarly && r.context.At(o.origin).Millis() < deadline {
			return false
		}
	}
	covered := true
	r.entry.Dots(func(d Dot) { covered = covered && r.context.Covers(d) })
	return covered
}

// TestExpiry plays worlds in which keys expire and are let go by one replica
// before another: all become equal, nothing that was removed or has expired
// comes back, and nothing that was written after an expiry goes with it.
func TestExpiry(t *testing.T) {
	for seed := *fromSeed; seed < *fromSeed+*worlds; seed++ {
		if err := play(rand.New(rand.NewSource(seed)), bugs{}, true, false); err != nil {
			t.Fatalf("seed %d: %v", seed, err)
		}
	}
}
