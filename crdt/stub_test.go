package crdt

import (
	"fmt"
	"math/rand"
	"testing"
)

// aStub is what the oracle expects in the place of a value that was given back.
const aStub = "a stub"

// free gives back the values of r if its key has expired. The worlds have no
// margin for clocks that differ: whoever writes late must not need one.
func (w *world) free(r *replica) error {
	deadline := r.entry.Deadline()
	early := w.bugs.freesEarly && w.dice.Intn(8) == 0
	if deadline == 0 || TickOf(deadline) >= TickOf(w.now) && !early {
		return nil
	}
	before, dumped := stubsOf(r.entry), dump(r.entry)
	if changed := r.entry.Free(&r.tally); changed == (dump(r.entry) == dumped) {
		return fmt.Errorf("replica %d: Free says %v of the change from\n%s\nto\n%s", r.id, changed, dumped, dump(r.entry))
	}
	if r.entry.Free(&r.tally) {
		return fmt.Errorf("replica %d: there is something to free twice", r.id)
	}
	for i := range r.entry.cells {
		for j := range r.entry.cells[i].Slots {
			w.freeWrong(r, &r.entry.cells[i].Slots[j], deadline)
		}
	}
	shown, err := w.oracle.shown(r.entry)
	if err != nil {
		return err
	}
	carrier := carrierOf(shown, deadline)
	for v := range stubsOf(r.entry) {
		if !before[v] && v.dot.Stamp >= carrier {
			return fmt.Errorf("replica %d gives %v back, which was written after the deadline %d", r.id, v, deadline)
		}
	}
	return w.judge(r)
}

// freeWrong plants mistakes in a slot of r.
func (w *world) freeWrong(r *replica, s *Slot, deadline int64) {
	switch {
	case w.bugs.freesAll && s.Freed == 0 && len(s.Value) > 0:
		r.tally.Bytes -= len(s.Value)
		r.entry.stubs++
		s.Value, s.Freed = nil, TickOf(deadline)
	case w.bugs.stubShows && s.Freed != 0:
		r.entry.stubs--
		s.Freed = 0
	}
}

// spoil plants the mistake that a stub takes the place of a value.
func (w *world) spoil(r *replica, d *Entry) {
	if !w.bugs.stubWins {
		return
	}
	missed := r.entry.missed(&r.tally)
	defer func() { r.tally.Digest += r.entry.missed(&r.tally) - missed }()
	for i := range d.cells {
		for _, s := range d.cells[i].Slots {
			c := r.entry.Cell(d.cells[i].Kind, d.cells[i].Name)
			if s.Freed == 0 || c == nil {
				continue
			}
			if l := c.slot(s.Origin); l != nil && l.Dot == s.Dot && !l.Dead && l.Freed == 0 {
				r.tally.Bytes -= len(l.Value)
				r.entry.stubs++
				l.Value, l.Freed = nil, s.Freed
			}
		}
	}
}

// digest is what a round of repair compares.
func (w *world) digest(e *Entry) uint64 {
	t := Tally{Seed: testSeed}
	d := e.Digest(testSeed)
	if w.bugs.stubEqual {
		d -= e.missed(&t)
	}
	return d
}

// judgeTwin holds a replica against one to which the same has happened, but that
// never gave a value back. Both hold the same slots, and show the same but for
// the values that the replica misses, and says in its digest that it does.
func (w *world) judgeTwin(r *replica) error {
	if !w.freeing {
		return nil
	}
	if got, want := slotsOf(r.entry), slotsOf(r.twin); got != want {
		return fmt.Errorf("holds\n%s\nand without stubs it would be\n%s", got, want)
	}
	shows, should := r.entry.Alive(w.now), r.twin.Alive(w.now)
	switch {
	case shows && !should:
		return fmt.Errorf("shows what has expired:\n%s", dump(r.entry))
	case should && readBy(r.entry, events{}) != readBy(r.twin, missedBy(r.entry)):
		return fmt.Errorf("shows\n%v\nand without stubs it would be\n%v", viewOf(r.entry), viewOf(r.twin))
	}
	return nil
}

