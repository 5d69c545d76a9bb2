package antientropy_test

import (
	"cmp"
	"maps"
	"math/rand/v2"
	"slices"

	"github.com/atollcache/atoll/antientropy"
)

// replica is the naive Source: sorted slices beside the tree under test.
type replica struct {
	tree  antientropy.Tree
	parts [antientropy.Partitions][]antientropy.Version
	keys  [antientropy.Partitions]int
}

func (r *replica) Root(p uint16) uint64                    { return r.tree.Root(p) }
func (r *replica) Buckets(p uint16, dst []uint64) []uint64 { return r.tree.Buckets(p, dst) }
func (r *replica) Keys(p uint16) int                       { return r.keys[p] }
func (r *replica) find(hash uint64) (part *[]antientropy.Version, i int, found bool) {
	part = &r.parts[antientropy.PartitionOf(hash)]
	i, found = slices.BinarySearchFunc(*part, hash, func(v antientropy.Version, h uint64) int {
		return cmp.Compare(v.Hash, h)
	})
	return part, i, found
}

func (r *replica) List(span antientropy.Span, dst []antientropy.Version) []antientropy.Version {
	for _, v := range r.parts[span.Partition] {
		if span.Contains(v.Hash) {
			dst = append(dst, v)
		}
	}
	return dst
}

// add changes the contribution of a hash; a hash without one is not there.
func (r *replica) add(hash, delta uint64) {
	r.tree.Add(hash, delta)
	part, i, found := r.find(hash)
	switch {
	case delta == 0:
	case !found:
		*part = slices.Insert(*part, i, antientropy.Version{Hash: hash, Digest: delta})
		r.keys[antientropy.PartitionOf(hash)]++
	case (*part)[i].Digest+delta == 0:
		*part = slices.Delete(*part, i, i+1)
		r.keys[antientropy.PartitionOf(hash)]--
	default:
		(*part)[i].Digest += delta
	}
}

func (r *replica) digest(hash uint64) uint64 {
	part, i, found := r.find(hash)
	if !found {
		return 0
	}
	return (*part)[i].Digest
}

// versions returns all content, the form in which the model compares.
func (r *replica) versions() map[uint64]uint64 {
	all := make(map[uint64]uint64)
	for _, part := range r.parts {
		for _, v := range part {
			all[v.Hash] = v.Digest
		}
	}
	return all
}

func (r *replica) hashes() []uint64 {
	var all []uint64
	for _, part := range r.parts {
		for _, v := range part {
			all = append(all, v.Hash)
		}
	}
	return all
}

// differences is the model of a round: the hashes of each partition whose
// versions are not the same in both replicas, ascending.
func differences(a, b *replica) map[uint16][]uint64 {
	ours, theirs := a.versions(), b.versions()
	for hash, digest := range ours {
		if theirs[hash] == digest {
			delete(ours, hash)
			delete(theirs, hash)
		}
	}
	maps.Copy(ours, theirs)

	differing := make(map[uint16][]uint64)
	for _, hash := range slices.Sorted(maps.Keys(ours)) {
		p := antientropy.PartitionOf(hash)
		differing[p] = append(differing[p], hash)
	}
	return differing
}

// pair returns two replicas with n equal keys, of which d then differ.
func pair(rnd *rand.Rand, n, d int, hash func() uint64) (a, b *replica) {
	a, b = new(replica), new(replica)
	hashes := make([]uint64, n)
	for i := range hashes {
		hashes[i] = hash()
		digest := rnd.Uint64()
		a.add(hashes[i], digest)
		b.add(hashes[i], digest)
	}
	diverge(rnd, a, b, hashes, d, hash)
	return a, b
}

// diverge makes d keys differ: in turn one that is new on one side, one removed
// there, and one changed there. It returns their hashes, some perhaps twice.
func diverge(rnd *rand.Rand, a, b *replica, hashes []uint64, d int, hash func() uint64) []uint64 {
	touched := make([]uint64, d)
	for i := range touched {
		side := a
		if rnd.IntN(2) == 0 {
			side = b
		}
		h := hash()
		if len(hashes) > 0 && i%3 > 0 {
			h = hashes[rnd.IntN(len(hashes))]
		}
		touched[i] = h
		if i%3 == 1 {
			side.add(h, -side.digest(h))
			continue
		}
		side.add(h, rnd.Uint64())
	}
	return touched
}

func everything() (s antientropy.Scope) {
	for p := range uint16(antientropy.Partitions) {
		s.Add(p)
	}
	return s
}
