package e2e_test

import (
	"testing"
	"time"
)

// TestJoinAndDrainUnderLoad lets a third node join and another leave while clients of the node that stays write. No
// command fails at its first try or falls short of its level, no removal misses what was acknowledged, nothing is lost.
func TestJoinAndDrainUnderLoad(t *testing.T) {
	stays := serve(t, "eu-1", nil)
	leaves := serve(t, "eu-2", stays)
	c := stays.dial(t)
	eventually(t, patience, func() string { return unsettled(c, []*process{stays, leaves}) })

	l := newLedger("region")
	stop := startWriters(l, c, "writer", 4, 10*time.Second)
	t.Cleanup(stop)
	moreAcknowledged(t, l, 300)

	joins := serve(t, "eu-3", stays)
	moreAcknowledged(t, l, 300)
	leaves.drain(t)
	moreAcknowledged(t, l, 300)
	stop()

	took := eventually(t, patience, func() string { return unsettled(c, []*process{stays, joins}) })
	t.Logf("settled %v after the last write: %v", took, l)
	for _, err := range l.failures {
		t.Errorf("failed: %v", err)
	}
	if l.short > 0 {
		t.Errorf("%d commands did not reach level region", l.short)
	}
	l.judge(t, c)
}
