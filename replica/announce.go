package replica

import (
	"bytes"
	"fmt"
	"time"

	"github.com/atollcache/atoll/region"
	"github.com/atollcache/atoll/wire"
)

// announcer paces what is told to everybody.
type announcer struct {
	left   bool          // it was announced that this node has left
	at     time.Duration // when the next announcement is due
	bids   bids
	told   map[string]*telling // by region
	handAt time.Duration       // when the next offer is due

	said    []byte            // the last announcement, which is mostly the next one too
	saidIn  *region.Directory // of which it tells
	readers readers
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
	if r.announce.saidIn != r.dir {
		r.announce.saidIn, r.announce.said = r.dir, r.seal(wire.KindAnnounce, r.announcement())
	}
	r.queue(Packet{Kind: wire.KindAnnounce, Payload: r.announce.said})
	r.announce.left = r.self.State == region.Left
	return r.announce.at
}

// announcement is the body of what is announced.
func (r *Replica) announcement() []byte {
	v := r.dir.View(r.cfg.Region)
	m := wire.Announce{Instance: r.cfg.Instance, Version: v.Version, Dropped: r.dir.Dropped(), Regions: r.known()}
	for _, n := range v.Nodes {
		m.Members = append(m.Members, wire.Member{Name: n.Name, Node: n.ID, Boot: n.Boot, Weight: uint16(n.Weight), State: uint8(n.State)})
	}
	for _, n := range r.dir.Boots() {
		m.Epochs = append(m.Epochs, wire.Epoch{Node: n.ID, Epoch: n.Boot})
	}
	return m.Append(nil)
}

// known is what this node knows of all regions.
func (r *Replica) known() []wire.Known {
	var known []wire.Known
	for _, name := range r.dir.Regions() {
		known = append(known, wire.Known{Region: name, Version: r.dir.View(name).Version, Sum: r.dir.Sum(name)})
	}
	return known
}

// viewNodes gives the nodes that an announcement names.
func viewNodes(m *wire.Announce) []region.Node {
	nodes := make([]region.Node, len(m.Members))
	for i, n := range m.Members {
		nodes[i] = region.Node{Name: n.Name, ID: n.Node, Boot: n.Boot, Weight: int(n.Weight), State: region.State(n.State)}
	}
	return nodes
}

// maxMembers bounds the nodes of a region that are believed.
const maxMembers = 1024

// believable refuses a view with nodes that are not of the region it speaks for,
// or with epochs that no clock gives: both would let one node speak for others.
// Nothing could take the place of a version that no clock gives.
func believable(now Time, from region.Peer, m *wire.Announce) error {
	if len(m.Members) > maxMembers {
		return fmt.Errorf("%w: a view of %d nodes", wire.ErrMalformed, len(m.Members))
	}
	if m.Version > furthest(now) {
		return fmt.Errorf("%w: a view of %s has version %d", wire.ErrMalformed, from.Region, m.Version)
	}
	for _, n := range m.Members {
		if n.Node != region.NodeID(from.Region, n.Name) || n.Boot > furthest(now) {
			return fmt.Errorf("%w: a view of %s names %q with another's identity or an epoch of %d", wire.ErrMalformed, from.Region, n.Name, n.Boot)
		}
	}
	return nil
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
	m, err := r.announce.readers.read(from.ID, body)
	if err != nil {
		return err
	}
	if err := believable(now, from, m); err != nil {
		return err
	}
	r.learnForgotten(now, m)
	r.learnEpochs(now, m)
	r.absent.hear(now, m.Regions, r.dir.Regions())
	r.hearBids(now, from, m)
	if from.Region == r.cfg.Region {
		r.sight(now, from, m.Instance)
		r.hearLeaving(now, from, m)
		return nil
	}

	v := region.View{Region: from.Region, Instance: m.Instance, Version: m.Version, Nodes: viewNodes(m)}
	if r.learnView(now, v) {
		r.announce.at = now.Mono // they may not know us either
	}
	return nil
}

// readers keeps what every node announced last: for most of its life a cluster
// announces the same again and again.
type readers map[uint64]*reader

type reader struct {
	body []byte
	said wire.Announce
}

// maxRead bounds the announcements that are kept, which have some 30 bytes for
// each node of the cluster.
const maxRead = 64 << 10

// read reads an announcement, which must not be changed.
func (rs *readers) read(from uint64, body []byte) (*wire.Announce, error) {
	if last := (*rs)[from]; last != nil && bytes.Equal(last.body, body) {
		return &last.said, nil
	}
	m, err := wire.ReadAnnounce(body)
	if err != nil {
		return nil, err
	}
	if len(body) > maxRead {
		return &m, nil
	}
	if *rs == nil || len(*rs) >= maxMembers {
		*rs = readers{}
	}
	(*rs)[from] = &reader{bytes.Clone(body), m}
	return &m, nil
}

// learnEpochs takes over what a peer knows of nodes that are gone: a later epoch
// than any of theirs says that they are dead.
func (r *Replica) learnEpochs(now Time, m *wire.Announce) {
	most := furthest(now)
	var gone []region.Node
	for _, e := range m.Epochs {
		if e.Node == r.self.ID {
			if e.Epoch > r.cfg.Boot {
				r.foreign.err = fmt.Errorf("node %s of region %s was forgotten, or runs elsewhere with a later start; start it again, or give one of the two another name", r.cfg.Name, r.cfg.Region)
			}
			continue
		}
		if r.dir.Knows(e.Node, e.Epoch) || e.Epoch > most {
			continue
		}
		if _, _, alive := r.dir.Node(e.Node); !alive {
			gone = append(gone, region.Node{ID: e.Node, Boot: e.Epoch})
		}
	}
	dropped := m.Dropped
	if dropped > most {
		dropped = 0
	}
	r.learnGone(now, dropped, gone...)
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
