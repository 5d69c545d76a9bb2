package antientropy

import (
	"iter"
	"math/bits"
)

const (
	partitionBits = 10
	bucketBits    = 8
	childBits     = 4

	partitionShift = 64 - partitionBits
	bucketShift    = partitionShift - bucketBits

	buckets   = 1 << bucketBits
	children  = 1 << childBits
	perChild  = buckets / children
	maxGroups = 32
)

// Partitions is the number of slices of the hash space. It is the same in
// every node and region of a cluster, and never changes.
const Partitions = 1 << partitionBits

// PartitionOf returns the partition of a key hash: its top bits.
func PartitionOf(hash uint64) uint16 {
	return uint16(hash >> partitionShift)
}

// A Version is one line of a listing: a key hash and the sum of the
// contributions of all keys that have it.
type Version struct {
	Hash   uint64
	Digest uint64
}

// A Span is the half-open range [From, To) of key hashes within one partition.
// The span that ends with the last partition has To = 0, as its end is 2^64;
// Contains gets this right.
type Span struct {
	Partition uint16
	From      uint64
	To        uint64
}

// Contains reports whether the hash lies in the span.
func (s Span) Contains(hash uint64) bool {
	return hash-s.From < s.To-s.From
}

// valid reports whether the span is not empty and stays in its partition.
func (s Span) valid() bool {
	last := s.To - 1
	return s.Partition < Partitions && s.From <= last &&
		PartitionOf(s.From) == s.Partition && PartitionOf(last) == s.Partition
}

// whole returns the span of a partition.
func whole(p uint16) Span {
	return bucketSpan(p, 0, buckets)
}

// bucketSpan returns the span of the buckets [from, to) of a partition.
func bucketSpan(p uint16, from, to int) Span {
	start := uint64(p) << partitionShift
	return Span{
		Partition: p,
		From:      start + uint64(from)<<bucketShift,
		To:        start + uint64(to)<<bucketShift,
	}
}

// A Scope is a set of partitions. The zero value is empty.
type Scope [Partitions / 64]uint64

// Add puts a partition below [Partitions] into the scope.
func (s *Scope) Add(p uint16) {
	s[p/64] |= 1 << (p % 64)
}

// Remove takes p out of the set.
func (s *Scope) Remove(p uint16) { s[p>>6] &^= 1 << (p & 63) }

// Has reports whether the partition is in the scope.
func (s *Scope) Has(p uint16) bool {
	return p < Partitions && s[p/64]&(1<<(p%64)) != 0
}

// Len returns the number of partitions in the scope.
func (s *Scope) Len() int {
	n := 0
	for _, word := range s {
		n += bits.OnesCount64(word)
	}
	return n
}

// Empty reports whether the scope has no partition.
func (s *Scope) Empty() bool { return *s == Scope{} }

// All yields the partitions of the scope in ascending order.
func (s *Scope) All() iter.Seq[uint16] {
	return func(yield func(uint16) bool) {
		for i, word := range s {
			for ; word != 0; word &= word - 1 {
				if !yield(uint16(i*64 + bits.TrailingZeros64(word))) {
					return
				}
			}
		}
	}
}

// groups yields the scope cut into at most maxGroups groups of neighbours. Both
// sides of a round cut the same scope the same way.
func (s *Scope) groups() iter.Seq2[int, []uint16] {
	return func(yield func(int, []uint16) bool) {
		members := make([]uint16, 0, Partitions)
		for p := range s.All() {
			members = append(members, p)
		}

		n := min(maxGroups, len(members))
		for g := range n {
			from, to := g*len(members)/n, (g+1)*len(members)/n
			if !yield(g, members[from:to]) {
				return
			}
		}
	}
}

// size returns the bytes of the scope when encoded: runs, or a bitmap when that
// is shorter.
func (s *Scope) size() int {
	runs, previous := 0, -2
	for p := range s.All() {
		if int(p) != previous+1 {
			runs++
		}
		previous = int(p)
	}
	return 1 + min(4*runs, Partitions/8)
}
