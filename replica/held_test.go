package replica

import (
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/atollcache/atoll/region"
	"github.com/atollcache/atoll/wire"
)

// A node that has just come back sees what was acknowledged at level region
// while it was away or before: its commands wait until a co-owner speaks.
func TestCommandsOfABootingNodeSeeWhatWasAcknowledged(t *testing.T) {
	w := newWorld(t, 1, 2, 2).few(8).settled()
	keys := w.keys("k", 60)
	for _, k := range keys {
		w.ask(w.at("a1"), Request{Level: Region}, "set", k, "7")
	}
	a2 := w.at("a2")
	a2.crash()
	a2.start()
	w.membership("a")
	for i, k := range keys {
		switch i % 3 {
		case 0:
			want(t, w.do(a2, "del", k), "1")
		case 1:
			want(t, w.do(a2, "get", k), "7")
		case 2:
			want(t, w.do(a2, "incr", k), "8")
		}
	}
	if len(a2.r.held) > 0 {
		t.Errorf("%d commands are still held", len(a2.r.held))
	}
}

// Where the co-owner is not there to speak, a command waits no longer than the
// settle time, and is then run on what there is.
func TestHeldCommandRunsInTheEnd(t *testing.T) {
	w := newWorld(t, 1, 1, 2).few(8)
	w.drop = func(from, _ *node, _ []byte) bool { return from.name == "a2" }
	for _, n := range w.nodes {
		n.start()
	}
	w.membership("a")
	began := w.now
	want(t, w.do(w.at("a1"), "set", w.keys("k", 1)[0], "v"), "OK")
	if took := w.now - began; took < 400*time.Millisecond || took > 600*time.Millisecond {
		t.Errorf("answered after %v", took)
	}
}

// An owner that has fallen silent is not asked while another one speaks, though
// its hold-down lasts.
func TestForwardAvoidsASilentOwner(t *testing.T) {
	w := newWorld(t, 1, 1, 3).few(8)
	w.timing.HoldDown = time.Minute
	w.settled()
	k := w.keys("k", 1)[0]
	owners, others := w.owners("a", k)
	owners[0].crash()
	w.run(5 * time.Second)
	began := w.now
	want(t, w.do(others[0], "set", k, "v"), "OK")
	if took := w.now - began; took > 100*time.Millisecond {
		t.Errorf("answered after %v", took)
	}
}

// A forwarded command that the network repeats runs once.
func TestRepeatedForwardRunsOnce(t *testing.T) {
	w := newWorld(t, 1, 1, 3).few(8).settled()
	w.repeat = 100
	k := w.keys("k", 1)[0]
	_, others := w.owners("a", k)
	forwards := 0
	w.listen(func(_, _ *node, e wire.Envelope) {
		if e.Kind == wire.KindForward {
			forwards++
		}
	})
	for range 20 {
		w.do(others[0], "incr", k)
	}
	w.run(5 * time.Second)
	want(t, w.do(others[0], "get", k), "20")
	if forwards < 20 { // each of which comes twice
		t.Errorf("only %d forwards were sent", forwards)
	}
}

// A window says the same of every number as a set that forgets nothing, except
// that it takes for old what lies far behind.
func TestWindow(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		ws, seen, top := windows{}, map[uint64]bool{}, uint64(0)
		base := rapid.Uint64Range(0, 1<<62).Draw(t, "base")
		for range rapid.IntRange(1, 200).Draw(t, "messages") {
			id := base + rapid.Uint64Range(0, 3*windowSize).Draw(t, "number")
			want := !seen[id] && (len(seen) == 0 || id+windowSize > top)
			if got := ws.fresh(1, id); got != want {
				t.Fatalf("%d is new: %v, want %v; the highest is %d", id-base, got, want, top-base)
			}
			seen[id], top = true, max(top, id)
		}
	})
}

// A node that the others do not know yet holds all that they had, and knows that
// it does not see what they acknowledge from then on. When they know it and it has
// caught up, it sees all of it.
func TestWhoIsNotKnownYetHasUnmetPartitions(t *testing.T) {
	w := newWorld(t, 1, 1, 3).few(8)
	a1, a2, a3 := w.at("a1"), w.at("a2"), w.at("a3")
	a1.start()
	a2.start()
	w.membership("a")
	w.until("two nodes have met", time.Minute, func() bool { return a1.r.Unmet(a1.time())+a2.r.Unmet(a2.time()) == 0 })

	a3.start()
	a3.r.Members(a3.time(), []region.Node{a1.r.Self(), a2.r.Self(), a3.r.Self()})
	a3.woken = true
	w.collect(a3)
	w.run(time.Second)
	if s := a3.status(); s.Partitions["booting"] > 0 || s.Partitions["ready"] == 0 {
		t.Fatalf("the new node has %v", s.Partitions)
	}
	if got, all := a3.r.Unmet(a3.time()), a3.status().Partitions["ready"]; got != all {
		t.Errorf("%d of %d partitions are unmet while nobody knows the node", got, all)
	}
	keys := w.keys("k", 40)
	for _, k := range keys {
		if a := w.ask(a1, Request{Level: Region}, "set", k, "7"); a.Short {
			t.Fatalf("%s fell short", k)
		}
	}

	w.membership("a")
	w.until("the new node has met the others", time.Minute, func() bool { return a3.r.Unmet(a3.time()) == 0 })
	for _, k := range keys {
		want(t, w.do(a3, "del", k), "1")
	}
}
