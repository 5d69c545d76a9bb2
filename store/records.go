package store

import (
	"bytes"
	"unsafe"

	"github.com/atollcache/atoll/crdt"
)

// records keeps the keys and entries of a partition, by number.
type records struct {
	large []*resident
	free  []uint32
	held  int // bytes of large
}

// resident is a key whose entry lies open.
type resident struct {
	key   []byte
	entry crdt.Entry
	bytes int
}

const residentBytes = int(unsafe.Sizeof(resident{}))

func (r *records) key(ref uint32) []byte { return r.large[ref-1].key }

func (r *records) load(ref uint32, _ *crdt.Entry) *crdt.Entry { return &r.large[ref-1].entry }

// add keeps a new key with a copy of its entry.
func (r *records) add(key []byte, e *crdt.Entry) (ref uint32) {
	one := &resident{key: bytes.Clone(key)}
	var t crdt.Tally
	one.entry.Merge(e, nil, &t)
	ownAll(&one.entry)
	one.bytes = residentBytes + len(key) + t.Bytes
	r.held += one.bytes

	if last := len(r.free) - 1; last >= 0 {
		ref = r.free[last]
		r.free = r.free[:last]
		r.large[ref-1] = one
		return ref
	}
	r.large = append(r.large, one)
	return uint32(len(r.large))
}

// update follows a change of the entry that load gave.
func (r *records) update(ref uint32, e *crdt.Entry, grown int, d *crdt.Delta) uint32 {
	one := r.large[ref-1]
	one.bytes += grown
	r.held += grown
	if d != nil {
		own(e, d)
	}
	return ref
}

func (r *records) remove(ref uint32) {
	r.held -= r.large[ref-1].bytes
	r.large[ref-1] = nil
	r.free = append(r.free, ref)
	if len(r.free) == len(r.large) {
		*r = records{}
	}
}

func (r *records) bytes() int {
	return r.held + 8*cap(r.large) + 4*cap(r.free)
}

// own copies the values of d that e has taken over.
func own(e *crdt.Entry, d *crdt.Delta) {
	cells := d.Cells()
	for i := range cells {
		c := e.Cell(cells[i].Kind, cells[i].Name)
		if c == nil {
			continue
		}
		for j := range cells[i].Slots {
			ownSlot(c, cells[i].Slots[j].Origin)
		}
	}
}

func ownSlot(c *crdt.Cell, o crdt.Origin) {
	for i := range c.Slots {
		if c.Slots[i].Origin == o {
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
