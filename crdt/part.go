package crdt

import "math/bits"

// Part makes dst one of n parts of e, that with number i, so that an entry that
// fits into no message can be compared and joined piece by piece: each cell is
// in one part, the same on every replica, and the DEL vector is in all of them.
// It shares the values of e, and is valid until e changes.
func (e *Entry) Part(dst *Entry, i, n uint32) {
	dst.Reset()
	for j := range e.cells {
		c := &e.cells[j]
		if within, _ := bits.Mul64(nameHash(c), uint64(n)); uint32(within) != i {
			continue
		}
		dst.copyCell(c)
	}
	dst.cleared = append(dst.cleared, e.cleared...)
	dst.Seal()
}

// Awaiting makes dst the cells of e that hold something only until a context
// covers it, tombstones above all, and the DEL vector. It shares the values of
// e, and is valid until e changes.
func (e *Entry) Awaiting(dst *Entry) {
	dst.Reset()
	for _, n := range e.pending {
		if c := e.Cell(n.kind, n.name); c != nil {
			dst.copyCell(c)
		}
	}
	dst.cleared = append(dst.cleared, e.cleared...)
	dst.Seal()
}

// copyCell adds a copy of c that shares its values.
func (e *Entry) copyCell(c *Cell) {
	d := e.PutCell(c.Kind, c.Name)
	d.Slots = append(d.Slots, c.Slots...)
	d.Extensions = append(d.Extensions, c.Extensions...)
	d.Counts = append(d.Counts, c.Counts...)
	d.Bases = append(d.Bases, c.Bases...)
}
