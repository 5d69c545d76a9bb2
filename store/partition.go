package store

import (
	"bytes"
	"slices"
	"sync"

	"github.com/atollcache/atoll/antientropy"
	"github.com/atollcache/atoll/crdt"
	"github.com/atollcache/atoll/planted"
)

// A Partition is one slice of the key space: the keys whose hash begins with
// its number, and the context that they share. Everything but Lock and Unlock
// needs its lock held.
//
// A hash that is given with a key is [Hash] of that key.
type Partition struct {
	sync.Mutex

	store   *Store
	id      uint16
	context crdt.Context
	high    crdt.Context
	index   index
	records records
	scratch crdt.Entry // what a record was decoded to last
	decoded uint32     // that record, 0 if it has changed since

	waiting  waiting
	deadline deadlines
	stubs    Stubs
	stirred  []uint64 // hashes that settle looks at
	revealed []uint64 // hashes that the last Expire let show again
	booked   int      // bytes that the store has been told of
}

// Context gives what has been merged here: of every origin, everything up to
// its stamp. It belongs to the partition; Raise and Write change it.
func (p *Partition) Context() *crdt.Context { return &p.context }

// High gives, per origin, the highest stamp that was ever applied here, seen
// alive or named as an operation. It is at or above the context. It belongs to
// the partition.
func (p *Partition) High() *crdt.Context { return &p.high }

// Keys gives the number of keys, visible or not.
func (p *Partition) Keys() int { return p.index.used }

// Bytes estimates the memory that the partition takes.
func (p *Partition) Bytes() int { return p.booked }

// Get gives the state of a key, nil if there is none. It is valid until the
// next call and must not be changed.
func (p *Partition) Get(hash uint64, key []byte) *crdt.Entry {
	i, found := p.find(hash, key)
	if !found {
		return nil
	}
	return p.load(i)
}

// Digest computes what an entry under a hash contributes to the digests.
func (p *Partition) Digest(hash uint64, e *crdt.Entry) uint64 { return e.Digest(p.store.seed(hash)) }

// Write merges a delta that this node has stamped under the same lock, and says
// whether the key changed. Its operations rise into the context at once: they
// are the latest of their origin, and this is where it writes.
func (p *Partition) Write(hash uint64, key []byte, d *crdt.Delta) (changed bool) {
	rose := false
	for _, op := range d.Ops {
		rose = p.context.Raise(op) || rose
	}
	changed = p.apply(hash, key, d, true)
	if rose && p.waiting.any() {
		p.settle()
		p.book()
	}
	return changed
}

// Merge merges a delta of a peer and says whether the key changed. It copies
// what it keeps. The context does not rise: a delta proves nothing about what
// else its origin wrote.
func (p *Partition) Merge(hash uint64, key []byte, d *crdt.Delta) (changed bool) {
	return p.apply(hash, key, d, false)
}

func (p *Partition) apply(hash uint64, key []byte, d *crdt.Delta, own bool) bool {
	p.see(d)
	i, found := p.find(hash, key)
	e := &p.scratch
	if found {
		e = p.load(i)
	} else {
		p.decoded = 0
		e.Reset()
	}

	deadline, stub := e.Deadline(), 0
	if found {
		stub = p.stubBytes(i, e)
	}
	t := crdt.Tally{Seed: p.store.seed(hash)}
	var changed bool
	if own {
		changed = e.Write(&d.Entry, &p.context, &t)
	} else {
		changed = e.Merge(&d.Entry, &p.context, &t)
	}
	if !changed && t.Bytes == 0 {
		return false // nor has e taken anything from d
	}

	p.await(hash, d)
	p.deadline.arm(hash, deadline, e.Deadline())
	p.store.tree.Add(hash, t.Digest)
	p.stubs.forget(stub)
	if found {
		p.save(i, e, t.Bytes, d)
	} else if !e.Empty() {
		p.create(hash, key, e)
	}
	forget(&p.scratch)
	p.book()
	if planted.Is(planted.ContextOverGap) && !own {
		for _, op := range d.Ops {
			p.context.Raise(op)
		}
	}
	return changed
}

