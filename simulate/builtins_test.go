package simulate

import (
	"flag"
	"testing"
	"time"

	"github.com/atollcache/atoll/simulate/scenario"
)

var full = flag.Bool("full", false, "TestBuiltins runs the scenarios as they are, expectations included")

// sparse is a load that leaves a run what it is about, and makes it quick.
const sparse = scenario.Rate(4000)

// scaled makes the load of a scenario small and a day an hour, and takes away what
// it expects of the large one.
func scaled(t *testing.T, sc *scenario.Scenario) *scenario.Scenario {
	t.Helper()
	c := *sc
	c.Load = append([]scenario.Load(nil), sc.Load...)
	for i := range c.Load {
		c.Load[i].Ops = min(c.Load[i].Ops, sparse)
		c.Load[i].Keys.Count = min(c.Load[i].Keys.Count, 100)
	}
	c.Timeline = append([]scenario.Step(nil), sc.Timeline...)
	for i := range c.Timeline {
		c.Timeline[i].Ops = min(c.Timeline[i].Ops, sparse)
		if c.Timeline[i].For > time.Hour {
			c.Timeline[i].For, c.Phases = 10*time.Minute, scenario.Phases{}
		}
	}
	c.Config.Partitions = 4
	c.Expect = scenario.Expect{}
	small, err := c.Resolve()
	if err != nil {
		t.Fatal(err)
	}
	return small
}

// TestBuiltins runs the built-in scenarios: none may break a promise.
func TestBuiltins(t *testing.T) {
	for i, name := range Scenarios() {
		if (testing.Short() || racing) && i%8 != 0 {
			continue
		}
		t.Run(name, func(t *testing.T) {
			sc, err := Scenario(name)
			if err != nil {
				t.Fatal(err)
			}
			if !*full {
				sc = scaled(t, sc)
			}
			r := run(t, Config{Scenario: sc, Seed: seedOf(sc), Brief: true})
			if r.Verdict == Violated || *full && r.Verdict != Pass {
				t.Errorf("%s: %v %v", r.Verdict, r.Violations, r.Doubts)
			}
		})
	}
}
