package crdt

import (
	"fmt"
	"slices"
)

// books recomputes from scratch what an entry keeps count of.
func (r *replica) books() error {
	e := r.entry
	if got, want := r.tally.Digest, e.Digest(testSeed); got != want {
		return fmt.Errorf("replica %d: the digest kept is %x, that of the entry %x:\n%s", r.id, got, want, dump(e))
	}
	if got, want := r.tally.Bytes, e.Bytes(); got != want {
		return fmt.Errorf("replica %d: %d bytes on the books, %d in the entry:\n%s", r.id, got, want, dump(e))
	}
	return valid(e)
}

// valid checks the invariants of an entry.
func valid(e *Entry) error {
	fresh := clonedEntry(e)
	fresh.Seal()
	if e.live != fresh.live {
		return fmt.Errorf("visible cells %v, recounted %v", e.live, fresh.live)
	}
	var waiting []cellName
	for i := range e.cells {
		c := &e.cells[i]
		n := cellName{c.Kind, c.Name}
		switch {
		case e.Cell(c.Kind, c.Name) != c:
			return fmt.Errorf("cell %v is not where the index says", n)
		case c.empty():
			return fmt.Errorf("cell %v is empty and still there", n)
		case c.unsettled() && !c.pending:
			return fmt.Errorf("cell %v waits for the context and does not know it", n)
		case !ascending(c):
			return fmt.Errorf("cell %v is out of order: %+v", n, c)
		}
		if c.pending {
			waiting = append(waiting, n)
		}
	}
	if e.index != nil && len(e.index) != len(e.cells) {
		return fmt.Errorf("%d cells, %d in the index", len(e.cells), len(e.index))
	}
	for _, n := range waiting {
		if !slices.Contains(e.pending, n) {
			return fmt.Errorf("cell %v is not among the pending %v", n, e.pending)
		}
	}
	if len(e.pending) != len(waiting) {
		return fmt.Errorf("pending %v, but only %v wait", e.pending, waiting)
	}
	return nil
}

// ascending says whether everything in c is in the order of origins, once each.
func ascending(c *Cell) bool {
	return strictly(c.Slots, func(a, b Slot) int { return a.Origin.Compare(b.Origin) }) &&
		strictly(c.Counts, func(a, b Count) int { return a.Origin.Compare(b.Origin) }) &&
		strictly(c.Bases, func(a, b Base) int { return a.Origin.Compare(b.Origin) }) &&
		strictly(c.Extensions, func(a, b Extension) int { return compareExtensions(&a, &b) })
}

func strictly[T any](all []T, compare func(a, b T) int) bool {
	for i := 1; i < len(all); i++ {
		if compare(all[i-1], all[i]) >= 0 {
			return false
		}
	}
	return true
}
