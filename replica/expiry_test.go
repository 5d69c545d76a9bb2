package replica

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/atollcache/atoll/wire"
)

// keysHeld counts what a node holds, stubs and tombstones included.
func (n *node) keysHeld() int { return n.r.Status(n.time()).Keys }

// A key expires everywhere at its time, and no message says so.
func TestKeyExpiresWithoutAMessage(t *testing.T) {
	w := newWorld(t, 1, 2, 2).few(4).settled()
	k := w.keys("k", 1)[0]
	w.do(w.at("a1"), "set", k, "v", "px", "3000")
	w.run(time.Second)
	w.everywhere("v", "get", k)

	deltas, repaired := 0, 0
	w.listen(func(_, _ *node, e wire.Envelope) {
		if e.Kind == wire.KindBatch {
			_, n := batchOf(t, e)
			deltas += n
		}
	})
	w.run(2100 * time.Millisecond)
	w.everywhere("(nil)", "get", k)
	w.run(20 * time.Second)
	for _, n := range w.nodes {
		repaired += int(n.r.stats.Repaired)
		if n.keysHeld() > 0 {
			t.Errorf("%s still holds it", n.name)
		}
	}
	if deltas > 0 || repaired > 0 {
		t.Errorf("%d deltas were sent, %d keys repaired", deltas, repaired)
	}
}

// While a region is cut off it may have given the key a longer life: the stub
// stays until that region too has passed the deadline, and the longer life wins.
func TestExtendedOnTheOtherSideOfACut(t *testing.T) {
	w := newWorld(t, 1, 3, 2).few(4).settled()
	k, gone := w.keys("k", 2)[0], w.keys("k", 2)[1]
	w.do(w.at("a1"), "set", k, "v", "px", "3000")
	w.do(w.at("a1"), "set", gone, "v", "px", "3000")
	w.run(time.Second)
	w.sever("a", "c")
	w.sever("b", "c")
	want(t, w.do(w.at("c1"), "pexpire", k, "60000"), "1")
	w.run(20 * time.Second)
	want(t, w.do(w.at("a1"), "get", k), "(nil)")
	want(t, w.do(w.at("c2"), "get", k), "v")
	if held := w.at("a1").keysHeld(); held != 2 {
		t.Errorf("%d stubs are held while a region is cut off, there were 2 keys", held)
	}

	w.heal()
	w.settle(10 * time.Second)
	w.run(15 * time.Second)
	w.everywhere("v", "get", k)
	w.everywhere("(nil)", "get", gone)
	for _, n := range w.nodes {
		if n.keysHeld() != 1 {
			t.Errorf("%s holds %d keys, one lives", n.name, n.keysHeld())
		}
	}
}

// Churn leaves no memory behind: not of keys that expired, and not of keys that
// were deleted, also while a region is away.
func TestMemoryAfterChurn(t *testing.T) {
	value := strings.Repeat("x", 1000)
	for _, test := range []struct {
		name  string
		churn func(w *world, a1 *node, k, other string)
	}{
		{"created and expired", func(w *world, a1 *node, k, _ string) {
			want(t, w.do(a1, "set", k, value, "px", "500"), "OK")
		}},
		{"created and deleted", func(w *world, a1 *node, k, other string) {
			want(t, w.do(a1, "set", k, value), "OK")
			want(t, w.do(a1, "hset", other, "f", value, "g", value), "2")
			want(t, w.do(a1, "del", k, other), "2")
		}},
	} {
		t.Run(test.name, func(t *testing.T) {
			w := newWorld(t, 1, 2, 2).few(8).settled()
			a1 := w.at("a1")
			keys, others := w.keys("k", 3000), w.keys("h", 3000)
			for i, k := range keys {
				if i == len(keys)/2 {
					w.sever("a", "b")
				}
				test.churn(w, a1, k, others[i])
				w.run(time.Millisecond)
			}
			w.run(10 * time.Second)
			t.Log(a1.r.store.Bytes(), "bytes during the cut")
			w.heal()
			w.settle(10 * time.Second)
			w.run(25 * time.Second)
			for _, n := range w.nodes {
				if n.keysHeld() > 0 || n.pending() > 0 {
					t.Errorf("%s holds %d keys, %d with tombstones", n.name, n.keysHeld(), n.pending())
				}
				if left := n.r.store.Bytes(); left > 64<<10 {
					t.Errorf("%s: %d bytes are left of %d written", n.name, left, 3000*len(value))
				}
				for _, id := range n.r.outIDs() {
					if l := n.r.out[id]; l.box.bytes > 0 {
						t.Errorf("%s: %d bytes wait for %s", n.name, l.box.bytes, l.peer.Name)
					}
				}
			}
		})
	}
}

