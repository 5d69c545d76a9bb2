package simulate

import (
	"testing"
	"time"
)

// TestBenchRuns has what is measured be what it is said to be: it passes, and has
// as many writes as it should.
func TestBenchRuns(t *testing.T) {
	for text, writes := range map[string]uint64{oceans: 90, idle: 0} {
		sc := read(t, text)
		r := run(t, Config{Scenario: sc, Seed: 1, Brief: true, Until: 20 * time.Second})
		if most := writes * 21; r.Totals.Writes > most || r.Totals.Writes < writes*10 || len(r.Violations) > 0 {
			t.Errorf("%s: %d writes in 20 s, %v", sc.Name, r.Totals.Writes, r.Violations)
		}
	}
	f := Figure{Value: 2, Target: 3}
	if f.Met() {
		t.Error("2 of 3 is met")
	}
}
