package ring

import (
	"errors"
	"fmt"
	"hash/fnv"
	"math/rand/v2"
	"slices"
	"testing"

	"pgregory.net/rapid"
)

// cluster returns n nodes with random IDs, the same for the same seed.
func cluster(n int, seed uint64) []Node {
	random := rand.New(rand.NewPCG(seed, uint64(n)))
	nodes := make([]Node, n)
	for i := range nodes {
		nodes[i] = Node{Name: fmt.Sprintf("n%02d", i), ID: random.Uint64(), Weight: 1}
	}
	return nodes
}

func build(t testing.TB, nodes []Node, replicas int) *Ring {
	t.Helper()
	r, err := New(nodes, replicas)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// loads counts the partitions that each node owns, and those that it owns first.
func loads(r *Ring) (all, first []int) {
	all, first = make([]int, len(r.nodes)), make([]int, len(r.nodes))
	for p := range Partitions {
		for i, n := range r.Owners(uint16(p)) {
			all[n]++
			if i == 0 {
				first[n]++
			}
		}
	}
	return all, first
}

func TestLaws(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		nodes := rapid.SliceOfNDistinct(rapid.Custom(func(t *rapid.T) Node {
			id := rapid.Uint64().Draw(t, "id")
			return Node{Name: fmt.Sprint(id), ID: id, Weight: rapid.IntRange(0, 1000).Draw(t, "weight")}
		}), 0, 12, func(n Node) uint64 { return n.ID }).Draw(t, "nodes")
		replicas := rapid.IntRange(1, 5).Draw(t, "replicas")

		r, err := New(nodes, replicas)
		if err != nil {
			t.Fatal(err)
		}
		for p := range Partitions {
			owners := slices.Clone(r.Owners(uint16(p)))
			if len(owners) != min(replicas, len(nodes)) {
				t.Fatalf("partition %d has %d owners of %d nodes, want %d", p, len(owners), len(nodes), replicas)
			}
			slices.Sort(owners)
			if len(slices.Compact(owners)) != min(replicas, len(nodes)) {
				t.Fatalf("partition %d has an owner twice: %v", p, r.Owners(uint16(p)))
			}
		}

		shuffled, err := New(rapid.Permutation(nodes).Draw(t, "shuffled"), replicas)
		if err != nil {
			t.Fatal(err)
		}
		if !slices.Equal(r.owners, shuffled.owners) || !slices.Equal(r.nodes, shuffled.nodes) {
			t.Fatal("the order of the list changed the ring")
		}
	})
}

func TestSmallest(t *testing.T) {
	none := build(t, nil, 2)
	if got := none.Owners(7); len(got) != 0 {
		t.Errorf("owners without nodes: %v", got)
	}

	one := build(t, cluster(1, 1), 2)
	if got := one.Owners(1023); !slices.Equal(got, []int{0}) {
		t.Errorf("owners with one node: %v, want [0]", got)
	}

	two := build(t, cluster(2, 1), 0)
	for p := range Partitions {
		if got := two.Owners(uint16(p)); len(got) != 2 {
			t.Fatalf("with two nodes and the default of replicas, partition %d is owned by %v", p, got)
		}
	}
}

func TestRefused(t *testing.T) {
	for name, nodes := range map[string][]Node{
		"name twice":      {{Name: "a", ID: 1}, {Name: "b", ID: 2}, {Name: "a", ID: 3}},
		"ID twice":        {{Name: "a", ID: 1}, {Name: "b", ID: 2}, {Name: "c", ID: 1}},
		"no name":         {{ID: 1}},
		"negative weight": {{Name: "a", ID: 1, Weight: -1}},
		"huge weight":     {{Name: "a", ID: 1, Weight: maxWeight + 1}},
	} {
		if r, err := New(nodes, 2); !errors.Is(err, ErrNodes) {
			t.Errorf("%s: got %v, %v; want ErrNodes", name, r, err)
		}
	}
	if _, err := New(nil, -1); err == nil {
		t.Error("negative replicas are accepted")
	}
}

func TestPartition(t *testing.T) {
	for hash, want := range map[uint64]uint16{
		0: 0, 1<<54 - 1: 0, 1 << 54: 1, 1 << 63: 512, ^uint64(0): 1023,
	} {
		if got := Partition(hash); got != want {
			t.Errorf("Partition(%#x) = %d, want %d", hash, got, want)
		}
	}
}

func TestWeightZeroIsOne(t *testing.T) {
	nodes := cluster(5, 1)
	want := build(t, nodes, 2)
	for i := range nodes {
		nodes[i].Weight = 0
	}
	got := build(t, nodes, 2)
	if !slices.Equal(got.owners, want.owners) || !slices.Equal(got.Nodes(), want.Nodes()) {
		t.Error("weight 0 places differently from weight 1")
	}
}

// The caller may reuse its list.
func TestListIsCopied(t *testing.T) {
	nodes := cluster(3, 1)
	r := build(t, nodes, 2)
	nodes[0].Name = "changed"
	if r.Nodes()[0].Name != "n00" {
		t.Error("the ring holds on to the list it was built from")
	}
}

func TestSettle(t *testing.T) {
	// Both owners of partition 1 are full, yet node 0 leads partition 0 together
	// with node 2, which has room.
	f := &firsts{owners: []int{0, 2, 0, 1}, width: 2, load: []int{1, 1, 0}, limits: []int{1, 1, 1}}
	settled := make([]bool, Partitions)
	settled[0] = true
	f.settle(1, settled)
	if want := []int{2, 0, 0, 1}; !slices.Equal(f.owners, want) {
		t.Errorf("owners %v, want %v", f.owners, want)
	}
	if want := []int{1, 1, 1}; !slices.Equal(f.load, want) {
		t.Errorf("loads %v, want %v", f.load, want)
	}
}

// The placement is a protocol: nodes of two versions in one region must agree on
// it. If this fails, the change breaks every mixed cluster.
func TestGolden(t *testing.T) {
	nodes := []Node{{Name: "a", ID: 1}, {Name: "b", ID: 2}, {Name: "c", ID: 3, Weight: 2}, {Name: "d", ID: 4}, {Name: "e", ID: 5}}
	r := build(t, nodes, 2)
	got := map[uint16][]int{}
	for _, p := range []uint16{0, 1, 2, 511, 512, 1023} {
		got[p] = r.Owners(p)
	}
	want := map[uint16][]int{0: {0, 1}, 1: {1, 4}, 2: {0, 2}, 511: {1, 2}, 512: {4, 2}, 1023: {3, 2}}
	if fmt.Sprint(got) != fmt.Sprint(want) {
		t.Errorf("owners %v, want %v", got, want)
	}

	sum := fnv.New64a()
	for _, n := range []int{5, 64} {
		fmt.Fprint(sum, build(t, cluster(n, 1), 2).owners)
	}
	if want := uint64(0xdb1d6b48cd287b2d); sum.Sum64() != want {
		t.Errorf("hash of two rings %#x, want %#x", sum.Sum64(), want)
	}
}

func BenchmarkNew(b *testing.B) {
	for _, n := range []int{3, 16, 64} {
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			nodes := cluster(n, 1)
			b.ReportAllocs()
			for b.Loop() {
				if _, err := New(nodes, 2); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
