package replica

import (
	"testing"
	"time"

	"github.com/atollcache/atoll/crdt"
	"github.com/atollcache/atoll/region"
	"github.com/atollcache/atoll/wire"
)

// What only the draining node has, since nothing of it has come through its
// links, goes to the new owners by the hand-over.
func TestDrainHandsEverythingOver(t *testing.T) {
	w := newWorld(t, 1, 2, 3).few(16).settled()
	a1 := w.at("a1")
	w.lose(func(from, _ *node, e wire.Envelope) bool { return from == a1 && e.Kind == wire.KindBatch })
	keys := w.keys("k", 200)
	for _, k := range keys {
		w.do(a1, "set", k, k)
	}
	a1.r.Drain(a1.time())
	w.membership("a")
	w.until("drained", 10*time.Second, a1.r.Drained)
	if s := a1.r.Status(a1.time()); s.State != "left" || len(s.Partitions) > 0 || s.Keys > 0 {
		t.Errorf("%s, holds %v and %d keys", s.State, s.Partitions, s.Keys)
	}

	a1.crash()
	w.membership("a")
	w.settle(20 * time.Second)
	for _, k := range keys {
		w.everywhere(k, "get", k)
	}
}

// A node that drains answers every command until it leaves.
func TestDrainUnderLoad(t *testing.T) {
	w := newWorld(t, 1, 1, 3).few(16).settled()
	a1 := w.at("a1")
	keys := w.keys("k", 300)
	for i, k := range keys {
		if i == 20 {
			a1.r.Drain(a1.time())
			w.membership("a")
		}
		want(t, w.do(w.nodes[i%3], "set", k, k), "OK")
		want(t, w.do(w.nodes[(i+1)%3], "get", keys[i/2]), keys[i/2])
		w.run(5 * time.Millisecond)
	}
	w.until("drained", 5*time.Second, a1.r.Drained)
	w.everywhere(keys[0], "get", keys[0])
}

// A node whose co-owners cannot be reached is not drained before they can.
func TestNotDrainedWhileNobodyTakesOver(t *testing.T) {
	w := newWorld(t, 1, 1, 3).few(16).settled()
	a1, k := w.at("a1"), w.keys("k", 1)[0]
	w.do(a1, "set", k, "v")
	w.lose(func(from, _ *node, e wire.Envelope) bool { return from == a1 })
	a1.r.Drain(a1.time())
	w.membership("a")
	w.run(20 * time.Second)
	if a1.r.Drained() {
		t.Fatal("drained, and nobody has what it had")
	}
	w.drop = nil
	w.until("drained", 10*time.Second, a1.r.Drained)
}

// The only node of a region hands its writes to the other regions before it
// counts as drained.
func TestLastNodeOfARegionDrains(t *testing.T) {
	w := newWorld(t, 1, 2, 1).few(8).settled()
	a1, k := w.at("a1"), w.keys("k", 1)[0]
	w.sever("a", "b")
	want(t, w.do(a1, "set", k, "v"), "OK")
	a1.r.Drain(a1.time())
	w.membership("a")
	w.run(5 * time.Second)
	if a1.r.Drained() {
		t.Fatal("drained, and no other region has what was written")
	}
	w.heal()
	w.until("drained", 15*time.Second, a1.r.Drained)
	a1.crash()
	want(t, w.do(w.at("b1"), "get", k), "v")
}

// A node that loses a partition and gets it back writes there as another origin.
func TestPartitionReturnsWithANewEpoch(t *testing.T) {
	w := newWorld(t, 1, 1, 3).few(1).settled()
	k := w.keys("k", 1)[0]
	owners, _ := w.owners("a", k)
	o := owners[0]
	w.do(o, "set", k, "v")
	before := o.place(k).origin

	o.hidden = true
	w.membership("a")
	w.until("handed over", 10*time.Second, func() bool { return !o.place(k).holds() })
	if o.entry(k) != nil {
		t.Error("the data is still there")
	}
	o.hidden = false
	w.membership("a")
	w.until("back", 10*time.Second, func() bool { return o.place(k).state == ready })
	if after := o.place(k).origin; after.Epoch <= before.Epoch || after.Node != before.Node {
		t.Errorf("origin %v, then %v", before, after)
	}
	want(t, w.do(o, "get", k), "v")
	w.run(3 * time.Second)
	if s := o.r.Status(o.time()); s.Peers[0].Stuck > 0 || !o.r.in[owners[1].r.self.ID].ready.Has(partOf(k)) {
		t.Error("the links do not carry the partition again")
	}
}