// Deleting counters that are added to on both sides of a cut leaves nothing but
// the bases of the counters, which only stability among all regions could drop.
func TestDeletedCountersLeaveTheirBases(t *testing.T) {
	w := newWorld(t, 1, 2, 1).few(4).settled()
	keys := w.keys("k", 20)
	w.sever("a", "b")
	for _, k := range keys {
		w.do(w.at("a1"), "incr", k)
		w.do(w.at("b1"), "incr", k)
	}
	w.heal()
	w.run(10 * time.Second)
	for _, k := range keys {
		want(t, w.do(w.at("a1"), "get", k), "2")
		want(t, w.do(w.at("a1"), "del", k), "1")
	}
	w.run(30 * time.Second)
	for _, n := range w.nodes {
		for _, k := range keys {
			want(t, w.do(n, "exists", k), "0")
			if e := n.entry(k); e != nil {
				for _, c := range e.Cells() {
					if len(c.Slots)+len(c.Extensions) > 0 {
						t.Errorf("%s keeps more than bases of %s: %+v", n.name, k, c)
					}
				}
			}
		}
	}
}

// A full node refuses what grows, still deletes, and goes on merging.
func TestMemoryLimit(t *testing.T) {
	w := newWorld(t, 1, 2, 1).few(8)
	w.memory = 1 << 20
	a1, b1 := w.at("a1"), w.at("b1")
	w.boot()
	w.memory = 0
	b1.crash()
	b1.start()
	w.membership("b")
	w.run(3 * time.Second)

	keys, value, taken := w.keys("k", 5000), strings.Repeat("x", 500), 0
	for _, k := range keys {
		got := text(w.do(a1, "set", k, value))
		if got != "OK" {
			if !strings.HasPrefix(got, "OOM command not allowed") {
				t.Errorf("refused with %q", got)
			}
			break
		}
		taken++
	}
	if taken < 1000 || taken == len(keys) {
		t.Fatalf("%d writes of %d bytes fit in %d", taken, len(value), 1<<20)
	}
	for _, args := range [][]string{{"incr", "n"}, {"hset", "h", "f", "v"}, {"sadd", "s", "m"}, {"zadd", "z", "1", "m"}} {
		args[1] = w.keys(args[1], 1)[0]
		if got := text(w.do(a1, args...)); !strings.HasPrefix(got, "OOM ") {
			t.Errorf("%v is answered %q", args, got)
		}
	}
	w.run(time.Second)
	more := w.keys("more", 100)
	for _, k := range more {
		want(t, w.do(b1, "set", k, value), "OK")
	}
	w.run(time.Second)
	want(t, w.do(a1, "get", more[99]), value)
	want(t, w.do(a1, "get", keys[0]), value)

	for _, k := range append(keys[:taken:taken], more...) {
		want(t, w.do(a1, "del", k), "1")
	}
	w.run(10 * time.Second)
	want(t, w.do(a1, "set", keys[0], value), "OK")
	if a1.r.store.Bytes() > 512<<10 {
		t.Errorf("%d bytes are left of an empty store", a1.r.store.Bytes())
	}
}

// What a node that died has left half told would pin tombstones for ever: when
// its death is known and all who live have been asked, it is closed (rule L10).
func TestGapOfADeadNodeIsClosed(t *testing.T) {
	for _, dies := range []bool{true, false} {
		t.Run(fmt.Sprint("dies=", dies), func(t *testing.T) {
			w := newWorld(t, 1, 3, 1).few(1)
			w.timing.CloseAfter = 20 * time.Second
			w.settled()
			a1, b1 := w.at("a1"), w.at("b1")
			k := w.keys("k", 3)
			origin := a1.place(k[0]).origin
			only := func(kinds ...wire.Kind) {
				w.lose(func(from, _ *node, e wire.Envelope) bool {
					for _, kind := range kinds {
						if from == a1 && e.Kind == kind && e.From.Boot == origin.Epoch {
							return true
						}
					}
					return false
				})
			}
			only(wire.KindBatch, wire.KindAnswer)
			w.do(a1, "set", k[0], "nobody hears of it")
			w.run(50 * time.Millisecond)
			w.drop = nil
			w.do(a1, "set", k[1], "v")
			w.collect(a1)
			only(wire.KindBatch, wire.KindAnswer)
			w.until("heard", time.Second, func() bool { return text(w.do(b1, "get", k[1])) == "v" })
			if dies {
				a1.crash()
				a1.start()
				w.membership("a")
			}
			w.run(time.Second)
			want(t, w.do(b1, "del", k[1]), "1")
			w.run(5 * time.Second)
			if b1.pending() == 0 {
				t.Fatal("no tombstone is pinned")
			}
			w.run(90 * time.Second)
			closed := b1.r.stats.Closed
			switch pinned := b1.pending(); {
			case dies && (pinned > 0 || closed == 0):
				t.Errorf("%d tombstones are pinned, %d gaps were closed", pinned, closed)
			case !dies && (pinned == 0 || closed > 0):
				t.Errorf("of a living node %d gaps were closed", closed)
			}
			w.drop = nil
			w.run(30 * time.Second)
			if !dies {
				w.everywhere("nobody hears of it", "get", k[0])
			}
			w.everywhere("(nil)", "get", k[1])
			for _, n := range w.nodes {
				if n.pending() > 0 {
					t.Errorf("%s: %d tombstones are left", n.name, n.pending())
				}
			}
		})
	}
}

