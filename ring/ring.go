// Package ring places the partitions of the key space on the nodes of one
// region.
//
// A Ring is computed from nothing but the list of live nodes, so two nodes that
// know the same list compute the same ring, whatever happened before:
//
//	r, err := ring.New(nodes, 2)
//	owners := r.Owners(ring.Partition(hash)) // indices into r.Nodes()
//
// The placement is rendezvous hashing with two additions. Each node ranks all
// partitions by a hash of its ID and the partition, and it is the rank, not the
// hash, that becomes the cost of the pair: every node thus plays with the same
// set of costs, which takes out more than half of the variance that plain
// rendezvous hashing has. The pairs are then taken from the cheapest to the
// dearest, and a node that holds 1.15 times its share takes no more. That is a
// stable matching, and it depends on no order of arrival.
//
// Which of the owners comes first is settled afterwards in the same way, with
// a limit of 1.25 times the share.
//
// With equal weights and two replicas, at every size from 2 to 64 nodes, no node
// owns more than 1.15 times the mean, and none is first owner of more than 1.25
// times the mean (TestBalance).
//
// What moves when a node leaves is held against what it owned, which is the
// minimum; a join is the same in reverse. Of 200 lists of nodes per size, every
// node left in turn (go test -run TestMovement -v -sets 200 -timeout 1h):
//
//	nodes       3..24   32      40      48      52      56      60      62      63      64
//	on average  1.00    1.01    1.04    1.04    1.06    1.07    1.09    1.16    1.11    1.16
//	at worst    1.08    1.12    1.17    1.21    1.25    1.36    1.38    1.59    1.45    1.57
//	above 1.25  none    none    none    none    none    0.2 %   0.6 %   10 %    2.1 %   10 %
//
// The goal of 1.25 thus holds on average everywhere, and for single nodes up to 52
// in that sample, not beyond. A sample is no proof: a list of 47 of which one leave
// moves 1.28 times the minimum is known (TestRareMovement). Asserted for single
// nodes are 1.25 up to 52, 1.40 up to 58, 1.60 at 62 and 64, and 1.50 at the
// others.
//
// The excess is the price of having no history. A node of 64 owns 32 partitions
// and may own 36, and the chance of the hashes puts many at that limit. As
// another node leaves, each of them either wins a partition and must give one
// away, or the limit rises and it takes one back. Cutting nodes to their limit only
// after all have won what they can saves less than a tenth of the excess.
// Spreading the limits of the nodes moves less at some sizes and more at others;
// charging a node for what it holds already, the least total cost instead of a
// stable matching, and joining the nodes one by one in the order of a hash move
// as much or more.
//
// With weights from 1 to 10 no node owns more than 1.15 times its share.
//
// Building a ring of 64 nodes takes about 4.5 ms and 650 KiB, of which the ring
// keeps 16 KiB and the nodes.
//
// A Ring has no memory, no health and no network: a hold-down before a node
// counts as gone, and the hand-over of what moves, belong to the caller. Every
// node of a cluster must compute the same placement, so a change of the
// algorithm is a change of protocol.
package ring

import (
	"errors"
	"fmt"
	"slices"
	"strings"
)

// Partitions is the number of slices of the key space. It is the same in every
// region and never changes in the life of a cluster.
const Partitions = 1024

const (
	partitionBits   = 10
	defaultReplicas = 2
	maxWeight       = 1 << 16
)

// ErrNodes says that a list of nodes cannot be placed; the error that wraps it
// names the node.
var ErrNodes = errors.New("ring: bad list of nodes")

// Node is a live process that may own partitions.
type Node struct {
	// Name identifies the node in its region and gives the nodes their order.
	Name string

	// ID alone decides, with the weight, which partitions the node gets. It must
	// survive a restart, or every restart moves everything the node owned.
	ID uint64

	// Weight is the share of the node against the others, 1 if zero.
	Weight int
}

// Ring is a placement of all partitions. It never changes once built and may be
// shared.
type Ring struct {
	nodes  []Node // sorted by name, weights set
	width  int    // owners per partition
	owners []int  // width indices into nodes per partition, the preferred one first
}

// New places all partitions on nodes, each on the given number of replicas (two
// if zero) or on all nodes if they are fewer. The order of nodes does not
// matter. It refuses names or IDs that occur twice and weights outside of
// 0..65536.
func New(nodes []Node, replicas int) (*Ring, error) {
	if replicas < 0 {
		return nil, fmt.Errorf("ring: %d replicas wanted: use at least 1, or 0 for the default", replicas)
	}
	if replicas == 0 {
		replicas = defaultReplicas
	}

	sorted := slices.Clone(nodes)
	slices.SortFunc(sorted, func(a, b Node) int { return strings.Compare(a.Name, b.Name) })
	if err := check(sorted); err != nil {
		return nil, err
	}

	for i := range sorted {
		sorted[i].Weight = max(1, sorted[i].Weight)
	}
	r := &Ring{nodes: sorted, width: min(replicas, len(sorted))}
	r.owners = place(sorted, scoresOf(sorted), r.width)
	return r, nil
}

// check refuses what cannot be told apart or weighed; sorted is in the order of
// names.
func check(sorted []Node) error {
	names := make(map[uint64]string, len(sorted))
	for i, n := range sorted {
		if n.Name == "" {
			return fmt.Errorf("%w: the node with ID %#x has no name", ErrNodes, n.ID)
		}
		if i > 0 && sorted[i-1].Name == n.Name {
			return fmt.Errorf("%w: the name %q occurs twice", ErrNodes, n.Name)
		}
		if other, taken := names[n.ID]; taken {
			return fmt.Errorf("%w: %q and %q have the same ID %#x", ErrNodes, other, n.Name, n.ID)
		}
		if n.Weight < 0 || n.Weight > maxWeight {
			return fmt.Errorf("%w: %q has weight %d: use 1 to %d", ErrNodes, n.Name, n.Weight, maxWeight)
		}
		names[n.ID] = n.Name
	}
	return nil
}

// Partition returns the partition that a key hash belongs to: its top ten bits.
func Partition(hash uint64) uint16 { return uint16(hash >> (64 - partitionBits)) }

// Of says whether the ring is that of some nodes, which are in the order of their
// names.
func (r *Ring) Of(nodes []Node) bool {
	return slices.EqualFunc(r.nodes, nodes, func(a, b Node) bool {
		return a.Name == b.Name && a.ID == b.ID && a.Weight == max(1, b.Weight)
	})
}

// Nodes returns the nodes in the order of their names, with their weights. The
// slice is shared and must not be changed.
func (r *Ring) Nodes() []Node { return slices.Clip(r.nodes) }

// Owners returns the indices into Nodes of those that own partition p, all
// different, the preferred one first. It is empty only if there are no nodes.
// The slice is shared and must not be changed.
func (r *Ring) Owners(p uint16) []int {
	from := int(p) * r.width
	return r.owners[from : from+r.width : from+r.width]
}
