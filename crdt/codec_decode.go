package crdt

import (
	"encoding/binary"
	"fmt"
	"slices"
)

// DecodeEntry makes e what AppendEntry encoded and gives what follows it in
// src. Values alias src. The origins of the encoding must be in a. Bytes that
// encode no valid state are refused with ErrCorrupt or ErrLimit, leave e empty,
// and are walked to their end before anything is allocated for their cells.
func DecodeEntry(src []byte, e *Entry, a *Actors, base Stamp, lim Limits) (rest []byte, err error) {
	e.Reset()
	if rest, _ := decodeSingle(src, e, a, base, &lim); rest != nil {
		return rest, nil
	}
	dec := decoder{src: src, actors: a, prev: base, lim: lim.OrDefaults()}
	head := dec.byte()
	if head&headOps != 0 {
		dec.corrupt("an entry has no operations")
	}
	dec.entry(head, e, nil)
	if dec.err != nil {
		e.Reset()
		return src, dec.err
	}
	return dec.src, nil
}

// DecodeDelta makes d what AppendDelta encoded, as DecodeEntry does.
func DecodeDelta(src []byte, d *Delta, a *Actors, base Stamp, lim Limits) (rest []byte, err error) {
	d.Reset()
	if rest, op := decodeSingle(src, &d.Entry, a, base, &lim); rest != nil {
		d.Ops = append(d.Ops, op)
		return rest, nil
	}
	dec := decoder{src: src, actors: a, prev: base, lim: lim.OrDefaults()}
	head := dec.byte()
	dec.entry(head, &d.Entry, d)
	if dec.err == nil && head&headOps == 0 {
		op, ok := d.impliedOp()
		if !ok {
			dec.corrupt("a delta without operations")
		}
		d.Ops = append(d.Ops, op)
	}
	if dec.err != nil {
		d.Reset()
		return src, dec.err
	}
	return dec.src, nil
}

// DecodeContext makes c what AppendContext encoded.
func DecodeContext(src []byte, c *Context, a *Actors, base Stamp) (rest []byte, err error) {
	dec := decoder{src: src, actors: a, prev: base}
	c.dots = dec.dots(c.dots[:0])
	if dec.err != nil {
		c.dots = c.dots[:0]
		return src, dec.err
	}
	return dec.src, nil
}

// decodeSingle is the straight line for nearly everything that was written: a
// string with a value, no deadline and no explicit operations. It takes a third
// of the time of the decoder, to which it leaves all else, errors included, by
// giving no rest.
func decodeSingle(src []byte, e *Entry, a *Actors, base Stamp, lim *Limits) (rest []byte, dot Dot) {
	const plain = headSingle | headValue | byte(String)<<headKind
	if len(src) < 2 || src[0] != plain || int(src[1]) >= min(len(a.list), 1<<7) {
		return nil, Dot{}
	}
	difference, n := binary.Uvarint(src[2:])
	if n <= 0 || src[1+n] == 0 && n > 1 {
		return nil, Dot{}
	}
	at := 2 + n
	size, n := binary.Uvarint(src[at:])
	if n <= 0 || src[at+n-1] == 0 && n > 1 {
		return nil, Dot{}
	}
	at += n
	dot = Dot{base + Stamp(unzigzag(difference)), a.list[src[1]]}
	if dot.Stamp == 0 || size > uint64(len(src)-at) || size > uint64(lim.maxValue()) {
		return nil, Dot{}
	}

	end := at + int(size)
	c := e.PutCell(String, "")
	c.Slots = append(c.Slots, Slot{Dot: dot, Value: src[at:end:end]})
	e.live[String] = 1
	return src[end:], dot
}

// decoder reads the parts of an encoding. After the first error it has no more
// input and reads zeros.
type decoder struct {
	src    []byte
	actors *Actors
	prev   Stamp // the stamp read last
	freed  Tick  // of the stub read last
	lim    Limits
	err    error
}

func (dec *decoder) corrupt(what string) { dec.fail(ErrCorrupt, what) }

func (dec *decoder) fail(kind error, what string) {
	if dec.err == nil {
		dec.err = fmt.Errorf("%w: %s", kind, what)
	}
	dec.src = nil
}

// entry reads what follows the head; ops go to d.
func (dec *decoder) entry(head byte, e *Entry, d *Delta) {
	if head&headSingle != 0 {
		dec.single(head, e, d)
		return
	}
	if head&^(headOps|headCleared) != 0 {
		dec.corrupt("unknown head")
	}
	if head&headCleared != 0 {
		e.cleared = dec.dots(e.cleared)
		if len(e.cleared) == 0 {
			dec.corrupt("empty clear vector")
		}
	}
	dec.ops(head, d)
	dec.cells(e)
	if dec.err == nil {
		e.Seal()
	}
}

