package crdt

import "slices"

// Entry is the state of one key. The zero value is a key that nobody wrote.
//
// Every live slot of a plain entry is unique per cell and origin; a slot that
// is dead, and a stamp in the clear vector, stay only until the context of the
// partition covers them.
type Entry struct {
	cells   []Cell
	index   map[cellName]int // of cells, once there are more than indexFrom
	cleared []Dot            // DEL vector, ascending by origin: slots at or below are dead
	live    [kinds]int       // cells that are live, by kind
	pending []cellName       // cells that hold something the context will let go
	stubs   int              // slots whose values were given back
}

type cellName struct {
	kind Kind
	name string
}

// indexFrom is where a linear search of the cells stops being faster.
const indexFrom = 12

// Reset empties e and keeps its memory for the next use.
func (e *Entry) Reset() {
	e.cells = e.cells[:0]
	e.index = nil
	e.cleared = e.cleared[:0]
	e.live = [kinds]int{}
	e.pending = e.pending[:0]
	e.stubs = 0
}

// Empty says whether nothing is left to keep, neither values nor what repair
// must know.
func (e *Entry) Empty() bool { return len(e.cells) == 0 && len(e.cleared) == 0 }

// Pending says whether the entry holds something that Strip will let go once
// the context has risen.
func (e *Entry) Pending() bool { return len(e.pending) > 0 || len(e.cleared) > 0 }

// Cells gives all cells, in no order that means anything but the same for the
// same history. They belong to the entry and are valid until its next change.
func (e *Entry) Cells() []Cell { return e.cells }

// Cleared gives the DEL vector: for each origin, the stamp up to which its
// slots in this key are dead. It belongs to the entry.
func (e *Entry) Cleared() []Dot { return e.cleared }

// Cell gives a cell, nil if there is none.
func (e *Entry) Cell(kind Kind, name string) *Cell {
	if i := e.find(kind, name); i >= 0 {
		return &e.cells[i]
	}
	return nil
}

// find gives the place of a cell, -1 if there is none.
func (e *Entry) find(kind Kind, name string) int {
	if e.index != nil {
		if i, ok := e.index[cellName{kind, name}]; ok {
			return i
		}
		return -1
	}
	for i := range e.cells {
		if c := &e.cells[i]; c.Kind == kind && c.Name == name {
			return i
		}
	}
	return -1
}

// Len gives the number of visible cells of a kind.
func (e *Entry) Len(kind Kind) int {
	if e.stubs == 0 {
		return e.live[kind]
	}
	n := 0
	for i := range e.cells {
		if c := &e.cells[i]; c.Kind == kind && c.Visible() {
			n++
		}
	}
	return n
}

// Type gives the kind of the live slot with the highest stamp, None if nothing
// is live. It knows nothing of deadlines, and of stubs as of any slot.
func (e *Entry) Type() Kind {
	found, several := None, false
	for k := String; k <= SortedSet; k++ {
		if e.live[k] > 0 {
			several = found != None
			if several {
				break
			}
			found = k
		}
	}
	if !several {
		return found
	}

	var top Dot
	for i := range e.cells {
		c := &e.cells[i]
		if c.Kind == Expiry {
			continue
		}
		if d := c.top(); d.Compare(top) > 0 {
			top, found = d, c.Kind
		}
	}
	return found
}

// Deadline gives the unix milliseconds from which the whole key is hidden, 0
// for never. A string register carries its own; every other key has the
// longest of the deadlines that were put on it.
func (e *Entry) Deadline() int64 {
	if e.Type() == String {
		if c := e.Cell(String, ""); c != nil && c.Value() != nil {
			return c.Deadline()
		}
	}
	c := e.Cell(Expiry, "")
	if c == nil {
		return 0
	}
	found, longest := false, int64(0)
	for i := range c.Slots {
		s := &c.Slots[i]
		switch {
		case s.Dead:
		case !found:
			found, longest = true, s.Deadline
		default:
			longest = later(longest, s.Deadline)
		}
	}
	return longest
}

// Alive says whether the key exists for a reader at that unix millisecond. It
// never falls back to an older value when the newest has expired, nor shows a
// key of which there are but stubs.
func (e *Entry) Alive(millis int64) bool {
	kind := e.Type()
	if kind == None || e.stubs > 0 && e.Len(kind) == 0 {
		return false
	}
	deadline := e.Deadline()
	return deadline == 0 || millis < deadline
}

