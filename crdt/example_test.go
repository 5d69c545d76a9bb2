package crdt_test

import (
	"fmt"

	"github.com/atollcache/atoll/crdt"
)

// replica is what a region keeps of one key.
type replica struct {
	origin  crdt.Origin
	clock   crdt.Clock
	entry   crdt.Entry
	context crdt.Context
	tally   crdt.Tally
}

// write stamps an operation and takes in its delta, as one step.
func (r *replica) write(build func(d *crdt.Delta, op crdt.Dot)) *crdt.Delta {
	op := crdt.Dot{Stamp: r.clock.Tick(1_000), Origin: r.origin}
	r.context.Raise(op)

	var d crdt.Delta
	build(&d, op)
	r.entry.Write(&d.Entry, &r.context, &r.tally)
	return &d
}

func (r *replica) merge(d *crdt.Delta) { r.entry.Merge(&d.Entry, &r.context, &r.tally) }

// Two regions count and write while they do not hear of each other. Whatever the
// order in which the deltas then arrive, both see the same.
func Example() {
	east := &replica{origin: crdt.Origin{Node: 1, Epoch: 1}}
	west := &replica{origin: crdt.Origin{Node: 2, Epoch: 1}}

	visits := east.write(func(d *crdt.Delta, op crdt.Dot) {
		d.Add(&east.entry, crdt.Hash, "visits", crdt.Sum{Int: 3}, op)
	})
	more := west.write(func(d *crdt.Delta, op crdt.Dot) {
		d.Add(&west.entry, crdt.Hash, "visits", crdt.Sum{Int: 4}, op)
	})
	name := west.write(func(d *crdt.Delta, op crdt.Dot) {
		d.Put(&west.entry, crdt.Hash, "name", []byte("ada"), 0, op)
	})

	east.merge(name)
	east.merge(more)
	west.merge(visits)
	west.merge(visits) // once more does no harm

	for _, r := range []*replica{east, west} {
		name, visits := r.entry.Cell(crdt.Hash, "name"), r.entry.Cell(crdt.Hash, "visits")
		fmt.Printf("%s %s %d\n", r.entry.Type(), name.Value().Value, visits.Total().Int)
	}
	fmt.Println("equal:", east.tally.Digest == west.tally.Digest)
	// Output:
	// hash ada 7
	// hash ada 7
	// equal: true
}

// A removal takes away what it saw. What was added meanwhile stays, and what was
// removed does not come back, though nothing of it is kept.
func ExampleDelta_Join() {
	east := &replica{origin: crdt.Origin{Node: 1, Epoch: 1}}
	west := &replica{origin: crdt.Origin{Node: 2, Epoch: 1}}
	member := func(r *replica, name string) *crdt.Delta {
		return r.write(func(d *crdt.Delta, op crdt.Dot) { d.Put(&r.entry, crdt.Set, name, nil, 0, op) })
	}
	pull := func(r, peer *replica) {
		seen := peer.context.Clone() // before the content is read

		var d crdt.Delta
		d.Join(&r.entry, &peer.entry, &seen)
		r.merge(&d)
		r.context.Join(&seen)
		r.entry.Strip(&r.context, &r.tally)
	}

	old := member(east, "x")
	pull(west, east)
	east.write(func(d *crdt.Delta, op crdt.Dot) { d.Clear(&east.entry, &east.context, op) })
	member(west, "y")

	pull(west, east)
	pull(east, west)
	west.merge(old) // late
	fmt.Println(east.entry.Len(crdt.Set), west.entry.Len(crdt.Set), west.entry.Cell(crdt.Set, "x") == nil)
	// Output: 1 1 true
}
