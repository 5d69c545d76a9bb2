package crdt

import "math"

// A stub is a live slot whose value was given back once the deadline of its key
// had passed, with all that clocks may differ. It merges and counts in the digest
// as the slot that it was, so a replica that has the value and one that has the
// stub are equal, and a reader sees neither. To give a value back is no change
// that others hear of: in a merge the slot with the value wins.
//
// An EXPIRE or PERSIST from elsewhere may come late and give the key a longer
// life. Then the value is missed: it stays hidden, and its stub contributes what
// makes the digest differ from that of a replica that has it, so that repair
// brings it back. Of a collection the cells that have their values show: one that
// nobody had but who gave it back is lost, and must not hide the rest.

// Tick is a time in units of 1,024 milliseconds, as precise as stubs must know
// it, from 1 on: four bytes in each slot.
type Tick uint32

const tickBits = 10

// TickOf gives the tick that a unix millisecond falls into.
func TickOf(millis int64) Tick {
	return Tick(min(max(millis, 0)>>tickBits, math.MaxUint32-1)) + 1
}

// stub is 1 for a stub, else 0.
func (s *Slot) stub() int {
	if s.Freed != 0 {
		return 1
	}
	return 0
}

// above says whether s takes the place of l, of the same cell and origin: the
// later stamp, then a tombstone, then a value, then the stub of the later tick.
func (s *Slot) above(l *Slot) bool {
	switch {
	case s.Stamp != l.Stamp:
		return s.Stamp > l.Stamp
	case s.Dead || l.Dead:
		return !l.Dead
	default:
		return l.Freed != 0 && (s.Freed == 0 || s.Freed > l.Freed)
	}
}

// missedUnder says whether a key with that deadline should have the value.
func (s *Slot) missedUnder(deadline int64) bool {
	return s.Freed != 0 && (deadline == 0 || TickOf(deadline) > s.Freed)
}

// freedNear is the tick from which that of a stub is encoded, last being that
// of the stub before it.
func (s *Slot) freedNear(last Tick) Tick {
	switch {
	case last != 0:
		return last
	case s.Deadline != 0:
		return TickOf(s.Deadline)
	default:
		return TickOf(s.Stamp.Millis())
	}
}

// Stubs gives the number of slots whose values were given back.
func (e *Entry) Stubs() int { return e.stubs }

// Free gives back the values that the deadline of the key covers, and says
// whether there were any. The caller's clock has passed the tick of the deadline
// by all that clocks may differ.
func (e *Entry) Free(t *Tally) (freed bool) {
	deadline := e.Deadline()
	if deadline == 0 {
		return false
	}
	missed, horizon, tick := e.missed(t), e.horizon(), TickOf(deadline)
	for i := range e.cells {
		c := &e.cells[i]
		for j := range c.Slots {
			s := &c.Slots[j]
			if s.Dead || s.Stamp >= horizon || s.Freed >= tick || s.Freed == 0 && len(s.Value) == 0 {
				continue
			}
			t.Bytes -= len(s.Value)
			e.stubs += 1 - s.stub()
			s.Value, s.Freed = nil, tick
			freed = true
		}
	}
	t.Digest += e.missed(t) - missed
	return freed
}

// missed sums what stubs contribute to the digest beside the slots that they
// were, which is something where the key was given a longer life since.
func (e *Entry) missed(t *Tally) (sum uint64) {
	if e.stubs == 0 {
		return 0
	}
	return e.sumMissed(t)
}

func (e *Entry) sumMissed(t *Tally) (sum uint64) {
	deadline := e.Deadline()
	for i := range e.cells {
		c := &e.cells[i]
		name := nameHash(c)
		for j := range c.Slots {
			if s := &c.Slots[j]; s.missedUnder(deadline) {
				sum += t.hash(name, tagMissed, s.Dot)
			}
		}
	}
	return sum
}
