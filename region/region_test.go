package region

import (
	"fmt"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"github.com/atollcache/atoll/ring"
)

func view(region string, version uint64, names ...string) View {
	v := View{Region: region, Instance: 1, Version: version}
	for _, n := range names {
		v.Nodes = append(v.Nodes, Node{Name: n, ID: NodeID(region, n), Boot: version, Weight: 1})
	}
	return v
}

func directory(t testing.TB, views ...View) *Directory {
	t.Helper()
	d := New("eu", 2)
	for _, v := range views {
		next, _, err := d.With(v)
		if err != nil {
			t.Fatal(err)
		}
		d = next
	}
	return d
}

func names(peers []Peer) []string {
	var out []string
	for _, p := range peers {
		out = append(out, p.Region+"/"+p.Name)
	}
	return out
}

func nobody(uint64) bool { return false }

// A write is heard by every other owner at home, and by one owner of each other
// region.
func TestAudience(t *testing.T) {
	d := directory(t, view("eu", 1, "a", "b", "c"), view("us", 1, "x", "y"), view("ap", 1, "k"))
	for p := range uint16(ring.Partitions) {
		home, away := d.Owners("eu", p), d.Owners("us", p)
		got := names(d.Audience(home[0].ID, p, nobody))
		want := []string{"ap/k", "eu/" + home[1].Name, "us/" + away[0].Name}
		if !slices.Equal(got, want) {
			t.Fatalf("partition %d: audience %v, want %v", p, got, want)
		}
	}
}

// A node that does not answer is passed over while another of its region does;
// when nobody answers the first owner stays.
func TestAudienceWithoutAnswer(t *testing.T) {
	d := directory(t, view("eu", 1, "a"), view("us", 1, "x", "y"))
	self := NodeID("eu", "a")
	first, second := d.Owners("us", 7)[0], d.Owners("us", 7)[1]

	got := d.Audience(self, 7, func(id uint64) bool { return id == first.ID })
	if got[0].ID != second.ID {
		t.Errorf("first owner down: %v, want %s", names(got), second.Name)
	}
	got = d.Audience(self, 7, func(uint64) bool { return true })
	if got[0].ID != first.ID {
		t.Errorf("all down: %v, want %s", names(got), first.Name)
	}
}

// A draining node owns nothing, and is still known.
func TestDraining(t *testing.T) {
	v := view("eu", 1, "a", "b", "c")
	v.Nodes[1].State = Draining
	d := directory(t, v)
	for p := range uint16(ring.Partitions) {
		for _, n := range d.Owners("eu", p) {
			if n.Name == "b" {
				t.Fatalf("partition %d is owned by a node that drains", p)
			}
		}
	}
	if n, in, ok := d.Node(NodeID("eu", "b")); !ok || in != "eu" || n.State != Draining {
		t.Errorf("the draining node is %v in %q, %v", n, in, ok)
	}
}

// Only a newer view with other content makes a new directory; the old one stays
// as it was.
func TestWith(t *testing.T) {
	d := directory(t, view("us", 5, "x", "y"))
	for _, old := range []View{view("us", 4, "x"), view("us", 5, "x", "y")} {
		if next, news, _ := d.With(old); next != d || news {
			t.Errorf("version %d replaced version 5", old.Version)
		}
	}
	same := view("us", 5, "x", "y")
	same.Version = 9
	again, news, _ := d.With(same)
	if news {
		t.Error("a view that says the same is news")
	}
	if _, news, _ := again.With(view("us", 8, "x")); news {
		t.Error("version 8 replaced version 9")
	}
	next, news, _ := d.With(view("us", 6, "x"))
	if !news || len(next.Owners("us", 0)) != 1 || len(d.Owners("us", 0)) != 2 {
		t.Errorf("owners after: %d, before: %d", len(next.Owners("us", 0)), len(d.Owners("us", 0)))
	}
}

// A view that nobody stands by any more makes way for an older one.
func TestInstead(t *testing.T) {
	d := directory(t, view("us", 5, "x", "y"))
	next, news, err := d.Instead(view("us", 4, "x"))
	if got := next.View("us"); err != nil || !news || got.Version != 4 || len(got.Nodes) != 1 {
		t.Errorf("got %+v, %v, %v", got, news, err)
	}
	if next.Boot(NodeID("us", "y")) != 5 {
		t.Error("the epoch of a node is lost with the view")
	}
	if next, news, err = d.Instead(view("us", 4, "y", "y")); err == nil || news || next != d {
		t.Errorf("twins: got %v, %v", next, err)
	}
}

