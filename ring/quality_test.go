package ring

import (
	"math/rand/v2"
	"slices"
	"testing"
)

// most divides the highest load by the mean.
func most(load []int, total int) float64 {
	return float64(slices.Max(load)*len(load)) / float64(total)
}

// moved counts the pairs of partition and node that are in one ring only, apart
// from those of the node that left; the smaller ring lacks the node at index
// left.
func moved(large, small *Ring, left int) int {
	pairs := 0
	for p := range Partitions {
		for _, n := range large.Owners(uint16(p)) {
			if n == left {
				continue
			}
			if n > left {
				n--
			}
			if !slices.Contains(small.Owners(uint16(p)), n) {
				pairs++
			}
		}
	}
	return pairs
}

func TestBalance(t *testing.T) {
	for n := 2; n <= 64; n++ {
		for seed := range uint64(3) {
			all, first := loads(build(t, cluster(n, seed), 2))
			owned, led := most(all, 2*Partitions), most(first, Partitions)
			if owned > 1.15 {
				t.Errorf("%d nodes, seed %d: a node owns %.3f of the mean, want at most 1.15", n, seed, owned)
			}
			if led > 1.25 {
				t.Errorf("%d nodes, seed %d: a node leads %.3f of the mean, want at most 1.25", n, seed, led)
			}
			if seed == 0 && n%8 == 0 {
				t.Logf("%2d nodes: owned at most %.3f and at least %.3f, first at most %.3f of the mean",
					n, owned, float64(slices.Min(all)*n)/(2*Partitions), led)
			}
		}
	}
}

// A node owns in proportion to its weight, as far as that is possible: no node
// can own a partition twice.
func TestWeights(t *testing.T) {
	for n := 3; n <= 64; n++ {
		for seed := range uint64(5) {
			nodes := cluster(n, seed)
			random := rand.New(rand.NewPCG(seed, 9))
			for i := range nodes {
				nodes[i].Weight = 1 + random.IntN(4)
			}
			if seed == 0 {
				nodes[0].Weight = 10
			}

			all, _ := loads(build(t, nodes, 2))
			for i, share := range sharesOf(nodes, 2*Partitions, Partitions) {
				ratio := float64(all[i]) * unit / float64(share)
				if share >= 10*unit && ratio > 1.15 {
					t.Errorf("%d nodes, seed %d: weight %d owns %.3f of its share, want at most 1.15", n, seed, nodes[i].Weight, ratio)
				}
				if share >= 64*unit && ratio < 0.75 {
					t.Errorf("%d nodes, seed %d: weight %d owns %.3f of its share, want at least 0.75", n, seed, nodes[i].Weight, ratio)
				}
			}
		}
	}
}

// Nodes leave one at a time from clusters of every size. A join is the same pair
// of rings in reverse. The minimum is what the node owned.
func TestMovement(t *testing.T) {
	worst := 0.0
	for n := 3; n <= 64; n++ {
		if testing.Short() && n%9 != 1 {
			continue
		}
		mean, most := movement(t, n)
		worst = max(worst, most)
		if mean > 1.25 {
			t.Errorf("%d nodes: a leave moves %.3f times the minimum on average, want at most 1.25", n, mean)
		}
		if n <= 50 && most > 1.25 {
			t.Errorf("%d nodes: a leave moves %.3f times the minimum, want at most 1.25 up to 50 nodes", n, most)
		}
		if n%8 == 0 || n > 60 {
			t.Logf("%2d nodes: moved %.3f times the minimum on average, %.3f at worst", n, mean, most)
		}
	}
	if worst > 1.6 {
		t.Errorf("the worst leave moves %.3f times the minimum, want at most 1.60", worst)
	}
}

// movement lets up to eight of n nodes leave, one at a time.
func movement(t *testing.T, n int) (mean, most float64) {
	nodes := cluster(n, 0)
	large := build(t, nodes, 2)
	all, _ := loads(large)
	events := 0
	for left := 0; left < n; left += (n + 7) / 8 {
		small := build(t, slices.Delete(slices.Clone(nodes), left, left+1), 2)
		ratio := float64(all[left]+moved(large, small, left)) / float64(all[left])
		mean += ratio
		most = max(most, ratio)
		events++
	}
	return mean / float64(events), most
}