// Raise joins what a peer's context teaches, lets go what waited for it, and
// says whether anything rose. Only who knows that everything within ctx has
// been merged here may call it.
func (p *Partition) Raise(ctx *crdt.Context) (rose bool) {
	p.high.Join(ctx)
	if !p.context.Join(ctx) {
		return false
	}
	if p.waiting.any() {
		p.settle()
		p.book()
	}
	return true
}

// Range calls f with every key whose hash lies in [from, to), to = 0 being the
// end of the partition, ascending by hash, until f returns false. It goes on
// where it stopped when it is called again with the last hash plus one; keys of
// one hash must be taken together then. What f is given is valid until it
// returns; f must not call the partition.
func (p *Partition) Range(from, to uint64, f func(hash uint64, key []byte, e *crdt.Entry) bool) {
	if antientropy.PartitionOf(from) > p.id {
		return
	}
	defer p.trim()
	from = max(from, uint64(p.id)<<(64-partitionBits))
	for i := p.index.next(p.index.seek(from)); i < len(p.index.slots); i = p.index.next(i + 1) {
		s := p.index.slots[i]
		if to != 0 && s.hash() >= to || !f(s.hash(), p.records.key(s.ref), p.load(i)) {
			return
		}
	}
}

// Scan calls f with the keys that a reader sees at now, from a hash on, and
// gives the hash to go on from; more is false at the end. It looks at max keys
// or a few more, as keys of one hash stay together. Every key that is there
// from the first call to the last is met.
func (p *Partition) Scan(from uint64, now int64, max int, f func(key []byte, e *crdt.Entry)) (next uint64, more bool) {
	looked, last := 0, uint64(0)
	p.Range(from, 0, func(hash uint64, key []byte, e *crdt.Entry) bool {
		if looked >= max && hash != last {
			next, more = hash, true
			return false
		}
		looked++
		last = hash
		if e.Alive(now) {
			f(key, e)
		}
		return true
	})
	return next, more
}

// Wipe drops everything, the contexts too, as when memory is lost or the
// partition goes to another node.
func (p *Partition) Wipe() {
	p.context, p.high = crdt.Context{}, crdt.Context{}
	p.index, p.records, p.scratch, p.decoded = index{}, records{}, crdt.Entry{}, 0
	p.waiting, p.deadline, p.stirred, p.stubs = waiting{}, deadlines{}, nil, Stubs{}
	p.store.tree.Drop(p.id)
	p.book()
}

// see notes the highest stamps of what is applied.
func (p *Partition) see(d *crdt.Delta) {
	cells := d.Cells()
	for i := range cells {
		c := &cells[i]
		for j := range c.Slots {
			if s := &c.Slots[j]; !s.Dead {
				p.high.Raise(s.Dot)
			}
		}
		for j := range c.Extensions {
			if x := &c.Extensions[j]; !x.Dead {
				p.high.Raise(x.Dot)
			}
		}
		for j := range c.Counts {
			if n := &c.Counts[j]; !n.Dead {
				p.high.Raise(n.Dot)
			}
		}
		for j := range c.Bases {
			p.high.Raise(c.Bases[j].Reset)
		}
	}
	for _, op := range d.Ops {
		p.high.Raise(op)
	}
}

// find gives the place of a key, or where it belongs.
func (p *Partition) find(hash uint64, key []byte) (i int, found bool) {
	x := &p.index
	for i = x.seek(hash); i < len(x.slots); i++ {
		s := x.slots[i]
		if s.empty() || s.hash() != hash {
			break
		}
		if c := bytes.Compare(p.records.key(s.ref), key); c >= 0 {
			return i, c == 0
		}
	}
	return i, false
}

// load gives the entry at a place. A write that follows a look at the same key
// finds it decoded.
func (p *Partition) load(i int) *crdt.Entry {
	ref := p.index.slots[i].ref
	if ref == p.decoded {
		return &p.scratch
	}
	e := p.records.load(ref, &p.scratch)
	if e == &p.scratch {
		p.decoded = ref
	}
	return e
}

