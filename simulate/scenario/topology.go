package scenario

import (
	"strconv"
	"time"
)

// A Topology is the regions of a cluster and the paths between them.
type Topology struct {
	Regions   []Region
	RTT       []PathDelay
	Loss      []PathLoss
	Bandwidth []PathRate
}

// A Region is a place with nodes, which are numbered from one: us/1, us/2.
type Region struct {
	Name    string
	Nodes   int
	Weights []int // one for each node; nil if all are equal
}

// Weight is the share of the region's partitions that a node, counted from
// one, strives for, relative to the others. A node that joined later has one.
func (r Region) Weight(node int) int {
	if node < 1 || node > len(r.Weights) {
		return 1
	}
	return r.Weights[node-1]
}

// A Path names the links from one region to another. The words Local and
// Default stand in A, with an empty B, for the links inside every region, and
// for those between regions that nothing else names.
type Path struct {
	A, B   string
	OneWay bool // from A to B only; else in both directions
}

// The paths that are no pair of regions.
const (
	Local   = "local"
	Default = "default"
)

// PathDelay gives the delay of a path: the round trip, of which either
// direction takes half, or that of its one direction if the path is one-way.
type PathDelay struct {
	Path
	Delay Delay
}

// PathLoss gives the share of messages that a path loses in each direction.
type PathLoss struct {
	Path
	Loss PPM
}

// PathRate gives the bits per second that a path carries in each direction,
// for all its links together.
type PathRate struct {
	Path
	Bits int64
}

// DelayKind is the shape of a distribution of delays.
type DelayKind string

// The shapes. What Base and Spread mean depends on them.
const (
	Const       DelayKind = "const"       // always Base
	Uniform     DelayKind = "uniform"     // evenly between Base-Spread and Base+Spread
	Exponential DelayKind = "exponential" // Base, and Spread more on average
	Lognormal   DelayKind = "lognormal"   // half below Base, five in six below Base+Spread, and a long tail
	Bimodal     DelayKind = "bimodal"     // Base, but Spread for a Share of the messages
)

// A Delay is a distribution of delays.
type Delay struct {
	Kind   DelayKind
	Base   time.Duration
	Spread time.Duration
	Share  PPM // Bimodal only
}

// half is the delay of one direction, if d is that of the round trip.
func (d Delay) half() Delay {
	d.Base /= 2
	d.Spread /= 2
	return d
}

// A Link is what a topology says of one direction between two regions, or of
// the links inside a region.
type Link struct {
	Delay Delay // one way
	Loss  PPM
	Bits  int64 // per second; zero is no limit
}

// Link resolves the links from one region to another. What names the direction
// wins over what names the pair, and that over the default.
func (t *Topology) Link(from, to string) Link {
	link := Link{Delay: Delay{Kind: Const}}

	best := 0
	for _, d := range t.RTT {
		if rank := d.rank(from, to); rank > best {
			best, link.Delay = rank, d.Delay
			if !d.OneWay {
				link.Delay = d.Delay.half()
			}
		}
	}

	best = 0
	for _, l := range t.Loss {
		if rank := l.rank(from, to); rank > best {
			best, link.Loss = rank, l.Loss
		}
	}

	best = 0
	for _, b := range t.Bandwidth {
		if rank := b.rank(from, to); rank > best {
			best, link.Bits = rank, b.Bits
		}
	}
	return link
}

// rank tells how closely a path names a direction: not at all is zero.
func (p Path) rank(from, to string) int {
	switch {
	case p.A == Local && p.B == "":
		return boolRank(from == to, 1)
	case p.A == Default && p.B == "":
		return boolRank(from != to, 1)
	case p.OneWay:
		return boolRank(p.A == from && p.B == to, 3)
	default:
		return boolRank(p.A == from && p.B == to || p.A == to && p.B == from, 2)
	}
}

func boolRank(holds bool, rank int) int {
	if holds {
		return rank
	}
	return 0
}

// Region finds a region by its name.
func (t *Topology) Region(name string) (Region, bool) {
	for _, r := range t.Regions {
		if r.Name == name {
			return r, true
		}
	}
	return Region{}, false
}

// A Place is a whole region, or one node of it.
type Place struct {
	Region string
	Node   int // from one; zero is the whole region
}

// String writes a place as a scenario does: us, us/2.
func (p Place) String() string {
	if p.Node == 0 {
		return p.Region
	}
	return p.Region + "/" + strconv.Itoa(p.Node)
}

// Has tells whether a node lies in the place.
func (p Place) Has(node Place) bool {
	return p.Region == node.Region && (p.Node == 0 || p.Node == node.Node)
}
