package store

import "github.com/atollcache/atoll/crdt"

// Stubs tells what is left of keys that have expired and wait until every origin
// has passed their deadline: those of which a value was given back.
type Stubs struct {
	Keys  int
	Bytes int // of their records, keys included
}

// Stubs gives those of the partition.
func (p *Partition) Stubs() Stubs { return p.stubs }

// stubBytes is what the entry at a place takes if it holds a stub, else 0.
func (p *Partition) stubBytes(i int, e *crdt.Entry) int {
	if e.Stubs() == 0 {
		return 0
	}
	return p.records.size(p.index.slots[i].ref)
}

// freeze packs the stubs of a large collection: nobody writes to them.
func (p *Partition) freeze(i int) {
	ref := p.index.slots[i].ref
	if p.records.open(ref) {
		p.stubs.forget(p.records.size(ref))
		p.index.slots[i].ref = p.records.freeze(ref)
		p.stubs.note(p.records.size(p.index.slots[i].ref))
	}
}

func (s *Stubs) note(bytes int) {
	s.Keys++
	s.Bytes += bytes
}

// forget takes back what was noted of a key, if anything.
func (s *Stubs) forget(bytes int) {
	if bytes > 0 {
		s.Keys--
		s.Bytes -= bytes
	}
}
