package ring

import (
	"cmp"
	"container/heap"
	"slices"
)

// A ranking is the order in which one node wants the partitions.
type ranking struct {
	node   int
	pull   uint64   // divides the costs
	scores []uint64 // ascending; the low bits hold the partition
	at     int      // how many are behind us
	cost   uint64   // of scores[at]
}

// scoresOf scores every partition for every node, ascending per node. The scores
// of a node are the output of splitmix64 seeded with its mixed ID, so IDs may be
// as regular as 1, 2, 3.
func scoresOf(nodes []Node) [][]uint64 {
	all := make([][]uint64, len(nodes))
	for i, n := range nodes {
		scores := make([]uint64, Partitions)
		seed := mix(n.ID + golden)
		for p := range scores {
			seed += golden
			scores[p] = mix(seed)&^(Partitions-1) | uint64(p)
		}
		slices.Sort(scores)
		all[i] = scores
	}
	return all
}

// rank makes a ranking of the scores of each node.
func rank(scores [][]uint64, shares []int, c *costs) []*ranking {
	rankings := make([]*ranking, len(scores))
	for i := range scores {
		rankings[i] = &ranking{node: i, pull: c.pull(shares[i]), scores: scores[i]}
	}
	return rankings
}

// golden and mix are the increment and the finalizer of splitmix64 (Steele, Lea
// and Flood, 2014).
const golden = 0x9e3779b97f4a7c15

func mix(x uint64) uint64 {
	x = (x ^ x>>30) * 0xbf58476d1ce4e5b9
	x = (x ^ x>>27) * 0x94d049bb133111eb
	return x ^ x>>31
}

// costs holds the cost of each rank: the expected values of the order
// statistics of 1024 exponential variables in units of 2^-48, which are the sums
// of 1/(1024-i) for i from 0 to the rank. They grow as -log(1-x) does, but only
// integers take part, so every machine gets the same.
type costs [Partitions]uint64

func newCosts() *costs {
	var c costs
	sum := uint64(0)
	for r := range c {
		sum += (1 << 48) / uint64(Partitions-r)
		c[r] = sum
	}
	return &c
}

// pull returns what the costs of a node are divided by for it to win share
// partitions. For a fraction x of all, x itself gives too little to a node that
// should own most partitions, and -log(1-x), which is right for many nodes and
// many replicas (Rosén's order sampling, 1997), gives it too much. Three parts
// of x and one of the logarithm, read from the costs, are within 1.15 of the
// share with two replicas and weights from 1 to 10.
func (c *costs) pull(share int) uint64 {
	whole, part := share/unit, uint64(share%unit)
	log := uint64(0)
	if whole > 0 {
		log = c[whole-1]
	}
	if part > 0 {
		log += (c[whole] - log) / unit * part
	}
	linear := uint64(share) << 22 // share/unit/Partitions in 2^-48
	return max(1, (3*linear+log)>>26)
}

// of returns the cost of a rank for a node with the given pull.
func (c *costs) of(rank int, pull uint64) uint64 { return c[rank] << 12 / pull }

// A queue is a heap of rankings, the one with the cheapest pair at hand in
// front. Equal costs are ordered by score.
type queue struct {
	rankings []*ranking
	costs    *costs
}

// queueOf starts all rankings from their beginning.
func queueOf(rankings []*ranking, c *costs) *queue {
	q := &queue{rankings: slices.Clone(rankings), costs: c}
	for _, r := range q.rankings {
		r.at = 0
		r.cost = c.of(0, r.pull)
	}
	heap.Init(q)
	return q
}

// cheapest returns the pair in front.
func (q *queue) cheapest() pair {
	r := q.rankings[0]
	return pair{int(r.scores[r.at] & (Partitions - 1)), r.node}
}

// advance moves the ranking in front to its next partition.
func (q *queue) advance() {
	r := q.rankings[0]
	r.at++
	if r.at == Partitions {
		q.drop()
		return
	}
	r.cost = q.costs.of(r.at, r.pull)
	heap.Fix(q, 0)
}

// drop removes the ranking in front.
func (q *queue) drop() { heap.Pop(q) }

// Len, Less, Swap, Push and Pop are for container/heap.
func (q *queue) Len() int { return len(q.rankings) }

func (q *queue) Less(i, j int) bool {
	a, b := q.rankings[i], q.rankings[j]
	return cmp.Or(
		cmp.Compare(a.cost, b.cost),
		cmp.Compare(a.scores[a.at], b.scores[b.at]),
		cmp.Compare(a.node, b.node),
	) < 0
}

func (q *queue) Swap(i, j int) {
	q.rankings[i], q.rankings[j] = q.rankings[j], q.rankings[i]
}

// Push is never called: rankings only leave.
func (q *queue) Push(x any) { q.rankings = append(q.rankings, x.(*ranking)) }

func (q *queue) Pop() any {
	last := q.rankings[len(q.rankings)-1]
	q.rankings = q.rankings[:len(q.rankings)-1]
	return last
}