// A region that says the same node twice is not believed.
func TestWithTwins(t *testing.T) {
	d := directory(t, view("us", 1, "x"))
	next, news, err := d.With(view("us", 2, "y", "y"))
	if err == nil || news || next != d {
		t.Errorf("got %v, %v", next, err)
	}
}

// The highest epoch of a node is remembered when the node is gone: its earlier
// ones are dead.
func TestBoots(t *testing.T) {
	d := directory(t, view("us", 7, "x", "y"), view("us", 8, "y"))
	if got := d.Boot(NodeID("us", "x")); got != 7 {
		t.Errorf("boot of a node that is gone: %d, want 7", got)
	}
	if got := d.Boots(); len(got) != 2 || got[0].ID > got[1].ID {
		t.Errorf("boots: %v", got)
	}
	if got := d.Boot(NodeID("us", "z")); got != 0 {
		t.Errorf("boot of a node never seen: %d", got)
	}
}

// Whatever order views come in, the newest of each region counts, and two nodes
// that know the same views decide the same, also where versions are equal.
func TestOrderOfViews(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var views []View
		for i := range rapid.IntRange(1, 8).Draw(t, "views") {
			region := rapid.SampledFrom([]string{"eu", "us", "ap"}).Draw(t, "region")
			n := rapid.IntRange(0, 4).Draw(t, "nodes")
			v := View{Region: region, Version: rapid.Uint64Range(1, uint64(i+1)).Draw(t, "version")}
			for j := range n {
				name := fmt.Sprint("n", j)
				v.Nodes = append(v.Nodes, Node{Name: name, ID: NodeID(region, name), Weight: 1})
			}
			views = append(views, v)
		}
		apply := func(order []View) *Directory {
			d := New("eu", 2)
			for _, v := range order {
				d, _, _ = d.With(v)
			}
			return d
		}
		a, b := apply(views), apply(rapid.Permutation(views).Draw(t, "order"))
		for p := uint16(0); p < ring.Partitions; p += 101 {
			x, y := names(a.Audience(1, p, nobody)), names(b.Audience(1, p, nobody))
			if !slices.Equal(x, y) {
				t.Fatalf("partition %d: %v and %v", p, x, y)
			}
		}
	})
}

func ExampleDirectory_Audience() {
	d := New("eu", 2)
	for _, v := range []View{
		{Region: "eu", Version: 1, Nodes: []Node{{Name: "eu-1", ID: NodeID("eu", "eu-1")}, {Name: "eu-2", ID: NodeID("eu", "eu-2")}}},
		{Region: "us", Version: 1, Nodes: []Node{{Name: "us-1", ID: NodeID("us", "us-1")}}},
	} {
		d, _, _ = d.With(v)
	}
	for _, p := range d.Audience(NodeID("eu", "eu-1"), 42, func(uint64) bool { return false }) {
		fmt.Println(p.Region, p.Name)
	}
	// Output:
	// eu eu-2
	// us us-1
}

// A node that comes back finds the partitions that it had, and nobody has to work
// them out again.
func TestRingOfANodeThatComesBack(t *testing.T) {
	nodes := func(boots ...uint64) (all []Node) {
		for i, boot := range boots {
			if boot > 0 {
				name := string(rune('a' + i))
				all = append(all, Node{Name: name, ID: NodeID("eu", name), Boot: boot})
			}
		}
		return all
	}
	d := New("eu", 2)
	var rings []*ring.Ring
	for i, now := range [][]Node{nodes(1, 1, 1), nodes(1, 0, 1), nodes(1, 2, 1), nodes(1, 2, 3), nodes(1, 2, 3, 4)} {
		var err error
		if d, _, err = d.With(View{Region: "eu", Version: uint64(i) + 1, Nodes: now}); err != nil {
			t.Fatal(err)
		}
		alone, _, err := New("eu", 2).With(View{Region: "eu", Version: 1, Nodes: now})
		if err != nil {
			t.Fatal(err)
		}
		for p := range uint16(ring.Partitions) {
			if got, want := d.Owners("eu", p), alone.Owners("eu", p); !slices.Equal(got, want) {
				t.Fatalf("view %d: partition %d has owners %v, want %v", i, p, got, want)
			}
		}
		rings = append(rings, d.place("eu").ring)
	}
	if rings[2] != rings[0] || rings[3] != rings[0] {
		t.Error("the ring was built again for the same nodes")
	}
	if rings[1] == rings[0] || rings[4] == rings[3] {
		t.Error("other nodes have the same ring")
	}
}
