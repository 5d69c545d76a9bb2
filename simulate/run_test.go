package simulate

import (
	"context"
	"encoding/json"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/atollcache/atoll/simulate/scenario"
	"github.com/atollcache/atoll/simulate/world"
)

// small is a run of half a minute in which two regions are cut off from one
// another and go on writing.
const small = `
version: 1
name: small
config: {partitions: 4}
topology:
  regions: {us: 2, eu: 1}
  rtt: {us-eu: 40ms}
load:
  - {ops: 10/s, keys: 5 uniform, value: 8B..64B}
timeline:
  - {at: 5s, cut: us | eu, for: 5s}
phases: {warm-up: 5s, chaos: 10s, heal: 5s, quiesce: 20s}
`

func read(t testing.TB, text string) *scenario.Scenario {
	t.Helper()
	sc, err := scenario.Parse("test.yaml", []byte(text))
	if err != nil {
		t.Fatal(err)
	}
	return sc
}

func run(t testing.TB, cfg Config) *Result {
	t.Helper()
	r, err := Run(t.Context(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func TestRun(t *testing.T) {
	cfg := Config{Scenario: read(t, small), Seed: 3}
	r := run(t, cfg)
	if r.Verdict != Pass || r.Simulated != 40*time.Second || r.Totals.Writes == 0 || r.Totals.Lost.Messages == 0 {
		t.Fatalf("%+v", r)
	}
	if len(r.Samples) < 20 || len(r.Timeline) < 6 || r.Marks["cut-at-delivery"]+r.Marks["cut-while-repair"] == 0 {
		t.Errorf("%d samples, %d moments, marks %v", len(r.Samples), len(r.Timeline), r.Marks)
	}
	again := run(t, Config{Scenario: cfg.Scenario, Seed: 3, Brief: true})
	if again.Trace != r.Trace || again.Events != r.Events || again.Samples != nil {
		t.Errorf("trace %v and %v, %d and %d events", r.Trace, again.Trace, r.Events, again.Events)
	}
	if other := run(t, Config{Scenario: cfg.Scenario, Seed: 4}); other.Trace == r.Trace {
		t.Error("another seed makes the same run")
	}
}

// The JSON form has what programs rely on.
func TestResultJSON(t *testing.T) {
	line, err := run(t, Config{Scenario: read(t, small), Seed: 3}).WriteJSON()
	if err != nil {
		t.Fatal(err)
	}
	var fields map[string]any
	if err := json.Unmarshal(line, &fields); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"verdict", "seed", "trace", "violations", "marks", "excuses", "simulated_ns", "real_ns", "events"} {
		if fields[name] == nil {
			t.Errorf("no %s in %s", name, line)
		}
	}
	var r Result
	if err := json.Unmarshal(line, &r); err != nil || r.Verdict != Pass || r.Trace == 0 {
		t.Errorf("read back: %v, %+v", err, r)
	}
}

func TestExpectations(t *testing.T) {
	for _, c := range []struct {
		expect string
		want   Verdict
		say    string
	}{
		{"{wire.bytes: \"> 1kB\", writes.lost: \"= 0\"}", Pass, ""},
		{"{wire.bytes: \"< 1kB\"}", Violated, "expected is wire.bytes < 1kB, and it is"},
		{"{converge.within: 1ms}", Violated, "expected is converge.within <= 1ms, and it is"},
	} {
		r := run(t, Config{Scenario: read(t, small+"expect: "+c.expect+"\n"), Seed: 3, Brief: true})
		said := ""
		if v, ok := r.First(); ok {
			said = v.String()
		}
		if r.Verdict != c.want || !strings.Contains(said, c.say) {
			t.Errorf("%s: %s, %s", c.expect, r.Verdict, said)
		}
	}
}

func TestRunEndsEarly(t *testing.T) {
	sc := read(t, small)
	r := run(t, Config{Scenario: sc, Seed: 3, Until: 7 * time.Second})
	if r.Verdict != Inconclusive || r.Simulated < 7*time.Second || r.Simulated > 8*time.Second {
		t.Errorf("%s after %v", r.Verdict, r.Simulated)
	}
	stopped, cancel := context.WithCancel(t.Context())
	cancel()
	r, err := Run(stopped, Config{Scenario: sc, Seed: 3})
	if !errors.Is(err, context.Canceled) || r.Verdict != Inconclusive || r.Events > 2*looksUp {
		t.Errorf("%v: %+v", err, r)
	}
	if _, err := Run(t.Context(), Config{Scenario: &scenario.Scenario{}}); !errors.Is(err, world.ErrScenario) {
		t.Errorf("an empty scenario: %v", err)
	}
}

// What goes wrong in the simulator itself is told, with the seed.
func TestSimulatorFails(t *testing.T) {
	_, err := Run(t.Context(), Config{Scenario: read(t, small), Seed: 3, Trace: func(*world.Record) { panic("oops") }})
	if err == nil || !strings.Contains(err.Error(), "with seed 3: oops") {
		t.Error(err)
	}
}

// TestProgress hands every sample over once, in order.
func TestProgress(t *testing.T) {
	var seen []Sample
	var at time.Duration
	r := run(t, Config{Scenario: read(t, small), Seed: 3, Progress: func(p Progress) {
		if p.At < at {
			t.Errorf("progress went from %v to %v", at, p.At)
		}
		at = p.At
		seen = append(seen, p.Fresh...)
	}})
	if len(seen) == 0 || len(seen) > len(r.Samples) {
		t.Fatalf("%d of %d samples", len(seen), len(r.Samples))
	}
	for i := range seen {
		if seen[i].At != r.Samples[i].At {
			t.Fatalf("sample %d is of %v, not %v", i, seen[i].At, r.Samples[i].At)
		}
	}
}

// counter counts what one operation causes.
type counter struct {
	world.Nobody
	asked  []uint64
	writes int
}

func (c *counter) Asked(op *world.Op) {
	c.asked = append(c.asked, op.ID)
	if op.Write {
		c.writes++
	}
}

// TestOmit leaves one operation out, and no other.
func TestOmit(t *testing.T) {
	all, less := &counter{}, &counter{}
	cfg := Config{Scenario: read(t, small), Seed: 3}
	if err := Observe(t.Context(), cfg, func(*world.World) world.Observer { return all }); err != nil {
		t.Fatal(err)
	}
	gone := all.asked[len(all.asked)/2]
	cfg.Omit = func(op uint64) bool { return op == gone }
	if err := Observe(t.Context(), cfg, func(*world.World) world.Observer { return less }); err != nil {
		t.Fatal(err)
	}
	kept := slices.DeleteFunc(slices.Clone(all.asked), func(op uint64) bool { return op == gone })
	if !slices.Equal(kept, less.asked) || all.writes == 0 {
		t.Errorf("%d operations, %d without one", len(all.asked), len(less.asked))
	}
}

// TestObserve plays the very run that was judged.
func TestObserve(t *testing.T) {
	cfg := Config{Scenario: read(t, small), Seed: 3}
	var again *world.World
	err := Observe(t.Context(), cfg, func(w *world.World) world.Observer { again = w; return world.Nobody{} })
	if err != nil || Hash(again.Hash()) != run(t, cfg).Trace {
		t.Errorf("another run: %v", err)
	}
}
