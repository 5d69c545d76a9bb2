package antientropy_test

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/atollcache/atoll/antientropy"
)

// spoiled returns copies of a reply that no correct peer sends for the request,
// each with what is wrong.
func spoiled(req *antientropy.Request, good antientropy.Reply) map[string]antientropy.Reply {
	bad := make(map[string]antientropy.Reply)
	spoil := func(what string, change func(r *antientropy.Reply)) {
		r := good
		r.Roots, r.Keys = slices.Clone(good.Roots), slices.Clone(good.Keys)
		r.Children, r.Buckets = slices.Clone(good.Children), slices.Clone(good.Buckets)
		r.Counts, r.Versions = slices.Clone(good.Counts), slices.Clone(good.Versions)
		change(&r)
		bad[what] = r
	}

	spoil("one root more", func(r *antientropy.Reply) { r.Roots = append(r.Roots, 1) })
	spoil("one key count more", func(r *antientropy.Reply) { r.Keys = append(r.Keys, 1) })
	spoil("one mask more", func(r *antientropy.Reply) { r.Children = append(r.Children, 1) })
	spoil("one bucket more", func(r *antientropy.Reply) { r.Buckets = append(r.Buckets, 1) })
	spoil("one count more", func(r *antientropy.Reply) { r.Counts = append(r.Counts, 1) })
	spoil("one version more", func(r *antientropy.Reply) { r.Versions = append(r.Versions, antientropy.Version{}) })
	spoil("huge", func(r *antientropy.Reply) { r.Versions = make([]antientropy.Version, 1<<20) })

	switch {
	case len(req.Groups) > 0:
		spoil("a group that differs less", func(r *antientropy.Reply) { r.Differ &= r.Differ - 1 })
		spoil("roots missing", func(r *antientropy.Reply) { r.Roots = nil })
		spoil("cut", func(r *antientropy.Reply) { r.Cut = true })
	case len(req.Compare) > 0:
		spoil("groups differ", func(r *antientropy.Reply) { r.Differ = 1 })
		spoil("nothing answered", func(r *antientropy.Reply) { r.Children, r.Buckets = nil, nil })
		spoil("a child that differs less", func(r *antientropy.Reply) { r.Children[0] &= r.Children[0] - 1 })
		spoil("cut", func(r *antientropy.Reply) { r.Cut = true })
	default:
		spoil("groups differ", func(r *antientropy.Reply) { r.Differ = 1 })
		spoil("nothing answered", func(r *antientropy.Reply) { r.Counts, r.Versions = nil, nil })
		spoil("nothing answered, cut", func(r *antientropy.Reply) { r.Counts, r.Versions, r.Cut = []uint32{0}, nil, true })
		spoil("huge count", func(r *antientropy.Reply) { r.Counts[0] = 1<<32 - 1 })
		spoil("a hash outside", func(r *antientropy.Reply) { r.Versions[0].Hash += 1 << 60 })
		spoil("a hash twice", func(r *antientropy.Reply) {
			r.Versions = slices.Insert(r.Versions, 0, r.Versions[0])
			r.Counts[0]++
		})
		spoil("more than was allowed", func(r *antientropy.Reply) {
			r.Counts, r.Versions, r.Cut = []uint32{9000}, invented(req.List[0].From, 9000), true
		})
		spoil("descending", func(r *antientropy.Reply) { slices.Reverse(r.Versions) })
	}
	return bad
}

// invented returns n versions of hashes that follow one another.
func invented(from uint64, n int) []antientropy.Version {
	versions := make([]antientropy.Version, n)
	for i := range versions {
		versions[i] = antientropy.Version{Hash: from + uint64(i), Digest: 1}
	}
	return versions
}

// TestSpoiledRepliesChangeNothing offers every reply spoiled in all ways before
// the good one, and again after it; the round still finds exactly what differs.
func TestSpoiledRepliesChangeNothing(t *testing.T) {
	rnd := rand.New(rand.NewPCG(1, 9))
	a, b := pair(rnd, 50_000, 500, rnd.Uint64)
	round := antientropy.NewRound(7, everything(), a, antientropy.Limits{})

	offer := func(req *antientropy.Request, rep *antientropy.Reply) {
		for what, bad := range spoiled(req, *rep) {
			if err := round.Receive(&bad); !errors.Is(err, antientropy.ErrMalformed) {
				t.Errorf("request %d, %s: %v, want ErrMalformed", req.Seq, what, err)
			}
		}
		foreign, future := *rep, *rep
		foreign.Round++
		future.Seq++
		for _, bad := range []antientropy.Reply{foreign, future} {
			if err := round.Receive(&bad); !errors.Is(err, antientropy.ErrUnexpected) {
				t.Errorf("request %d: reply of %d.%d gave %v, want ErrUnexpected", req.Seq, bad.Round, bad.Seq, err)
			}
		}
		if err := round.Receive(rep); err != nil {
			t.Fatal(err)
		}
		if err := round.Receive(rep); !errors.Is(err, antientropy.ErrUnexpected) {
			t.Errorf("request %d: second reply gave %v, want ErrUnexpected", req.Seq, err)
		}
	}

	stages := make(map[string]bool)
	for !round.Done() {
		req, ok := round.Next()
		if !ok {
			t.Fatal("round is not done, but asks for nothing")
		}
		rep, err := antientropy.Answer(&req, b, antientropy.Limits{})
		if err != nil {
			t.Fatal(err)
		}
		stages[fmt.Sprint(len(req.Groups) > 0, len(req.Compare) > 0)] = true
		offer(&req, &rep)
	}
	found := round.Drain()
	checkShape(t, everything(), found)
	checkFindings(t, a, b, found)
	if len(stages) != 3 {
		t.Errorf("round had only the stages %v", stages)
	}
}

