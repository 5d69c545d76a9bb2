package ring

import (
	"flag"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
)

var sets = flag.Int("sets", 0, "lists of nodes per size of which every node leaves in turn; with 0, up to eight nodes of one list do")

// bound is what TestMovement holds a single leave to, by the number of nodes. The
// goal is 1.25; above 52 nodes the bound is what 200 lists per size stay below. It
// is no bound of every list: see TestRareMovement.
func bound(n int) float64 {
	switch {
	case n <= 52:
		return 1.25
	case n <= 58:
		return 1.40
	case n == 62, n == 64:
		return 1.60
	default:
		return 1.50
	}
}

// Nodes leave one at a time from clusters of every size. A join is the same pair
// of rings in reverse. The minimum is what the node owned: each of its
// partitions needs one new owner when it goes, and is one that it must be given
// when it comes. Every ring on the way is balanced.
func TestMovement(t *testing.T) {
	var sampled leaves
	for n := 3; n <= 64; n++ {
		if testing.Short() && n%9 != 1 {
			continue
		}
		var size leaves
		for seed := range uint64(max(1, *sets)) {
			size.add(leave(t, named(n, seed), *sets > 0))
		}
		sampled.add(size)

		if size.mean() > 1.25 {
			t.Errorf("%d nodes: a leave moves %.3f times the minimum on average, want at most 1.25", n, size.mean())
		}
		if size.worst > bound(n) {
			t.Errorf("%d nodes: a leave moves %.3f times the minimum, want at most %.2f", n, size.worst, bound(n))
		}
		if n%8 == 0 || n > 60 || *sets > 0 {
			t.Logf("%2d nodes: %v", n, size)
		}
	}
	t.Logf("all sizes: %v", sampled)
	// Fewer lists say too little: one list of 64 nodes may hold ten leaves above.
	if *sets >= 100 && 100*sampled.above > sampled.events {
		t.Errorf("%d of %d leaves move more than 1.25 times the minimum, want at most one in a hundred", sampled.above, sampled.events)
	}
}

// The lists of TestMovement hold 1.25 up to 52 nodes, but this one of 47, found by
// another sample, does not: the bound below 53 is rarely broken, not never.
func TestRareMovement(t *testing.T) {
	random := rand.New(rand.NewPCG(20, 77))
	nodes := cluster(47, 0)
	for i := range nodes {
		nodes[i].ID = random.Uint64()
	}
	l := leave(t, nodes, true)
	t.Logf("47 nodes: %v", l)
	if l.worst > 1.29 || l.above > 1 {
		t.Errorf("47 nodes: %v; want at most 1.29, and one above 1.25", l)
	}
}

// named returns a list of random IDs for even seeds and one of consecutive IDs
// for odd ones.
func named(n int, seed uint64) []Node {
	nodes := cluster(n, seed)
	if seed%2 == 1 {
		from := rand.New(rand.NewPCG(seed, 5)).Uint64()
		for i := range nodes {
			nodes[i].ID = from + uint64(i)
		}
	}
	return nodes
}

// leaves sums up what leaves moved, as multiples of the minimum.
type leaves struct {
	events, above int
	sum, worst    float64
}

func (l leaves) mean() float64 { return l.sum / float64(l.events) }

func (l leaves) String() string {
	return fmt.Sprintf("moved %.3f times the minimum on average, %.3f at worst; %d of %d leaves above 1.25",
		l.mean(), l.worst, l.above, l.events)
}

func (l *leaves) add(more leaves) {
	l.events += more.events
	l.above += more.above
	l.sum += more.sum
	l.worst = max(l.worst, more.worst)
}

func (l *leaves) event(ratio float64) {
	l.events++
	l.sum += ratio
	l.worst = max(l.worst, ratio)
	if ratio > 1.25 {
		l.above++
	}
}

// leave lets each of the nodes, or only up to eight of them, leave in turn.
func leave(t *testing.T, nodes []Node, each bool) leaves {
	t.Helper()
	scores := scoresOf(nodes)
	large := &Ring{nodes: nodes, width: 2, owners: place(nodes, scores, 2)}
	balanced(t, large)
	all, _ := loads(large)

	step := (len(nodes) + 7) / 8
	if each {
		step = 1
	}
	var l leaves
	for left := 0; left < len(nodes); left += step {
		rest := slices.Delete(slices.Clone(nodes), left, left+1)
		small := &Ring{nodes: rest, width: 2}
		small.owners = place(rest, slices.Delete(slices.Clone(scores), left, left+1), 2)
		balanced(t, small)
		l.event(float64(all[left]+moved(large, small, left)) / float64(all[left]))
	}
	return l
}

// balanced checks the promise that each ring of equal weights keeps.
func balanced(t *testing.T, r *Ring) {
	t.Helper()
	all, first := loads(r)
	if owned := most(all, 2*Partitions); owned > 1.15 {
		t.Errorf("%d nodes from %#x: a node owns %.3f of the mean, want at most 1.15", len(r.nodes), r.nodes[0].ID, owned)
	}
	if led := most(first, Partitions); led > 1.25 {
		t.Errorf("%d nodes from %#x: a node leads %.3f of the mean, want at most 1.25", len(r.nodes), r.nodes[0].ID, led)
	}
}
