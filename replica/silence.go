package replica

import (
	"slices"

	"github.com/atollcache/atoll/antientropy"
	"github.com/atollcache/atoll/planted"
	"github.com/atollcache/atoll/region"
)

// silence is who has not been heard for three heartbeats though views count
// them as alive, or cannot be asked: what they write is then fetched through
// others. Between regions one node that is heard speaks for its region, since
// the others' writes reach it and are relayed; within the home region each node
// speaks for itself.
type silence struct {
	regions map[string]bool
	near    map[uint64]bool
}

func (s *silence) any() bool { return len(s.regions)+len(s.near) > 0 }

func (s *silence) of(peer region.Peer) bool { return s.regions[peer.Region] || s.near[peer.ID] }

func (s *silence) addNear(id uint64) {
	if s.near == nil {
		s.near = map[uint64]bool{}
	}
	s.near[id] = true
}

func (s *silence) addRegion(name string) {
	if s.regions == nil {
		s.regions = map[string]bool{}
	}
	s.regions[name] = true
}

// listen finds out who is silent. Just after a view has changed nobody is: one
// that has come need not have spoken yet.
func (r *Replica) listen(now Time) silence {
	var s silence
	if now.Mono-r.repair.viewedAt <= 3*r.t.Heartbeat || planted.Is(planted.OneWayCutBlind) {
		return s
	}
	for _, name := range r.dir.Regions() {
		nodes := r.dir.View(name).Nodes
		if name == r.cfg.Region {
			for _, n := range nodes {
				if n.ID != r.self.ID && n.State == region.Serving && !r.answers(now, n.ID) {
					s.addNear(n.ID)
				}
			}
			continue
		}
		heard := func(n region.Node) bool { return r.answers(now, n.ID) }
		if len(nodes) > 0 && !slices.ContainsFunc(nodes, heard) {
			s.addRegion(name)
		}
	}
	return s
}

// answers says whether a node is heard, and answers when it is asked. Where only
// the way to it is dead it goes on probing, but sends nothing new, since no
// acknowledgement reaches it.
func (r *Replica) answers(now Time, id uint64) bool {
	book := r.repair.peers[id]
	return r.heard(now, id) && (book == nil || book.failures < 2)
}

// heard says whether a batch has come from a node within three heartbeats.
func (r *Replica) heard(now Time, id uint64) bool {
	l := r.in[id]
	return l != nil && now.Mono-l.heardAt <= 3*r.t.Heartbeat
}

// fellSilent says whether a node was heard, and is not any more.
func (r *Replica) fellSilent(now Time, id uint64) bool { return r.in[id] != nil && !r.heard(now, id) }

// addShared adds what a silent node of this region owns together with this one,
// as far as the peer holds it too: what the silent one wrote has reached the
// other regions, and comes back through them.
func (r *Replica) addShared(scope *antientropy.Scope, peer region.Peer, s *silence) {
	if len(s.near) == 0 {
		return
	}
	for part := range r.scope.All() {
		owners := r.owned(part)
		shared := contains(owners, r.self.ID) && slices.ContainsFunc(owners, func(n region.Node) bool { return s.near[n.ID] })
		if shared && r.owns(peer, part) {
			scope.Add(part)
		}
	}
}
