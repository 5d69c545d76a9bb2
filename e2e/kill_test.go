package e2e_test

import (
	"fmt"
	"sync"
	"testing"
	"time"
)

// startWriters runs writers on one client until the function that it returns is called.
func startWriters(l *ledger, c *client, prefix string, count int, timeout time.Duration) (stop func()) {
	stopping := make(chan struct{})
	var running sync.WaitGroup
	for i := range count {
		w := &writer{name: fmt.Sprintf("%s-%d", prefix, i), client: c, ledger: l, timeout: timeout}
		running.Go(func() { w.run(stopping) })
	}
	return sync.OnceFunc(func() {
		close(stopping)
		running.Wait()
	})
}

// moreAcknowledged waits until some more commands have been.
func moreAcknowledged(t *testing.T, l *ledger, more int) {
	t.Helper()
	want := l.acknowledged() + more
	eventually(t, patience, func() string {
		return unless(l.acknowledged() >= want, fmt.Sprintf("%v, want %d", l, want))
	})
}

// TestKilledUnderLoad kills each of three processes in turn while clients write, and starts it again with empty memory.
// What was acknowledged at level region is seen by whoever removes it at once and is still there after all of it, what was
// removed stays away, and no node takes an epoch again.
func TestKilledUnderLoad(t *testing.T) {
	fast := []string{"--pace", "fast"}
	first := serve(t, "eu-1", nil, fast...)
	nodes := []*process{first, serve(t, "eu-2", first, fast...), serve(t, "eu-3", first, fast...)}
	l := newLedger("region")
	epochs := map[string]uint64{}
	witness := nodes[0].dial(t)
	eventually(t, patience, func() string { return unsettled(witness, nodes) })

	for victim := range nodes {
		survivor := nodes[(victim+1)%len(nodes)]
		witness = survivor.dial(t)
		for _, node := range nodes {
			epochs[node.name] = max(epochs[node.name], node.boot(t, witness))
		}
		impatient := &client{witness.region, time.Second} // what the victim was asked is never answered
		stop := startWriters(l, impatient, fmt.Sprintf("round-%d", victim), 4, time.Second)
		t.Cleanup(stop)
		moreAcknowledged(t, l, 200)

		nodes[victim].kill()
		moreAcknowledged(t, l, 100)
		nodes[victim] = serve(t, nodes[victim].name, survivor, fast...)
		moreAcknowledged(t, l, 100)
		stop()

		took := eventually(t, patience, func() string { return unsettled(witness, nodes) })
		t.Logf("%s killed and back, settled %v after the last write: %v", nodes[victim].name, took, l)
		if boot := nodes[victim].boot(t, witness); boot <= epochs[nodes[victim].name] {
			t.Errorf("%s has taken epoch %d after %d", nodes[victim].name, boot, epochs[nodes[victim].name])
		}
	}
	l.judge(t, witness)
}
