package replica

import (
	"fmt"
	"time"

	"github.com/atollcache/atoll/region"
	"github.com/atollcache/atoll/wire"
)

// announcer paces what is told to everybody.
type announcer struct {
	at     time.Duration // when the next announcement is due
	handAt time.Duration // when the next offer is due
}

// announceView tells every node of the cluster who lives in this region, and
// gives when to do so again.
func (r *Replica) announceView(now Time) time.Duration {
	if r.pending == nil {
		return never
	}
	if now.Mono < r.announce.at {
		return r.announce.at
	}
	r.announce.at = now.Mono + r.t.Announce
	v := r.dir.View(r.cfg.Region)
	m := wire.Announce{Instance: r.cfg.Instance, Version: v.Version}
	for _, n := range v.Nodes {
		m.Members = append(m.Members, wire.Member{Name: n.Name, Node: n.ID, Boot: n.Boot, Weight: uint16(n.Weight), State: uint8(n.State)})
	}
	for _, n := range r.dir.Boots() {
		m.Epochs = append(m.Epochs, wire.Epoch{Node: n.ID, Epoch: n.Boot})
	}
	r.queue(Packet{Payload: r.seal(wire.KindAnnounce, m.Append(nil))})
	return r.announce.at
}

// sighting is how long another set of nodes has been claiming this region.
type sighting struct {
	instance uint64
	since    time.Duration
	last     time.Duration
	err      error
}

// onAnnounce learns the view of another region, and watches for a second claim
// to the name of this one or to this node.
func (r *Replica) onAnnounce(now Time, from region.Peer, body []byte) error {
	m, err := wire.ReadAnnounce(body)
	if err != nil {
		return err
	}
	for _, e := range m.Epochs {
		if e.Node == r.self.ID && e.Epoch > r.cfg.Boot {
			r.foreign.err = fmt.Errorf("node %s of region %s runs elsewhere with a later start; stop one of them or give it another name", r.cfg.Name, r.cfg.Region)
		}
	}
	if from.Region == r.cfg.Region {
		r.sight(now, from, m.Instance)
		return nil
	}

	v := region.View{Region: from.Region, Instance: m.Instance, Version: m.Version}
	for _, n := range m.Members {
		v.Nodes = append(v.Nodes, region.Node{Name: n.Name, ID: n.Node, Boot: n.Boot, Weight: int(n.Weight), State: region.State(n.State)})
	}
	if r.learnView(now, v) {
		r.announce.at = now.Mono // they may not know us either
	}
	return nil
}

func (r *Replica) sight(now Time, from region.Peer, instance uint64) {
	s := &r.foreign
	if instance == r.cfg.Instance {
		return
	}
	if s.instance != instance || now.Mono-s.last > 3*r.t.Announce {
		s.instance, s.since = instance, now.Mono
	}
	s.last = now.Mono
	if now.Mono-s.since >= r.t.Foreign && instance < r.cfg.Instance {
		s.err = fmt.Errorf("%w: node %s claims %s and does not know this node; give this region another name, or join it by --seeds", region.ErrInstance, from.Name, from.Region)
	}
}

// Conflict says why this node must stop, nil if it need not: another node has
// its name, or another set of nodes the name of its region.
func (r *Replica) Conflict() error {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.foreign.err
}
