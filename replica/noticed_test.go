package replica

import (
	"testing"
	"time"

	"github.com/atollcache/atoll/crdt"
	"github.com/atollcache/atoll/wire"
)

// A write is stamped above everything that it replaces, also at a node whose
// clock is behind that of who wrote before.
func TestStampIsAboveWhatItReplaces(t *testing.T) {
	w := newWorld(t, 1, 1, 2)
	w.few(1)
	w.nodes[0].skew = 200
	w.settled()
	replaced := 0
	w.witness = func(n *node, _ []byte, d *crdt.Delta) {
		cells := d.Cells()
		for i := range cells {
			for _, s := range cells[i].Slots {
				if s.Dead {
					replaced++
				}
				if s.Dead && s.Stamp >= d.Ops[0].Stamp {
					t.Errorf("%s stamps %v and replaces %v", n.name, d.Ops[0].Stamp, s.Stamp)
				}
			}
		}
	}
	key := w.keys("k", 1)[0]
	want(t, w.do(w.nodes[0], "set", key, "first"), "OK")
	w.run(20 * time.Millisecond)
	want(t, w.do(w.nodes[1], "set", key, "second"), "OK")
	if replaced != 1 {
		t.Errorf("%d values were replaced, want 1", replaced)
	}
}

// A write among three owners takes four deltas, one to each of the others and
// one between these, and then all is quiet: nothing goes back or around.
func TestDeltasComeToRest(t *testing.T) {
	w := newWorld(t, 1, 1, 3)
	w.replicas = 3
	w.few(1)
	w.settled()
	deltas := 0
	w.listen(func(_, _ *node, e wire.Envelope) {
		if e.Kind == wire.KindBatch {
			_, n := batchOf(t, e)
			deltas += n
		}
	})
	want(t, w.do(w.nodes[0], "set", w.keys("k", 1)[0], "v"), "OK")
	w.run(3 * time.Second)
	if deltas == 0 || deltas > 4 {
		t.Errorf("%d deltas for one write among three owners, want at most 4", deltas)
	}
}

// Two writes in quick succession, the second of which waits for company, arrive
// within milliseconds though nobody writes any more.
func TestLastWriteIsNotStuck(t *testing.T) {
	w := newWorld(t, 1, 1, 2)
	w.few(1)
	w.settled()
	keys := w.keys("k", 3)
	for _, key := range keys {
		want(t, w.do(w.nodes[0], "set", key, "v"), "OK")
	}
	w.run(20 * time.Millisecond)
	for _, key := range keys {
		if w.nodes[1].entry(key) == nil {
			t.Errorf("%s has not arrived after 20 ms", key)
		}
	}
}

// What a round fetches from another region is relayed to the co-owner, which
// needs no round of its own for it.
func TestRepairsAreRelayed(t *testing.T) {
	w := newWorld(t, 1, 2, 2)
	w.few(1)
	w.timing.RoundEvery = 5 * time.Second
	w.settled()
	key := w.keys("k", 1)[0]
	far, _ := w.owners("b", key)
	near, _ := w.owners("a", key)
	w.lose(func(from, to *node, e wire.Envelope) bool {
		asks := e.Kind == wire.KindAsk && from == near[1]
		return from.region == "b" && to.region == "a" && e.Kind == wire.KindBatch || asks
	})
	want(t, w.do(far[0], "set", key, "v"), "OK")
	w.until("repaired", 20*time.Second, func() bool { return near[0].entry(key) != nil })
	w.run(20 * time.Millisecond)
	if near[1].entry(key) == nil {
		t.Error("what a round brought to one owner was not passed on to the other")
	}
}

