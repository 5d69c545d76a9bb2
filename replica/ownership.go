package replica

import (
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/atollcache/atoll/antientropy"
	"github.com/atollcache/atoll/planted"
	"github.com/atollcache/atoll/region"
	"github.com/atollcache/atoll/wire"
)

// heldView is who is alive in the home region: a node that went silent keeps
// its partitions through the hold-down.
type heldView struct {
	alive []region.Node
	gone  map[uint64]time.Duration // since when
}

// Members tells who is alive in the home region, as membership sees it. The
// node itself is always counted.
func (r *Replica) Members(now Time, nodes []region.Node) {
	r.mu.Lock()
	r.members(now, nodes)
	r.mu.Unlock()
	r.deliver()
}

func (r *Replica) members(now Time, nodes []region.Node) {
	if r.pending == nil {
		r.pending = &heldView{gone: map[uint64]time.Duration{}}
		r.repair.settleAt = now.Mono + r.t.Settle
	}
	h := r.pending
	for _, old := range h.alive {
		if _, since := h.gone[old.ID]; !since && !contains(nodes, old.ID) {
			h.gone[old.ID] = now.Mono
		}
	}
	for _, n := range nodes {
		delete(h.gone, n.ID)
		h.put(n)
	}
	h.put(r.self)
	r.review(now)
}

// put takes over what is known of a node. One that drains, or has left, does not
// come back in this boot, whatever membership has heard.
func (h *heldView) put(n region.Node) {
	for i := range h.alive {
		old := &h.alive[i]
		if old.ID != n.ID {
			continue
		}
		if old.Boot == n.Boot {
			n.State = max(n.State, old.State)
		}
		*old = n
		return
	}
	h.alive = append(h.alive, n)
}

// review makes the held view the view of the region, without those whose
// hold-down is over, and gives when the next one is.
func (r *Replica) review(now Time) time.Duration {
	if r.pending == nil {
		return never
	}
	h, next := r.pending, never
	h.alive = slices.DeleteFunc(h.alive, func(n region.Node) bool {
		since, gone := h.gone[n.ID]
		if gone && now.Mono-since >= r.t.HoldDown {
			delete(h.gone, n.ID)
			return true
		}
		if gone {
			next = min(next, since+r.t.HoldDown)
		}
		return false
	})
	slices.SortFunc(h.alive, func(a, b region.Node) int { return strings.Compare(a.Name, b.Name) })
	old := r.dir.View(r.cfg.Region)
	changed := !slices.Equal(old.Nodes, h.alive)
	if !changed && !r.announce.bids.due() {
		return next
	}
	r.announce.bids.made(!changed)
	v := region.View{Region: r.cfg.Region, Instance: r.cfg.Instance, Version: r.nextVersion(now, old.Version), Nodes: h.alive}
	if r.goBy(now, v) {
		r.announce.at = now.Mono
	}
	return next
}

// reown starts and ends tenures where the ring has moved. A partition that is
// lost is kept until its new owners have it (rule L8).
func (r *Replica) reown(now Time) {
	for part := range r.scope.All() {
		mine := contains(r.owned(part), r.self.ID)
		p := &r.parts[part]
		p.data.Lock()
		switch {
		case mine && (p.state == absent || p.state == leaving):
			if p.state == leaving || r.gain(p, booting, now) {
				r.own(p)
			}
		case !mine && (p.state == booting || p.state == ready):
			p.state = leaving
			delete(r.repair.booting, part)
			delete(r.repair.closing, part)
			if planted.Is(planted.L8DropsAtOnce) {
				p.drop()
			}
		}
		p.data.Unlock()
	}
}

// own has a partition fetched that is owned, unless all of it is here.
func (r *Replica) own(p *partition) {
	if p.whole {
		p.state = ready
		return
	}
	p.state = booting
	r.repair.booting[p.number] = map[uint64]bool{}
}