// A write that reaches a node which no longer owns the partition, since its
// sender has not heard of that yet, ends at the nodes that do.
func TestGuestEndsAtItsOwners(t *testing.T) {
	w := newWorld(t, 1, 2, 3).few(16).settled()
	a1, b1 := w.at("a1"), w.at("b1")
	w.lose(func(from, to *node, e wire.Envelope) bool {
		return from.region == "a" && to.region == "b" && e.Kind == wire.KindAnnounce
	})
	a1.r.Drain(a1.time())
	w.membership("a")
	w.until("handed over", 10*time.Second, a1.r.Drained)

	sent := 0
	for _, k := range w.keys("k", 40) {
		if b1.place(k).state != ready || b1.r.dir.Owners("a", partOf(k))[0].Name != "a1" {
			continue
		}
		sent++
		want(t, w.do(b1, "set", k, "v"), "OK")
		w.until("a guest", time.Second, func() bool { return a1.place(k).state == leaving })
		w.until("given up", 3*time.Second, func() bool { return !a1.place(k).holds() })
		owners, _ := w.owners("a", k)
		for _, o := range owners {
			if o.entry(k) == nil {
				t.Errorf("%s owns %s and lacks it", o.name, k)
			}
		}
	}
	if sent == 0 {
		t.Error("nothing was sent to the node that drains")
	}
}

// The word of a peer that it has a partition counts only from the process that
// lives: one that has restarted since has forgotten it.
func TestTakeOverByAnEarlierBootDoesNotCount(t *testing.T) {
	w := newWorld(t, 1, 1, 2).few(1).settled()
	k := w.keys("k", 1)[0]
	a1, a2 := w.at("a1"), w.at("a2")
	w.do(a1, "set", k, "v")
	w.run(time.Second)

	var late []byte
	w.drop = func(from, to *node, payload []byte) bool {
		if e, _ := wire.Open(payload); from == a2 && e.Kind == wire.KindHandedOff {
			late = payload
			return true
		}
		return false
	}
	a1.r.Drain(a1.time())
	w.membership("a")
	w.until("taken over", 5*time.Second, func() bool { return late != nil })
	a2.crash()
	a2.start()
	w.membership("a")
	if err := a1.r.Receive(a1.time(), late); err != nil {
		t.Fatal(err)
	}
	if !a1.place(k).holds() {
		t.Fatal("the only copy is gone")
	}
	w.drop = nil
	w.until("drained", 10*time.Second, a1.r.Drained)
	want(t, w.do(a2, "get", k), "v")
}

// A word that was meant for an earlier process of this node does not count.
func TestTakeOverFromAnEarlierBootDoesNotCount(t *testing.T) {
	var first, second *Replica
	for i, r := range []**Replica{&first, &second} {
		*r = New(Config{Cluster: "test", Region: "a", Name: "a1", Boot: uint64(wallStart + i)})
		(*r).Members(Time{Wall: wallStart}, []region.Node{(*r).Self()})
	}
	if first.parts[0].change == second.parts[0].change {
		t.Error("both processes number their offers alike")
	}
}

// What has reached a node since it offered a partition keeps it from dropping
// it: the new owner took what there was before (rule L8).
func TestTakeOverOfWhatHasChangedSince(t *testing.T) {
	w := newWorld(t, 1, 1, 2).few(1).settled()
	keys := w.keys("k", 2)
	a1, a2 := w.at("a1"), w.at("a2")
	w.do(a1, "set", keys[0], "v")
	w.run(time.Second)

	var late []byte
	w.drop = func(from, to *node, payload []byte) bool {
		if e, _ := wire.Open(payload); from == a2 && e.Kind == wire.KindHandedOff {
			late = payload
			return true
		}
		return false
	}
	a1.r.Drain(a1.time())
	w.membership("a")
	w.until("taken over", 5*time.Second, func() bool { return late != nil })
	guest := crdt.Dot{Stamp: crdt.StampAt(a1.time().Wall), Origin: crdt.Origin{Node: a2.r.self.ID, Epoch: 7}}
	body := forged(a2, a1, func(b *wire.BatchWriter) { b.Delta([]byte(keys[1]), put("guest", guest)) })
	for _, m := range [][]byte{sealed(a2, wire.KindBatch, body), late} {
		if err := a1.r.Receive(a1.time(), m); err != nil {
			t.Fatal(err)
		}
	}
	if !a1.place(keys[1]).holds() {
		t.Fatal("the only copy of the guest is gone")
	}
	w.drop = nil
	w.until("drained", 10*time.Second, a1.r.Drained)
	want(t, w.do(a2, "get", keys[1]), "guest")
}

// A node begins to drain while the hold-down of another runs. It does not take
// that one for alive again, and wait for it for ever to take what it gives away.
func TestDrainAfterANodeHasVanished(t *testing.T) {
	w := newWorld(t, 1, 1, 3).few(8).settled()
	a1, a2 := w.at("a1"), w.at("a2")
	a2.crash()
	w.membership("a")
	w.run(w.timing.HoldDown / 4)
	a1.r.Drain(a1.time())
	w.until("drained", time.Minute, a1.r.Drained)
	if v := a1.r.dir.View("a"); contains(v.Nodes, a2.r.self.ID) {
		t.Errorf("a1 still takes a2 for alive: %v", v.Nodes)
	}
}
