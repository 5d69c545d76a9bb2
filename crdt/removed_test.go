package crdt

import (
	"flag"
	"math/rand"
	"testing"
)

var (
	fromSeed = flag.Int64("seed", 1, "first seed of the observed-remove worlds")
	worlds   = flag.Int64("worlds", 400, "how many observed-remove worlds to play")
)

// TestObservedRemove plays worlds of replicas that lose, repeat and reorder
// their mail, forget and come back, against the oracle.
//
//	go test ./crdt -run TestObservedRemove -worlds 100000
//	go test ./crdt -run TestObservedRemove -seed 42 -worlds 1
func TestObservedRemove(t *testing.T) {
	n := *worlds
	if testing.Short() {
		n = min(n, 100)
	}
	for seed := *fromSeed; seed < *fromSeed+n; seed++ {
		if err := play(rand.New(rand.NewSource(seed)), bugs{}, false, false); err != nil {
			t.Fatalf("seed %d: %v", seed, err)
		}
	}
}

// TestPlantedBugs proves that the worlds would find the mistakes which the
// rules around this package exclude.
func TestPlantedBugs(t *testing.T) {
	for name, b := range map[string]bugs{
		"the context rises with a delta":         {deltaTeaches: true},
		"the context is read after the content":  {lateContext: true},
		"the context is joined without content":  {contextOnly: true},
		"repair leaves tombstones out":           {noTombstones: true},
		"a count does not remember its birth":    {noBirth: true},
		"an origin is used again":                {originReused: true},
		"what was removed is let in again":       {noGate: true},
		"DEL kills beyond its context":           {vectorTooHigh: true},
		"an outbox keeps the newest delta alone": {newestOnly: true},
		"what expired goes early":                {wipesEarly: true},
		"what expired takes newer things along":  {wipesAll: true},
		"only the newest value expires":          {wipesTop: true},
		"a value goes before the deadline":       {freesEarly: true},
		"the value of what was written since":    {freesAll: true},
		"no stub is left of a value":             {stubShows: true},
		"a stub takes the place of a value":      {stubWins: true},
		"a stub counts as the value":             {stubEqual: true},
	} {
		t.Run(name, func(t *testing.T) {
			freeing := b.freesEarly || b.freesAll || b.stubShows || b.stubWins || b.stubEqual
			expiring := freeing || b.wipesAll || b.wipesEarly || b.wipesTop
			for seed := int64(1); seed <= 2_000; seed++ {
				if err := play(rand.New(rand.NewSource(seed)), b, expiring, freeing); err != nil {
					t.Logf("seed %d: %v", seed, err)
					return
				}
			}
			t.Error("2,000 worlds with this bug, and nothing was found")
		})
	}
}