// rewire matches the links with the directory: whoever is in the audience of a
// partition is entered on a link, whoever is not is left.
func (r *Replica) rewire(now Time) {
	r.repair.rewire = false
	for _, id := range r.outIDs() {
		l := r.out[id]
		if peer, ok := r.peer(id); !ok || peer.Boot != l.peer.Boot || l.over() && l.replaceable(now, &r.t) {
			delete(r.out, id)
			r.outOrder = nil
		}
	}
	used := map[uint64]bool{}
	var moved antientropy.Scope
	for part := range r.scope.All() {
		p := &r.parts[part]
		p.data.Lock()
		switch p.state {
		case booting, ready:
			if r.connect(now, p, r.dir.Audience(r.self.ID, part, r.isDown)) {
				moved.Add(part)
			}
		case leaving: // nothing new is stamped; what waits may still go
			p.links = slices.DeleteFunc(p.links, func(l *outLink) bool { return r.out[l.peer.ID] != l })
			moved.Add(part)
		}
		for _, l := range p.links {
			used[l.peer.ID] = true
		}
		p.data.Unlock()
	}
	for _, id := range r.outIDs() {
		if !used[id] && r.out[id].flushed(now, &r.t) {
			delete(r.out, id)
			r.outOrder = nil
		}
	}
	r.reconsider(&moved)
}

// forgetStrangers drops the receiving ends of links from nodes that no view
// knows and that have fallen silent, and then whatever was noted of them.
func (r *Replica) forgetStrangers(now Time) {
	if now.Mono-r.forgotAt < r.t.RoundEvery {
		return
	}
	r.forgotAt = now.Mono
	for _, id := range sortedKeys(r.in) {
		if _, ok := r.peer(id); !ok && now.Mono-r.in[id].heardAt > 10*r.t.Heartbeat {
			delete(r.in, id)
		}
	}
	r.windows.forget(func(id uint64) bool { _, known := r.peer(id); return known })
	r.repair.forget(r.stranger)
	maps.DeleteFunc(r.downs, func(id uint64, _ time.Duration) bool { return r.stranger(id) })
}

// stranger says whether a node is in no view and sends nothing.
func (r *Replica) stranger(id uint64) bool {
	_, known := r.peer(id)
	_, heard := r.in[id]
	return !known && !heard
}

// connect makes the links of one partition those of its audience, and says
// whether those to co-owners in the home region are others than before. The lock
// of the partition is held.
func (r *Replica) connect(now Time, p *partition, audience []region.Peer) (moved bool) {
	old := p.links
	p.links, p.near = nil, nil
	for _, peer := range audience {
		l := r.out[peer.ID]
		if l == nil {
			l = r.open(now, peer)
		}
		if !l.carries(p.number) {
			l.enter(p)
		}
		p.links = append(p.links, l)
		if !l.cross {
			p.near = append(p.near, coOwner{id: peer.ID, boot: peer.Boot})
			moved = moved || !slices.Contains(old, l)
		}
	}
	for _, l := range old {
		if !slices.Contains(p.links, l) {
			l.leave(p.number)
			moved = moved || !l.cross
		}
	}
	return moved
}

// isDown says whether a node does not answer while others of its region do, so
// that another owner had better be tried.
func (r *Replica) isDown(id uint64) bool {
	_, down := r.downs[id]
	return down
}

// handOver offers what is held and not owned to its owners, and gives when to
// do so again. A partition that nobody else can take stays.
func (r *Replica) handOver(now Time) time.Duration {
	if now.Mono < r.announce.handAt {
		return r.announce.handAt
	}
	offers := map[uint64]*wire.HandOff{}
	held := false
	for part := range r.scope.All() {
		p := &r.parts[part]
		p.data.Lock()
		if p.state == leaving {
			held = true
			c := wire.PartitionContext{Partition: part, Tenure: p.change, Ready: p.whole, Context: p.data.High().Clone()}
			if planted.Is(planted.L8ContextsAlone) {
				c.Context = p.data.Context().Clone()
			}
			for _, n := range r.heirs(part) {
				if offers[n.ID] == nil {
					offers[n.ID] = &wire.HandOff{ID: r.cfg.Boot}
				}
				offers[n.ID].Partitions = append(offers[n.ID].Partitions, c)
			}
		}
		p.data.Unlock()
	}
	r.announce.handAt = now.Mono + r.t.HandOff
	if !held {
		return never
	}
	for _, id := range sortedKeys(offers) {
		if peer, ok := r.peer(id); ok {
			r.post(peer, wire.KindHandOff, offers[id].Append(nil))
		}
	}
	return r.announce.handAt
}

