package replica

import (
	"testing"
	"time"

	"github.com/atollcache/atoll/wire"
)

// A node that joins gets its share, forwards reads until it has it, and takes
// nothing away.
func TestNodeJoins(t *testing.T) {
	w := newWorld(t, 1, 1, 3).few(128)
	late := w.nodes[2]
	w.nodes = w.nodes[:2]
	w.settled()
	keys := w.keys("k", 400)
	for _, k := range keys {
		w.do(w.nodes[0], "set", k, k)
	}
	w.run(time.Second)

	w.nodes = append(w.nodes, late)
	late.start()
	w.membership("a")
	for _, k := range w.keys("new", 400) {
		want(t, w.do(late, "set", k, k), "OK") // also to what boots there
	}
	booted := 0
	for i, k := range keys {
		if late.place(k).state == ready {
			booted++
		}
		if _, others := w.owners("a", k); i > 20 && len(others) != 1 {
			t.Fatalf("%d nodes do not own %s", len(others), k)
		}
		want(t, w.do(late, "get", k), k)
		w.run(time.Millisecond)
	}
	if booted == 0 {
		t.Error("nothing booted meanwhile")
	}
	t.Log("equal after", w.settle(5*time.Second))
	w.run(3 * time.Second)
	held := 0
	for _, k := range keys {
		w.everywhere(k, "get", k)
		if late.place(k).holds() {
			held++
		}
	}
	if held < len(keys)/2 || held > len(keys)*5/6 {
		t.Errorf("of %d keys the newcomer holds %d, two thirds are its share", len(keys), held)
	}
	for _, n := range w.nodes {
		if s := n.r.Status(n.time()); s.Partitions["leaving"] > 0 || s.Partitions["booting"] > 0 {
			t.Errorf("%s: %v", n.name, s.Partitions)
		}
	}
}

// A node that is killed under load and comes back with empty memory, at once or
// later, costs nothing that was acknowledged at level region, and comes back as
// another origin.
func TestRestartWithEmptyMemory(t *testing.T) {
	for _, away := range []time.Duration{0, 10 * time.Second} {
		w := newWorld(t, 1, 2, 2).few(8).settled()
		a1 := w.at("a1")
		keys := w.keys("k", 200)
		var calls []*call
		for _, k := range keys {
			calls = append(calls, w.call(a1, Request{Level: Region}, "set", k, k))
			w.run(100 * time.Microsecond)
		}
		origin := a1.place(keys[0]).origin
		a1.crash()
		w.membership("a")
		w.run(away)
		a1.start()
		w.membership("a")

		acknowledged := 0
		w.settle(10 * time.Second)
		for i, k := range keys {
			if a := calls[i].answer; a != nil && !a.Short {
				acknowledged++
				w.everywhere(k, "get", k)
			}
		}
		if acknowledged < 100 || acknowledged == len(keys) {
			t.Errorf("%d of %d writes were acknowledged before the crash", acknowledged, len(keys))
		}
		if now := a1.place(keys[0]).origin; now.Node != origin.Node || now.Epoch <= origin.Epoch {
			t.Errorf("origin %v after %v", now, origin)
		}
	}
}

// While a partition boots, reads go to whoever has it, also to another region.
func TestReadsOfABootingPartition(t *testing.T) {
	w := newWorld(t, 1, 2, 1).few(8).settled()
	k := w.keys("k", 1)[0]
	a1 := w.at("a1")
	w.do(w.at("b1"), "set", k, "v")
	w.run(time.Second)

	w.lose(func(_, to *node, e wire.Envelope) bool { return to == a1 && e.Kind == wire.KindAnswer })
	a1.crash()
	a1.start()
	w.membership("a")
	w.until("known that the other region has it", 3*time.Second, func() bool {
		return a1.r.knownReady(w.at("b1").r.self.ID, partOf(k))
	})
	if a1.place(k).state != booting {
		t.Fatalf("the partition is %v", a1.place(k).state)
	}
	want(t, w.do(a1, "get", k), "v")
}

// A region that has lost all its nodes gets everything back from another.
func TestRegionComesBackEmpty(t *testing.T) {
	w := newWorld(t, 1, 3, 2).few(8).settled()
	keys := w.keys("k", 200)
	for _, k := range keys {
		w.do(w.at("a1"), "set", k, k)
	}
	counter := w.keys("counter", 1)[0]
	want(t, w.do(w.at("a1"), "incrby", counter, "5"), "5")
	w.run(time.Second)
	w.at("a1").crash()
	w.at("a2").crash()
	w.run(20 * time.Second)
	w.do(w.at("b1"), "del", keys[0])
	w.at("a1").start()
	w.at("a2").start()
	w.membership("a")
	t.Log("equal after", w.settle(10*time.Second))
	for _, k := range keys[1:] {
		w.everywhere(k, "get", k)
	}
	w.everywhere("(nil)", "get", keys[0])
	want(t, w.do(w.at("a2"), "incr", counter), "6")
	w.run(time.Second)
	w.everywhere("6", "get", counter)
}

// A partition that boots sends its own writes but certifies nothing (rule L9).
func TestNoWatermarkLeavesABootingPartition(t *testing.T) {
	w := newWorld(t, 1, 2, 2).few(8)
	w.timing.Settle = 1 // no command waits for the co-owner to speak
	w.settled()
	keys := w.keys("k", 50)
	for _, k := range keys {
		w.do(w.at("a2"), "set", k, "old")
	}
	w.run(time.Second)

	a1 := w.at("a1")
	var deltas, marks int
	w.lose(func(from, to *node, e wire.Envelope) bool { return to == a1 && e.Kind == wire.KindAnswer })
	w.listen(func(from, _ *node, e wire.Envelope) {
		if from != a1 || e.Kind != wire.KindBatch || e.From.Boot != a1.r.Boot() {
			return
		}
		b, n := batchOf(t, e)
		deltas += n
		marks += len(b.Watermark)
	})
	a1.crash()
	a1.start()
	w.membership("a")
	w.run(time.Microsecond)
	for _, k := range w.keys("new", 50) {
		want(t, w.do(a1, "set", k, "v"), "OK")
		w.run(10 * time.Microsecond)
	}
	for w.run(time.Millisecond); a1.place(keys[0]).state == booting; w.run(time.Millisecond) {
		if marks > 0 {
			t.Fatal("a watermark left while everything booted")
		}
	}
	if deltas == 0 {
		t.Error("nothing was written meanwhile")
	}
	w.drop = nil
	w.settle(20 * time.Second)
	for _, k := range keys {
		w.everywhere("old", "get", k)
	}
}