// create adds a key.
func (p *Partition) create(hash uint64, key []byte, e *crdt.Entry) {
	stub := e.Stubs() > 0
	ref := p.records.add(key, e)
	if stub {
		p.stubs.note(p.records.size(ref))
	}
	p.index.reserve()
	i, _ := p.find(hash, key)
	p.index.insert(i, hash, ref)
}

// save keeps what has become of the entry at a place, and removes it when it is
// empty. d, if not nil, is what was merged into it, and grown the change of its
// bytes.
func (p *Partition) save(i int, e *crdt.Entry, grown int, d *crdt.Delta) (removed bool) {
	p.decoded = 0
	ref := p.index.slots[i].ref
	if e.Empty() {
		p.records.remove(ref)
		p.index.remove(i)
		return true
	}
	stub := e.Stubs() > 0
	ref = p.records.update(ref, e, grown, d)
	if stub {
		p.stubs.note(p.records.size(ref))
	}
	p.index.slots[i].ref = ref
	return false
}

// group calls f with the place of each key of a hash; f says whether it removed
// the key.
func (p *Partition) group(hash uint64, f func(i int) (removed bool)) {
	for skip := 0; ; {
		i := p.index.seek(hash) + skip
		if i >= len(p.index.slots) || p.index.slots[i].empty() || p.index.slots[i].hash() != hash {
			return
		}
		if !f(i) {
			skip++
		}
	}
}

// settle lets go what the context has come to cover, in the order of hashes.
func (p *Partition) settle() {
	p.stirred = p.waiting.covered(&p.context, p.stirred[:0])
	slices.Sort(p.stirred)
	for _, hash := range slices.Compact(p.stirred) {
		p.group(hash, func(i int) (removed bool) {
			e := p.load(i)
			t := crdt.Tally{Seed: p.store.seed(hash)}
			deadline, stub := e.Deadline(), p.stubBytes(i, e)
			if !e.Pending() || !e.Strip(&p.context, &t) && t.Bytes == 0 {
				return false
			}
			p.store.tree.Add(hash, t.Digest)
			p.stubs.forget(stub)
			p.deadline.arm(hash, deadline, e.Deadline())
			return p.save(i, e, t.Bytes, nil)
		})
	}
	if cap(p.stirred) > 1024 {
		p.stirred = nil
	}
}

// all calls f with every entry.
func (p *Partition) all(f func(hash uint64, e *crdt.Entry)) {
	p.Range(0, 0, func(hash uint64, _ []byte, e *crdt.Entry) bool {
		f(hash, e)
		return true
	})
}

// compact empties chunks of which too much is dead.
func (p *Partition) compact() {
	for {
		at, ok := p.records.arena.wasteful()
		if !ok {
			return
		}
		p.records.arena.empty(at, p.moved)
	}
}

// moved follows a record to its new place.
func (p *Partition) moved(record []byte, from, to uint32) {
	p.decoded = 0
	key, _ := unpack(record)
	p.group(p.store.hash(key), func(i int) (removed bool) {
		if p.index.slots[i].ref == from {
			p.index.slots[i].ref = to
		}
		return false
	})
}

// trim gives back the memory that the stubs of a large collection were unpacked
// into.
func (p *Partition) trim() {
	if cap(p.scratch.Cells()) > 4*maxCells {
		p.scratch, p.decoded = crdt.Entry{}, 0
	}
}

// book sees that little is wasted, and tells the store what the partition takes
// now.
func (p *Partition) book() {
	p.compact()
	p.trim()
	if p.deadline.crowded(p.Keys()) {
		p.rearm()
	}
	if p.Keys() == 0 {
		p.scratch = crdt.Entry{}
	}
	now := p.index.bytes() + p.records.bytes() + p.waiting.bytes() + p.deadline.bytes() +
		cap(p.scratch.Cells())*(cellBytes+cellSlotBytes)
	if now > 0 {
		now += treeBytes
	}
	if now != p.booked {
		p.store.used.Add(int64(now - p.booked))
		p.booked = now
	}
}

// treeBytes is what the digest tree takes for a partition that is not empty.
const treeBytes = 2 << 10
