package crdt

import (
	"cmp"
	"errors"
	"slices"
)

// The encoding of entries and deltas, in messages and in memory.
//
//	entry     = single / general
//	single    = head [ops] [text] register       ; one cell with one live slot
//	general   = head [dots] [ops] cells          ; dots: the DEL vector
//	cells     = count *cell
//	cell      = sort [text] [slots] [extensions] [counts] [bases]
//	slots     = count *(flags register)          ; a stub: dot [deadline] freed
//	register  = dot [deadline] [bytes]
//	extensions= count *(flags dot dot [deadline])  ; own dot, the dot extended
//	counts    = count *(flags dot [birth] sum)
//	bases     = count *(flags dot dot sum)       ; origin and Seen, Reset
//	sum       = signed [8 bytes]                 ; integer; float, little endian
//	ops, dots = count *dot
//	dot       = actor stamp
//	text, bytes = count *byte
//
//	head, single:  bit 0 set, 1 ops, 2 text, 3 deadline, 4 value, 5-7 kind
//	head, general: bit 0 clear, 1 ops, 2 DEL vector, others clear
//	sort:          bits 0-2 kind, 3 text, 4 slots, 5 extensions, 6 counts, 7 bases
//	flags:         bit 0 dead, 1 deadline, 2 value, 3 float, 4 birth, 5 stub
//
// All numbers are varints of seven bits a byte, lowest first, in their shortest
// form; signed ones are zigzag. An actor is an index into the table of origins
// that goes beside the encoding. A stamp is the signed difference to the stamp
// before it in the same entry, the first to the base that goes beside the
// encoding. A deadline is the signed difference in milliseconds to the stamp
// of its own dot, a birth the signed difference to it. Lists ascend as the
// slices of Cell do. What is dead has neither deadline, value nor sum. A stub is
// not dead and has no value; its tick is the signed difference to that of the
// stub before it in the same entry, the first to the tick of its own deadline,
// or without one of its dot. An entry with a stub is general.
//
// A delta whose head has no ops has one, the highest of its dots that are
// alive (those of slots, extensions and counts, and the resets of bases), which
// are then all of one origin. An entry has no ops.

// ErrCorrupt says that bytes are no encoding of an entry, a delta or a context.
var ErrCorrupt = errors.New("corrupt encoding")

// ErrLimit says that an encoding goes beyond a limit.
var ErrLimit = errors.New("over the limit")

// Limits bounds what a decoder accepts. A zero field means its default.
type Limits struct {
	MaxKey   int // bytes of a key; default 512
	MaxName  int // bytes of the name of a cell; default 64 KiB
	MaxValue int // bytes of a value; default 1 MiB
	MaxCells int // cells of an entry; default 1 Mi
}

// OrDefaults gives l with every zero field replaced.
func (l Limits) OrDefaults() Limits {
	return Limits{
		MaxKey:   cmp.Or(l.MaxKey, 512),
		MaxName:  cmp.Or(l.MaxName, 64<<10),
		MaxValue: l.maxValue(),
		MaxCells: cmp.Or(l.MaxCells, 1<<20),
	}
}

func (l *Limits) maxValue() int { return cmp.Or(l.MaxValue, 1<<20) }

// Actors is the table that numbers the origins of one encoding, so that a dot
// takes one byte for its origin. The zero value is empty and ready.
type Actors struct {
	list  []Origin
	last  uint32            // the number that was asked for last
	index map[Origin]uint32 // made when there are indexFrom and one is looked up
}

// Reset empties the table and keeps its memory.
func (a *Actors) Reset() {
	a.list = a.list[:0]
	a.last = 0
	clear(a.index)
}

// Load replaces the table. It copies origins, each of which must be there once.
func (a *Actors) Load(origins []Origin) {
	a.Reset()
	a.list = append(a.list, origins...)
}

