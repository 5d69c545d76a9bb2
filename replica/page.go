package replica

import (
	"github.com/atollcache/atoll/antientropy"
	"github.com/atollcache/atoll/crdt"
	"github.com/atollcache/atoll/wire"
)

// What waits in a partition for its context comes with the context, page by page
// where it does not fit into a message: the context is asked for again, and beside
// it an empty range that tells where to go on. The serving side keeps nothing
// between steps. All pages must be of one moment, so if the context has moved in
// between the first page is asked for again: what was removed may have left no
// other trace.

// maxRestarts bounds how often the pages of a partition are asked for anew in one
// round. Then it is not joined in this one.
const maxRestarts = 8

// pageOf is the hash from which on what waits in a partition is asked for.
func pageOf(part uint16, wants []wire.Want) uint64 {
	from := uint64(part) << partitionShift
	for i := range wants {
		if w := &wants[i]; w.Partition == part && confirms(w) {
			from = max(from, w.From)
		}
	}
	return from
}

// pages adds to the wants of a step where the pages of partitions go on.
func (pl *pull) pages(contexts *antientropy.Scope, wants []wire.Want) []wire.Want {
	for part := range contexts.All() {
		if st := pl.parts[part]; st != nil && st.paging {
			st.left++
			wants = append(wants, wire.Want{Partition: part, Tenure: st.theirs, From: st.page, To: st.page})
		}
	}
	return wants
}

// turns takes a page of a partition, and says whether it was the last. The first
// has the context that counts. Where other partitions filled the message there is
// none, and it is asked for again.
func (pl *pull) turns(st *pulled, c *wire.PartitionContext, filled bool) bool {
	wanted := pl.wanted.Has(c.Partition) // else it came with what was compared
	if wanted && filled && c.Partial && c.Waiting == 0 {
		return false
	}
	if st.paging && !st.follows(c, pl.peer.ID) {
		st.paging = false
		if st.restarts++; st.restarts <= maxRestarts {
			return false
		}
	}
	if !st.paging {
		st.theirs, st.ready, st.context = c.Tenure, c.Ready, c.Context.Clone()
	}
	st.paging = c.Partial && c.Waiting > 0 && wanted && st.restarts <= maxRestarts
	return !st.paging
}

// follows says whether a page is of the same moment as the first, as far as it
// matters: what waits goes when the context rises for somebody else than the peer
// in its present tenure, whose own writes are never waited for.
func (st *pulled) follows(c *wire.PartitionContext, peer uint64) bool {
	own := crdt.Origin{Node: peer, Epoch: c.Tenure}
	mine, theirs := st.context.Clone(), c.Context.Clone()
	mine.Lower(crdt.Dot{Stamp: 1, Origin: own})
	theirs.Lower(crdt.Dot{Stamp: 1, Origin: own})
	return st.theirs == c.Tenure && mine.Equal(&theirs)
}

// gathers asks again for the contexts that have not come in full. It says whether
// the comparison must wait for them, and begin anew: content counts that is read
// after its context (rule W2).
func (pl *pull) gathers(r *Replica, a *wire.AnswerReader) bool {
	if !pl.upfront {
		return false
	}
	missing, more := antientropy.Scope{}, false
	for part := range pl.wanted.All() {
		if st := pl.parts[part]; st != nil && !st.known && !st.failed {
			missing.Add(part)
		}
	}
	for i := range a.Contexts {
		more = more || a.Contexts[i].Waiting > 0 || !missing.Has(a.Contexts[i].Partition)
	}
	pl.upfront = missing.Len() > 0 && more
	if missing.Len() == 0 {
		return false
	}
	if pl.upfront {
		pl.contexts = missing
	}
	pl.round = antientropy.NewRound(pl.id, pl.compared(), r.store, antientropy.Limits{MaxBytes: r.t.AskBytes})
	return true
}

// compared is what a round compares: all that it was begun for.
func (pl *pull) compared() (scope antientropy.Scope) {
	for _, part := range pl.order {
		scope.Add(part)
	}
	return scope
}
