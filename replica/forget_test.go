package replica

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/atollcache/atoll/region"
)

// halfTold gives a world in which a2 has died for good and left a gap: of two
// keys that it wrote the others have heard the second only, and removed it.
func halfTold(t *testing.T) (w *world, keys []string) {
	w = newWorld(t, 1, 2, 3).few(1)
	w.timing.CloseAfter = 10 * time.Second
	w.settled()
	keys = w.keys("k", 2)
	owners, _ := w.owners("a", keys[0])
	o, other := owners[0], owners[1]
	w.partly(o, keys[0], keys[1], func() bool { return other.entry(keys[1]) != nil })
	o.crash()
	w.membership("a")
	want(t, w.do(other, "del", keys[1]), "1")
	w.run(time.Minute)
	return w, keys
}

func (w *world) allPending() (n int) {
	for _, x := range w.nodes {
		if x.up {
			n += x.pending()
		}
	}
	return n
}

func (w *world) dead() *node {
	for _, n := range w.nodes {
		if !n.up {
			return n
		}
	}
	w.t.Fatal("everybody is up")
	return nil
}

// What waits for a node that is gone for good waits until it is forgotten, by
// one node of its region for the whole cluster.
func TestForgottenNodePinsNothing(t *testing.T) {
	w, keys := halfTold(t)
	if w.allPending() == 0 {
		t.Fatal("no tombstone is pinned")
	}
	gaps := 0
	for _, n := range w.nodes {
		if n.up {
			gaps += n.r.Status(n.time()).Gaps
		}
	}
	if gaps == 0 {
		t.Error("the status tells nothing of the gap")
	}

	for _, n := range w.nodes {
		if n.region == "a" && n.up {
			if err := n.r.Forget(n.time(), w.dead().name); err != nil {
				t.Fatal(err)
			}
			break
		}
	}
	w.run(time.Minute)
	if n := w.allPending(); n > 0 {
		t.Errorf("%d tombstones are still pinned", n)
	}
	for _, n := range w.nodes {
		if n.up && n.r.Status(n.time()).Gaps > 0 {
			t.Errorf("%s still has a gap", n.name)
		}
	}
	w.everywhere("(nil)", "get", keys[1])
	if ok, where := w.equal(); !ok {
		t.Error(where)
	}
}

// A node that was forgotten while it was only cut off stops when it hears of it,
// before it brings back what others have let go.
func TestForgottenNodeStops(t *testing.T) {
	w := newWorld(t, 1, 2, 3).few(1)
	w.settled()
	lost := w.at("a3")
	w.drop = func(from, to *node, _ []byte) bool { return from == lost || to == lost }
	lost.hidden = true
	w.membership("a")
	w.run(10 * time.Second)
	if err := w.at("a1").r.Forget(w.at("a1").time(), "a3"); err != nil {
		t.Fatal(err)
	}
	w.run(5 * time.Second)
	if err := lost.r.Conflict(); err != nil {
		t.Fatalf("it cannot know yet, and says %v", err)
	}
	w.drop = nil
	w.run(3 * time.Second)
	if err := lost.r.Conflict(); err == nil || !strings.Contains(err.Error(), "was forgotten") {
		t.Errorf("it goes on: %v", err)
	}
}

// lostRegion gives a world in which region c is gone, and the stubs of keys that
// have expired since are kept for it in the others.
func lostRegion(t *testing.T, down bool) (w *world, keys []string) {
	w = newWorld(t, 1, 3, 2).few(4).settled()
	keys = w.keys("k", 20)
	want(t, w.do(w.at("c1"), "set", keys[0], "v", "px", "60000"), "OK")
	w.run(time.Second)
	w.sever("a", "c")
	w.sever("b", "c")
	for _, name := range []string{"c1", "c2"} {
		w.at(name).up = !down
	}
	for _, k := range keys[1:] {
		want(t, w.do(w.at("a1"), "set", k, "v", "px", "5000"), "OK")
	}
	w.run(giveUpAfter + 2*time.Minute)
	for _, n := range w.nodes[:4] {
		if s := n.status().Stubs; s.Keys != len(keys) {
			t.Fatalf("%s: %+v", n.name, s)
		}
	}
	return w, keys
}

// noStubs wants nothing to be left of what has expired.
func (w *world) noStubs() {
	w.t.Helper()
	for _, n := range w.nodes {
		if s := n.status(); n.up && (s.Stubs.Keys > 0 || s.Keys > 0) {
			w.t.Errorf("%s: %d keys, %+v", n.name, s.Keys, s.Stubs)
		}
	}
}

// A region that is gone for good pins the stubs of all that expires until it is
// forgotten, by one node for the whole cluster. A node that starts later, and has
// never heard of it, does not wait for it either; and nodes that come back under
// its name are a region like any other.
func TestForgottenRegionPinsNothing(t *testing.T) {
	w, keys := lostRegion(t, true)
	if err := w.at("b2").r.Forget(w.at("b2").time(), "c"); err != nil {
		t.Fatal(err)
	}
	w.run(10 * time.Second)
	w.noStubs()

	w.at("a1").crash()
	w.at("a1").start()
	w.membership("a")
	w.run(20 * time.Second)
	want(t, w.do(w.at("a1"), "set", keys[0], "v", "px", "3000"), "OK")
	w.run(20 * time.Second)
	w.noStubs()

	want(t, w.do(w.at("a1"), "set", keys[1], "v"), "OK")
	w.heal()
	w.at("c1").start()
	w.at("c2").start()
	w.membership("c")
	w.run(10 * time.Second)
	want(t, w.do(w.at("c2"), "set", keys[2], "v"), "OK")
	w.run(5 * time.Second)
	w.settle(10 * time.Second)
	for _, k := range keys[1:3] {
		w.everywhere("v", "get", k)
	}
	for _, n := range w.nodes {
		if of := n.r.dir.View("c").Nodes; len(of) != 2 {
			t.Errorf("%s knows %v of the region", n.name, of)
		}
	}
}

