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
			if err := n.r.Forget(w.dead().name); err != nil {
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
	if err := w.at("a1").r.Forget("a3"); err != nil {
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

// A node that lives, or that nobody knows, is not forgotten.
func TestForgetRefuses(t *testing.T) {
	w := newWorld(t, 1, 1, 2).few(1).settled()
	a1 := w.at("a1")
	if err := a1.r.Forget("a2"); !errors.Is(err, ErrAlive) {
		t.Errorf("a living node: %v", err)
	}
	if err := a1.r.Forget("a9"); !errors.Is(err, ErrStranger) {
		t.Errorf("a node that never was: %v", err)
	}
	if boot := a1.r.dir.Boot(region.NodeID("a", "a9")); boot != 0 {
		t.Errorf("it has a boot of %d", boot)
	}
}
