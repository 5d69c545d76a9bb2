// Package crdt holds the values that any two replicas can merge, in any order
// and any number of times, and come out equal.
//
// The state of a partition is its live slots and its [Context]. A slot is what
// one [Origin] wrote into one cell of a key, named by a unique [Dot]; the
// context says, for every origin, up to which stamp everything it wrote has
// been merged here. A slot that is absent here and covered by the context was
// seen and removed: it is dead, whoever offers it. So a removal leaves nothing
// behind and nothing comes back (Bieniusa et al. 2012, "An optimized
// conflict-free replicated set"; Almeida et al. 2018, "Delta state replicated
// data types"; Goncalves et al. 2015 for one context per server).
//
// An [Entry] is the state of one key: cells of registers, counters and
// deadlines, on which strings, hashes, sets and sorted sets are built. A local
// write builds a [Delta] with the mutators (Put, Add, Remove, Clear, Extend)
// from what it observes, and every replica, the writer included, takes it in
// by [Entry.Merge]. Repair compares whole entries: [Delta.Join] turns a peer's
// entry and context into the delta that brings this replica level.
//
// The package keeps no time, no lock and no randomness; an Entry is not safe
// for concurrent use.
package crdt

// Kind tells what a cell belongs to. The type of a key is the kind of its live
// slot with the highest stamp; other kinds are hidden until a local write
// clears them.
type Kind uint8

// The kinds of cells. Expiry is the deadline of a key that is not a plain
// string register; it never makes a key exist.
const (
	None Kind = iota
	String
	Hash
	Set
	SortedSet
	Expiry
	kinds
)

// String gives the name that the TYPE command of Redis uses.
func (k Kind) String() string {
	switch k {
	case String:
		return "string"
	case Hash:
		return "hash"
	case Set:
		return "set"
	case SortedSet:
		return "zset"
	default:
		return "none"
	}
}

// Valid says whether k is a kind that a cell can have.
func (k Kind) Valid() bool { return k > None && k < kinds }
