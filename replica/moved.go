package replica

import (
	"slices"

	"github.com/atollcache/atoll/antientropy"
	"github.com/atollcache/atoll/crdt"
	"github.com/atollcache/atoll/region"
)

// A write whose caller waits for level region is on its way to the owners of the
// moment. When these change, or a link to one of them is begun anew, nobody
// acknowledges it to the end: one who is dead never will, and one who is new gets
// it by repair. So the caller waits for the owners as they are by then, and that
// one of them has the write shows in its context, which every watermark of it
// carries, or in its word that it has taken over what this node gives up.

// reconsider has those who wait for writes in partitions whose owners have
// changed wait for the owners that there are now, and answers those who need not
// wait any more. The replica's lock is held.
func (r *Replica) reconsider(parts *antientropy.Scope) {
	waiting := r.waitingIn(parts)
	for _, w := range waiting {
		r.parts[w.part].forgetMoved()
	}
	for _, w := range waiting {
		p := &r.parts[w.part]
		p.data.Lock()
		near, copies := p.near, 1+len(p.near)
		if p.state == leaving {
			near = r.successors(w.part)
			copies = len(near)
		}
		if w.follow(near, copies < r.cfg.Replicas) {
			r.finish(w.done, w.result())
		} else {
			p.moved = append(p.moved, w)
		}
		p.data.Unlock()
	}
}

// forgetMoved empties the list of a partition, which is about to be made anew.
func (p *partition) forgetMoved() {
	p.data.Lock()
	defer p.data.Unlock()
	p.moved = nil
}

// waitingIn lists those who wait for writes in some partitions.
func (r *Replica) waitingIn(parts *antientropy.Scope) []*waiter {
	r.waitMu.Lock()
	defer r.waitMu.Unlock()
	var found []*waiter
	for _, w := range r.waiters {
		if parts.Has(w.part) && !w.over() {
			found = append(found, w)
		}
	}
	return found
}

// successors are the owners of a partition that this node gives up.
func (r *Replica) successors(part uint16) []coOwner {
	var all []coOwner
	for _, n := range r.owned(part) {
		if n.ID != r.self.ID {
			all = append(all, coOwner{id: n.ID, boot: n.Boot})
		}
	}
	return all
}

// follow has the waiter wait for other owners, and says whether that ends it. Of
// those who stay it is known what they have applied.
func (w *waiter) follow(near []coOwner, few bool) (ends bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	old := w.near
	w.near, w.few = slices.Clone(near), few
	for i := range w.near {
		o := &w.near[i]
		o.applied = slices.Contains(old, coOwner{o.id, o.boot, true})
	}
	return w.ends()
}

// covered answers those whose write the context of a co-owner covers: it has
// merged all of its origin up to there. The lock of the partition is held.
func (r *Replica) covered(p *partition, from region.Peer, theirs *crdt.Context) {
	p.moved = slices.DeleteFunc(p.moved, func(w *waiter) bool {
		if theirs.At(w.op.Origin) < w.op.Stamp {
			return w.over()
		}
		if w.applied(from, true) {
			r.finish(w.done, w.result())
		}
		return w.over()
	})
}
