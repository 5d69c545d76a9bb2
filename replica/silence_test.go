package replica

import (
	"strconv"
	"testing"
	"time"

	"github.com/atollcache/atoll/wire"
)

// The path from one owner of a region to the other is dead, in that direction
// only, and membership stays green. What the unheard one takes reaches the other
// regions, and comes back from there.
func TestOneWayDeadPathInsideARegion(t *testing.T) {
	w := newWorld(t, 1, 2, 2).boot()
	w.settle(10 * time.Second)
	w.drop = func(from, to *node, _ []byte) bool { return from.name == "a2" && to.name == "a1" }
	for i := range 200 {
		w.do(w.at("a2"), "INCR", "visits"+strconv.Itoa(i))
	}
	w.do(w.at("a2"), "DEL", "visits7")
	w.run(8 * time.Second) // no acknowledgement reaches a2's peer, which sends nothing new
	for i := range 200 {
		w.do(w.at("a1"), "INCR", "visits"+strconv.Itoa(i+200))
		w.do(w.at("b1"), "INCR", "visits"+strconv.Itoa(i+400))
	}
	t.Logf("equal after %v", w.settle(15*time.Second))
	for _, n := range w.nodes {
		want(t, w.do(n, "GET", "visits3"), "1")
		want(t, w.do(n, "GET", "visits333"), "1")
		want(t, w.do(n, "GET", "visits444"), "1")
		want(t, w.do(n, "EXISTS", "visits7"), "0")
	}
	if w.marks[MarkDetour] == 0 {
		t.Error("no detour was made")
	}
}

// A node that is new to the view is no silent one: nothing is pulled on a
// detour because somebody has just come.
func TestNobodyIsSilentAtTheStart(t *testing.T) {
	w := newWorld(t, 1, 2, 3).boot()
	w.run(time.Minute)
	if n := w.marks[MarkDetour]; n > 0 {
		t.Errorf("%d detours though everybody speaks", n)
	}
}

// One ask or answer that is lost costs a repetition, not the round.
func TestRoundGoesOnAfterALoss(t *testing.T) {
	w := newWorld(t, 1, 2, 1)
	w.timing.RoundEvery = time.Second
	w.boot()
	w.settle(10 * time.Second)
	dropped := map[wire.Kind]int{}
	w.drop = func(from, to *node, payload []byte) bool {
		e, err := wire.Open(payload)
		if err != nil {
			t.Fatal(err)
		}
		if e.Kind != wire.KindAsk && e.Kind != wire.KindAnswer {
			return false
		}
		dropped[e.Kind]++
		return dropped[e.Kind]%3 == 1 // one of three, of each kind
	}
	w.run(20 * time.Second)
	rounds := 0
	for _, n := range w.nodes {
		rounds += int(n.r.stats.Rounds)
	}
	if failed := w.marks[MarkRoundFailed]; failed > rounds/4 {
		t.Errorf("%d of %d rounds failed", failed, rounds)
	}
	if dropped[wire.KindAsk] == 0 || dropped[wire.KindAnswer] == 0 {
		t.Fatal("nothing was lost")
	}
}

// Under heavy loss of everything replicas that differ become equal all the same.
func TestRepairUnderHeavyLoss(t *testing.T) {
	w := newWorld(t, 3, 2, 2)
	w.boot()
	w.settle(10 * time.Second)
	w.sever("a", "b")
	for i := range 2000 {
		w.do(w.at("a1"), "SET", "left"+strconv.Itoa(i), "x")
		w.do(w.at("b1"), "SET", "right"+strconv.Itoa(i), "y")
	}
	w.run(20 * time.Second)
	w.heal()
	w.loss = 33
	t.Logf("equal after %v", w.settle(time.Minute))
}