// heirs lists who can take over a partition that this node gives up: its owners
// or, where this was the last node of the region, the first owner in each other
// region.
func (r *Replica) heirs(part uint16) []region.Node {
	heirs := slices.Clone(r.owned(part))
	if len(heirs) > 0 {
		return heirs
	}
	for _, name := range r.dir.Regions() {
		if owners := r.dir.Owners(name, part); len(owners) > 0 {
			heirs = append(heirs, owners[0])
		}
	}
	return heirs
}

// onHandOff takes partitions over: at once if the context covers everything
// that the peer ever applied, else by a round with it.
func (r *Replica) onHandOff(from region.Peer, body []byte) error {
	m, err := wire.ReadHandOff(body)
	if err != nil {
		return err
	}
	for i := range m.Partitions {
		c := &m.Partitions[i]
		if int(c.Partition) >= len(r.parts) {
			return wire.ErrMalformed
		}
		p := &r.parts[c.Partition]
		p.data.Lock()
		mine := p.state == booting || p.state == ready
		covered := p.state == ready && p.data.Context().CoversAll(&c.Context)
		p.data.Unlock()
		if mine && c.Ready {
			r.repair.holders[c.Partition] = from.ID
		}
		switch {
		case covered:
			r.takeOver(from, c.Partition, c.Tenure)
		case mine:
			if r.repair.handed[from.ID] == nil {
				r.repair.handed[from.ID] = map[uint16]uint64{}
			}
			r.repair.handed[from.ID][c.Partition] = c.Tenure
		}
	}
	return nil
}

// takeOver tells a peer that it may drop a partition, if nothing was applied
// there since it offered it.
func (r *Replica) takeOver(to region.Peer, part uint16, offer uint64) {
	m := wire.HandedOff{ID: offer, Partitions: []uint16{part}}
	r.post(to, wire.KindHandedOff, m.Append(nil))
}

// onHandedOff drops a partition once every owner has it. The word of a node that
// has restarted since does not count: it has forgotten what it took.
func (r *Replica) onHandedOff(now Time, from region.Peer, body []byte) error {
	m, err := wire.ReadHandedOff(body)
	if err != nil {
		return err
	}
	for _, part := range m.Partitions {
		if int(part) >= len(r.parts) {
			return wire.ErrMalformed
		}
		p := &r.parts[part]
		p.data.Lock()
		if p.state == leaving && (p.change == m.ID || planted.Is(planted.L8StaleOffer)) {
			if p.takenBy == nil || p.takenAt != p.change {
				p.takenBy, p.takenAt = map[uint64]uint64{}, p.change
			}
			p.takenBy[from.ID] = from.Boot
			r.reached(p.moved, from) // all that was applied here has been taken
			if r.allTook(p) && r.flushed(now, p) {
				p.drop()
				r.tenures.Add(1)
				r.repair.rewire = true
				r.stats.Dropped++
				r.note(MarkDropped)
			}
		}
		p.data.Unlock()
	}
	r.leave(now)
	return nil
}

// flushed says whether what was queued for a partition has arrived wherever
// anybody answers; repair brings it to the others from the new owners.
func (r *Replica) flushed(now Time, p *partition) bool {
	for _, l := range p.links {
		if !l.flushed(now, &r.t) {
			return false
		}
	}
	return true
}

// allTook says whether every owner in the home region has taken a partition or,
// where there is none, one in another region.
func (r *Replica) allTook(p *partition) bool {
	heirs, took := r.heirs(p.number), 0
	for _, n := range heirs {
		if boot, ok := p.takenBy[n.ID]; ok && boot == n.Boot {
			took++
		}
	}
	if len(r.owned(p.number)) == 0 {
		return took > 0
	}
	return took == len(heirs)
}
