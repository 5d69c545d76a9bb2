// Package store holds the entries of a node in memory: 1024 partitions, each
// with its context, its keys in the order of their hashes, its deadlines and
// its share of the digest tree.
//
// A write finds the key, merges a delta and books what changed:
//
//	p := s.Partition(antientropy.PartitionOf(hash))
//	p.Lock()
//	defer p.Unlock()
//	e := p.Get(hash, key)              // what it shows; nil when absent
//	delta.Put(e, crdt.String, "", value, 0, op)
//	p.Write(hash, key, &delta)         // own, freshly stamped
//	p.Merge(hash, key, &delta)         // or a peer's
//
// What a peer's context teaches comes by [Partition.Raise]; what has expired is
// let go by [Partition.Expire]. The [Store] itself is the
// [antientropy.Source] of a round.
//
// The package stamps nothing, sends nothing and knows no clock: whoever calls
// it stamps inside the lock of the partition, which makes the context's own
// entry a closed timestamp.
package store

import (
	"math/bits"
	"sync/atomic"

	"github.com/cespare/xxhash/v2"

	"github.com/atollcache/atoll/antientropy"
	"github.com/atollcache/atoll/crdt"
)

// Config says what a store is made for. The zero value is a store without a
// limit.
type Config struct {
	// Secret keys the digests. It is the same in every node of a cluster;
	// without it a client could choose writes whose digests cancel out.
	Secret uint64

	// MemoryBytes bounds what the entries take: at 95 % of it the store is
	// full. 0 is no limit.
	MemoryBytes int64
}

// A Store is all partitions of a node. Its methods are safe for concurrent use;
// those of a [Partition] need its lock.
type Store struct {
	config     Config
	hash       func(key []byte) uint64 // Hash; tests make collisions
	tree       antientropy.Tree        // each partition under its lock
	used       atomic.Int64
	partitions [antientropy.Partitions]Partition
}

// New returns an empty store.
func New(config Config) *Store {
	s := &Store{config: config, hash: Hash}
	for i := range s.partitions {
		p := &s.partitions[i]
		p.store, p.id = s, uint16(i)
	}
	return s
}

// Hash gives the hash of a key, whose top bits name its partition. It is the
// same in every node of every cluster.
func Hash(key []byte) uint64 { return xxhash.Sum64(key) }

// Partition gives a partition below [antientropy.Partitions].
func (s *Store) Partition(p uint16) *Partition { return &s.partitions[p] }

// Bytes estimates the memory that the entries take, with all that is kept to
// find them.
func (s *Store) Bytes() int64 { return s.used.Load() }

// Full says whether clients should be refused. Merging goes on in what is left
// of the memory, else a full node could not become equal to its peers.
func (s *Store) Full() bool {
	limit := s.config.MemoryBytes
	return limit > 0 && s.Bytes() >= limit/100*95
}

// seed keys the digest of a key.
func (s *Store) seed(hash uint64) uint64 {
	high, low := bits.Mul64(hash^s.config.Secret, 0x9e3779b97f4a7c15)
	return high ^ low ^ s.config.Secret
}

// Root gives the digest of a partition; with Buckets, Keys and List it makes
// the store an [antientropy.Source]. All four lock the partition.
func (s *Store) Root(p uint16) uint64 {
	s.partitions[p].Lock()
	defer s.partitions[p].Unlock()
	return s.tree.Root(p)
}

// Buckets appends the digests of the buckets of a partition.
func (s *Store) Buckets(p uint16, dst []uint64) []uint64 {
	s.partitions[p].Lock()
	defer s.partitions[p].Unlock()
	return s.tree.Buckets(p, dst)
}

// Keys gives the number of keys of a partition, visible or not.
func (s *Store) Keys(p uint16) int {
	s.partitions[p].Lock()
	defer s.partitions[p].Unlock()
	return s.partitions[p].Keys()
}

// List appends the digests of the keys in a span, ascending by hash, those of
// one hash added up.
func (s *Store) List(span antientropy.Span, dst []antientropy.Version) []antientropy.Version {
	p := &s.partitions[span.Partition]
	p.Lock()
	defer p.Unlock()

	first := len(dst)
	p.Range(span.From, span.To, func(hash uint64, _ []byte, e *crdt.Entry) bool {
		digest := e.Digest(s.seed(hash))
		if last := len(dst) - 1; last >= first && dst[last].Hash == hash {
			dst[last].Digest += digest
			return true
		}
		dst = dropZero(dst, first)
		dst = append(dst, antientropy.Version{Hash: hash, Digest: digest})
		return true
	})
	return dropZero(dst, first)
}

// dropZero takes the last line away if it says nothing.
func dropZero(lines []antientropy.Version, first int) []antientropy.Version {
	if last := len(lines) - 1; last >= first && lines[last].Digest == 0 {
		return lines[:last]
	}
	return lines
}

// Verify says whether the digest tree of a partition is what its entries add up
// to. Anything else is a bug, or memory that lies.
func (s *Store) Verify(p uint16) bool {
	s.partitions[p].Lock()
	defer s.partitions[p].Unlock()

	var fresh antientropy.Tree
	s.partitions[p].all(func(hash uint64, e *crdt.Entry) {
		fresh.Add(hash, e.Digest(s.seed(hash)))
	})
	if fresh.Root(p) != s.tree.Root(p) {
		return false
	}
	kept := s.tree.Buckets(p, nil)
	for i, digest := range fresh.Buckets(p, nil) {
		if kept[i] != digest {
			return false
		}
	}
	return true
}
