package replica

import (
	"fmt"
	"testing"
	"time"

	"github.com/atollcache/atoll/crdt"
	"github.com/atollcache/atoll/region"
	"github.com/atollcache/atoll/store"
	"github.com/atollcache/atoll/wire"
)

// What a region removed during a cut stays removed when all its nodes are
// restarted one after the other meanwhile: tombstones travel in every round that
// joins contexts, though digests know nothing of them (rule L7).
func TestRemovalSurvivesARollingRestart(t *testing.T) {
	w := newWorld(t, 3, 2, 2)
	w.scope = scopeWith("k")
	w.boot()
	w.run(3 * time.Second)
	a1, a2 := w.at("a1"), w.at("a2")
	hash := store.Hash([]byte("k"))
	w.do(w.at("b1"), "set", "k", "v")
	for a1.r.partitionOf(hash).data.Get(hash, []byte("k")) == nil {
		w.step(w.now + time.Second) // cut as soon as the delta is there, before it is certified
	}
	w.sever("a", "b")
	w.run(5 * time.Millisecond)
	want(t, w.do(a1, "del", "k"), "1")
	w.run(3 * time.Second)

	for _, n := range []*node{a1, a2} {
		n.r.Drain(n.time())
		n.woken = true
		w.membership("a")
		w.until("drained", 20*time.Second, n.r.Drained)
		n.crash()
		w.membership("a")
		w.run(3 * time.Second)
		n.start()
		w.membership("a")
		w.run(5 * time.Second)
	}
	w.heal()
	w.run(20 * time.Second)
	for _, n := range w.nodes {
		want(t, w.do(n, "get", "k"), "(nil)")
	}
}

// A watermark that waited behind a gap says nothing to a tenure that began after
// its deltas were merged (rule L1).
func TestWatermarkBehindAGapDiesWithTheTenure(t *testing.T) {
	w := newWorld(t, 1, 1, 1)
	w.scope = scopeWith("k")
	w.boot()
	w.run(3 * time.Second)
	a1 := w.at("a1")
	r, key := a1.r, []byte("k")
	hash := store.Hash(key)
	p := r.partitionOf(hash)
	sender := wire.Sender{Region: "a", Name: "a9", Node: region.NodeID("a", "a9"), Boot: 5}
	dot := crdt.Dot{Stamp: crdt.StampAt(a1.time().Wall), Origin: crdt.Origin{Node: sender.Node, Epoch: 5}}
	batch := func(seq uint64, fill func(b *wire.BatchWriter)) []byte {
		var b wire.BatchWriter
		b.Reset(1, seq, r.cfg.Boot, 0)
		fill(&b)
		return wire.Seal(nil, "test", sender, wire.KindBatch, b.Append(nil))
	}
	enter := batch(1, func(b *wire.BatchWriter) { b.Enter(wire.Mark{Partitions: []uint16{p.number}}) })
	write := batch(2, func(b *wire.BatchWriter) {
		var d crdt.Delta
		d.Put(&crdt.Entry{}, crdt.String, "", []byte("v"), 0, dot)
		b.Delta(key, &d)
		m := wire.Mark{Partitions: []uint16{p.number}}
		m.Context.Raise(dot)
		b.Watermark(m)
	})

	receive := func(message []byte) {
		if err := r.Receive(a1.time(), message); err != nil {
			t.Fatal(err)
		}
	}
	receive(write) // the first batch is lost
	p.data.Lock()
	p.drop()
	r.gain(p, booting, a1.time())
	p.data.Unlock()
	r.tenures.Add(1)
	receive(enter)
	if p.data.Context().Covers(dot) && p.data.Get(hash, key) == nil {
		t.Error("the context of the new tenure covers a write that only the old one had")
	}
}

