package crdt

import (
	"math/bits"
	"unsafe"

	"github.com/cespare/xxhash/v2"

	"github.com/atollcache/atoll/planted"
)

// Tally accumulates what merges change: the digest of the key and the bytes it
// holds. The digest of an entry is the sum of one contribution per live slot,
// extension, count and base, each a keyed hash of what names it, so one changed
// slot is one addition and nothing is read again. Payloads are named by their
// dots and are not hashed. Tombstones contribute nothing; a stub contributes
// what the slot did, and more where its value is missed.
type Tally struct {
	Seed   uint64 // from the cluster's secret and the hash of the key
	Digest uint64 // contributions added less those removed, modulo 2^64
	Bytes  int    // bytes added less bytes removed
}

// Digest sums the contributions of the whole entry.
func (e *Entry) Digest(seed uint64) uint64 {
	t := Tally{Seed: seed}
	for i := range e.cells {
		t.cell(&e.cells[i], 1)
	}
	return t.Digest + e.missed(&t)
}

// Bytes estimates what the entry holds in memory.
func (e *Entry) Bytes() int {
	var t Tally
	for i := range e.cells {
		t.cell(&e.cells[i], 1)
	}
	return t.Bytes
}

// cell adds (sign 1) or removes (sign -1) everything in c.
func (t *Tally) cell(c *Cell, sign int) {
	t.Bytes += sign * (cellBytes + len(c.Name))
	name := nameHash(c)
	for i := range c.Slots {
		t.slot(name, &c.Slots[i], sign)
	}
	for i := range c.Extensions {
		t.extension(name, &c.Extensions[i], sign)
	}
	for i := range c.Counts {
		t.count(name, &c.Counts[i], sign)
	}
	for i := range c.Bases {
		t.base(name, &c.Bases[i], sign)
	}
}

// What a cell, and one of each sort in it, costs beside names and values.
const (
	cellBytes      = int(unsafe.Sizeof(Cell{}))
	slotBytes      = int(unsafe.Sizeof(Slot{}))
	extensionBytes = int(unsafe.Sizeof(Extension{}))
	countBytes     = int(unsafe.Sizeof(Count{}))
	baseBytes      = int(unsafe.Sizeof(Base{}))
)

// Tags part the sorts of contributions.
const (
	tagSlot = iota + 1
	tagExtension
	tagCount
	tagBase
	tagMissed
)

func (t *Tally) slot(name uint64, s *Slot, sign int) {
	t.Bytes += sign * (slotBytes + len(s.Value))
	if !s.Dead {
		t.add(sign, t.hash(name, tagSlot, s.Dot))
	}
}

func (t *Tally) extension(name uint64, x *Extension, sign int) {
	t.Bytes += sign * extensionBytes
	if !x.Dead && !planted.Is(planted.DigestMissesExpiry) {
		t.add(sign, mixDot(t.hash(name, tagExtension, x.Dot), x.Of))
	}
}

func (t *Tally) count(name uint64, n *Count, sign int) {
	t.Bytes += sign * countBytes
	if !n.Dead {
		t.add(sign, mix(t.hash(name, tagCount, n.Dot), uint64(n.Birth)))
	}
}

func (t *Tally) base(name uint64, b *Base, sign int) {
	t.Bytes += sign * baseBytes
	t.add(sign, mixDot(t.hash(name, tagBase, Dot{b.Seen, b.Origin}), b.Reset))
}

func (t *Tally) add(sign int, h uint64) {
	if sign > 0 {
		t.Digest += h
		return
	}
	t.Digest -= h
}

func (t *Tally) hash(name, tag uint64, d Dot) uint64 {
	if planted.Is(planted.DigestKeyOnly) {
		d = Dot{}
	}
	return mixDot(mix(t.Seed^name, tag), d)
}

func nameHash(c *Cell) uint64 {
	if c.Name == "" {
		return uint64(c.Kind)
	}
	return mix(xxhash.Sum64String(c.Name), uint64(c.Kind))
}

func mixDot(h uint64, d Dot) uint64 {
	return mix(mix(mix(h, uint64(d.Stamp)), d.Origin.Node), d.Origin.Epoch)
}

// mix folds w into h by one wide multiplication, as wyhash does.
func mix(h, w uint64) uint64 {
	hi, lo := bits.Mul64(h^0x9e3779b97f4a7c15, w^0xe7037ed1a0b428db)
	return hi ^ lo ^ h<<1
}
