package replica

import (
	"strconv"
	"testing"
	"time"
)

// What waits for a silent link asks for no ticks: through a cut of a minute, with
// writes, a node is called no more often than its resends and heartbeats want.
func TestASilentLinkAsksForNoTicks(t *testing.T) {
	w := newWorld(t, 1, 2, 2)
	w.scope = scopeWith("k0", "k1", "k2", "k3")
	w.boot()
	w.settle(time.Minute)
	w.sever("a", "b")
	for i := range 4 {
		w.do(w.at("a1"), "set", "k"+strconv.Itoa(i), "before")
	}
	w.run(10 * time.Second)
	for i := range 4 {
		w.do(w.at("a1"), "set", "k"+strconv.Itoa(i), "during")
	}
	ticks := 0
	w.trace = func(what string) {
		if what == "tick of a1" {
			ticks++
		}
	}
	w.run(time.Minute)
	if ticks > 60*40 {
		t.Errorf("%d ticks in a minute", ticks)
	}
	t.Logf("%d ticks in a minute", ticks)
}
