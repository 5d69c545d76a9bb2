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
