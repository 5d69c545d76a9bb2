package crdt

import (
	"math/rand/v2"
	"testing"

	"github.com/atollcache/atoll/antientropy"
)

// upkeep gives what every overwrite of a string does for the digests, beside
// the merge itself: the slot that goes leaves the digest of its key, the one
// that comes enters it, and the difference goes into the tree. The keys are
// spread over the whole tree, as in a node.
func upkeep() (overwrite func(i int)) {
	random := rand.New(rand.NewPCG(1, 17))
	hashes := make([]uint64, 1<<16)
	for i := range hashes {
		hashes[i] = random.Uint64()
	}
	origin := Origin{Node: 0xfedcba9876543210, Epoch: 1_790_000_000_000}
	var tree antientropy.Tree
	return func(i int) {
		hash := hashes[i%len(hashes)]
		was, is := Slot{Dot: Dot{Stamp(i), origin}}, Slot{Dot: Dot{Stamp(i + 1), origin}}
		t := Tally{Seed: testSeed ^ hash}
		t.slot(2, &was, -1)
		t.slot(2, &is, 1)
		tree.Add(hash, t.Digest)
	}
}

func BenchmarkDigestUpkeep(b *testing.B) {
	overwrite := upkeep()
	b.ReportAllocs()
	for i := 0; b.Loop(); i++ {
		overwrite(i)
	}
}

func TestDigestUpkeepAllocatesNothing(t *testing.T) {
	overwrite, i := upkeep(), 0
	if got := testing.AllocsPerRun(1000, func() { overwrite(i); i++ }); got != 0 {
		t.Errorf("digest upkeep allocates %v times per write, want 0", got)
	}
}
