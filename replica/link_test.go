package replica

import (
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/atollcache/atoll/crdt"
	"github.com/atollcache/atoll/wire"
)

// Loss, repetition and overtaking change nothing: every increment counts once.
func TestLossRepetitionAndOvertaking(t *testing.T) {
	w := newWorld(t, 1, 2, 2).few(8).settled()
	w.loss, w.repeat, w.slow = 10, 10, 10
	k, sum := w.keys("k", 1)[0], 0
	for i := range 400 {
		w.do(w.nodes[i%4], "incrby", k, strconv.Itoa(i))
		sum += i
		w.run(3 * time.Millisecond)
	}
	w.loss, w.repeat, w.slow = 0, 0, 0
	w.run(5 * time.Second)
	w.settle(5 * time.Second)
	w.everywhere(strconv.Itoa(sum), "get", k)
}

// An outbox that overflows is dropped and never exceeds its bound; repair brings
// what was in it.
func TestOverflowIsMended(t *testing.T) {
	w := newWorld(t, 1, 2, 1).few(8)
	w.timing.OutboxBytes = 8 << 10
	w.settled()
	a1, keys := w.at("a1"), w.keys("k", 500)
	w.sever("a", "b")
	w.run(4 * time.Second) // until the link counts as silent and holds what it has
	opened, most := a1.r.stats.Opened, 0
	for _, k := range keys {
		w.do(a1, "set", k, strings.Repeat("x", 100))
		for _, id := range a1.r.outIDs() {
			most = max(most, a1.r.out[id].box.bytes)
		}
		w.run(time.Millisecond)
	}
	if most > w.timing.OutboxBytes || most < w.timing.OutboxBytes/2 {
		t.Errorf("%d bytes waited at most, %d are allowed", most, w.timing.OutboxBytes)
	}
	if a1.r.stats.Opened == opened {
		t.Error("the link did not break off")
	}
	w.heal()
	t.Log("equal after", w.settle(5*time.Second))
	w.run(3 * time.Second)
	if s := w.at("b1").r.Status(w.at("b1").time()); s.Peers[0].Stuck > 0 {
		t.Errorf("%d partitions still wait for repair", s.Peers[0].Stuck)
	}
}

// A key that is written all the time during a cut costs a message, not a message
// per write.
func TestHotKeyDuringACut(t *testing.T) {
	const writes = 5000
	w := newWorld(t, 1, 2, 1).few(8).settled()
	a1, b1, k := w.at("a1"), w.at("b1"), w.keys("k", 1)[0]

	carried := 0
	w.listen(func(from, to *node, e wire.Envelope) {
		if from == a1 && to == b1 && e.Kind == wire.KindBatch {
			carried += len(e.Body)
		}
	})
	w.do(a1, "incr", k)
	each := carried

	w.sever("a", "b")
	for range writes {
		w.do(a1, "incr", k)
		w.run(time.Millisecond)
	}
	w.heal()
	carried = 0
	w.settle(10 * time.Second)
	w.run(3 * time.Second)
	w.everywhere(strconv.Itoa(writes+1), "get", k)
	if carried*10 > writes*each {
		t.Errorf("%d bytes after the heal, %d writes one by one are %d", carried, writes, writes*each)
	}
}

// A waiter is not kept for longer than its deadline, however long a key stays
// hot and a region away.
func TestHotKeyDuringACutAtLevelRegions(t *testing.T) {
	w := newWorld(t, 1, 2, 1).few(1).settled()
	a1, k := w.at("a1"), w.keys("k", 1)[0]
	w.sever("a", "b")
	w.run(4 * time.Second)
	for range 3000 {
		w.call(a1, Request{Level: Regions, Regions: 2, Timeout: 50 * time.Millisecond}, "incr", k)
		w.run(time.Millisecond)
	}
	waiting := 0
	for _, id := range a1.r.outIDs() {
		for _, g := range a1.r.out[id].box.gens {
			for _, rec := range g.records {
				waiting += len(rec.waiters)
			}
		}
	}
	if waiting > 500 {
		t.Errorf("%d waiters are kept, 50 can still be answered", waiting)
	}
}

