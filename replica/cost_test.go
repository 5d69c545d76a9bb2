package replica

import (
	"flag"
	"fmt"
	"testing"
	"time"

	"github.com/atollcache/atoll/crdt"
	"github.com/atollcache/atoll/store"
	"github.com/atollcache/atoll/wire"
)

var costKeys = flag.Int("keys", 100_000, "how many keys TestRoundCosts compares")

// A round between two equal nodes is one message each way; one key that differs
// costs four round trips and a few kilobytes, however many there are.
func TestRoundCosts(t *testing.T) {
	w := newWorld(t, 1, 2, 1)
	w.timing.RoundEvery = 5 * time.Second
	w.boot()
	w.settle(5 * time.Second)
	a, b := w.at("a1"), w.at("b1")
	for i := range *costKeys {
		plant(a, i, 1)
		plant(b, i, 1)
	}

	idle := w.roundOf(a)
	t.Logf("equal, %d keys: %d asks of %d bytes, answers of %d bytes", *costKeys, idle.asks, idle.asked, idle.answered)
	if idle.asks != 1 || idle.asked >= 1024 || idle.answered >= 1024 {
		t.Errorf("an idle round is %+v, want one message below 1 KiB each way", idle)
	}

	plant(b, *costKeys/2, 2)
	one := w.roundOf(a)
	t.Logf("one key differs: %d asks of %d bytes, answers of %d bytes", one.asks, one.asked, one.answered)
	if one.asks > 4 || one.asked+one.answered > 16<<10 {
		t.Errorf("one difference costs %+v, want at most 4 round trips and 16 KiB", one)
	}
	if ok, where := w.equal(); !ok {
		t.Error(where)
	}
}

// plant gives a node version v of key i without a word to its peers.
func plant(n *node, i, v int) {
	key := fmt.Appendf(nil, "key:%012d", i)
	hash := store.Hash(key)
	p := n.r.partitionOf(hash)
	op := crdt.Dot{Stamp: crdt.StampAt(wallStart - 1_000_000 + int64(i%1000)), Origin: crdt.Origin{Node: 1, Epoch: uint64(v)}}
	var d crdt.Delta
	d.Put(&p.none, crdt.String, "", make([]byte, 64), 0, op)
	p.data.Lock()
	p.data.Merge(hash, key, &d)
	p.data.Unlock()
}

// tally is what a node's side of repair took.
type tally struct{ asks, asked, answered int }

// roundOf waits for the next round of a node and counts it.
func (w *world) roundOf(n *node) tally {
	w.t.Helper()
	var sum tally
	w.drop = func(from, to *node, payload []byte) bool {
		e, err := wire.Open(payload)
		if err != nil {
			w.t.Fatal(err)
		}
		switch {
		case from == n && e.Kind == wire.KindAsk:
			sum.asks++
			sum.asked += len(payload)
		case to == n && e.Kind == wire.KindAnswer:
			sum.answered += len(payload)
		}
		return false
	}
	rounds := n.r.stats.Rounds
	w.until("begun a round", time.Minute, func() bool { return n.r.stats.Rounds > rounds })
	w.until("ended it", time.Minute, func() bool { return len(n.r.pulls) == 0 })
	w.drop = nil
	return sum
}
