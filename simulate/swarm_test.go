package simulate

import (
	"context"
	"encoding/json"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/atollcache/atoll/simulate/scenario"
	"github.com/atollcache/atoll/simulate/world"
)

func swarmOf(t *testing.T, cfg SwarmConfig) *SwarmResult {
	t.Helper()
	cfg.Build = "00000000"
	r, err := Swarm(t.Context(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// A swarm comes to the same on one core and on several.
func TestSwarm(t *testing.T) {
	source := SourceOf(read(t, clash))
	one := swarmOf(t, SwarmConfig{Scenario: source, From: 11, Seeds: 6, Cores: 1})
	several := swarmOf(t, SwarmConfig{Scenario: source, From: 11, Seeds: 6, Cores: 3})
	one.Real, several.Real = 0, 0
	a, _ := json.Marshal(one)
	b, _ := json.Marshal(several)
	if string(a) != string(b) {
		t.Errorf("differ:\n%s\n%s", a, b)
	}
	if one.Seeds != 6 || one.Violated == 0 || one.Verdict != Violated || uint64(len(one.Violations)) != one.Violated || one.Stopped {
		t.Errorf("%s", a)
	}
	for _, name := range []string{"seeds", "violations", "inconclusive", "unhit_marks"} {
		if !strings.Contains(string(a), `"`+name+`":`) {
			t.Errorf("no %s in %s", name, a)
		}
	}
	first := one.Violations[0]
	if token, err := ParseToken(first.Token); err != nil || token.Seed != first.Seed || first.Oracle != Expected || first.Oracles != Expected {
		t.Errorf("%+v, %v", first, err)
	}
	for i, name := range world.MarkNames() {
		if hit := one.Marks[name] > 0; hit == strings.Contains(" "+strings.Join(one.UnhitMarks, " ")+" ", " "+name+" ") {
			t.Errorf("mark %d, %s, is hit by %d seeds, and unhit are %v", i, name, one.Marks[name], one.UnhitMarks)
		}
	}
}

// What fails is saved, and its token leads back to the same run.
func TestSwarmSaves(t *testing.T) {
	dir := t.TempDir()
	r := swarmOf(t, SwarmConfig{Scenario: SourceOf(read(t, clash)), From: 11, Seeds: 50, Cores: 2, StopAt: 1, Failures: dir})
	if r.Violated == 0 || r.Seeds > 10 {
		t.Fatalf("%d seeds, %d violated, want it to stop at the first", r.Seeds, r.Violated)
	}
	source, err := Recall(r.Violations[0].Token, dir, "00000000")
	if err != nil {
		t.Fatal(err)
	}
	if again := run(t, Config{Scenario: source.Scenario, Seed: source.Seed}); again.Trace != r.Violations[0].Trace {
		t.Errorf("trace %v, want %v", again.Trace, r.Violations[0].Trace)
	}
	if err := os.WriteFile(dir+"/file", nil, 0o600); err != nil {
		t.Fatal(err)
	}
	broken, err := Swarm(t.Context(), SwarmConfig{Scenario: SourceOf(read(t, clash)), From: 11, Seeds: 50, Failures: dir + "/file", Build: "00000000"})
	if err == nil || broken.Violated == 0 || !strings.Contains(err.Error(), "its scenario cannot be saved") {
		t.Errorf("where nothing can be saved: %v", err)
	}
}

// A swarm that is stopped tells of what it has.
func TestSwarmStops(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	done := 0
	r, err := Swarm(ctx, SwarmConfig{Scenario: SourceOf(read(t, small)), Cores: 2, Build: "00000000", Each: func(*Result) {
		if done++; done == 3 {
			cancel()
		}
	}})
	if err != nil || !r.Stopped || r.Seeds < 3 || r.Seeds > 5 {
		t.Errorf("%v: %+v", err, r)
	}
	if r := swarmOf(t, SwarmConfig{Scenario: SourceOf(read(t, small)), For: time.Nanosecond}); r.Stopped || r.Seeds > 1 {
		t.Errorf("without time: %+v", r)
	}
}

func TestSwarmFails(t *testing.T) {
	if _, err := Swarm(t.Context(), SwarmConfig{Profile: "mild", Seeds: 1, Build: "00000000"}); err == nil {
		t.Error("an unknown profile was taken")
	}
	r, err := Swarm(t.Context(), SwarmConfig{
		Scenario: SourceOf(read(t, small)), Seeds: 9, Cores: 2, Build: "00000000",
		Observe: func(uint64) world.Observer { return panics{} },
	})
	if err == nil || !strings.Contains(err.Error(), "the simulator itself failed") || r.Seeds > 0 {
		t.Errorf("an observer that panics: %v, %+v", err, r)
	}
}

type panics struct{ world.Nobody }

func (panics) Asked(*world.Op) { panic("oops") }

// Profiles draw what they are called after, and mixed draws all of them.
func TestMixed(t *testing.T) {
	cfg := SwarmConfig{Profile: Mixed}
	drawn := map[scenario.Profile]int{}
	for seed := range uint64(8) {
		drawn[cfg.profileOf(seed)]++
	}
	if drawn[scenario.Stormy] != 4 || drawn[scenario.Calm] != 2 || drawn[scenario.BeyondContract] != 2 {
		t.Errorf("%v", drawn)
	}
	if testing.Short() || racing {
		return
	}
	r := swarmOf(t, SwarmConfig{Profile: Mixed, From: 1, Seeds: 2, Cores: 2})
	if r.Seeds != 2 || r.Source != "mixed" || r.Simulated < 3*time.Minute {
		t.Errorf("%+v", r)
	}
}