// A region that was forgotten while it was only cut off stops when it is back.
func TestForgottenRegionStops(t *testing.T) {
	w, _ := lostRegion(t, false)
	if err := w.at("a1").r.Forget(w.at("a1").time(), "c"); err != nil {
		t.Fatal(err)
	}
	w.run(5 * time.Second)
	w.heal()
	w.run(3 * time.Second)
	for _, name := range []string{"c1", "c2"} {
		if err := w.at(name).r.Conflict(); err == nil || !strings.Contains(err.Error(), "was forgotten") {
			t.Errorf("%s goes on: %v", name, err)
		}
	}
}

// A node to which a region still speaks does not believe that it is gone.
func TestForgottenByWhoIsCutOff(t *testing.T) {
	w := newWorld(t, 1, 3, 1).few(1).settled()
	w.sever("a", "c")
	w.run(time.Minute)
	if err := w.at("a1").r.Forget(w.at("a1").time(), "c"); err != nil {
		t.Fatal(err)
	}
	w.run(time.Minute)
	if of := w.at("b1").r.dir.View("c").Nodes; len(of) != 1 {
		t.Errorf("b1 knows %v of a region that it hears", of)
	}
	if err := w.at("c1").r.Conflict(); err != nil {
		t.Error(err)
	}
}

// A node died half told, and had left its region's view when that was lost too.
// Forgetting the region says nothing of it; it is forgotten by its full name.
func TestForgottenNodeOfALostRegion(t *testing.T) {
	w := newWorld(t, 1, 3, 2).few(1)
	w.timing.CloseAfter = 10 * time.Second
	w.settled()
	keys := w.keys("k", 2)
	owners, _ := w.owners("c", keys[0])
	lost, other := owners[0], owners[1]
	a1 := w.at("a1")
	w.partly(lost, keys[0], keys[1], func() bool { return a1.entry(keys[1]) != nil && other.entry(keys[1]) != nil })
	lost.crash()
	w.membership("c")
	want(t, w.do(a1, "del", keys[1]), "1")
	w.run(10 * time.Second)
	full := "c/" + lost.name
	if err := a1.r.Forget(a1.time(), full); !errors.Is(err, ErrHeard) {
		t.Errorf("while its region lives: %v", err)
	}
	other.crash()
	w.run(time.Minute)
	if err := a1.r.Forget(a1.time(), "c/"+other.name); !errors.Is(err, ErrAlive) {
		t.Errorf("a node of the last view: %v", err)
	}
	if err := a1.r.Forget(a1.time(), "c"); err != nil {
		t.Fatal(err)
	}
	w.run(time.Minute)
	if a1.r.Status(a1.time()).Gaps == 0 || w.allPending() == 0 {
		t.Fatal("nothing waits for the node that left before")
	}
	if err := a1.r.Forget(a1.time(), full); err != nil {
		t.Fatal(err)
	}
	w.run(time.Minute)
	for _, n := range w.nodes {
		if gaps := n.r.Status(n.time()).Gaps; n.up && gaps > 0 {
			t.Errorf("%s still has %d gaps", n.name, gaps)
		}
	}
	if n := w.allPending(); n > 0 {
		t.Errorf("%d tombstones are still pinned", n)
	}
	w.everywhere("(nil)", "get", keys[1])
}

// A node that lives, or that nobody knows, is not forgotten.
func TestForgetRefuses(t *testing.T) {
	w := newWorld(t, 1, 2, 2).few(1).settled()
	a1 := w.at("a1")
	for _, name := range []string{"a", "b"} {
		if err := a1.r.Forget(a1.time(), name); !errors.Is(err, ErrHeard) {
			t.Errorf("a region that lives: %v", err)
		}
	}
	if err := a1.r.Forget(a1.time(), "a2"); !errors.Is(err, ErrAlive) {
		t.Errorf("a living node: %v", err)
	}
	if err := a1.r.Forget(a1.time(), "a/a2"); !errors.Is(err, ErrAlive) {
		t.Errorf("a living node by its full name: %v", err)
	}
	for _, name := range []string{"a9", "a/a9", "z/a9", "z", "", "/", "b1"} {
		if err := a1.r.Forget(a1.time(), name); !errors.Is(err, ErrStranger) {
			t.Errorf("%q, which never was: %v", name, err)
		}
	}
	if boot := a1.r.dir.Boot(region.NodeID("a", "a9")); boot != 0 {
		t.Errorf("it has a boot of %d", boot)
	}
}

// What was noted of a node goes some time after the node, or nodes with new names
// would fill the memory of those that stay.
func TestBooksOfNodesThatAreGone(t *testing.T) {
	w := newWorld(t, 1, 2, 2).few(4).settled()
	a1, b2 := w.at("a1"), w.at("b2")
	id := b2.r.self.ID
	w.until("a round with b2 has found all equal", time.Minute, func() bool { return a1.r.repair.agreed[id] != nil })
	w.drop = func(from, to *node, _ []byte) bool { return from == b2 }
	w.until("its links are down", time.Minute, func() bool { return a1.r.isDown(id) })
	w.drop = nil
	b2.crash()
	w.membership("b")
	w.run(time.Minute)
	if b := &a1.r.repair; b.peers[id] != nil || b.agreed[id] != nil || b.handed[id] != nil || a1.r.isDown(id) {
		t.Errorf("a1 keeps %v, %t, %v, %t of b2", b.peers[id], b.agreed[id] != nil, b.handed[id], a1.r.isDown(id))
	}
}
