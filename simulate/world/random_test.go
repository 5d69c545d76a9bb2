package world_test

import (
	"flag"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/atollcache/atoll/simulate/scenario"
	"github.com/atollcache/atoll/simulate/world"
)

var (
	seeds    = flag.Uint64("seeds", 2, "how many random scenarios of each profile run")
	fromSeed = flag.Uint64("from", 1, "the first of them")
)

// TestRandomScenarios runs whatever the generator draws: the world must stand it,
// and come out the same again.
func TestRandomScenarios(t *testing.T) {
	for _, profile := range scenario.Profiles() {
		for seed := *fromSeed; seed < *fromSeed+*seeds; seed++ {
			s := scenario.Random(profile, seed, world.Simulates)
			w := startOf(t, s, seed, nil)
			run(t, w)
			where := equal(w)
			if where != "" && !s.SafetyOnly && profile != scenario.BeyondContract {
				t.Errorf("%s: in the end: %s", s.Name, where)
			}
			again := startOf(t, s, seed, nil)
			run(t, again)
			if w.Hash() != again.Hash() {
				t.Errorf("%s: the second run is another", s.Name)
			}
			to := w.Totals()
			sent, _, lost := to.Sum()
			t.Logf("%s: %d events, %d operations, %d failed, %d messages, %d lost, %s", s.Name, to.Events, to.Ops, to.OpsFailed, sent.Messages, lost.Messages, where)
		}
	}
}

// traced runs a scenario and gives its records.
func traced(t *testing.T, s *scenario.Scenario, seed uint64, omit func(uint64) bool) (lines []string, hash uint64) {
	t.Helper()
	w, err := world.New(world.Config{Scenario: s, Seed: seed, Omit: omit, Trace: func(r *world.Record) {
		lines = append(lines, string(r.AppendJSON(nil)))
	}})
	if err != nil {
		t.Fatal(err)
	}
	run(t, w)
	return lines, w.Hash()
}

// TestTheSameRun runs one world twice, on one and on two processors and with the
// garbage collector never at rest, and shows the first record that differs.
func TestTheSameRun(t *testing.T) {
	s := scenario.Random(scenario.Stormy, 5, world.Simulates)
	s.Phases.Chaos, s.Phases.Quiesce = s.Phases.Chaos/2, s.Phases.Quiesce/2
	s.Timeline = s.Timeline[:2]
	first, hash := traced(t, s, 9, nil)
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(0))
	for _, processors := range []int{1, 2} {
		runtime.GOMAXPROCS(processors)
		again, same := traced(t, s, 9, nil)
		for i := range min(len(first), len(again)) {
			if first[i] != again[i] {
				t.Fatalf("with %d processors record %d is %sbefore it was %s", processors, i, again[i], first[i])
			}
		}
		if hash != same || len(first) != len(again) {
			t.Errorf("with %d processors %d records, before %d", processors, len(again), len(first))
		}
	}
	if other, _ := traced(t, s, 10, nil); strings.Join(other[:min(200, len(other))], "") == strings.Join(first[:min(200, len(first))], "") {
		t.Error("another seed gives the same run")
	}
}

// wishes collects what clients ask for.
type wishes struct {
	world.Nobody
	ops   map[uint64]string
	order []uint64
	lost  map[string]bool // when and where a message was dropped by the fault
	now   func() time.Duration
}

func (a *wishes) Asked(op *world.Op) {
	var words []string
	for _, arg := range op.Args {
		words = append(words, string(arg))
	}
	a.ops[op.ID] = op.Asked.String() + " " + op.Client + " " + strings.Join(words, " ")
	a.order = append(a.order, op.ID)
}

func (a *wishes) Lost(m *world.Message, why string) {
	if why == "dropped" {
		a.lost[a.now().String()+m.From.String()+m.To.String()] = true
	}
}

func asking(t *testing.T, s *scenario.Scenario, omit func(uint64) bool) *wishes {
	t.Helper()
	a := &wishes{ops: map[uint64]string{}, lost: map[string]bool{}}
	w, err := world.New(world.Config{Scenario: s, Seed: 4, Observer: a, Omit: omit})
	if err != nil {
		t.Fatal(err)
	}
	a.now = w.Now
	run(t, w)
	return a
}

// TestDrawsAreKeyed takes one operation and one fault away: all other operations
// stay what they were, to the nanosecond, and the other fault strikes as before.
func TestDrawsAreKeyed(t *testing.T) {
	s := parse(t, strings.Replace(stage, "chaos: 22s", "chaos: 10s", 1)+`{at: 8s, drop: us-eu, chance: 30%, for: 5s}
  - {at: 9s, drop: us-ap, chance: 30%, for: 5s}
`)
	whole := asking(t, s, nil)
	gone := whole.order[len(whole.order)/3]
	less := asking(t, s, func(op uint64) bool { return op == gone })
	if len(less.ops) != len(whole.ops)-1 {
		t.Errorf("%d operations, without one %d", len(whole.ops), len(less.ops))
	}
	for id, op := range less.ops {
		if whole.ops[id] != op {
			t.Fatalf("without another operation %q is %q", whole.ops[id], op)
		}
	}

	s.Timeline = s.Timeline[1:]
	calm := asking(t, s, nil)
	for id, op := range calm.ops {
		if whole.ops[id] != op {
			t.Fatalf("without a fault %q is %q", whole.ops[id], op)
		}
	}
	kept, all := 0, 0
	for lost := range whole.lost {
		if strings.Contains(lost, "ap/") {
			all++
			if calm.lost[lost] {
				kept++
			}
		}
	}
	if all < 20 || kept*10 < all*8 {
		t.Errorf("of %d messages that the other fault took, it takes %d when it is alone", all, kept)
	}
}
