package antientropy

// A Tree holds the digests of every range that a round compares, and follows
// each change in place.
//
// It is a Merkle radix tree of 64-bit sums: per partition a root, 16 children
// and 256 buckets by the next bits of the key hash. Sums are linear, so a
// change adds to its bucket and to the root; the children between are summed
// when they are asked for, which a round does far less often than a write
// happens.
//
// The zero value is empty. Partitions are independent: what touches one
// partition needs no protection from what touches another, only from others
// touching the same one.
type Tree struct {
	blocks [Partitions]*block
}

// block is one partition, allocated with its first key: 2 KiB.
type block struct {
	root    uint64
	buckets [buckets]uint64
}

// Add adds delta, wrapping around, to the contribution of a key. A new slot
// adds its digest, a removed one adds the negative of it.
func (t *Tree) Add(hash, delta uint64) {
	b := t.blocks[hash>>partitionShift]
	if b == nil {
		b = new(block)
		t.blocks[hash>>partitionShift] = b
	}
	b.root += delta
	b.buckets[hash>>bucketShift%buckets] += delta
}

// Drop forgets a partition and frees its memory.
func (t *Tree) Drop(p uint16) {
	t.blocks[p] = nil
}

// Root returns the sum over all keys of a partition; 0 when there is none.
func (t *Tree) Root(p uint16) uint64 {
	if b := t.blocks[p]; b != nil {
		return b.root
	}
	return 0
}

// Buckets appends the digests of the partition's buckets in hash order, as
// [Source] wants them.
func (t *Tree) Buckets(p uint16, dst []uint64) []uint64 {
	if b := t.blocks[p]; b != nil {
		return append(dst, b.buckets[:]...)
	}
	return append(dst, make([]uint64, buckets)...)
}

// childSums returns the digests one level above the buckets.
func childSums(bucketDigests []uint64) (sums [children]uint64) {
	for i, digest := range bucketDigests {
		sums[i/perChild] += digest
	}
	return sums
}
