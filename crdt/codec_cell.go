package crdt

import (
	"encoding/binary"
	"math"
	"slices"
)

// cell reads one cell, into e if it is not nil.
func (dec *decoder) cell(e *Entry) {
	sort := dec.byte()
	kind := Kind(sort & sortKind)
	name := dec.name(sort&sortText != 0)
	switch {
	case !kind.Valid():
		dec.corrupt("unknown kind")
	case sort&^(sortKind|sortText) == 0:
		dec.corrupt("empty cell")
	}
	if dec.err != nil {
		return
	}

	var c *Cell
	if e != nil {
		had := len(e.cells)
		if c = e.PutCell(kind, string(name)); len(e.cells) == had {
			dec.corrupt("the same cell twice")
			return
		}
	}
	if sort&sortSlots != 0 {
		dec.slots(c)
	}
	if sort&sortExtensions != 0 {
		dec.extensions(c)
	}
	if sort&sortCounts != 0 {
		dec.counts(c)
	}
	if sort&sortBases != 0 {
		dec.bases(c)
	}
}

// The sizes of the smallest slot, extension, count and base.
const (
	minSlot      = 3
	minExtension = 5
	minCount     = 4
	minBase      = 6
)

func (dec *decoder) slots(c *Cell) {
	n := dec.list(minSlot)
	if c != nil {
		c.Slots = slices.Grow(c.Slots, n)
	}
	var last Origin
	for i := range n {
		flags := dec.flags(flagDead | flagDeadline | flagValue | flagStub)
		if flags&flagStub != 0 && flags&flagValue != 0 {
			dec.corrupt("a stub with a value")
		}
		s := dec.register(flags&flagDeadline != 0, flags&flagValue != 0)
		if flags&flagStub != 0 {
			dec.stub(&s)
		}
		s.Dead = flags&flagDead != 0
		if s.Dead && flags != flagDead {
			dec.corrupt("a dead slot with a value")
		}
		dec.ascending(i, &last, s.Origin)
		if c != nil {
			c.Slots = append(c.Slots, s)
		}
	}
}

func (dec *decoder) extensions(c *Cell) {
	n := dec.list(minExtension)
	if c != nil {
		c.Extensions = slices.Grow(c.Extensions, n)
	}
	var last Extension
	for i := range n {
		flags := dec.flags(flagDead | flagDeadline)
		x := Extension{Dot: dec.dot(), Of: dec.dot(), Dead: flags&flagDead != 0}
		if flags&flagDeadline != 0 {
			x.Deadline = dec.deadline(x.Stamp)
		}
		if x.Dead && flags != flagDead {
			dec.corrupt("a dead extension with a deadline")
		}
		if i > 0 && compareExtensions(&last, &x) >= 0 {
			dec.corrupt("extensions out of order")
		}
		last = x
		if c != nil {
			c.Extensions = append(c.Extensions, x)
		}
	}
}

func (dec *decoder) counts(c *Cell) {
	n := dec.list(minCount)
	if c != nil {
		c.Counts = slices.Grow(c.Counts, n)
	}
	var last Origin
	for i := range n {
		flags := dec.flags(flagDead | flagFloat | flagBirth)
		x := Count{Dot: dec.dot(), Dead: flags&flagDead != 0}
		x.Birth = x.Stamp
		if flags&flagBirth != 0 {
			x.Birth += Stamp(dec.signed())
			if x.Birth == 0 || x.Birth == x.Stamp {
				dec.corrupt("birth of a count")
			}
		}
		x.Sum = dec.sum(flags)
		if x.Dead && x.Sum != (Sum{}) {
			dec.corrupt("a dead count with a sum")
		}
		dec.ascending(i, &last, x.Origin)
		if c != nil {
			c.Counts = append(c.Counts, x)
		}
	}
}

func (dec *decoder) bases(c *Cell) {
	n := dec.list(minBase)
	if c != nil {
		c.Bases = slices.Grow(c.Bases, n)
	}
	var last Origin
	for i := range n {
		flags := dec.flags(flagFloat)
		seen, reset := dec.dot(), dec.dot()
		b := Base{Origin: seen.Origin, Seen: seen.Stamp, Reset: reset, Sum: dec.sum(flags)}
		dec.ascending(i, &last, b.Origin)
		if c != nil {
			c.Bases = append(c.Bases, b)
		}
	}
}

// register reads what a live slot holds.
func (dec *decoder) register(deadline, value bool) (s Slot) {
	s.Dot = dec.dot()
	if deadline {
		s.Deadline = dec.deadline(s.Stamp)
	}
	if value {
		s.Value = dec.bytes(dec.lim.MaxValue)
	}
	return s
}

// stub reads what makes a slot one.
func (dec *decoder) stub(s *Slot) {
	freed := int64(s.freedNear(dec.freed)) + dec.signed()
	if freed <= 0 || freed > math.MaxUint32 {
		dec.corrupt("tick of a stub")
		return
	}
	s.Freed, dec.freed = Tick(freed), Tick(freed)
}

// deadline reads one that is not none.
func (dec *decoder) deadline(of Stamp) int64 {
	d := of.Millis() + dec.signed()
	if d == 0 {
		dec.corrupt("deadline of zero")
	}
	return d
}

func (dec *decoder) sum(flags byte) (s Sum) {
	s.Int = dec.signed()
	if flags&flagFloat == 0 {
		return s
	}
	if len(dec.src) < 8 {
		dec.corrupt("cut short")
		return s
	}
	bits := binary.LittleEndian.Uint64(dec.src)
	dec.src = dec.src[8:]
	if bits == 0 {
		dec.corrupt("float of zero")
	}
	s.Float = math.Float64frombits(bits)
	return s
}

// ascending checks the order of the origins of a list.
func (dec *decoder) ascending(i int, last *Origin, o Origin) {
	if i > 0 && last.Compare(o) >= 0 {
		dec.corrupt("origins out of order")
	}
	*last = o
}