// A view that a clock far ahead has stamped is replaced by the nodes that are
// left.
func TestViewOfAFastClockIsReplaced(t *testing.T) {
	w := newWorld(t, 1, 2, 3)
	w.at("a1").skew = 3_600_000
	w.timing.RoundEvery = time.Hour
	w.boot()
	w.run(3 * time.Second)
	w.at("a1").crash()
	w.membership("a")
	w.run(5 * time.Second)
	a2 := w.at("a2")
	a2.crash()
	w.run(100 * time.Millisecond)
	a2.start()
	w.membership("a")
	w.run(10 * time.Second)

	for _, n := range w.at("b1").r.dir.View("a").Nodes {
		if n.Name == "a1" || n.Name == "a2" && n.Boot != a2.r.Boot() {
			t.Errorf("region b believes in %s with boot %d", n.Name, n.Boot)
		}
	}
}

// A view that names nodes with the identity of others, or with epochs that no
// clock gives, is refused: it could have living origins taken for dead.
func TestForgedViewIsRefused(t *testing.T) {
	w := newWorld(t, 1, 2, 1).boot()
	w.run(3 * time.Second)
	a1, b1 := w.at("a1"), w.at("b1")
	for name, m := range map[string]wire.Member{
		"another's identity": {Name: "c1", Node: b1.r.Self().ID, Boot: 1},
		"a wild epoch":       {Name: "c1", Node: region.NodeID("c", "c1"), Boot: 1 << 62},
	} {
		sender := wire.Sender{Region: "c", Name: "c1", Node: region.NodeID("c", "c1"), Boot: 1}
		view := wire.Announce{Instance: 1, Version: 1, Members: []wire.Member{m}}
		if err := a1.r.Receive(a1.time(), wire.Seal(nil, "test", sender, wire.KindAnnounce, view.Append(nil))); err == nil {
			t.Errorf("a view with %s is taken", name)
		}
	}
	if got := a1.r.dir.Boot(b1.r.Self().ID); got != b1.r.Boot() {
		t.Errorf("b1 is taken to run as %d, it runs as %d", got, b1.r.Boot())
	}
}

// One lost answer does not make an empty node serve misses.
func TestOneLostAnswerIsNoNo(t *testing.T) {
	w := newWorld(t, 1, 1, 2).few(8).settled()
	keys := w.keys("k", 50)
	for _, k := range keys {
		w.do(w.at("a1"), "set", k, "v")
	}
	w.run(time.Second)
	a2 := w.at("a2")
	a2.crash()
	w.run(100 * time.Millisecond)
	lost := false
	w.lose(func(_, to *node, e wire.Envelope) bool {
		first := e.Kind == wire.KindAnswer && to == a2 && !lost
		lost = lost || first
		return first
	})
	a2.start()
	w.membership("a")
	for range 60 {
		w.run(50 * time.Millisecond)
		for _, k := range keys {
			want(t, w.do(a2, "get", k), "v")
		}
	}
	if !lost {
		t.Error("no answer was lost")
	}
}

// While both owners of a partition are new, whoever hands it over answers reads.
func TestReadsWhileBothOwnersAreNew(t *testing.T) {
	w := newWorld(t, 1, 1, 4)
	a1 := w.at("a1")
	a1.start()
	w.at("a2").start()
	w.membership("a")
	w.run(3 * time.Second)
	const n = 500
	for i := range n {
		w.do(a1, "set", fmt.Sprint("k", i), "v")
	}
	w.run(time.Second)
	w.at("a3").start()
	w.at("a4").start()
	w.membership("a")
	for i := range n {
		want(t, w.do(a1, "get", fmt.Sprint("k", i)), "v")
	}
}

// Nodes that no view knows leave nothing behind.
func TestStrangersAreForgotten(t *testing.T) {
	w := newWorld(t, 1, 1, 1).boot()
	w.run(3 * time.Second)
	a1 := w.at("a1")
	for i := range 100 {
		name := fmt.Sprint("x", i)
		var b wire.BatchWriter
		b.Reset(1, 1, a1.r.cfg.Boot, 0)
		sender := wire.Sender{Region: "x", Name: name, Node: region.NodeID("x", name), Boot: 1}
		if err := a1.r.Receive(a1.time(), wire.Seal(nil, "test", sender, wire.KindBatch, b.Append(nil))); err != nil {
			t.Fatal(err)
		}
	}
	w.run(30 * time.Second)
	if n := len(a1.r.in); n > 0 {
		t.Errorf("%d receiving ends are left", n)
	}
}
