package store

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"math"

	"github.com/atollcache/atoll/crdt"
)

// records keeps the keys and entries of a partition. What is small, nearly
// everything, is a packed record in the arena; what is large lies open, as
// packing it again at each change would cost its size.
type records struct {
	arena  arena
	actors crdt.Actors // of the packed entries
	base   crdt.Stamp  // of the packed entries: near it stamps are short
	buf    []byte      // where a record is packed

	large  []*resident // by number - 1
	free   []uint32    // numbers of large without an entry
	held   int         // bytes of the entries of large
	frozen int         // of large, those that are packed
}

// A reference with this bit is a number of large, else a place in the arena. 0
// is neither.
const refLarge = 1 << 31

// An entry is packed while it has no more cells and bytes than this, and opened
// beyond. One that lies open is packed again at half of it. Up to these cells
// an entry needs no map.
const (
	maxCells  = 12
	maxRecord = 4 << 10
)

// key gives the key of a record. It belongs to the record.
func (r *records) key(ref uint32) []byte {
	if ref&refLarge != 0 {
		return r.large[ref&^refLarge-1].key
	}
	key, _ := unpack(r.arena.record(ref))
	return key
}

// unpack parts a record into its key and its entry.
func unpack(record []byte) (key, entry []byte) {
	if n := int(record[sizeBytes]); n < 1<<7 {
		return record[sizeBytes+1 : sizeBytes+1+n], record[sizeBytes+1+n:]
	}
	n, width := binary.Uvarint(record[sizeBytes:])
	start := sizeBytes + width
	return record[start : start+int(n)], record[start+int(n):]
}

// load gives the entry of a record, decoded into scratch if it is packed.
func (r *records) load(ref uint32, scratch *crdt.Entry) *crdt.Entry {
	var entry []byte
	if ref&refLarge != 0 {
		one := r.large[ref&^refLarge-1]
		if one.packed == nil {
			return &one.entry
		}
		entry = one.packed
	} else {
		_, entry = unpack(r.arena.record(ref))
	}
	if _, err := crdt.DecodeEntry(entry, scratch, &r.actors, r.base, unlimited); err != nil {
		panic(fmt.Sprintf("store: record %x of %d bytes cannot be read: %v", ref, len(entry), err))
	}
	return scratch
}

// unlimited lets in what has been let in before.
var unlimited = crdt.Limits{MaxName: math.MaxInt, MaxValue: math.MaxInt, MaxCells: math.MaxInt}

// add keeps a new key. It may take over what is in e.
func (r *records) add(key []byte, e *crdt.Entry) (ref uint32) {
	if !r.packs(key, e, maxCells, maxRecord) {
		return r.addLarge(key, e)
	}
	r.pack(key, e)
	ref = r.arena.alloc(len(r.buf))
	copy(r.arena.record(ref)[sizeBytes:], r.buf[sizeBytes:])
	return ref
}

// update keeps what has become of the entry that load gave, after a merge of d
// that added grown bytes. It may take over what is in e.
func (r *records) update(ref uint32, e *crdt.Entry, grown int, d *crdt.Delta) uint32 {
	key := r.key(ref)
	if ref&refLarge != 0 {
		if r.large[ref&^refLarge-1].packed == nil {
			return r.updateLarge(ref, grown, d)
		}
		thawed := r.add(key, e)
		r.remove(ref)
		return thawed
	}
	if !r.packs(key, e, maxCells, maxRecord) {
		opened := r.addLarge(key, e)
		r.remove(ref)
		return opened
	}

	r.pack(key, e)
	old := r.arena.record(ref)
	if len(r.buf) > len(old) || len(r.buf) < len(old)*3/4 {
		r.arena.free(ref)
		ref = r.arena.alloc(len(r.buf))
		old = r.arena.record(ref)
	}
	copy(old[sizeBytes:], r.buf[sizeBytes:])
	return ref
}

// remove lets a record go.
func (r *records) remove(ref uint32) {
	if ref&refLarge != 0 {
		r.removeLarge(ref)
	} else {
		r.arena.free(ref)
	}
	if r.arena.live == 0 && r.frozen == 0 {
		r.actors, r.base, r.buf = crdt.Actors{}, 0, nil
	}
}

// size is what a record takes.
func (r *records) size(ref uint32) int {
	if ref&refLarge != 0 {
		return r.large[ref&^refLarge-1].bytes
	}
	return len(r.arena.record(ref))
}

// packs says whether an entry is packed, judged by its cells and bytes.
func (r *records) packs(key []byte, e *crdt.Entry, cells, size int) bool {
	all := e.Cells()
	if len(all) > cells || r.arena.full() {
		return false
	}
	left := size - len(key) - len(e.Cleared())*dotBytes
	for i := range all {
		left -= packedBytes(&all[i])
	}
	return left >= 0
}

// The most that parts of an entry take when packed.
const (
	dotBytes      = 13 // an origin's number below 2^21 and a stamp
	headBytes     = 24 // of a record and a cell, beside names and values
	slotMaxBytes  = 28
	tickMaxBytes  = 5 // of a stub
	extraMaxBytes = 56
)

// packedBytes is the most that a cell takes when it is packed.
func packedBytes(c *crdt.Cell) int {
	n := headBytes + len(c.Name) + len(c.Slots)*slotMaxBytes
	for i := range c.Slots {
		if n += len(c.Slots[i].Value); c.Slots[i].Freed != 0 {
			n += tickMaxBytes
		}
	}
	return n + (len(c.Extensions)+len(c.Counts)+len(c.Bases))*extraMaxBytes
}

// pack makes buf the record of a key.
func (r *records) pack(key []byte, e *crdt.Entry) {
	if r.arena.live == 0 && r.frozen == 0 {
		r.actors.Reset()
		r.base = 0
		e.Dots(func(d crdt.Dot) { r.base = max(r.base, d.Stamp) })
	}
	r.buf = append(r.buf[:0], make([]byte, sizeBytes)...)
	r.buf = binary.AppendUvarint(r.buf, uint64(len(key)))
	r.buf = append(r.buf, key...)
	r.buf = crdt.AppendEntry(r.buf, e, &r.actors, r.base)
}

func (r *records) bytes() int {
	const actorBytes = 24
	return r.arena.bytes() + actorBytes*len(r.actors.List()) + cap(r.buf) +
		r.held + 8*cap(r.large) + 4*cap(r.free)
}

// forget drops from an entry the values that it was given, so that nothing
// keeps the memory of whoever gave them.
func forget(e *crdt.Entry) {
	cells := e.Cells()
	for i := range cells {
		for j := range cells[i].Slots {
			cells[i].Slots[j].Value = nil
		}
	}
	e.Reset()
}

// own copies the values of the slots of d that e has taken over.
func own(e *crdt.Entry, d *crdt.Delta) {
	cells := d.Cells()
	for i := range cells {
		c := e.Cell(cells[i].Kind, cells[i].Name)
		if c == nil {
			continue
		}
		for j := range cells[i].Slots {
			ownSlot(c, cells[i].Slots[j].Dot)
		}
	}
}

func ownSlot(c *crdt.Cell, d crdt.Dot) {
	for i := range c.Slots {
		if c.Slots[i].Dot == d {
			c.Slots[i].Value = bytes.Clone(c.Slots[i].Value)
		}
	}
}

// ownAll copies every value of e.
func ownAll(e *crdt.Entry) {
	cells := e.Cells()
	for i := range cells {
		for j := range cells[i].Slots {
			cells[i].Slots[j].Value = bytes.Clone(cells[i].Slots[j].Value)
		}
	}
}
