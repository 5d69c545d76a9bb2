package replica

import (
	"slices"

	"github.com/atollcache/atoll/crdt"
	"github.com/atollcache/atoll/wire"
)

// touched is something that was written into a key during a round, not by the
// round itself.
type touched struct {
	hash uint64
	dot  crdt.Dot
}

// maxTouched bounds what may be written into one partition during a round before
// the round is given up for it.
const maxTouched = 1024

// touch notes what a delta writes while rounds are under way: of a third node,
// or of a round's own peer if a link brings it late. The round may have compared
// or fetched the key before. If its peer has seen that write, and removed it
// since, the end of the round would cover the removal although it is not here.
func (r *Replica) touch(part uint16, hash uint64, d *crdt.Delta, from uint64, repair bool) {
	for _, pl := range r.pulls { // order-free: each round keeps its own list
		if st := pl.parts[part]; st != nil && (pl.peer.ID != from || !repair) {
			st.touch(hash, d)
		}
	}
}

func (st *pulled) touch(hash uint64, d *crdt.Delta) {
	d.Dots(func(dot crdt.Dot) {
		switch {
		case st.known && !st.context.Covers(dot):
		case len(st.touched) == maxTouched:
			st.failed = true
		default:
			st.touched = append(st.touched, touched{hash, dot})
		}
	})
}

// fetchTouched asks again for the keys into which others wrote during a round
// what its peer had seen when it began. It says whether there are any.
func (pl *pull) fetchTouched(part uint16) bool {
	st := pl.parts[part]
	all := st.touched
	st.touched = nil
	if st.failed || !st.known {
		return false
	}
	var hashes []uint64
	for _, t := range all {
		if st.context.Covers(t.dot) {
			hashes = append(hashes, t.hash)
		}
	}
	slices.Sort(hashes)
	for _, hash := range slices.Compact(hashes) {
		pl.queue = append(pl.queue, wire.Want{Partition: part, From: hash, To: hash + 1})
		st.left++
	}
	return st.left > 0
}
