package crdt

import (
	"encoding/binary"
	"math"
	"slices"
)

// AppendEntry appends the encoding of e to dst. Origins that are not yet in a
// are added to it; stamps near base take the fewest bytes.
func AppendEntry(dst []byte, e *Entry, a *Actors, base Stamp) []byte {
	if s := e.single(); s != nil {
		return appendSingle(dst, &e.cells[0], s, a, base, nil)
	}
	enc := encoder{dst: dst, actors: a, prev: base}
	enc.general(e, false, nil)
	return enc.dst
}

// AppendDelta appends the encoding of d to dst, as AppendEntry does.
func AppendDelta(dst []byte, d *Delta, a *Actors, base Stamp) []byte {
	if s := d.single(); s != nil {
		if len(d.Ops) == 1 && d.Ops[0] == s.Dot {
			return appendSingle(dst, &d.cells[0], s, a, base, nil)
		}
		return appendSingle(dst, &d.cells[0], s, a, base, d)
	}
	op, ok := d.impliedOp()
	implied := ok && len(d.Ops) == 1 && d.Ops[0] == op
	enc := encoder{dst: dst, actors: a, prev: base}
	enc.general(&d.Entry, !implied, d.Ops)
	return enc.dst
}

// AppendContext appends the encoding of c, a list of dots.
func AppendContext(dst []byte, c *Context, a *Actors, base Stamp) []byte {
	enc := encoder{dst: dst, actors: a, prev: base}
	enc.dots(c.dots)
	return enc.dst
}

// appendSingle is the straight line for nearly everything that is written: one
// cell, one live slot. The ops of d are written if d is not nil.
func appendSingle(dst []byte, c *Cell, s *Slot, a *Actors, base Stamp, d *Delta) []byte {
	head := headSingle | byte(c.Kind)<<headKind
	if d != nil {
		head |= headOps
	}
	if c.Name != "" {
		head |= headText
	}
	if s.Deadline != 0 {
		head |= headDeadline
	}
	if s.Value != nil {
		head |= headValue
	}

	dst = append(dst, head)
	if d != nil {
		enc := encoder{dst: dst, actors: a, prev: base}
		enc.ops(d.Ops)
		dst, base = enc.dst, enc.prev
	}
	if c.Name != "" {
		dst = appendUvarint(dst, uint64(len(c.Name)))
		dst = append(dst, c.Name...)
	}
	dst = appendUvarint(dst, uint64(a.Number(s.Origin)))
	dst = appendUvarint(dst, zigzag(int64(s.Stamp-base)))
	if s.Deadline != 0 {
		dst = appendUvarint(dst, zigzag(s.Deadline-s.Stamp.Millis()))
	}
	if s.Value != nil {
		dst = appendUvarint(dst, uint64(len(s.Value)))
		dst = append(dst, s.Value...)
	}
	return dst
}

// encoder appends the parts of the general form.
type encoder struct {
	dst    []byte
	actors *Actors
	prev   Stamp // the stamp written last
	freed  Tick  // of the stub written last
}

func (enc *encoder) general(e *Entry, explicit bool, ops []Dot) {
	var head byte
	if explicit {
		head |= headOps
	}
	if len(e.cleared) > 0 {
		head |= headCleared
	}

	enc.dst = append(enc.dst, head)
	if len(e.cleared) > 0 {
		enc.dots(e.cleared)
	}
	if explicit {
		enc.ops(ops)
	}
	enc.uvarint(uint64(len(e.cells)))
	for i := range e.cells {
		enc.cell(&e.cells[i])
	}
}

func (enc *encoder) cell(c *Cell) {
	sort := byte(c.Kind)
	sort |= bit(c.Name != "", sortText)
	sort |= bit(len(c.Slots) > 0, sortSlots)
	sort |= bit(len(c.Extensions) > 0, sortExtensions)
	sort |= bit(len(c.Counts) > 0, sortCounts)
	sort |= bit(len(c.Bases) > 0, sortBases)

	enc.dst = append(enc.dst, sort)
	if c.Name != "" {
		enc.uvarint(uint64(len(c.Name)))
		enc.dst = append(enc.dst, c.Name...)
	}
	enc.slots(c.Slots)
	enc.extensions(c.Extensions)
	enc.counts(c.Counts)
	enc.bases(c.Bases)
}