// After a busy time with loss and a cut, quiet clears away every tombstone and
// every clear vector.
func TestNothingPendsAfterQuiet(t *testing.T) {
	w := newWorld(t, 1, 3, 2).few(8).settled()
	w.loss, w.repeat, w.slow = 5, 5, 5
	keys := w.keys("k", 12)
	for i := range 1500 {
		n, k := w.nodes[w.rng.Intn(6)], keys[w.rng.Intn(12)]
		field := fmt.Sprint("f", w.rng.Intn(4))
		switch w.rng.Intn(7) {
		case 0, 1:
			w.call(n, Request{}, "hset", k, field, "v")
		case 2:
			w.call(n, Request{}, "hdel", k, field)
		case 3, 4:
			w.call(n, Request{}, "set", k, "v")
		case 5:
			w.call(n, Request{}, "sadd", k, field)
		case 6:
			w.call(n, Request{}, "del", k)
		}
		if i == 700 {
			w.sever("a", "c")
		}
		w.run(2 * time.Millisecond)
	}
	w.heal()
	w.loss, w.repeat, w.slow = 0, 0, 0
	w.run(30 * time.Second)
	w.settle(time.Second)
	for _, n := range w.nodes {
		if n.pending() > 0 {
			t.Errorf("%s: %d keys hold tombstones", n.name, n.pending())
		}
	}
}

// partly has a node write two keys of which the others hear the second only.
func (w *world) partly(n *node, first, second string, heard func() bool) {
	w.t.Helper()
	w.lose(func(from, _ *node, e wire.Envelope) bool { return from == n && e.Kind == wire.KindBatch })
	want(w.t, w.do(n, "set", first, "v"), "OK")
	w.run(50 * time.Millisecond)
	w.drop = nil
	want(w.t, w.do(n, "set", second, "v"), "OK")
	w.until("heard", time.Second, heard)
}

// A node that gives its partitions away and cannot be reached may hold the only
// copy of what its gap hides: it is not dead (rule L10).
func TestGapOfANodeThatDrainsIsKept(t *testing.T) {
	w := newWorld(t, 1, 1, 3).few(1)
	w.timing.CloseAfter = 10 * time.Second
	w.settled()
	keys := w.keys("k", 2)
	owners, _ := w.owners("a", keys[0])
	o := owners[0]
	w.partly(o, keys[0], keys[1], func() bool { return owners[1].entry(keys[1]) != nil })
	w.drop = func(from, to *node, _ []byte) bool { return from == o || to == o }
	o.r.Drain(o.time())
	w.membership("a")
	w.run(60 * time.Second)
	w.drop = nil
	w.until("drained", 15*time.Second, o.r.Drained)
	w.settle(5 * time.Second)
	w.everywhere("v", "get", keys[0])
}

// What a dead node has told another region only is found there before its gap
// is closed (rule L10).
func TestGapIsClosedWhenEverybodyWasAsked(t *testing.T) {
	w := newWorld(t, 1, 3, 1).few(1)
	w.timing.CloseAfter = 10 * time.Second
	w.settled()
	a1, b1, c1 := w.at("a1"), w.at("b1"), w.at("c1")
	keys := w.keys("k", 2)
	w.lose(func(from, to *node, e wire.Envelope) bool { return from == a1 && to == b1 && e.Kind == wire.KindBatch })
	w.do(a1, "set", keys[0], "v")
	w.until("heard in one region", time.Second, func() bool { return c1.entry(keys[0]) != nil })
	w.drop = nil
	w.do(a1, "set", keys[1], "v")
	w.lose(func(from, to *node, e wire.Envelope) bool {
		return to == b1 && e.Kind == wire.KindAnswer || from == a1 && to == b1 && e.Kind == wire.KindBatch
	})
	w.until("heard in the other", time.Second, func() bool { return b1.entry(keys[1]) != nil })
	if b1.entry(keys[0]) != nil {
		t.Fatal("there is no gap")
	}
	a1.crash()
	a1.start()
	w.membership("a")
	w.run(60 * time.Second)
	if b1.r.stats.Closed > 0 {
		t.Error("closed before anybody has answered")
	}
	w.drop = nil
	w.run(30 * time.Second)
	w.everywhere("v", "get", keys[0])
	w.everywhere("v", "get", keys[1])
}
