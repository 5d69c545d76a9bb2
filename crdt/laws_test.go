package crdt

import (
	"fmt"
	"slices"
	"testing"

	"pgregory.net/rapid"
)

// drawn lets rapid throw the dice, and so shrink what they decide.
type drawn struct{ *rapid.T }

func (d drawn) Intn(n int) int { return rapid.IntRange(0, n-1).Draw(d.T, "roll") }

// state is what one replica knows of a key.
type state struct {
	entry   *Entry
	context Context
	tally   Tally
}

func (s state) clone() state {
	return state{clonedEntry(s.entry), s.context.Clone(), s.tally}
}

// join is a complete round of repair, s pulling from o. It says whether
// anything that s holds has changed.
func (s *state) join(o state) bool {
	var d Delta
	d.Join(s.entry, o.entry, &o.context)
	changed := s.entry.Merge(&d.Entry, &s.context, &s.tally)
	if s.context.Join(&o.context) {
		s.entry.Strip(&s.context, &s.tally)
		changed = true
	}
	return changed
}

func (s state) String() string { return fmt.Sprintf("%s\n%v", dump(s.entry), &s.context) }

// read is what a state shows once every deadline has passed.
func (s state) read() string {
	if !s.entry.Alive(1 << 50) {
		return "nothing"
	}
	return readBy(s.entry, events{})
}

func joined(all ...state) state {
	s := all[0].clone()
	for _, o := range all[1:] {
		s.join(o)
	}
	return s
}

// reached draws states that replicas can be in after a random history, with
// every kind of cell in it.
// Some have given back values.
func reached(t *rapid.T) []state {
	w := newWorld(drawn{t}, bugs{})
	w.freeing = true
	for range rapid.IntRange(1, 40).Draw(t, "steps") {
		if err := w.step(); err != nil {
			t.Fatal(err)
		}
	}
	states := make([]state, 0, len(w.replicas)+1)
	for _, r := range w.replicas {
		if rapid.Bool().Draw(t, "stubs, whenever that is") { // the laws know no time
			r.entry.Free(&r.tally)
		}
		states = append(states, state{r.entry, r.context, r.tally})
	}
	return append(states, state{entry: &Entry{}, tally: Tally{Seed: testSeed}})
}

func same(t *rapid.T, law string, a, b state) {
	t.Helper()
	switch {
	case a.String() != b.String():
		t.Fatalf("%s:\n%v\n\n%v", law, a, b)
	case a.entry.Digest(testSeed) != b.entry.Digest(testSeed) || a.tally.Digest != b.tally.Digest:
		t.Fatalf("%s: equal states, different digests:\n%v", law, a)
	case viewOf(a.entry) != viewOf(b.entry):
		t.Fatalf("%s: equal states, different views:\n%v\n%v", law, viewOf(a.entry), viewOf(b.entry))
	}
	for _, s := range []state{a, b} {
		if err := valid(s.entry); err != nil {
			t.Fatalf("%s: %v", law, err)
		}
	}
}

// TestJoinLaws holds the join of states to the laws of a semilattice.
func TestJoinLaws(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		states := reached(t)
		pick := func(name string) state { return rapid.SampledFrom(states).Draw(t, name) }
		a, b, c := pick("a"), pick("b"), pick("c")

		same(t, "idempotent: a, a", joined(a, a), a)
		same(t, "commutative: a, b", joined(a, b), joined(b, a))
		same(t, "associative: (a, b), c", joined(joined(a, b), c), joined(a, joined(b, c)))

		up := joined(a, b)
		for _, below := range []state{a, b} {
			if again := up.clone(); again.join(below) {
				t.Fatalf("inflationary: the join of\n%v\nand\n%v\nis not above both: joined again\n%v", a, b, again)
			}
		}
	})
}

