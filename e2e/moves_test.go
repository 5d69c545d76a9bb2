package e2e_test

import (
	"testing"
	"time"
)

// TestJoinAndDrainUnderLoad lets a third node join and another leave while clients of the node that stays write and
// nothing may fail them. One retry is allowed, and counted.
func TestJoinAndDrainUnderLoad(t *testing.T) {
	stays := serve(t, "eu-1", nil)
	leaves := serve(t, "eu-2", stays)
	c := stays.dial(t)
	eventually(t, patience, func() string { return unsettled(c, []*process{stays, leaves}) })

	const writers = 4
	l := newLedger("region")
	stop := startWriters(l, c, "writer", writers, 10*time.Second, true)
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
		t.Errorf("failed although it was tried twice: %v", err)
	}
	if l.short > 2*writers {
		t.Errorf("%d commands did not reach level region; only what was under way when an owner left may not", l.short)
	}
	l.judge(t, c)
}
