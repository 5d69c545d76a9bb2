package antientropy_test

import (
	"math/rand/v2"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"github.com/atollcache/atoll/antientropy"
)

// The ways in which key hashes lie in the hash space. The pattern "top" covers
// the very end of it, where Span.To is 0.
var patterns = map[string]func(*rand.Rand) uint64{
	"uniform":    (*rand.Rand).Uint64,
	"partitions": func(r *rand.Rand) uint64 { return r.Uint64N(3)<<60 | r.Uint64()>>10 },
	"bucket":     func(r *rand.Rand) uint64 { return 5<<54 | r.Uint64N(2)<<46 | r.Uint64()>>18 },
	"few hashes": func(r *rand.Rand) uint64 { return r.Uint64N(50) << 50 },
	"neighbours": func(r *rand.Rand) uint64 { return 7<<54 | r.Uint64N(4000) },
	"top":        func(r *rand.Rand) uint64 { return -r.Uint64N(4000) },
}

var patternNames = []string{"uniform", "partitions", "bucket", "few hashes", "neighbours", "top"}

func drawPair(t *rapid.T) (a, b *replica, rnd *rand.Rand) {
	rnd = rand.New(rand.NewPCG(rapid.Uint64().Draw(t, "seed"), 1))
	pattern := patterns[rapid.SampledFrom(patternNames).Draw(t, "pattern")]
	n := rapid.SampledFrom([]int{0, 1, 10, 300, 5000}).Draw(t, "n")
	d := rapid.SampledFrom([]int{0, 1, 10, 300, 5000}).Draw(t, "d")
	a, b = pair(rnd, n, d, func() uint64 { return pattern(rnd) })

	switch rapid.SampledFrom([]string{"both", "both", "both", "ours empty", "theirs empty"}).Draw(t, "sides") {
	case "ours empty":
		a = new(replica)
	case "theirs empty":
		b = new(replica)
	}
	return a, b, rnd
}

func drawLimits(t *rapid.T, label string) antientropy.Limits {
	return antientropy.Limits{
		MaxBytes:  rapid.SampledFrom([]int{0, 1, 20_000, 1 << 20}).Draw(t, label+" bytes"),
		MaxHashes: rapid.SampledFrom([]int{0, 1, 100}).Draw(t, label+" hashes"),
	}
}

// TestRoundFindsExactlyWhatDiffers is the law of the package.
func TestRoundFindsExactlyWhatDiffers(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		a, b, rnd := drawPair(t)
		scope := everything()
		if rapid.Bool().Draw(t, "partial scope") {
			scope = drawScope(rnd)
		}

		x := exchange{rnd: rnd, inFlight: rapid.IntRange(1, 5).Draw(t, "in flight"), limits: drawLimits(t, "theirs")}
		round := antientropy.NewRound(1, scope, a, drawLimits(t, "ours"))
		found, _ := x.run(t, round, b)
		checkShape(t, scope, found)
		checkFindings(t, a, b, found)
	})
}

func drawScope(rnd *rand.Rand) (scope antientropy.Scope) {
	scope.Add(5)
	for range rnd.IntN(100) {
		scope.Add(uint16(rnd.IntN(antientropy.Partitions)))
	}
	return scope
}

// TestRoundWithWritesGoingOn changes keys on both sides before every answer.
// Some differ from the first message to the last, and must be found.
func TestRoundWithWritesGoingOn(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		a, b, rnd := drawPair(t)
		steady := differences(a, b)
		touched := func() uint64 { return rnd.Uint64N(4) << 60 }

		write := func() {
			for range 10 {
				side := a
				if rnd.IntN(2) == 0 {
					side = b
				}
				h := touched() + rnd.Uint64N(5000)<<40
				if !slices.Contains(steady[antientropy.PartitionOf(h)], h) {
					side.add(h, rnd.Uint64())
				}
			}
		}

		x := exchange{rnd: rnd, inFlight: rapid.IntRange(1, 5).Draw(t, "in flight"), limits: drawLimits(t, "theirs"), between: write}
		found, _ := x.run(t, antientropy.NewRound(1, everything(), a, drawLimits(t, "ours")), b)
		checkShape(t, everything(), found)
		for _, f := range found {
			for _, h := range steady[f.Partition] {
				if _, ok := slices.BinarySearch(f.Hashes, h); !ok && !inSpans(f.Spans, h) {
					t.Fatalf("partition %d: %x differed all the time and was not found", f.Partition, h)
				}
			}
		}
	})
}

// TestRoundCutOff drops a round at every message. What it had settled by then
// is right, and a new round finds everything.
func TestRoundCutOff(t *testing.T) {
	rnd := rand.New(rand.NewPCG(1, 2))
	a, b := pair(rnd, 30_000, 1000, rnd.Uint64)
	limits := antientropy.Limits{MaxBytes: 1}

	for cut := 0; ; cut++ {
		round := antientropy.NewRound(uint64(cut), everything(), a, limits)
		messages := 0
		for ; messages < cut && !round.Done(); messages++ {
			req, _ := round.Next()
			rep, err := antientropy.Answer(&req, b, limits)
			if err != nil || round.Receive(&rep) != nil {
				t.Fatal(err, rep)
			}
		}
		checkFindings(t, a, b, round.Drain())
		if round.Done() {
			t.Logf("%d messages", messages)
			return
		}
	}
}

// TestRoundOverNothing is over before it begins.
func TestRoundOverNothing(t *testing.T) {
	round := antientropy.NewRound(1, antientropy.Scope{}, new(replica), antientropy.Limits{})
	if _, ok := round.Next(); ok || !round.Done() {
		t.Fatal("a round without partitions has something to ask")
	}
}

