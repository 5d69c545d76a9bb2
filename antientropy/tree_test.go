package antientropy_test

import (
	"math/rand/v2"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"github.com/atollcache/atoll/antientropy"
)

const bucketsPerPartition = 256

// TestTreeIsTheSumOfItsContent holds the tree, changed one step at a time,
// against sums over what is there in the end.
func TestTreeIsTheSumOfItsContent(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var tree antientropy.Tree
		content := make(map[uint64]uint64)
		hash := rapid.Custom(func(t *rapid.T) uint64 {
			return rapid.Uint64Range(0, 3).Draw(t, "partition")<<62 |
				rapid.Uint64Range(0, 7).Draw(t, "bucket")<<51 | rapid.Uint64Range(0, 3).Draw(t, "rest")
		})
		for range rapid.IntRange(0, 100).Draw(t, "changes") {
			h, delta := hash.Draw(t, "hash"), rapid.Uint64().Draw(t, "delta")
			tree.Add(h, delta)
			content[h] += delta
		}

		var roots [antientropy.Partitions]uint64
		var sums [antientropy.Partitions][bucketsPerPartition]uint64
		for h, digest := range content {
			roots[h>>54] += digest
			sums[h>>54][h>>46%bucketsPerPartition] += digest
		}
		for p := range uint16(antientropy.Partitions) {
			if got := tree.Root(p); got != roots[p] {
				t.Fatalf("root of %d is %x, want %x", p, got, roots[p])
			}
			if got := tree.Buckets(p, nil); !slices.Equal(got, sums[p][:]) {
				t.Fatalf("buckets of %d are %x, want %x", p, got, sums[p])
			}
		}
	})
}

func TestTreeForgetsAPartition(t *testing.T) {
	var tree antientropy.Tree
	tree.Add(3<<54, 1)
	tree.Add(4<<54, 2)
	tree.Drop(3)
	if tree.Root(3) != 0 || tree.Root(4) != 2 || slices.Max(tree.Buckets(3, nil)) != 0 {
		t.Error("dropping partition 3 did not clear it, or cleared another")
	}
}

func TestScope(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		want := rapid.SliceOfDistinct(rapid.Uint16Range(0, antientropy.Partitions-1), rapid.ID).Draw(t, "partitions")
		var scope antientropy.Scope
		for _, p := range want {
			scope.Add(p)
		}
		slices.Sort(want)
		if got := slices.Collect(scope.All()); !slices.Equal(got, want) || scope.Len() != len(want) {
			t.Fatalf("scope has %d partitions %v, want %v", scope.Len(), got, want)
		}
		for p := range uint16(2 * antientropy.Partitions) {
			if scope.Has(p) != slices.Contains(want, p) {
				t.Fatalf("has %d: %v", p, scope.Has(p))
			}
		}
	})
}

func TestSpanContains(t *testing.T) {
	top := uint64(1<<64 - 1)
	for _, c := range []struct {
		from, to, hash uint64
		want           bool
	}{
		{10, 20, 9, false},
		{10, 20, 10, true},
		{10, 20, 19, true},
		{10, 20, 20, false},
		{1023 << 54, 0, top, true},
		{1023 << 54, 0, 1023 << 54, true},
		{1023 << 54, 0, 1023<<54 - 1, false},
		{top, 0, top, true},
	} {
		span := antientropy.Span{Partition: antientropy.PartitionOf(c.from), From: c.from, To: c.to}
		if span.Contains(c.hash) != c.want {
			t.Errorf("%x contains %x: %v", span, c.hash, !c.want)
		}
	}
}

// BenchmarkTreeAdd changes random keys of a full tree: 2 MiB, as in a node.
func BenchmarkTreeAdd(b *testing.B) {
	rnd := rand.New(rand.NewPCG(1, 5))
	var tree antientropy.Tree
	hashes := make([]uint64, 1<<16)
	for i := range hashes {
		hashes[i] = rnd.Uint64()
		tree.Add(hashes[i], 1)
	}
	b.ReportAllocs()
	for i := 0; b.Loop(); i++ {
		tree.Add(hashes[i%len(hashes)], uint64(i))
	}
}
