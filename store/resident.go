package store

import (
	"bytes"
	"unsafe"

	"github.com/atollcache/atoll/crdt"
)

// A resident is a key whose entry lies open, or is packed outside the arena.
type resident struct {
	key     []byte
	entry   crdt.Entry
	packed  []byte // instead of entry, if not nil
	bytes   int    // estimate
	counted int    // cells when bytes were counted
	changes int    // merges since
}

// What parts of an open entry take. A cell of a large entry is also in a map.
const (
	residentBytes  = int(unsafe.Sizeof(resident{}))
	cellBytes      = int(unsafe.Sizeof(crdt.Cell{}))
	cellSlotBytes  = int(unsafe.Sizeof(crdt.Slot{}))
	extensionBytes = int(unsafe.Sizeof(crdt.Extension{}))
	countBytes     = int(unsafe.Sizeof(crdt.Count{}))
	baseBytes      = int(unsafe.Sizeof(crdt.Base{}))
	indexBytes     = 48
	granule        = 16 // to which the allocator rounds, roughly
)

// addLarge keeps a key open. It takes over what is in e, but for its values.
func (r *records) addLarge(key []byte, e *crdt.Entry) (ref uint32) {
	one := &resident{key: bytes.Clone(key), entry: *e}
	*e = crdt.Entry{}
	ownAll(&one.entry)
	one.count()
	return r.number(one)
}

// freeze packs an entry, if it lies open, for as long as it does not change.
func (r *records) freeze(ref uint32) (frozen uint32) {
	if !r.open(ref) {
		return ref
	}
	old := r.large[ref&^refLarge-1]
	r.pack(old.key, &old.entry)
	_, entry := unpack(r.buf)
	one := &resident{key: old.key, packed: bytes.Clone(entry)}
	one.bytes = residentBytes + cap(one.key) + cap(one.packed)
	r.buf = nil // too large to be kept for the next
	r.removeLarge(ref)
	r.frozen++
	return r.number(one)
}

// open says whether an entry lies open.
func (r *records) open(ref uint32) bool {
	return ref&refLarge != 0 && r.large[ref&^refLarge-1].packed == nil
}

// number gives a resident its place in large.
func (r *records) number(one *resident) (ref uint32) {
	r.held += one.bytes
	if last := len(r.free) - 1; last >= 0 {
		ref = r.free[last]
		r.free = r.free[:last]
		r.large[ref-1] = one
		return ref | refLarge
	}
	r.large = append(r.large, one)
	return uint32(len(r.large)) | refLarge
}

func (r *records) updateLarge(ref uint32, grown int, d *crdt.Delta) uint32 {
	one := r.large[ref&^refLarge-1]
	if r.packs(one.key, &one.entry, maxCells/2, maxRecord/2) {
		packed := r.add(one.key, &one.entry)
		r.removeLarge(ref)
		return packed
	}
	if d != nil {
		own(&one.entry, d)
	}
	r.held -= one.bytes
	one.follow(grown)
	r.held += one.bytes
	return ref
}

func (r *records) removeLarge(ref uint32) {
	number := ref &^ refLarge
	if r.large[number-1].packed != nil {
		r.frozen--
	}
	r.held -= r.large[number-1].bytes
	r.large[number-1] = nil
	r.free = append(r.free, number)
	if len(r.free) == len(r.large) {
		r.large, r.free = nil, nil
	}
}

// follow estimates what a change has made of the bytes, and counts them anew
// when as much has changed as a count costs.
func (o *resident) follow(grown int) {
	o.changes++
	if cells := len(o.entry.Cells()); o.changes > o.counted/2 || cells > o.counted+o.counted/4 || 2*cells < o.counted {
		o.count()
		return
	}
	o.bytes = max(o.bytes+grown, residentBytes)
}

// count adds up what the entry takes.
func (o *resident) count() {
	cells := o.entry.Cells()
	n := residentBytes + cap(o.key) + cellBytes*cap(cells)
	if len(cells) > maxCells {
		n += indexBytes * len(cells)
	}
	for i := range cells {
		c := &cells[i]
		n += len(c.Name) + cellSlotBytes*cap(c.Slots) + extensionBytes*cap(c.Extensions) +
			countBytes*cap(c.Counts) + baseBytes*cap(c.Bases)
		for j := range c.Slots {
			n += (cap(c.Slots[j].Value) + granule - 1) / granule * granule
		}
	}
	o.bytes, o.counted, o.changes = n, len(cells), 0
}