// TestEmptySideIsStreamed expects no listing at all: two messages suffice.
func TestEmptySideIsStreamed(t *testing.T) {
	rnd := rand.New(rand.NewPCG(1, 3))
	full, _ := pair(rnd, 100_000, 0, rnd.Uint64)
	few, _ := pair(rnd, 2000, 0, rnd.Uint64)
	for _, sides := range [][2]*replica{{full, new(replica)}, {new(replica), full}, {few, full}, {full, few}, {few, new(replica)}, {new(replica), few}} {
		round := antientropy.NewRound(1, everything(), sides[0], antientropy.Limits{})
		found, c := exchange{inFlight: 1}.run(t, round, sides[1])
		if c.messages != 1 {
			t.Errorf("%d messages, want 1", c.messages)
		}
		for _, f := range found {
			if !f.Equal && len(f.Spans) != 1 || len(f.Hashes) != 0 {
				t.Fatalf("partition %d: %d hashes and %d spans, want one span", f.Partition, len(f.Hashes), len(f.Spans))
			}
		}
	}
}

// TestMostlyDifferentIsSampled expects that a small part of each large
// partition is listed and the rest is left to streaming.
func TestMostlyDifferentIsSampled(t *testing.T) {
	rnd := rand.New(rand.NewPCG(1, 4))
	oneOf16 := func() uint64 { return rnd.Uint64N(16)<<54 | rnd.Uint64()>>10 }
	a, b := pair(rnd, 64_000, 0, oneOf16)
	for hash := range a.versions() {
		a.add(hash, 1)
	}

	round := antientropy.NewRound(1, everything(), a, antientropy.Limits{})
	found, c := exchange{inFlight: 100}.run(t, round, b)
	checkFindings(t, a, b, found)
	listed := 0
	for _, f := range found {
		listed += len(f.Hashes)
	}
	if listed > 64_000/12 || c.bytes > 200_000 {
		t.Errorf("listed %d of 64000 keys in %d bytes", listed, c.bytes)
	}
}

// TestPartlyDifferentIsListed expects that a sample which shows many equal keys
// leads to a listing, though most buckets differ.
func TestPartlyDifferentIsListed(t *testing.T) {
	rnd := rand.New(rand.NewPCG(1, 11))
	a, b := pair(rnd, 64_000, 6400, func() uint64 { return rnd.Uint64N(16)<<54 | rnd.Uint64()>>10 })
	found, _ := exchange{inFlight: 100}.run(t, antientropy.NewRound(1, everything(), a, antientropy.Limits{}), b)
	checkFindings(t, a, b, found)
	for _, f := range found {
		if len(f.Spans) > 0 {
			t.Errorf("partition %d: %d hashes listed, but %d spans left", f.Partition, len(f.Hashes), len(f.Spans))
		}
	}
}

// TestCutListingsGoOn has a partition with buckets that are larger than a
// message, beside one with many small buckets, hashes that follow one another,
// and replies that arrive in any order.
func TestCutListingsGoOn(t *testing.T) {
	a, b := new(replica), new(replica)
	for i := range uint64(24_000) {
		large, small := 4<<54|i%8*3<<46|i/8, 3<<54|i%256<<46|i/256
		a.add(large, 1)
		b.add(large, 1+i/8%5/4)
		a.add(small, 1)
		b.add(small, 1+i/256%5/4)
	}

	limits := antientropy.Limits{MaxBytes: 16 << 10}
	for seed := range uint64(20) {
		x := exchange{inFlight: 5, limits: limits, rnd: rand.New(rand.NewPCG(seed, 1))}
		cuts := 0
		x.tamper = func(_ *antientropy.Request, rep *antientropy.Reply) {
			if rep.Cut {
				cuts++
			}
		}
		found, _ := x.run(t, antientropy.NewRound(1, everything(), a, limits), b)
		checkShape(t, everything(), found)
		checkFindings(t, a, b, found)
		for _, f := range found {
			if len(f.Spans) > 0 || cuts < 8 {
				t.Fatalf("partition %d: spans %x after %d cuts, want listings", f.Partition, f.Spans, cuts)
			}
		}
	}
}

// TestListingsAtTheLimit has listings that just fit a message, or just do not.
func TestListingsAtTheLimit(t *testing.T) {
	a, b := new(replica), new(replica)
	limits := antientropy.Limits{MaxBytes: 16 << 10}
	for i := range uint64(1030) {
		a.add(i, 1)
		b.add(i, 1+i%5/4)
		if i < 1000 {
			continue
		}
		found, _ := exchange{inFlight: 1, limits: limits}.run(t, antientropy.NewRound(i, everything(), a, limits), b)
		checkFindings(t, a, b, found)
	}
}

// TestContextsComeFirst holds rule W2: a partition is named by Partitions at
// the latest in the request that first asks for content of it.
func TestContextsComeFirst(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		a, b, rnd := drawPair(t)
		var captured antientropy.Scope
		check := func(req *antientropy.Request, _ *antientropy.Reply) {
			for _, p := range req.Partitions() {
				captured.Add(p)
			}
			for _, p := range req.Compare {
				if !captured.Has(p) {
					t.Fatalf("partition %d is compared without a context", p)
				}
			}
			for _, span := range req.List {
				if !captured.Has(span.Partition) {
					t.Fatalf("partition %d is listed without a context", span.Partition)
				}
			}
		}
		x := exchange{rnd: rnd, inFlight: 3, limits: drawLimits(t, "theirs"), tamper: check}
		x.run(t, antientropy.NewRound(1, everything(), a, drawLimits(t, "ours")), b)
	})
}
