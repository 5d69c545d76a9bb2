package replica

import (
	"crypto/sha256"
	"fmt"
	"runtime"
	"testing"
	"time"
)

// fingerprint runs a random schedule and gives a hash of every message that was
// sent, in order, with who sent it to whom and when.
func fingerprint(t *testing.T, seed int64) string {
	s := newSchedule(t, seed)
	sum := sha256.New()
	s.w.drop = func(from, to *node, payload []byte) bool {
		fmt.Fprintln(sum, s.w.now, from.name, to.name, len(payload))
		sum.Write(payload)
		return false
	}
	s.w.boot()
	s.w.run(500 * time.Millisecond)
	s.chaos(150)
	if err := s.quiet(); err != nil {
		t.Errorf("seed %d: %v", seed, err)
	}
	return fmt.Sprintf("%d messages, %x", s.w.sent, sum.Sum(nil))
}

// The same calls lead to the same messages, byte for byte, on however many
// processors.
func TestDeterminism(t *testing.T) {
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(0))
	for seed := range int64(5) {
		runtime.GOMAXPROCS(1)
		first := fingerprint(t, seed)
		runtime.GOMAXPROCS(4)
		if second := fingerprint(t, seed); first != second {
			t.Errorf("seed %d: %s, then %s", seed, first, second)
		}
	}
}