// Peers that agree ask each other once in a while, and no more.
func TestAgreementIsQuiet(t *testing.T) {
	w := newWorld(t, 1, 2, 2)
	w.few(1)
	w.settled()
	want(t, w.do(w.nodes[0], "set", w.keys("k", 1)[0], "v"), "OK")
	w.run(15 * time.Second)
	asks := 0
	w.listen(func(_, _ *node, e wire.Envelope) {
		if e.Kind == wire.KindAsk {
			asks++
		}
	})
	const rounds = 3
	w.run(rounds * w.nodes[0].r.t.RoundEvery)
	if pairs := 6; asks == 0 || asks > 4*pairs*rounds {
		t.Errorf("%d questions in the time of %d rounds, among %d pairs", asks, rounds, pairs)
	}
}

// A round that ends early, after the peer's context has come and before its
// content, has taught nothing.
func TestInterruptedRoundTeachesNothing(t *testing.T) {
	w := newWorld(t, 1, 2, 1)
	w.few(1)
	w.settled()
	a, b := w.nodes[0], w.nodes[1]
	interrupted := true
	w.lose(func(from, _ *node, e wire.Envelope) bool {
		if from != a || e.Kind != wire.KindAnswer {
			return from == a && e.Kind == wire.KindBatch
		}
		answer, err := wire.ReadAnswer(e.Body, peerLimits)
		return interrupted && (err != nil || answer.Reply == nil && len(answer.Contexts) == 0)
	})
	keys := w.keys("k", 40)
	for _, key := range keys {
		want(t, w.do(a, "set", key, "v"), "OK")
	}
	failed := b.r.stats.RoundsFailed
	w.until("failed", time.Minute, func() bool { return b.r.stats.RoundsFailed > failed })
	if b.entry(keys[0]) != nil {
		t.Fatal("the round was not interrupted")
	}
	interrupted = false
	w.settle(time.Minute)
	w.everywhere("v", "get", keys[0])
}

// A link that opens while its sender has applied what lies beyond a gap starts
// above that: its receiver may lack it, and no later batch brings it.
func TestLinkStartsAboveWhatWasApplied(t *testing.T) {
	w := newWorld(t, 1, 2, 2)
	w.few(1)
	w.settled()
	keys := w.keys("k", 2)
	near, _ := w.owners("a", keys[0])
	far, _ := w.owners("b", keys[0])
	lost, apart, unanswered := uint64(0), true, true
	w.lose(func(from, to *node, e wire.Envelope) bool {
		if e.Kind == wire.KindAnswer && to == near[1] {
			return unanswered
		}
		if e.Kind != wire.KindBatch || from.region == to.region && (from != near[0] || to != near[1]) {
			return false
		}
		b, deltas := batchOf(t, e)
		if from == far[0] && to == near[0] && deltas > 0 && lost == 0 {
			lost = b.Seq
		}
		return apart && deltas > 0 && (from == near[0] || b.Seq == lost)
	})
	origin := far[0].place(keys[0]).origin
	since := w.now
	w.until("level, with no watermark on its way", 10*time.Second, func() bool {
		if near[0].place(keys[0]).data.Context().At(origin) != near[1].place(keys[0]).data.Context().At(origin) {
			since = w.now
			near[0].r.out[near[1].r.self.ID].hurry()
		}
		return w.now-since > 60*time.Millisecond
	})
	want(t, w.do(far[0], "set", keys[0], "v"), "OK") // is lost again and again
	w.run(5 * time.Millisecond)
	want(t, w.do(far[0], "set", keys[1], "v"), "OK")
	w.run(45 * time.Millisecond)
	if near[0].entry(keys[1]) == nil || near[1].entry(keys[1]) != nil {
		t.Fatal("the later write is not at the first owner alone")
	}

	old := near[0].r.out[near[1].r.self.ID]
	old.mu.Lock()
	old.breakOff()
	old.mu.Unlock()
	w.until("opened anew", 5*time.Second, func() bool { return near[0].r.out[near[1].r.self.ID] != old })
	apart = false
	w.run(3 * time.Second) // watermarks come before any round
	unanswered = false
	w.run(5 * time.Second)
	w.settle(time.Minute)
	for _, key := range keys {
		w.everywhere("v", "get", key)
	}
}
