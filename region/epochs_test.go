package region

import (
	"fmt"
	"testing"

	"pgregory.net/rapid"
)

// However many nodes there were, and in whatever order they are heard of, no
// more are kept than may be: the latest that are gone, and all that live. What
// is not known any more is as low as is told.
func TestEpochsAreBounded(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		d, _, err := New("eu", 2).With(view("us", 3, "x", "y"))
		if err != nil {
			t.Fatal(err)
		}
		truth := map[uint64]uint64{}
		for range rapid.IntRange(1, 6).Draw(t, "messages") {
			from, step := rapid.IntRange(1, 3*MaxGone).Draw(t, "from"), rapid.IntRange(1, 5).Draw(t, "step")
			var nodes []Node
			for i := range rapid.IntRange(0, MaxGone).Draw(t, "nodes") {
				n := Node{ID: uint64(from + i), Boot: uint64((from+i)*step + 1)}
				nodes = append(nodes, n)
				truth[n.ID] = max(truth[n.ID], n.Boot)
			}
			d = d.Knowing(0, nodes...)
		}
		if n := len(d.Boots()); n > MaxGone+2 {
			t.Fatalf("%d epochs are kept", n)
		}
		for id, boot := range truth { // order-free: each is looked at alone
			if known := d.Boot(id); known != boot && boot > d.Dropped() {
				t.Fatalf("node %d had epoch %d, known is %d, and dropped is what was up to %d", id, boot, known, d.Dropped())
			}
		}
		for _, name := range []string{"x", "y"} {
			if d.Boot(NodeID("us", name)) != 3 {
				t.Fatal("the epoch of a node that lives is dropped")
			}
		}
	})
}

// What others have dropped is no news, and what they know still is.
func TestDroppedEpochs(t *testing.T) {
	d := directory(t, view("us", 9, "x")).Knowing(5)
	if d.Dropped() != 5 || d.Knowing(5) != d || d.Knowing(4, Node{ID: 1, Boot: 5}) != d {
		t.Errorf("dropped is %d, and what was dropped is news", d.Dropped())
	}
	next := d.Knowing(4, Node{ID: 1, Boot: 6}, Node{ID: 2, Boot: 3})
	if next.Boot(1) != 6 || next.Boot(2) != 0 || next.Dropped() != 5 {
		t.Errorf("epochs %v, dropped %d", next.Boots(), next.Dropped())
	}
	if !next.Knows(1, 6) || next.Knows(1, 7) || !next.Knows(2, 5) || next.Knows(2, 6) {
		t.Error("what is news is not known rightly")
	}
}

// A cluster has so many regions and no more.
func TestTooManyRegions(t *testing.T) {
	d := New("eu", 2)
	for i := range MaxRegions {
		next, _, err := d.With(view(fmt.Sprint("r", i), 1, "x"))
		if err != nil {
			t.Fatal(err)
		}
		d = next
	}
	if next, news, err := d.With(view("one more", 1, "x")); err == nil || news || next != d {
		t.Errorf("one more: %v", err)
	}
	if _, news, err := d.With(view("r0", 2, "y")); err != nil || !news {
		t.Errorf("a known one: %v", err)
	}
}