// Fill replaces the table by n origins and gives it for them to be written.
func (a *Actors) Fill(n int) []Origin {
	a.Reset()
	a.list = slices.Grow(a.list, n)[:n]
	return a.list
}

// List gives the origins by number. The slice belongs to the table.
func (a *Actors) List() []Origin { return a.list }

// Origin gives the origin of a number.
func (a *Actors) Origin(n uint32) (Origin, bool) {
	if uint64(n) >= uint64(len(a.list)) {
		return Origin{}, false
	}
	return a.list[n], true
}

// Number gives the number of an origin, and adds it if it is new.
func (a *Actors) Number(o Origin) uint32 {
	if uint64(a.last) < uint64(len(a.list)) && a.list[a.last] == o {
		return a.last
	}
	return a.lookup(o)
}

func (a *Actors) lookup(o Origin) uint32 {
	n, ok := a.find(o)
	if !ok {
		n = uint32(len(a.list))
		a.list = append(a.list, o)
		if len(a.list) > indexFrom {
			a.index[o] = n
		}
	}
	a.last = n
	return n
}

// find looks o up, and indexes the table in time for the next origin that is
// beyond indexFrom.
func (a *Actors) find(o Origin) (uint32, bool) {
	if len(a.list) < indexFrom {
		i := slices.Index(a.list, o)
		return uint32(i), i >= 0
	}
	if len(a.index) < len(a.list) {
		a.index = make(map[Origin]uint32, 2*len(a.list))
		for i, o := range a.list {
			a.index[o] = uint32(i)
		}
	}
	n, ok := a.index[o]
	return n, ok
}

// The bits of a head, a sort and the flags, as the grammar above lists them.
const (
	headSingle   = 1 << 0
	headOps      = 1 << 1
	headText     = 1 << 2 // single
	headCleared  = 1 << 2 // general
	headDeadline = 1 << 3
	headValue    = 1 << 4
	headKind     = 5 // shift

	sortKind       = 1<<3 - 1 // mask
	sortText       = 1 << 3
	sortSlots      = 1 << 4
	sortExtensions = 1 << 5
	sortCounts     = 1 << 6
	sortBases      = 1 << 7

	flagDead     = 1 << 0
	flagDeadline = 1 << 1
	flagValue    = 1 << 2
	flagFloat    = 1 << 3
	flagBirth    = 1 << 4
	flagStub     = 1 << 5
)

// single gives the slot of an entry that holds nothing but one live slot.
func (e *Entry) single() *Slot {
	if len(e.cells) != 1 || len(e.cleared) > 0 {
		return nil
	}
	c := &e.cells[0]
	if len(c.Slots) != 1 || c.Slots[0].Dead || c.Slots[0].Freed != 0 || len(c.Extensions)+len(c.Counts)+len(c.Bases) > 0 {
		return nil
	}
	return &c.Slots[0]
}

// impliedOp gives the highest live dot of e, and whether there is one and all
// are of one origin.
func (e *Entry) impliedOp() (op Dot, ok bool) {
	mixed := false
	live := func(d Dot) {
		mixed = mixed || op.Stamp != 0 && op.Origin != d.Origin
		if d.Stamp > op.Stamp {
			op = d
		}
	}
	for i := range e.cells {
		e.cells[i].liveDots(live)
	}
	return op, op.Stamp != 0 && !mixed
}

// liveDots calls f with the dot of everything live in c, and with those of the
// operations that reset counts.
func (c *Cell) liveDots(f func(Dot)) {
	for i := range c.Slots {
		if s := &c.Slots[i]; !s.Dead {
			f(s.Dot)
		}
	}
	for i := range c.Extensions {
		if x := &c.Extensions[i]; !x.Dead {
			f(x.Dot)
		}
	}
	for i := range c.Counts {
		if n := &c.Counts[i]; !n.Dead {
			f(n.Dot)
		}
	}
	for i := range c.Bases {
		f(c.Bases[i].Reset)
	}
}
