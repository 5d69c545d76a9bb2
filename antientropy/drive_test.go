package antientropy_test

import (
	"math/rand/v2"
	"slices"

	"github.com/atollcache/atoll/antientropy"
)

// fataler is what testing.T and rapid.T have in common here.
type fataler interface {
	Helper()
	Fatal(args ...any)
	Fatalf(format string, args ...any)
}

// cost is what a round took.
type cost struct {
	bytes      int
	messages   int // requests, each with its reply
	roundTrips int // waves of requests that were in flight together
}

// exchange drives a round to its end. Each wave sends up to inFlight requests
// and receives their replies in random order; between runs before every
// answer, tamper sees it with its request.
type exchange struct {
	inFlight int
	rnd      *rand.Rand
	limits   antientropy.Limits
	between  func()
	tamper   func(*antientropy.Request, *antientropy.Reply)
}

func (x exchange) run(t fataler, round *antientropy.Round, src antientropy.Source) (found []antientropy.Finding, c cost) {
	t.Helper()
	for !round.Done() {
		replies := x.wave(t, round, src, &c)
		if len(replies) == 0 {
			t.Fatal("round is not done, but asks for nothing")
		}
		for i := range replies {
			if err := round.Receive(&replies[i]); err != nil {
				t.Fatal(err)
			}
			found = append(found, round.Drain()...)
		}
	}
	if _, ok := round.Next(); ok {
		t.Fatal("round is done, but asks on")
	}
	return found, c
}

func (x exchange) wave(t fataler, round *antientropy.Round, src antientropy.Source, c *cost) (replies []antientropy.Reply) {
	t.Helper()
	for len(replies) < x.inFlight {
		req, ok := round.Next()
		if !ok {
			break
		}
		if x.between != nil {
			x.between()
		}
		rep, err := antientropy.Answer(&req, src, x.limits)
		if err != nil {
			t.Fatal(err)
		}
		if x.tamper != nil {
			x.tamper(&req, &rep)
		}
		if limit := max(x.limits.MaxBytes, 16<<10); x.limits.MaxBytes > 0 && rep.Size() > limit {
			t.Fatalf("reply of %d bytes, limit %d", rep.Size(), limit)
		}
		c.bytes += req.Size() + rep.Size()
		c.messages++
		replies = append(replies, rep)
	}
	if x.rnd != nil {
		x.rnd.Shuffle(len(replies), func(i, j int) { replies[i], replies[j] = replies[j], replies[i] })
	}
	c.roundTrips++
	return replies
}

// checkShape holds every finding against what Finding promises, and that each
// partition of the scope is settled exactly once.
func checkShape(t fataler, scope antientropy.Scope, findings []antientropy.Finding) {
	t.Helper()
	var settled antientropy.Scope
	for _, f := range findings {
		if settled.Has(f.Partition) || !scope.Has(f.Partition) {
			t.Fatalf("partition %d is settled twice or not asked for", f.Partition)
		}
		settled.Add(f.Partition)

		if f.Equal != (len(f.Hashes)+len(f.Spans) == 0) {
			t.Fatalf("partition %d: equal is %v with differences %v", f.Partition, f.Equal, f)
		}
		if !slices.IsSorted(f.Hashes) || len(slices.Compact(slices.Clone(f.Hashes))) != len(f.Hashes) {
			t.Fatalf("partition %d: hashes not strictly ascending", f.Partition)
		}
		checkSpans(t, f)
	}
	if settled != scope {
		t.Fatalf("settled %d partitions of %d", settled.Len(), scope.Len())
	}
}

func checkSpans(t fataler, f antientropy.Finding) {
	t.Helper()
	for i, s := range f.Spans {
		if antientropy.PartitionOf(s.From) != f.Partition || antientropy.PartitionOf(s.To-1) != f.Partition || s.Partition != f.Partition {
			t.Fatalf("partition %d: span %x leaves it", f.Partition, s)
		}
		if i > 0 && s.From <= f.Spans[i-1].To {
			t.Fatalf("partition %d: spans %x not ascending and apart", f.Partition, f.Spans)
		}
		for _, h := range f.Hashes {
			if s.Contains(h) {
				t.Fatalf("partition %d: hash %x inside span %x", f.Partition, h, s)
			}
		}
	}
}

// checkFindings holds findings against the model: hashes are exactly those that
// differ outside of the spans.
func checkFindings(t fataler, a, b *replica, findings []antientropy.Finding) {
	t.Helper()
	model := differences(a, b)
	for _, f := range findings {
		var want []uint64
		for _, h := range model[f.Partition] {
			if !inSpans(f.Spans, h) {
				want = append(want, h)
			}
		}
		if !slices.Equal(f.Hashes, want) {
			t.Fatalf("partition %d: found %x and spans %x, want %x", f.Partition, f.Hashes, f.Spans, want)
		}
	}
}

func inSpans(spans []antientropy.Span, hash uint64) bool {
	return slices.ContainsFunc(spans, func(s antientropy.Span) bool { return s.Contains(hash) })
}
