package replica

import (
	"testing"
	"time"

	"github.com/atollcache/atoll/antientropy"
	"github.com/atollcache/atoll/crdt"
	"github.com/atollcache/atoll/store"
	"github.com/atollcache/atoll/wire"
)

// A tombstone stays until its context covers what it removed. When that happens
// at the peer in the middle of a round, between the step that reads the context
// and the one that reads the entry, nothing is left there that tells of the
// removal: the round's context covers it, and not what was removed. So whatever
// waits comes with the context, of one moment.
func TestTombstoneLetGoDuringARound(t *testing.T) {
	for name, known := range map[string]bool{"the puller has the value": true, "the value is on its way to the puller": false} {
		t.Run(name, func(t *testing.T) { tombstoneLetGo(t, known) })
	}
}

func tombstoneLetGo(t *testing.T, known bool) {
	w := newWorld(t, 1, 3, 1).few(1)
	w.timing.RoundEvery = time.Hour
	w.settled()
	a1, b1, c1 := w.at("a1"), w.at("b1"), w.at("c1")
	keys := w.keys("k", 2)
	k := keys[0]
	b1.r.repair.nextAt, c1.r.repair.nextAt = never, never // only a1 pulls, when it is told to

	// Of c1 only deltas arrive, and no watermark; of b1 nothing reaches a1.
	var late [][]byte
	w.lose(func(from, to *node, e wire.Envelope) bool {
		if e.Kind != wire.KindBatch || from == a1 {
			return false
		}
		b, deltas := batchOf(t, e)
		if from == c1 && to == a1 && deltas > 0 && !known {
			late = append(late, wire.Seal(nil, "test", e.From, e.Kind, e.Body))
			return true
		}
		return from == b1 && to == a1 || deltas == 0 || len(b.Watermark) > 0
	})
	w.do(c1, "set", k, "v")
	w.do(b1, "set", keys[1], "so that something differs")
	w.until("heard", time.Second, func() bool { return b1.live(k) && (a1.live(k) || len(late) > 0) })
	removed := b1.dot(k)
	want(t, w.do(b1, "del", k), "1")
	if b1.pending() == 0 || b1.place(k).data.Context().Covers(removed) {
		t.Fatal("the removal needs no tombstone")
	}

	before, stripped := w.drop, false
	w.drop = func(from, to *node, payload []byte) bool {
		e, _ := wire.Open(payload)
		if from == a1 && to == b1 && e.Kind == wire.KindAsk {
			if ask, err := wire.ReadAsk(e.Body); err == nil && ask.Step > 1 && !stripped {
				var rise crdt.Context
				rise.Raise(removed)
				b1.place(k).data.Raise(&rise) // as a watermark of c1 does
				stripped = b1.pending() == 0
			}
		}
		return before(from, to, payload)
	}
	peer, _ := a1.r.peer(b1.r.self.ID)
	a1.r.mu.Lock()
	delete(a1.r.pulls, peer.ID)
	a1.r.start(a1.time(), peer, w.scope, true)
	a1.r.mu.Unlock()
	w.collect(a1)
	w.run(500 * time.Millisecond)
	if !stripped {
		t.Fatal("the tombstone was not let go during the round")
	}
	for _, m := range late {
		if err := a1.r.Receive(a1.time(), m); err != nil {
			t.Fatal(err)
		}
	}
	if a1.place(k).data.Context().At(b1.place(k).origin) < removed.Stamp {
		t.Fatal("the round has taught nothing")
	}
	if a1.live(k) {
		t.Error("the context covers the removal, and the value shows")
	}
}

// An answer may serve what was asked for, and no more: from a range that nobody
// asked for an absence must not be taken.
func TestAnswerForAnotherRange(t *testing.T) {
	w := newWorld(t, 1, 2, 1).few(1).settled()
	a1, b1 := w.at("a1"), w.at("b1")
	keys := w.keys("k", 20)
	for _, k := range keys {
		w.do(a1, "set", k, "v")
	}
	w.settle(5 * time.Second)
	hash := store.Hash([]byte(keys[0]))
	p := a1.place(keys[0])
	peer, _ := a1.r.peer(b1.r.self.ID)
	asked := wire.Want{Partition: p.number, Tenure: 7, From: hash, To: hash + 1}
	for name, served := range map[string]wire.Want{
		"a longer range":  {Partition: p.number, Tenure: 7, From: hash},
		"an earlier one":  {Partition: p.number, Tenure: 7, From: hash - 1, To: hash + 1},
		"another part":    {Partition: p.number, Tenure: 7, From: hash, To: hash + 1, Part: 1, Parts: 2},
		"a whole for one": {Partition: p.number, Tenure: 7, From: uint64(p.number) << partitionShift},
	} {
		before := image(a1)
		a1.r.pulls[peer.ID] = &pull{
			id: 3, peer: peer, step: 1, waiting: true, asked: []wire.Want{asked},
			round: antientropy.NewRound(3, antientropy.Scope{}, a1.r.store, antientropy.Limits{}),
			parts: map[uint16]*pulled{p.number: {mine: p.origin.Epoch, theirs: 7, known: true, context: p.data.Context().Clone(), left: 1}},
		}
		var a wire.AnswerWriter
		a.Reset(3, 1)
		a.Served(served, 0)
		if err := a1.r.Receive(a1.time(), sealed(b1, wire.KindAnswer, a.Append(nil))); err == nil {
			t.Errorf("%s is taken", name)
		}
		if image(a1) != before {
			t.Errorf("%s has changed something", name)
		}
	}
}