// Watermarks advance while writing never pauses, since the outbox is sealed
// under them.
func TestContextsRiseUnderConstantLoad(t *testing.T) {
	w := newWorld(t, 1, 2, 2).few(4)
	w.timing.BatchBytes = 512
	w.settled()
	a1, keys := w.at("a1"), w.keys("k", 50)
	origin := a1.place(keys[0]).origin
	last := map[*node]crdt.Stamp{}
	for i := range 3000 {
		w.do(a1, "set", keys[i%len(keys)], "v")
		w.run(time.Millisecond / 2)
		if i%600 != 599 {
			continue
		}
		for _, n := range w.nodes[1:] {
			at := n.place(keys[0]).data.Context().At(origin)
			if i > 600 && at <= last[n] {
				t.Errorf("%s stands at %v since 300 ms", n.name, at)
			}
			last[n] = at
		}
	}
	for _, n := range w.nodes[1:] {
		if lag := a1.r.clock.Last().Millis() - last[n].Millis(); lag > 500 {
			t.Errorf("%s is %d ms behind under load", n.name, lag)
		}
	}
}

// What is stamped too far ahead is not applied, moves no clock and is not
// certified; when its time has come it is.
func TestStampsOfTheFuture(t *testing.T) {
	w := newWorld(t, 1, 1, 2).few(4)
	w.timing.RoundEvery = 500 * time.Millisecond
	a1, a2 := w.at("a1"), w.at("a2")
	w.settled()
	k := w.keys("k", 1)[0]
	w.do(a1, "set", k, "old")
	w.run(200 * time.Millisecond)

	a2.skew = 5000
	w.do(a2, "set", k, "new")
	dot := crdt.Dot{Stamp: a2.r.clock.Last(), Origin: a2.place(k).origin}
	for range 40 {
		w.run(100 * time.Millisecond)
		if a1.place(k).data.Context().Covers(dot) {
			t.Fatal("certified, and not applied")
		}
		if ahead := a1.r.clock.Last().Millis() - a1.time().Wall; ahead > 600 {
			t.Fatalf("the clock was moved %d ms ahead", ahead)
		}
		want(t, w.do(a1, "get", k), "old")
	}
	if a1.r.stats.Future == 0 {
		t.Error("nothing was counted")
	}
	w.until("applied", 5*time.Second, func() bool { return text(w.do(a1, "get", k)) == "new" })
	if ahead := dot.Stamp.Millis() - a1.time().Wall; ahead > 600 {
		t.Errorf("applied %d ms too early", ahead)
	}
}

// A node whose clock was wrong and has been set right is followed again: one that
// has stamped ahead, where nobody could tell that it was wrong, and one that has
// not.
func TestClockSetRight(t *testing.T) {
	for _, shape := range [][2]int{{2, 2}, {2, 1}, {1, 2}} {
		w := newWorld(t, 1, shape[0], shape[1]).few(4).settled()
		a1, k := w.at("a1"), w.keys("k", 1)[0]
		a1.skew = 5000
		w.do(a1, "set", k, "v")
		if judged := len(w.nodes) > 2; judged == (a1.r.clock.Last().Millis() > a1.time().Wall-1000) {
			t.Errorf("%d nodes: the clock of a1 stands at %v", len(w.nodes), a1.r.clock.Last())
		}
		w.run(time.Second)
		a1.skew = 0
		w.run(20 * time.Second)
		w.settle(time.Second)
		want(t, w.do(a1, "set", k, "w"), "OK")
		w.run(time.Second)
		w.everywhere("w", "get", k)
		for _, n := range w.nodes {
			for _, p := range n.r.Status(n.time()).Peers {
				if p.Stuck > 0 {
					t.Errorf("%s cannot follow %s in %d partitions", n.name, p.Node, p.Stuck)
				}
			}
		}
	}
}

// What one region writes reaches another through a third when the direct way is
// cut, in one direction or in both, within 15 s and while the cut lasts.
func TestRepairThroughAThirdRegion(t *testing.T) {
	for name, cut := range map[string]func(w *world){
		"one way": func(w *world) { w.cut[[2]string{"a", "b"}] = true },
		"bridge":  func(w *world) { w.sever("a", "b") },
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, 1, 3, 2).few(8).settled()
			cut(w)
			keys := w.keys("k", 100)
			for i, k := range keys {
				w.do(w.at([]string{"a1", "b2"}[i%2]), "set", k, k)
				w.run(time.Millisecond)
			}
			took := w.settle(15 * time.Second)
			for _, k := range keys {
				w.everywhere(k, "get", k)
			}
			t.Log("equal after", took)
		})
	}
}
