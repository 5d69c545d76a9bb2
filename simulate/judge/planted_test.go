//go:build simbreak

package judge

import (
	"flag"
	"fmt"
	"testing"

	"github.com/atollcache/atoll/planted"
	"github.com/atollcache/atoll/simulate/scenario"
	"github.com/atollcache/atoll/simulate/world"
)

var broken = flag.String("break", "", "the planted bug that TestPlanted switches on")

// TestPlanted runs random scenarios with a planted bug until an oracle tells.
func TestPlanted(t *testing.T) {
	if *broken == "" {
		t.Skip("no bug chosen")
	}
	if err := planted.Choose(planted.ID(*broken)); err != nil {
		t.Fatal(err)
	}
	for seed := *fromSeed; seed < *fromSeed+*seeds; seed++ {
		j, _ := play(t, scenario.Random(scenario.Profile(*profile), seed, world.Simulates), seed)
		if all := j.Violations(); len(all) > 0 {
			fmt.Printf("CAUGHT %s by seed %d: %.200s\n", *broken, seed, all[0].String())
			return
		}
	}
	t.Errorf("SURVIVED %s", *broken)
}