// TestDeltaLaw says that a delta is worth the operation: whoever has the state
// before and takes in the delta has the state after, once and again.
func TestDeltaLaw(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		states := reached(t)
		before := rapid.SampledFrom(states).Draw(t, "before")
		peer := before.clone()

		w := newWorld(drawn{t}, bugs{})
		r := w.replicas[0]
		r.entry, r.context, r.tally = before.clone().entry, before.context.Clone(), before.tally
		r.origin = Origin{Node: 9, Epoch: 9}
		op := operation{world: w, replica: r, adds: events{}, kills: events{}}
		op.op = Dot{r.clock.Tick(2_000 * unit), r.origin}
		op.shown = events{}
		r.context.Raise(op.op)
		op.draw(&r.delta)
		delta := cloned(&r.delta)
		r.entry.Write(&r.delta.Entry, &r.context, &r.tally)
		after := state{r.entry, r.context, r.tally}

		for range 2 {
			peer.entry.Merge(&delta.Entry, &peer.context, &peer.tally)
		}
		peer.context.Raise(op.op) // nothing of this origin but the one operation
		peer.entry.Strip(&peer.context, &peer.tally)
		same(t, "delta", peer, after)

		again := after.clone()
		if again.entry.Merge(&delta.Entry, &again.context, &again.tally) {
			t.Fatalf("a delta that is merged already changed\n%v\nto\n%v", after, again)
		}
	})
}

// TestAnyDelivery says that neither order, nor repetition, nor loss of deltas
// matters once a round of repair has run.
func TestAnyDelivery(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		w := newWorld(drawn{t}, bugs{})
		var sent []message
		for range rapid.IntRange(1, 30).Draw(t, "steps") {
			if err := w.step(); err != nil {
				t.Fatal(err)
			}
			for _, m := range w.mail {
				sent = append(sent, message{delta: cloned(m.delta)})
			}
		}
		if err := w.settle(); err != nil {
			t.Fatal(err)
		}
		first := w.replicas[0]
		full := state{first.entry, first.context, first.tally}

		for range 2 {
			s := state{entry: &Entry{}, tally: Tally{Seed: testSeed}}
			for range len(sent) {
				m := rapid.SampledFrom(sent).Draw(t, "delivered")
				s.entry.Merge(&m.delta.Entry, &s.context, &s.tally)
			}
			s.join(full)
			same(t, "any delivery", s, full)
		}
	})
}

// TestCoalesce says that what waits in an outbox together is worth what it was
// apart, and that the order in which it got there does not matter.
func TestCoalesce(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		w := newWorld(drawn{t}, bugs{})
		var sent []*Delta
		for range rapid.IntRange(1, 30).Draw(t, "steps") {
			if err := w.step(); err != nil {
				t.Fatal(err)
			}
			for _, m := range w.mail {
				sent = append(sent, cloned(m.delta))
			}
		}
		if len(sent) == 0 {
			return
		}
		some := rapid.SliceOfN(rapid.SampledFrom(sent), 1, 6).Draw(t, "some")
		r := rapid.SampledFrom(w.replicas).Draw(t, "replica")
		apart := state{r.entry, r.context, r.tally}.clone()
		together := apart.clone()

		box, reversed := &Delta{}, &Delta{}
		for _, d := range some {
			apart.entry.Merge(&d.Entry, &apart.context, &apart.tally)
			box.Coalesce(d)
		}
		for _, d := range slices.Backward(some) {
			reversed.Coalesce(d)
		}
		if a, b := dump(&box.Entry), dump(&reversed.Entry); a != b {
			t.Fatalf("coalesced in this order\n%s\nin the other\n%s", a, b)
		}
		together.entry.Merge(&box.Entry, &together.context, &together.tally)
		same(t, "apart and together", together, apart)
	})
}

// TestDigestTells says that entries have one digest if they hold the same, dead
// slots aside, and else have two.
func TestDigestTells(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		states := reached(t)
		for _, a := range states {
			for _, b := range states {
				one, other := withoutTombstones(clonedEntry(a.entry)), withoutTombstones(clonedEntry(b.entry))
				equal := held(one) == held(other)
				if (a.entry.Digest(testSeed) == b.entry.Digest(testSeed)) != equal {
					t.Fatalf("digests %x and %x of\n%v\n%v", a.entry.Digest(testSeed), b.entry.Digest(testSeed), a, b)
				}
				if equal && a.read() != b.read() {
					t.Fatalf("equal digests of what shows different things:\n%v\n%v", a, b)
				}
				if !equal && a.entry.Digest(1)-b.entry.Digest(1) == a.entry.Digest(2)-b.entry.Digest(2) {
					t.Fatal("the seed does not matter")
				}
			}
		}
	})
}