// judgeFetched says that after a pull r misses no value that it or the peer had.
func (w *world) judgeFetched(r *replica, content *Entry) error {
	for v := range stubsOf(r.entry) {
		if r.knew[v] && !r.had[v] {
			return fmt.Errorf("replica %d has lost the value of %v in a merge", r.id, v)
		}
	}
	for v := range missedBy(r.entry) {
		if c := content.Cell(v.kind, v.name); c != nil {
			if s := c.slot(v.dot.Origin); s != nil && s.Dot == v.dot && !s.Dead && s.Freed == 0 {
				return fmt.Errorf("replica %d has not fetched %v", r.id, v)
			}
		}
	}
	return w.judge(r)
}

// readBy is what commands find in e, but for the cells whose value is missed.
func readBy(e *Entry, missed events) string {
	var read Entry
	kind, n := e.Type(), 0
	for i := range e.cells {
		c := &e.cells[i]
		top := c.Value()
		if c.Kind != kind || !c.Visible() || top != nil && missed[event{sort: register, kind: c.Kind, name: c.Name, dot: top.Dot}] {
			continue
		}
		n++
		cell := read.PutCell(c.Kind, c.Name)
		cell.Counts = append(cell.Counts, Count{Sum: c.Total()})
		if top != nil {
			cell.Slots = append(cell.Slots, Slot{Value: top.Value})
		}
	}
	if len(missed) == 0 && n != e.Len(kind) {
		return fmt.Sprintf("%d cells, and Len says %d", n, e.Len(kind))
	}
	return fmt.Sprint(kind, e.Deadline(), dump(&read))
}

// missedBy gives the events whose values e should have, and has not.
func missedBy(e *Entry) events {
	missed, deadline := events{}, e.Deadline()
	for i := range e.cells {
		c := &e.cells[i]
		for j := range c.Slots {
			if s := &c.Slots[j]; s.missedUnder(deadline) {
				missed[event{sort: register, kind: c.Kind, name: c.Name, dot: s.Dot}] = true
			}
		}
	}
	return missed
}

// slotsOf is what an entry holds, whether or not it has the values.
func slotsOf(e *Entry) string {
	bare := clonedEntry(e)
	for i := range bare.cells {
		for j := range bare.cells[i].Slots {
			s := &bare.cells[i].Slots[j]
			s.Value, s.Freed = nil, 0
		}
	}
	return dump(bare)
}

// held is what of an entry others must agree with: its slots, and of which it
// misses the value.
func held(e *Entry) string {
	bare, deadline := clonedEntry(e), e.Deadline()
	for i := range bare.cells {
		for j := range bare.cells[i].Slots {
			s := &bare.cells[i].Slots[j]
			missed := s.missedUnder(deadline)
			if s.Value != nil || s.Freed != 0 {
				s.Value = []byte("named by its dot")
			}
			s.Freed = 0
			if missed {
				s.Freed = 1
			}
		}
	}
	return dump(bare)
}

// stubsOf gives the events of which e has but stubs.
func stubsOf(e *Entry) events {
	stubs := events{}
	for i := range e.cells {
		c := &e.cells[i]
		for _, s := range c.Slots {
			if s.Freed != 0 {
				stubs[event{sort: register, kind: c.Kind, name: c.Name, dot: s.Dot}] = true
			}
		}
	}
	return stubs
}

// seen is what r shows, of a key that does not live without its values.
func (r *replica) seen(now int64) view {
	v := viewOf(r.entry)
	if !r.entry.Alive(now) {
		v.cells = ""
	}
	return v
}

// TestStubs plays worlds in which replicas give back the values of what has
// expired, at different times, while EXPIRE, PERSIST and writes of others are on
// their way. Repair runs by the digests alone. In the end nobody misses a value
// that another has.
func TestStubs(t *testing.T) {
	for seed := *fromSeed; seed < *fromSeed+*worlds; seed++ {
		if err := play(rand.New(rand.NewSource(seed)), bugs{}, true, true); err != nil {
			t.Fatalf("seed %d: %v", seed, err)
		}
	}
}
