package replica

import (
	"testing"
	"time"

	"github.com/atollcache/atoll/wire"
)

// An answer that came late, since the node was paused or the way was cut, says
// little of the next one: an ask that is lost then is sent again as soon as ever.
// Else each loss doubles the wait, and no other round with that peer begins.
func TestLostAskAfterAPause(t *testing.T) {
	w := newWorld(t, 1, 2, 1).few(1)
	w.timing = Timing{AskBytes: 512, RoundEvery: time.Second}
	w.settled()
	a1, b1 := w.at("a1"), w.at("b1")
	var lost, again time.Duration
	answers := 0
	w.drop = func(from, _ *node, payload []byte) bool {
		e, _ := wire.Open(payload)
		pl := a1.r.pulls[b1.r.self.ID]
		switch {
		case from == b1 && e.Kind == wire.KindAnswer && entries(t, e) > 0:
			answers++
		case from == a1 && e.Kind == wire.KindAsk && lost > 0 && again == 0:
			again = w.now
		case from == a1 && e.Kind == wire.KindAsk && pl.slowest > 10*time.Second && again == 0:
			lost = w.now
			return true
		}
		return from == b1 && e.Kind == wire.KindBatch
	}
	for _, k := range w.keys("k", 400) {
		w.do(b1, "set", k, "v")
	}
	w.until("in the middle of a round", 5*time.Second, func() bool { return answers == 3 })
	w.now += 20 * time.Second
	w.until("a lost ask is repeated", 5*time.Minute, func() bool { return again > 0 })
	if waited := again - lost; waited > a1.r.t.PullTimeout {
		t.Errorf("the ask was sent again after %v", waited)
	}
	w.settle(10 * time.Second)
}