// Dots calls f with the dot of everything the entry holds: slots, extensions,
// counts, and the operations that reset counts.
func (e *Entry) Dots(f func(Dot)) {
	for i := range e.cells {
		c := &e.cells[i]
		for j := range c.Slots {
			f(c.Slots[j].Dot)
		}
		for j := range c.Extensions {
			f(c.Extensions[j].Dot)
		}
		for j := range c.Counts {
			f(c.Counts[j].Dot)
		}
		for j := range c.Bases {
			f(c.Bases[j].Reset)
			f(Dot{c.Bases[j].Seen, c.Bases[j].Origin})
		}
	}
	for _, d := range e.cleared {
		f(d)
	}
}

// PutCell adds the cell with that name, empty, or gives the one that is there.
// Decoders fill it; everybody else merges.
func (e *Entry) PutCell(kind Kind, name string) *Cell {
	if c := e.Cell(kind, name); c != nil {
		return c
	}
	n := len(e.cells)
	if n < cap(e.cells) {
		e.cells = e.cells[:n+1]
		c := &e.cells[n]
		*c = Cell{Slots: c.Slots[:0], Extensions: c.Extensions[:0], Counts: c.Counts[:0], Bases: c.Bases[:0]}
	} else {
		e.cells = append(e.cells, Cell{})
	}
	c := &e.cells[n]
	c.Kind, c.Name = kind, name

	switch {
	case e.index != nil:
		e.index[cellName{kind, name}] = n
	case n+1 > indexFrom:
		e.index = make(map[cellName]int, 2*n)
		for i := range e.cells {
			e.index[cellName{e.cells[i].Kind, e.cells[i].Name}] = i
		}
	}
	return c
}

// PutCleared raises the DEL vector to d.
func (e *Entry) PutCleared(d Dot) bool {
	for i := range e.cleared {
		switch e.cleared[i].Origin.Compare(d.Origin) {
		case 0:
			if e.cleared[i].Stamp >= d.Stamp {
				return false
			}
			e.cleared[i].Stamp = d.Stamp
			return true
		case 1:
			e.cleared = slices.Insert(e.cleared, i, d)
			return true
		}
	}
	e.cleared = append(e.cleared, d)
	return true
}

// Seal must follow when a decoder has filled the cells: it counts what is
// live, and the stubs, and finds what is pending.
func (e *Entry) Seal() {
	e.live = [kinds]int{}
	e.pending = e.pending[:0]
	e.stubs = 0
	for i := range e.cells {
		c := &e.cells[i]
		for j := range c.Slots {
			e.stubs += c.Slots[j].stub()
		}
		if c.live() {
			e.live[c.Kind]++
		}
		c.pending = c.unsettled()
		if c.pending {
			e.pending = append(e.pending, cellName{c.Kind, c.Name})
		}
	}
}

// count gives what an origin added to a cell.
func (e *Entry) count(kind Kind, name string, o Origin) *Count {
	if c := e.Cell(kind, name); c != nil {
		return c.count(o)
	}
	return nil
}

// clearedAt gives the stamp of the DEL vector for an origin.
func (e *Entry) clearedAt(o Origin) Stamp {
	for i := range e.cleared {
		if e.cleared[i].Origin == o {
			return e.cleared[i].Stamp
		}
	}
	return 0
}

// await lists c among the pending exactly as long as it is unsettled.
func (e *Entry) await(c *Cell) {
	unsettled := c.unsettled()
	if unsettled == c.pending {
		return
	}
	c.pending = unsettled
	n := cellName{c.Kind, c.Name}
	if unsettled {
		e.pending = append(e.pending, n)
		return
	}
	i := slices.Index(e.pending, n)
	e.pending = slices.Delete(e.pending, i, i+1)
}

// dropCell removes a cell of e; the last one takes its place, and its memory
// waits behind the last for the next PutCell.
func (e *Entry) dropCell(c *Cell) {
	last := len(e.cells) - 1
	i := e.find(c.Kind, c.Name)
	if e.index != nil {
		delete(e.index, cellName{c.Kind, c.Name})
		if i != last {
			e.index[cellName{e.cells[last].Kind, e.cells[last].Name}] = i
		}
	}
	e.cells[i], e.cells[last] = e.cells[last], e.cells[i]
	e.cells = e.cells[:last]
}

// unsettled says whether the cell holds tombstones, or extensions of a value
// that is not here, which a higher context may let go.
func (c *Cell) unsettled() bool {
	for i := range c.Extensions {
		x := &c.Extensions[i]
		if s := c.slot(x.Of.Origin); x.Dead || s == nil || s.Dot != x.Of {
			return true
		}
	}
	for i := range c.Slots {
		if c.Slots[i].Dead {
			return true
		}
	}
	return false
}
