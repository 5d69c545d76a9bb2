package replica

import (
	"github.com/atollcache/atoll/region"
	"github.com/atollcache/atoll/wire"
)

// Drain makes the node give away everything it owns.
func (r *Replica) Drain(now Time) {
	r.mu.Lock()
	r.draining = true
	r.become(now, region.Draining)
	r.leave(now)
	r.mu.Unlock()
	r.deliver()
}

// become goes over to a state, which everybody is told.
func (r *Replica) become(now Time, s region.State) {
	r.self.State = max(r.self.State, s)
	if r.pending != nil {
		r.pending.put(r.self)
		r.review(now)
	}
	r.cfg.Wake() // to announce it
}

// leave says so once everything is handed over, or nobody is there to take it. A
// node that was seen draining and then no more need not have got so far.
func (r *Replica) leave(now Time) {
	if r.draining && r.self.State != region.Left && !r.burdened() {
		r.become(now, region.Left)
	}
}

// burdened says whether something is held here that another node could take.
func (r *Replica) burdened() bool {
	for part := range r.scope.All() {
		p := &r.parts[part]
		p.data.Lock()
		held := p.holds() && len(r.heirs(part)) > 0
		p.data.Unlock()
		if held {
			return true
		}
	}
	return false
}

// Drained says whether nothing is left here that another node could take, the
// others have been told so, and no command waits for the answer of another node.
func (r *Replica) Drained() bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	told := r.self.State == region.Left && (r.announce.left || r.pending == nil)
	return told && !r.burdened() && len(r.calls) == 0
}

// hearLeaving takes a node's own word for it that it drains, or has left: gossip
// may bring it late, or to some only, and two nodes that drain must not take each
// other for heirs.
func (r *Replica) hearLeaving(now Time, from region.Peer, m *wire.Announce) {
	if r.pending == nil {
		return
	}
	for _, said := range viewNodes(m) {
		if said.ID != from.ID || said.Boot != from.Boot {
			continue
		}
		for i := range r.pending.alive {
			n := &r.pending.alive[i]
			if n.ID == said.ID && n.Boot == said.Boot && said.State > n.State {
				n.State = said.State
				r.review(now)
			}
		}
	}
}
