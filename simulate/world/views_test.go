package world_test

import (
	"testing"

	"github.com/atollcache/atoll/simulate/world"
)

// A node that cannot be told how the boot of another goes on, too shortly for it
// to be missed, hears of it afterwards. The boot takes three seconds, since its
// region is away, and the rejoin loop may find it before it has an epoch.
func TestWhatWasNotHeardIsExchanged(t *testing.T) {
	for _, fault := range []string{
		"false-death: us/1, for: 10s",
		"flap: inside us, up: 2s, down: 2s, for: 10s",
	} {
		t.Run(fault, func(t *testing.T) {
			s := parse(t, stage+"{at: 8s, crash: us/3, restart: 5s}\n  - {at: 11s, away: us, for: 8s}\n  - {at: 12s, "+fault+"}\n")
			for seed := range uint64(4) {
				w := startOf(t, s, seed, nil)
				run(t, w)
				agree(t, w, "us")
			}
		})
	}
}

// agree wants every node of a region to see all that run there, as they are.
func agree(t *testing.T, w *world.World, region string) {
	t.Helper()
	for _, n := range w.Nodes() {
		if n.Region != region || !n.Up() {
			continue
		}
		seen := map[string]uint64{}
		for _, o := range n.Sees() {
			seen[o.Name] = o.Boot
		}
		for _, o := range w.Nodes() {
			if o.Region == region && o.Up() && seen[o.Name] != o.Boot() {
				t.Errorf("%v sees %v of boot %d, and it is %d", n, o, seen[o.Name], o.Boot())
			}
		}
	}
}