func (enc *encoder) slots(slots []Slot) {
	enc.listLen(len(slots))
	for i := range slots {
		s := &slots[i]
		deadline := !s.Dead && s.Deadline != 0
		value := !s.Dead && s.Freed == 0 && s.Value != nil

		stub := !s.Dead && s.Freed != 0

		enc.flags(bit(s.Dead, flagDead) | bit(deadline, flagDeadline) | bit(value, flagValue) | bit(stub, flagStub))
		enc.dot(s.Dot)
		if deadline {
			enc.signed(s.Deadline - s.Stamp.Millis())
		}
		if stub {
			enc.signed(int64(s.Freed) - int64(s.freedNear(enc.freed)))
			enc.freed = s.Freed
		}
		if value {
			enc.uvarint(uint64(len(s.Value)))
			enc.dst = append(enc.dst, s.Value...)
		}
	}
}

func (enc *encoder) extensions(extensions []Extension) {
	enc.listLen(len(extensions))
	for i := range extensions {
		x := &extensions[i]
		deadline := !x.Dead && x.Deadline != 0

		enc.flags(bit(x.Dead, flagDead) | bit(deadline, flagDeadline))
		enc.dot(x.Dot)
		enc.dot(x.Of)
		if deadline {
			enc.signed(x.Deadline - x.Stamp.Millis())
		}
	}
}

func (enc *encoder) counts(counts []Count) {
	enc.listLen(len(counts))
	for i := range counts {
		n := &counts[i]
		sum := n.Sum
		if n.Dead {
			sum = Sum{}
		}
		birth := n.Birth != n.Stamp

		enc.flags(bit(n.Dead, flagDead) | sum.flag() | bit(birth, flagBirth))
		enc.dot(n.Dot)
		if birth {
			enc.signed(int64(n.Birth - n.Stamp))
		}
		enc.sum(sum)
	}
}

func (enc *encoder) bases(bases []Base) {
	enc.listLen(len(bases))
	for i := range bases {
		b := &bases[i]
		enc.flags(b.Sum.flag())
		enc.dot(Dot{b.Seen, b.Origin})
		enc.dot(b.Reset)
		enc.sum(b.Sum)
	}
}

// flag says whether the float must be written; a negative zero must.
func (s Sum) flag() byte { return bit(math.Float64bits(s.Float) != 0, flagFloat) }

func (enc *encoder) sum(s Sum) {
	enc.signed(s.Int)
	if s.flag() != 0 {
		enc.dst = binary.LittleEndian.AppendUint64(enc.dst, math.Float64bits(s.Float))
	}
}

// ops writes dots that are in no order.
func (enc *encoder) ops(ops []Dot) {
	var few [8]Dot
	sorted := append(few[:0], ops...)
	slices.SortFunc(sorted, func(a, b Dot) int { return a.Origin.Compare(b.Origin) })
	enc.dots(sorted)
}

func (enc *encoder) dots(dots []Dot) {
	enc.uvarint(uint64(len(dots)))
	for _, d := range dots {
		enc.dot(d)
	}
}

func (enc *encoder) dot(d Dot) {
	enc.uvarint(uint64(enc.actors.Number(d.Origin)))
	enc.signed(int64(d.Stamp - enc.prev))
	enc.prev = d.Stamp
}

// listLen writes the length of a list of a cell, which is left out if empty.
func (enc *encoder) listLen(n int) {
	if n > 0 {
		enc.uvarint(uint64(n))
	}
}

func (enc *encoder) flags(f byte)     { enc.dst = append(enc.dst, f) }
func (enc *encoder) signed(v int64)   { enc.uvarint(zigzag(v)) }
func (enc *encoder) uvarint(v uint64) { enc.dst = appendUvarint(enc.dst, v) }

func bit(set bool, b byte) byte {
	if set {
		return b
	}
	return 0
}

func zigzag(v int64) uint64 { return uint64(v)<<1 ^ uint64(v>>63) }

func appendUvarint(dst []byte, v uint64) []byte {
	if v < 1<<7 {
		return append(dst, byte(v))
	}
	return binary.AppendUvarint(dst, v)
}
