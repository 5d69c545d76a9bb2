package simulate

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/atollcache/atoll/simulate/scenario"
)

// impatient expects reads that are less stale than the cut allows; the pause of a
// node has nothing to do with that.
const impatient = `
version: 1
name: impatient
config: {partitions: 4}
topology:
  regions: {us: 1, eu: 1}
  rtt: {us-eu: 40ms}
load:
  - {ops: 40/s, mix: {get: 50, set: 50}, keys: 3 uniform, value: 8B}
timeline:
  - {at: 6s, clock: us/1, skew: +5ms, for: 2s}
  - {at: 10s, cut: us | eu, for: 8s}
phases: {warm-up: 5s, chaos: 15s, heal: 5s, quiesce: 20s}
expect: {staleness.max: "< 3s"}
`

func explained(t testing.TB, cfg ExplainConfig) *Explanation {
	t.Helper()
	e, err := Explain(t.Context(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	return e
}

// TestExplain finds the one fault that matters, and since when it did.
func TestExplain(t *testing.T) {
	source := SourceOf(read(t, impatient))
	e := explained(t, ExplainConfig{Source: source, Cores: 2})
	if e.Violation.Oracle != Expected || !e.Complete || e.Runs < 5 {
		t.Fatalf("%+v", e)
	}
	for _, r := range e.Without {
		if r.Kind != "fault" || r.Passes != strings.HasPrefix(r.What, "cut") {
			t.Errorf("%+v", r)
		}
	}
	if len(e.Without) != 2 {
		t.Errorf("%d faults were left out", len(e.Without))
	}
	w := e.Inevitable
	if w == nil || w.Before < 12*time.Second || w.After > 16*time.Second || w.After-w.Before > 2*finest {
		t.Errorf("inevitable in %+v, by %+v", w, e.Curve)
	}
	for _, want := range []string{"expect (expectation) was broken 45s into the run", "begins cut us | eu", "without the fault cut us | eu for 8s at 10s", "It became inevitable between"} {
		if !strings.Contains(e.Text, want) {
			t.Errorf("it does not say %q:\n%s", want, e.Text)
		}
	}
	if strings.Contains(e.Text, "\n") {
		t.Error("it is more than one paragraph")
	}
}

// TestExplainNothing tells that there is nothing to explain.
func TestExplainNothing(t *testing.T) {
	if _, err := Explain(t.Context(), ExplainConfig{Source: SourceOf(read(t, small))}); !errors.Is(err, ErrHolds) {
		t.Errorf("a run in which all is well: %v", err)
	}
}

// TestExplainInTime gives what it has when the time is up.
func TestExplainInTime(t *testing.T) {
	e := explained(t, ExplainConfig{Source: SourceOf(read(t, impatient)), For: time.Nanosecond})
	if e.Complete || len(e.Without) != 0 || !strings.Contains(e.Text, "The time was up") {
		t.Errorf("%+v", e)
	}
}

// TestCalm ends every fault at a time, and changes nothing else.
func TestCalm(t *testing.T) {
	sc := read(t, `
version: 1
name: calm
topology:
  regions: {us: 2, eu: 2}
  rtt: {us-eu: 40ms}
timeline:
  - {at: 5s, cut: us | eu, for: 2s}
  - {at: 6s, drop: us}
  - {at: 8s, crash: us/1, restart: never}
  - {at: 9s, crash: eu/1, restart: 1m}
  - {at: 12s, cut: us | eu, for: 2s}
`)
	calm := Calm(sc, 10*time.Second)
	if len(calm.Timeline) != 4 || calm.Phases != sc.Phases || len(sc.Timeline) != 5 {
		t.Fatalf("%+v", calm.Timeline)
	}
	for i := range calm.Timeline {
		if step := &calm.Timeline[i]; step.Until(calm.Phases) > 10*time.Second {
			t.Errorf("%s lasts until %v", stepText(step), step.Until(calm.Phases))
		}
	}
	if calm.Timeline[0].For != 2*time.Second || calm.Timeline[2].Restart != 2*time.Second {
		t.Errorf("%+v", calm.Timeline)
	}
	if len(Calm(sc, 0).Timeline) != 0 || len(Calm(sc, time.Hour).Timeline) != 5 {
		t.Error("nothing is calm at once, or something is after an hour")
	}
	if _, err := calm.Resolve(); err != nil {
		t.Error(err)
	}
	if _, ok := scenario.FaultOf(calm.Timeline[1].Kind); !ok || calm.Timeline[1].For != 4*time.Second {
		t.Errorf("%+v", calm.Timeline[1])
	}
}
