package scenario

import (
	"bytes"
	"flag"
	"os"
	"reflect"
	"slices"
	"testing"
	"time"
)

var randomSeeds = flag.Int("seeds", 150, "random scenarios of each profile that TestRandomScenarios draws")

func every(Kind) bool { return true }

// TestRandomScenarios draws many and holds each to what a swarm needs and to
// the rules for scenarios written by hand.
func TestRandomScenarios(t *testing.T) {
	for _, profile := range Profiles() {
		safety, kinds := 0, map[Kind]int{}
		for seed := range uint64(*randomSeeds) {
			s := Random(profile, seed, every)
			nodes := 0
			for _, r := range s.Topology.Regions {
				nodes += r.Nodes
			}
			if len(s.Topology.Regions) != 3 || nodes < 5 || nodes > 9 {
				t.Fatalf("%s: %d regions with %d nodes", s.Name, len(s.Topology.Regions), nodes)
			}
			if len(s.Timeline) < leastSteps || s.Phases.Healed() < time.Minute {
				t.Fatalf("%s: %d steps in %v", s.Name, len(s.Timeline), s.Phases.Healed())
			}
			if s.SafetyOnly {
				safety++
			}
			for _, step := range s.Timeline {
				kinds[step.Kind]++
			}

			again, err := Parse(s.Name, Marshal(s))
			if err != nil {
				t.Fatalf("%s: %v\n%s", s.Name, err, Marshal(s))
			}
			if !reflect.DeepEqual(s, again) {
				t.Fatalf("%s reads back differently:\n%+v\n%+v", s.Name, s, again)
			}
		}

		if safety < *randomSeeds*2/5 || safety > *randomSeeds*3/5 {
			t.Errorf("%s: %d of %d judge safety only, want about half", profile, safety, *randomSeeds)
		}
		for _, fault := range menuOf(profile, every) {
			if kinds[fault.Kind] == 0 {
				t.Errorf("%s: no %s in %d scenarios", profile, fault.Kind, *randomSeeds)
			}
		}
	}
}

// TestDenseScenarios holds those that planted bugs are hunted with to the rules for
// scenarios written by hand.
func TestDenseScenarios(t *testing.T) {
	kinds := map[Kind]int{}
	for seed := range uint64(*randomSeeds) {
		s := Random(Dense, seed, every)
		for _, step := range s.Timeline {
			kinds[step.Kind]++
		}
		again, err := Parse(s.Name, Marshal(s))
		if err != nil {
			t.Fatalf("%s: %v\n%s", s.Name, err, Marshal(s))
		}
		if !reflect.DeepEqual(s, again) {
			t.Fatalf("%s reads back differently:\n%+v\n%+v", s.Name, s, again)
		}
	}
	for _, kind := range []Kind{Cut, CutOneWay, Flap, Crash, FalseDeath, FlapSuspicion, Drain, Join, Pause, Duplicate, Reorder} {
		if kinds[kind] == 0 {
			t.Errorf("no %s in %d scenarios", kind, *randomSeeds)
		}
	}
	if s := Random(Dense, 1, func(k Kind) bool { return k == Cut }); len(s.Timeline) == 0 || slices.ContainsFunc(s.Timeline, func(step Step) bool { return step.Kind != Cut }) {
		t.Errorf("cuts alone: %v", s.Timeline)
	}
}

// TestRandomTakesWhatTheWorldCanDo keeps swarms from drawing what cannot run.
func TestRandomTakesWhatTheWorldCanDo(t *testing.T) {
	s := Random(Stormy, 1, func(kind Kind) bool { return kind == Cut || kind == Drop })
	if len(s.Timeline) < leastSteps {
		t.Errorf("%d steps out of two kinds, want %d", len(s.Timeline), leastSteps)
	}
	for _, step := range s.Timeline {
		if step.Kind != Cut && step.Kind != Drop {
			t.Errorf("drew %s, which the world cannot do", step.Kind)
		}
	}
	if calm := Random(Calm, 1, func(Kind) bool { return false }); len(calm.Timeline) != 0 {
		t.Errorf("drew %d steps out of nothing", len(calm.Timeline))
	}
}

// TestRandomnessIsKeyed: the same seed is the same scenario, and what is drawn
// for one step does not depend on whether there is another.
func TestRandomnessIsKeyed(t *testing.T) {
	a, b := Random(Stormy, 7, every), Random(Stormy, 7, every)
	if !reflect.DeepEqual(a, b) {
		t.Error("one seed drew two scenarios")
	}
	if reflect.DeepEqual(a.Topology, Random(Stormy, 8, every).Topology) {
		t.Error("two seeds drew one topology")
	}

	d := dice{seed: 7, purpose: "test"}
	if d.of("step", 1).roll("at", 0) == d.of("step", 2).roll("at", 0) || d.roll("a", 0) == d.roll("a", 1) || d.roll("a", 0) == d.roll("b", 0) {
		t.Error("two keys rolled the same")
	}
}

// TestADrawnScenario shows one, so that a change of the drawing is seen: every
// seed that somebody noted means another scenario from then on.
func TestADrawnScenario(t *testing.T) {
	want, err := os.ReadFile("testdata/stormy-1.yaml")
	if err != nil {
		t.Fatal(err)
	}
	if got := Marshal(Random(Stormy, 1, every)); !bytes.Equal(got, want) {
		t.Errorf("stormy 1 is now\n%s", got)
	}
}
