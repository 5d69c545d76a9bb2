package judge

import (
	"flag"
	"fmt"
	"testing"
	"time"

	"github.com/atollcache/atoll/simulate/scenario"
	"github.com/atollcache/atoll/simulate/world"
)

var (
	seeds    = flag.Uint64("seeds", 6, "how many random scenarios TestSwarm runs")
	fromSeed = flag.Uint64("from", 0, "the first of them")
	profile  = flag.String("profile", "stormy", "of the random scenarios")
)

// play runs a scenario to its end under a judge.
func play(t testing.TB, sc *scenario.Scenario, seed uint64) (*Judge, *world.World) {
	t.Helper()
	j := New(sc)
	w, err := world.New(world.Config{Scenario: sc, Seed: seed, Observer: j})
	if err != nil {
		t.Fatal(err)
	}
	j.Watch(w)
	for w.Step() {
	}
	j.Final(w)
	return j, w
}

// TestSwarm lets random scenarios be judged: nothing may be wrong.
func TestSwarm(t *testing.T) {
	began := time.Now()
	var virtual time.Duration
	for seed := *fromSeed; seed < *fromSeed+*seeds; seed++ {
		sc := scenario.Random(scenario.Profile(*profile), seed, world.Simulates)
		j, w := play(t, sc, seed)
		virtual += w.Now()
		for i, v := range j.Violations() {
			if i < 5 {
				t.Errorf("seed %d: %v", seed, v)
			}
		}
		if testing.Verbose() {
			fmt.Printf("seed %d: %d violations, writes %d, reads %d, excuses %v, %v\n", seed, len(j.Violations()), j.traffic.writes, j.reads.count, j.Excuses(), j.Inconclusive())
		}
	}
	t.Logf("%d seeds, %.0f times real time", *seeds, float64(virtual)/float64(time.Since(began)))
}

// TestSwarmOfDamage has bits of every fiftieth message flip, beside everything else
// that goes wrong. A damaged message is a lost one, so every promise holds.
func TestSwarmOfDamage(t *testing.T) {
	for seed := *fromSeed; seed < *fromSeed+*seeds; seed++ {
		sc := scenario.Random(scenario.Profile(*profile), seed, world.Simulates)
		step := scenario.Step{Kind: scenario.Corrupt, At: sc.Phases.WarmUp, Chance: 20_000}
		sc.Timeline = append([]scenario.Step{step}, sc.Timeline...)
		j, w := play(t, sc, seed)
		for i, v := range j.Violations() {
			if i < 5 {
				t.Errorf("seed %d: %v", seed, v)
			}
		}
		if w.Totals().Refused == 0 {
			t.Errorf("seed %d: no message was refused", seed)
		}
		if testing.Verbose() {
			fmt.Printf("seed %d: %d damaged messages were refused, excuses %v\n", seed, w.Totals().Refused, j.Excuses())
		}
	}
}

// BenchmarkJudged is what SIMULATION calls the speed with the oracles on; blind is
// the same run without them.
func BenchmarkJudged(b *testing.B) {
	for _, judged := range []bool{true, false} {
		b.Run(fmt.Sprintf("judged=%v", judged), func(b *testing.B) {
			var virtual time.Duration
			for i := range b.N {
				sc := scenario.Random(scenario.Calm, uint64(i), world.Simulates)
				if judged {
					_, w := play(b, sc, uint64(i))
					virtual += w.Now()
					continue
				}
				w, err := world.New(world.Config{Scenario: sc, Seed: uint64(i)})
				if err != nil {
					b.Fatal(err)
				}
				for w.Step() {
				}
				virtual += w.Now()
			}
			b.ReportMetric(float64(virtual)/float64(b.Elapsed()), "x-real-time")
		})
	}
}
