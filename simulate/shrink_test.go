package simulate

import (
	"context"
	"errors"
	"math/bits"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/atollcache/atoll/simulate/scenario"
)

// What minimize gives fails, and nothing can be taken from it.
func TestMinimize(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		n := rapid.IntRange(1, 60).Draw(t, "items")
		need := rapid.SliceOfNDistinct(rapid.IntRange(0, n-1), 0, min(n, 6), rapid.ID).Draw(t, "needed")
		items := make([]int, n)
		for i := range items {
			items[i] = i
		}
		calls := 0
		fails := func(part []int) bool {
			calls++
			return !slices.ContainsFunc(need, func(x int) bool { return !slices.Contains(part, x) })
		}
		got := minimize(items, fails, func() bool { return false })
		slices.Sort(need)
		if !slices.Equal(got, need) && len(got)+len(need) > 0 {
			t.Fatalf("left %v of %d, needed are %v", got, n, need)
		}
		if most := 40 * (len(need) + 1) * bits.Len(uint(n)); calls > most {
			t.Fatalf("%d calls for %d of %d items, want %d at most", calls, len(need), n, most)
		}
	})
}

// A run in which two regions write the same keys at the same time, which is
// allowed, but not what this scenario expects.
const clash = `
version: 1
name: clash
config: {partitions: 4, shrink: yes}
topology:
  regions: {us: 2, eu: 2, ap: 1}
  rtt: {default: 40ms±10%}
  loss: {us-ap: 0.1%}
load:
  - {ops: 5/s, mix: {set: 3, get: 1, incr: 1}, keys: 5 uniform, value: 8B..64B, sessions: 2}
timeline:
  - {at: 2s, cut: us | eu, for: 3s, why: Both go on writing.}
  - {at: 3s, crash: ap/1, restart: 2s}
  - {at: 4s, hot-key: us, for: 3s}
phases: {warm-up: 2s, chaos: 8s, heal: 1s, quiesce: 1s}
expect: {writes.replaced: "= 0"}
`

func TestShrink(t *testing.T) {
	source := &Source{Name: "file-1", Scenario: read(t, clash), Seed: 11}
	told := 0
	r, err := Shrink(t.Context(), ShrinkConfig{Source: source, Progress: func(Items, int) { told++ }})
	if err != nil {
		t.Fatal(err)
	}
	if r.Violation.Oracle != Expected || !r.Minimal || r.After.Ops != 2 || r.After.Steps != 0 || r.After.Nodes > 2 {
		t.Errorf("%+v\n%s", r, scenario.Marshal(r.Scenario))
	}
	if r.Before.Ops < 100 || r.Before.Steps != 3 || r.Before.Nodes != 5 || told == 0 || r.Runs > 2000 {
		t.Errorf("before %+v, %d runs", r.Before, r.Runs)
	}
	again := run(t, Config{Scenario: read(t, string(scenario.Marshal(r.Scenario))), Seed: r.Scenario.Seed})
	if again.Trace != r.Trace || again.Verdict != Violated {
		t.Errorf("what was written runs as %s, trace %v, want %v", again.Verdict, again.Trace, r.Trace)
	}
}

func TestNothingToShrink(t *testing.T) {
	source := &Source{Scenario: read(t, small), Seed: 3}
	if _, err := Shrink(t.Context(), ShrinkConfig{Source: source}); !errors.Is(err, ErrHolds) {
		t.Errorf("a run that passes: %v", err)
	}
	source.Scenario = read(t, clash)
	if _, err := Shrink(t.Context(), ShrinkConfig{Source: source, Oracle: "O1"}); !errors.Is(err, ErrHolds) || !strings.Contains(err.Error(), "it breaks those of expect") {
		t.Errorf("another oracle: %v", err)
	}
	stopped, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := Shrink(stopped, ShrinkConfig{Source: source}); !errors.Is(err, context.Canceled) {
		t.Errorf("a shrink that was stopped at once: %v", err)
	}
}

// When time is up, what was reached still fails.
func TestShrinkInTime(t *testing.T) {
	r, err := Shrink(t.Context(), ShrinkConfig{Source: &Source{Scenario: read(t, clash), Seed: 11}, For: time.Millisecond})
	if err != nil || r.Minimal || r.Violation.Oracle != Expected {
		t.Errorf("%v: %+v", err, r)
	}
}

func TestWay(t *testing.T) {
	sc := read(t, small)
	way := func(what string) string { return wayOf(Violation{What: what}, sc) }
	a, b := way(`us/1 lost "k7" of 3a4 in us after 1.5s`), way(`eu/1 lost "k\x00" of 9 in eu after 20ms`)
	if a != b || a == way(`us/1 lost "k7" of 3a4 in us before 1.5s`) {
		t.Errorf("%q and %q", a, b)
	}
}
