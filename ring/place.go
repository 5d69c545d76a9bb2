package ring

import "slices"

// place returns width owners for every partition. Nodes have their weights set
// and are at least as many as width; scores are theirs, as scoresOf gives them.
func place(nodes []Node, scores [][]uint64, width int) []int {
	if width == 0 {
		return nil
	}

	shares := sharesOf(nodes, Partitions*width, Partitions)
	taken := match(scores, width, shares)

	first := sharesOf(nodes, Partitions, Partitions)
	return arrange(taken, width, limitsOf(first, 125))
}

// A pair is a partition and the index of a node that owns it.
type pair struct {
	partition, node int
}

// match takes pairs from the cheapest to the dearest while the partition lacks
// owners and the node is below its limit, and returns them in that order.
//
// It may end with a partition whose only nodes with room own it already. All
// limits then grow by one, and the rest is matched again; with a room of 15 %
// this happens only where weights leave few nodes to choose from.
func match(scores [][]uint64, width int, shares []int) []pair {
	taken := make([]pair, 0, Partitions*width)
	owns := make([]bool, Partitions*len(scores))
	owners := make([]int, Partitions)
	load := make([]int, len(scores))
	limits := limitsOf(shares, 115)

	costs := newCosts()
	rankings := rank(scores, shares, costs)
	for len(taken) < cap(taken) {
		q := queueOf(rankings, costs)
		for q.Len() > 0 && len(taken) < cap(taken) {
			x := q.cheapest()
			if load[x.node] == limits[x.node] {
				q.drop()
				continue
			}
			q.advance()

			owned := &owns[x.partition*len(scores)+x.node]
			if owners[x.partition] == width || *owned {
				continue
			}
			*owned = true
			owners[x.partition]++
			load[x.node]++
			taken = append(taken, x)
		}
		for i := range limits {
			limits[i]++
		}
	}
	return taken
}

// arrange groups pairs by partition, with the first owner in front. A pair makes
// its node first if the partition has no first owner yet and the node is below
// its limit; the order of the pairs decides who comes first.
func arrange(pairs []pair, width int, limits []int) []int {
	owners := make([]int, Partitions*width)
	filled := make([]int, Partitions)
	for _, x := range pairs {
		owners[x.partition*width+filled[x.partition]] = x.node
		filled[x.partition]++
	}

	f := &firsts{owners: owners, width: width, load: make([]int, len(limits)), limits: limits}
	settled := make([]bool, Partitions)
	for _, x := range pairs {
		if !settled[x.partition] && f.load[x.node] < limits[x.node] {
			f.load[x.node]++
			f.lead(x.partition, x.node)
			settled[x.partition] = true
		}
	}
	for p := range Partitions {
		if !settled[p] {
			f.settle(p, settled)
			settled[p] = true
		}
	}
	return owners
}

// firsts knows how many partitions each node is the first owner of.
type firsts struct {
	owners []int
	width  int
	load   []int
	limits []int
}

func (f *firsts) of(p int) []int { return f.owners[p*f.width : (p+1)*f.width] }

// lead moves node to the front of the owners of p, the others keep their order.
func (f *firsts) lead(p, node int) {
	owners := f.of(p)
	at := slices.Index(owners, node)
	copy(owners[1:at+1], owners[:at])
	owners[0] = node
}

// settle finds a first owner for p although all its owners are at their limit:
// one of them gives a settled partition to a co-owner with room. If none can,
// the cheapest owner of p goes above its limit.
func (f *firsts) settle(p int, settled []bool) {
	for _, full := range f.of(p) {
		for q := range Partitions {
			if !settled[q] || f.of(q)[0] != full {
				continue
			}
			for _, other := range f.of(q)[1:] {
				if f.load[other] < f.limits[other] {
					f.load[other]++
					f.lead(q, other)
					f.lead(p, full)
					return
				}
			}
		}
	}
	f.load[f.of(p)[0]]++
}

// unit is the resolution of a share.
const unit = 1 << 16

// sharesOf divides total among nodes by weight, with no node getting more than
// most: what a node cannot take goes to the others by weight. A share is
// counted in 1/unit of a partition and rounded down.
func sharesOf(nodes []Node, total, most int) []int {
	shares := make([]int, len(nodes))
	left, weights := total*unit, 0
	for _, n := range nodes {
		weights += n.Weight
	}

	for capped := true; capped; {
		capped = false
		for i, n := range nodes {
			if shares[i] == 0 && left*n.Weight > most*unit*weights {
				shares[i] = most * unit
				left -= most * unit
				weights -= n.Weight
				capped = true
			}
		}
	}

	for i, n := range nodes {
		if shares[i] == 0 {
			shares[i] = left * n.Weight / weights
		}
	}
	return shares
}

// limitsOf returns percent of each share in whole partitions: rounded down, but
// never below the share itself and never above all partitions.
func limitsOf(shares []int, percent int) []int {
	limits := make([]int, len(shares))
	for i, s := range shares {
		atLeast := (s + unit - 1) / unit
		limits[i] = min(Partitions, max(atLeast, s*percent/100/unit))
	}
	return limits
}
