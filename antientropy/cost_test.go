package antientropy_test

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/atollcache/atoll/antientropy"
)

// costs are the numbers that a round must not exceed, for n keys of which d
// differ, evenly spread. Fetching the values takes one more round trip.
var costs = []struct {
	n, d       int
	bytes      int
	roundTrips int
}{
	{10_000, 0, 294, 1},
	{10_000, 1, 900, 2},
	{10_000, 100, 30_000, 3},
	{10_000, 1000, 136_000, 3},
	{10_000, 10_000, 270_000, 3},
	{100_000, 0, 294, 1},
	{100_000, 1, 1200, 3},
	{100_000, 100, 42_000, 3},
	{100_000, 1000, 267_000, 3},
	{100_000, 10_000, 1_470_000, 3},
	{1_000_000, 0, 294, 1},
	{1_000_000, 1, 1200, 3},
	{1_000_000, 100, 48_000, 3},
	{1_000_000, 1000, 320_000, 3},
	{1_000_000, 10_000, 2_040_000, 3},
}

func TestCosts(t *testing.T) {
	rnd := rand.New(rand.NewPCG(1, 13))
	var a, b *replica
	var hashes []uint64

	t.Logf("%9s %7s %9s %9s %6s %4s", "n", "d", "bytes", "bytes/d", "msgs", "RT")
	for _, want := range costs {
		if len(hashes) != want.n { // n is another than before
			a, b = pair(rnd, want.n, 0, rnd.Uint64)
			hashes = a.hashes()
		}
		touched := diverge(rnd, a, b, hashes, want.d, rnd.Uint64)

		round := antientropy.NewRound(1, everything(), a, antientropy.Limits{})
		found, got := exchange{inFlight: 1000}.run(t, round, b)
		checkShape(t, everything(), found)
		t.Logf("%9d %7d %9d %9d %6d %4d", want.n, want.d, got.bytes, got.bytes/max(want.d, 1), got.messages, got.roundTrips)
		if got.bytes > want.bytes || got.roundTrips > want.roundTrips {
			t.Errorf("n=%d d=%d: allowed are %d bytes and %d round trips", want.n, want.d, want.bytes, want.roundTrips)
		}

		heal(t, a, b, found)
		for _, h := range touched {
			if a.digest(h) != b.digest(h) {
				t.Fatalf("n=%d d=%d: %x still differs", want.n, want.d, h)
			}
		}
	}
}

// heal makes b equal to a where the findings tell that they differ.
func heal(t *testing.T, a, b *replica, found []antientropy.Finding) {
	for _, f := range found {
		for _, h := range f.Hashes {
			delta := a.digest(h) - b.digest(h)
			if delta == 0 {
				t.Fatalf("%x was found, but is equal", h)
			}
			b.add(h, delta)
		}
		if a.Root(f.Partition) != b.Root(f.Partition) {
			t.Fatalf("partition %d is not healed by %d hashes", f.Partition, len(f.Hashes))
		}
	}
}

// TestOpeningFitsAPacket holds one comparison of equal replicas, over any
// scope, below 1 KiB for the message and its reply.
func TestOpeningFitsAPacket(t *testing.T) {
	rnd := rand.New(rand.NewPCG(1, 6))
	for range 100 {
		var scope antientropy.Scope
		for range rnd.IntN(3 * antientropy.Partitions) {
			scope.Add(uint16(rnd.IntN(antientropy.Partitions)))
		}
		round := antientropy.NewRound(1, scope, new(replica), antientropy.Limits{})
		_, c := exchange{inFlight: 1}.run(t, round, new(replica))
		if c.bytes >= 1024 || c.messages > 1 {
			t.Errorf("%d partitions: %d bytes in %d messages", scope.Len(), c.bytes, c.messages)
		}
	}
}

// TestMessagesAreBounded holds every message to the smaller of both limits.
func TestMessagesAreBounded(t *testing.T) {
	rnd := rand.New(rand.NewPCG(1, 7))
	a, b := pair(rnd, 200_000, 50_000, rnd.Uint64)
	small, large := antientropy.Limits{MaxBytes: 20_000}, antientropy.Limits{MaxBytes: 200_000}
	for _, limits := range [][2]antientropy.Limits{{small, large}, {large, small}} {
		x := exchange{inFlight: 1, limits: limits[1]}
		largest := 0
		x.tamper = func(req *antientropy.Request, rep *antientropy.Reply) {
			largest = max(largest, rep.Size())
			if req.Size() > limits[0].MaxBytes {
				t.Errorf("request of %d bytes, limit %d", req.Size(), limits[0].MaxBytes)
			}
		}
		found, c := x.run(t, antientropy.NewRound(1, everything(), a, limits[0]), b)
		checkFindings(t, a, b, found)
		if largest > small.MaxBytes {
			t.Errorf("reply of %d bytes, limit %d", largest, small.MaxBytes)
		}
		t.Logf("limits %v: %d bytes in %d messages", limits, c.bytes, c.messages)
	}
}

func BenchmarkRound(b *testing.B) {
	for _, d := range []int{0, 1, 1000} {
		b.Run(fmt.Sprintf("n=1000000/d=%d", d), func(b *testing.B) {
			rnd := rand.New(rand.NewPCG(1, 8))
			ours, theirs := pair(rnd, 1_000_000, d, rnd.Uint64)
			b.ReportAllocs()
			for b.Loop() {
				round := antientropy.NewRound(1, everything(), ours, antientropy.Limits{})
				found, _ := exchange{inFlight: 4}.run(b, round, theirs)
				if i := slices.IndexFunc(found, func(f antientropy.Finding) bool { return !f.Equal }); d > 0 && i < 0 {
					b.Fatal("nothing found")
				}
			}
		})
	}
}