func (dec *decoder) single(head byte, e *Entry, d *Delta) {
	dec.ops(head, d)
	kind := Kind(head >> headKind)
	if !kind.Valid() {
		dec.corrupt("unknown kind")
	}
	name := dec.name(head&headText != 0)
	s := dec.register(head&headDeadline != 0, head&headValue != 0)
	if dec.err != nil {
		return
	}
	c := e.PutCell(kind, string(name))
	c.Slots = append(c.Slots, s)
	e.live[kind]++ // all that Seal would find
}

func (dec *decoder) ops(head byte, d *Delta) {
	if head&headOps != 0 && d != nil {
		d.Ops = dec.dots(d.Ops)
	}
}

// minCell is the size of the smallest cell: sort, and a list of one slot.
const minCell = 5

// cells reads the cells twice: to see that they are valid, then to keep them.
func (dec *decoder) cells(e *Entry) {
	n := dec.count(minCell)
	if n > dec.lim.MaxCells {
		dec.fail(ErrLimit, "too many cells")
	}
	check := *dec
	for range n {
		check.cell(nil)
	}
	if check.err != nil {
		dec.err = check.err
		return
	}

	e.cells = slices.Grow(e.cells, n)
	if n > indexFrom {
		e.index = make(map[cellName]int, n)
	}
	for range n {
		dec.cell(e)
	}
}

// dots appends a list of dots to dst, which is empty.
func (dec *decoder) dots(dst []Dot) []Dot {
	const minDot = 2
	n := dec.count(minDot)
	dst = slices.Grow(dst, n)
	var last Origin
	for i := range n {
		d := dec.dot()
		dec.ascending(i, &last, d.Origin)
		dst = append(dst, d)
	}
	return dst
}

func (dec *decoder) dot() Dot {
	n := dec.uvarint()
	dec.prev += Stamp(dec.signed())
	if n >= uint64(len(dec.actors.list)) {
		dec.corrupt("unknown origin")
		return Dot{}
	}
	if dec.prev == 0 {
		dec.corrupt("stamp of zero")
	}
	return Dot{dec.prev, dec.actors.list[n]}
}

// name reads the name of a cell, if it has one.
func (dec *decoder) name(has bool) []byte {
	if !has {
		return nil
	}
	name := dec.bytes(dec.lim.MaxName)
	if len(name) == 0 {
		dec.corrupt("empty name")
	}
	return name
}

// bytes reads a string of bytes that aliases the input.
func (dec *decoder) bytes(limit int) []byte {
	n := dec.count(1)
	if n > limit {
		dec.fail(ErrLimit, "too many bytes")
		return nil
	}
	b := dec.src[:n:n]
	dec.src = dec.src[n:]
	return b
}

// list reads the length of a list, which is not left empty.
func (dec *decoder) list(size int) int {
	n := dec.count(size)
	if n == 0 {
		dec.corrupt("empty list")
	}
	return n
}

// count reads how many items of at least size bytes follow.
func (dec *decoder) count(size int) int {
	n := dec.uvarint()
	if n > uint64(len(dec.src)/size) {
		dec.corrupt("cut short")
		return 0
	}
	return int(n)
}

func (dec *decoder) flags(known byte) byte {
	f := dec.byte()
	if f&^known != 0 {
		dec.corrupt("unknown flags")
	}
	return f
}

func (dec *decoder) byte() byte {
	if len(dec.src) == 0 {
		dec.corrupt("cut short")
		return 0
	}
	b := dec.src[0]
	dec.src = dec.src[1:]
	return b
}

func (dec *decoder) signed() int64 {
	return unzigzag(dec.uvarint())
}

func unzigzag(v uint64) int64 { return int64(v>>1) ^ -int64(v&1) }

func (dec *decoder) uvarint() uint64 {
	if len(dec.src) > 0 && dec.src[0] < 1<<7 {
		v := dec.src[0]
		dec.src = dec.src[1:]
		return uint64(v)
	}
	return dec.longUvarint()
}

func (dec *decoder) longUvarint() uint64 {
	v, n := binary.Uvarint(dec.src)
	if n <= 0 || dec.src[n-1] == 0 {
		dec.corrupt("no number")
		return 0
	}
	dec.src = dec.src[n:]
	return v
}