// TestUnknownGroupIsRefused needs a scope of fewer than 32 groups.
func TestUnknownGroupIsRefused(t *testing.T) {
	var scope antientropy.Scope
	scope.Add(3)
	round := antientropy.NewRound(1, scope, new(replica), antientropy.Limits{})
	req, _ := round.Next()
	rep := antientropy.Reply{Round: req.Round, Seq: req.Seq, Differ: 3, Roots: []uint64{1}, Keys: []uint32{1}}
	if err := round.Receive(&rep); !errors.Is(err, antientropy.ErrMalformed) {
		t.Errorf("group 1 of 1 gave %v, want ErrMalformed", err)
	}
}

// TestMalformedRequestsAreRefused spoils one request of each kind.
func TestMalformedRequestsAreRefused(t *testing.T) {
	var scope antientropy.Scope
	scope.Add(3)
	opening := antientropy.Request{MaxBytes: 1 << 17, Scope: scope, Groups: make([]uint64, 1)}
	compare := antientropy.Request{MaxBytes: 1 << 17, Compare: []uint16{3, 4}, Children: make([]uint64, 32)}
	span := antientropy.Span{Partition: 3, From: 3 << 54, To: 3<<54 + 10}
	list := antientropy.Request{MaxBytes: 1 << 17, List: []antientropy.Span{span}}

	overlapping := span
	overlapping.From, overlapping.To = span.To-1, span.To+9

	spoil := func(q antientropy.Request, change func(*antientropy.Request)) antientropy.Request {
		change(&q)
		return q
	}
	for _, good := range []antientropy.Request{opening, compare, list} {
		if _, err := antientropy.Answer(&good, new(replica), antientropy.Limits{}); err != nil {
			t.Error(err)
		}
	}
	for what, bad := range map[string]antientropy.Request{
		"empty":             {MaxBytes: 1 << 17},
		"two things":        spoil(opening, func(q *antientropy.Request) { q.List = list.List }),
		"no room":           spoil(opening, func(q *antientropy.Request) { q.MaxBytes = 10 }),
		"too many groups":   spoil(opening, func(q *antientropy.Request) { q.Groups = make([]uint64, 2) }),
		"missing children":  spoil(compare, func(q *antientropy.Request) { q.Children = q.Children[1:] }),
		"partition twice":   spoil(compare, func(q *antientropy.Request) { q.Compare = []uint16{3, 3} }),
		"unknown partition": spoil(compare, func(q *antientropy.Request) { q.Compare = []uint16{3, 1024} }),
		"span twice":        spoil(list, func(q *antientropy.Request) { q.List = []antientropy.Span{span, span} }),
		"spans overlap":     spoil(list, func(q *antientropy.Request) { q.List = []antientropy.Span{span, overlapping} }),
		"empty span":        spoil(list, func(q *antientropy.Request) { q.List = []antientropy.Span{{Partition: 3, From: 3 << 54, To: 3 << 54}} }),
		"foreign span": spoil(list, func(q *antientropy.Request) {
			q.List = []antientropy.Span{{Partition: 4, From: 3 << 54, To: 3<<54 + 1}}
		}),
		"span over two":      spoil(list, func(q *antientropy.Request) { q.List = []antientropy.Span{{Partition: 3, From: 3 << 54, To: 5 << 54}} }),
		"too many spans":     spoil(list, func(q *antientropy.Request) { q.List = make([]antientropy.Span, 8193) }),
		"partition too high": spoil(list, func(q *antientropy.Request) { q.List = []antientropy.Span{{Partition: 1024, From: 0, To: 1}} }),
	} {
		if rep, err := antientropy.Answer(&bad, new(replica), antientropy.Limits{}); !errors.Is(err, antientropy.ErrMalformed) || rep.Counts != nil {
			t.Errorf("%s: %v, want ErrMalformed", what, err)
		}
	}
}

// TestInventedListingsAreBounded plays a peer that invents versions and cuts
// every listing short, to make the round collect hashes or go on for ever.
func TestInventedListingsAreBounded(t *testing.T) {
	rnd := rand.New(rand.NewPCG(1, 10))
	a, b := pair(rnd, 100_000, 0, rnd.Uint64)
	a.add(rnd.Uint64(), 1)
	invent := func(req *antientropy.Request, rep *antientropy.Reply) {
		if len(req.List) == 0 {
			return
		}
		rep.Counts, rep.Versions, rep.Cut = []uint32{7000}, invented(req.List[0].From, 7000), true
	}

	round := antientropy.NewRound(1, everything(), a, antientropy.Limits{})
	found, c := exchange{inFlight: 1, tamper: invent}.run(t, round, b)
	checkShape(t, everything(), found)
	if c.messages > 10 {
		t.Errorf("went on for %d messages", c.messages)
	}
}
