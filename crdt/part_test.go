package crdt

import (
	"testing"

	"pgregory.net/rapid"
)

// TestPartsJoinAsTheWhole says that comparing and joining two entries part by
// part comes out as joining them whole, in any order of the parts.
func TestPartsJoinAsTheWhole(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		states := reached(t)
		mine := rapid.SampledFrom(states).Draw(t, "mine")
		peer := rapid.SampledFrom(states).Draw(t, "peer")
		n := rapid.Uint32Range(1, 5).Draw(t, "parts")
		order := rapid.Permutation([]uint32{0, 1, 2, 3, 4}[:n]).Draw(t, "order")

		got := mine.clone()
		var here, there Entry
		for _, i := range order {
			got.entry.Part(&here, i, n)
			peer.entry.Part(&there, i, n)
			var d Delta
			d.Join(&here, &there, &peer.context)
			got.entry.Merge(&d.Entry, &got.context, &got.tally)
		}
		if got.context.Join(&peer.context) {
			got.entry.Strip(&got.context, &got.tally)
		}
		same(t, "parts", got, joined(mine, peer))
	})
}

// TestPartsAreAPartition says that every cell is in exactly one part.
func TestPartsAreAPartition(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s := rapid.SampledFrom(reached(t)).Draw(t, "state")
		n := rapid.Uint32Range(1, 5).Draw(t, "parts")
		var part Entry
		cells, digest := 0, uint64(0)
		for i := range n {
			s.entry.Part(&part, i, n)
			cells += len(part.Cells())
			digest += slotsDigest(&part)
			if err := valid(&part); err != nil {
				t.Fatalf("part %d of %d: %v", i, n, err)
			}
		}
		if cells != len(s.entry.Cells()) || digest != slotsDigest(s.entry) {
			t.Fatalf("%d parts have %d cells of %d, and digest %x, not %x", n, cells, len(s.entry.Cells()), digest, slotsDigest(s.entry))
		}
	})
}

// slotsDigest is the digest of an entry but for what its stubs say of values that
// are missed: only the whole entry knows its deadline.
func slotsDigest(e *Entry) uint64 {
	return e.Digest(testSeed) - e.missed(&Tally{Seed: testSeed})
}
