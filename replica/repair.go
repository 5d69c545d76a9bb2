package replica

import (
	"iter"
	"maps"
	"slices"
	"time"

	"github.com/atollcache/atoll/antientropy"
	"github.com/atollcache/atoll/crdt"
	"github.com/atollcache/atoll/planted"
	"github.com/atollcache/atoll/region"
)

// repairBook keeps what decides when to pull from whom.
type repairBook struct {
	rewire   bool                                       // links must be matched with the directory
	peers    map[uint64]*peerBook                       // what is known of each peer
	booting  map[uint16]map[uint64]bool                 // partitions that boot: who has been pulled from, or tried in vain
	handed   map[uint64]map[uint16]uint64               // peer -> partitions that it hands over, and the number of its offer
	holders  map[uint16]uint64                          // partitions that boot, and who still has all of it
	closing  map[uint16]*closing                        // partitions in which dead origins left a gap
	agreed   map[uint64]*[antientropy.Partitions]uint64 // peer -> when each partition was last found equal, mono ms + 1
	lookedAt time.Duration                              // for dead origins
	viewedAt time.Duration                              // when a view changed last
	nextAt   time.Duration                              // when to look again what is due
	nearby   []region.Peer                              // see neighbours
	nearbyIn *region.Directory                          // the directory that they come from
	settleAt time.Duration                              // from when a partition that nobody else has may count as booted
}

// peerBook is when a peer was last pulled from.
type peerBook struct {
	checkedAt time.Duration // a round began
	endedAt   time.Duration
	failedAt  time.Duration
	failures  int
	again     int // rounds in a row that were urgent
}

// closing is rule L10 under way in one partition: the origins are known to be
// dead, and everybody who is alive must be asked once more.
type closing struct {
	dead []crdt.Origin
	left map[uint64]bool
	from uint64 // rounds up to this one began too early to count
}

func (b *repairBook) init() {
	b.peers = map[uint64]*peerBook{}
	b.booting = map[uint16]map[uint64]bool{}
	b.handed = map[uint64]map[uint16]uint64{}
	b.holders = map[uint16]uint64{}
	b.closing = map[uint16]*closing{}
	b.agreed = map[uint64]*[antientropy.Partitions]uint64{}
}

func (b *repairBook) peer(id uint64) *peerBook {
	p := b.peers[id]
	if p == nil {
		p = &peerBook{}
		b.peers[id] = p
	}
	return p
}

// forget drops what is known of peers that are gone.
func (b *repairBook) forget(gone func(id uint64) bool) {
	maps.DeleteFunc(b.peers, func(id uint64, _ *peerBook) bool { return gone(id) })
	maps.DeleteFunc(b.handed, func(id uint64, _ map[uint16]uint64) bool { return gone(id) })
	maps.DeleteFunc(b.agreed, func(id uint64, _ *[antientropy.Partitions]uint64) bool { return gone(id) })
}

// ended notes how a round went.
func (b *repairBook) ended(now Time, pl *pull, completed bool) {
	p := b.peer(pl.peer.ID)
	p.endedAt = now.Mono
	if completed {
		p.failures = 0
		return
	}
	p.failures++
	p.failedAt = now.Mono
}

// agree notes that a peer held the same.
func (b *repairBook) agree(id uint64, part uint16, now Time) {
	at := b.agreed[id]
	if at == nil {
		at = new([antientropy.Partitions]uint64)
		b.agreed[id] = at
	}
	at[part] = uint64(now.Mono.Milliseconds()) + 1
}

// maxPulls bounds the rounds in flight.
const maxPulls = 8

// schedule starts the rounds that are due, and gives when to look again.
func (r *Replica) schedule(now Time) time.Duration {
	if now.Mono < r.repair.nextAt {
		return r.repair.nextAt
	}
	r.repair.nextAt = now.Mono + r.t.Resend/20
	r.lookForDead(now)
	s := r.listen(now)
	next := never
	for _, peer := range r.neighbours() {
		if r.pulls[peer.ID] == nil && len(r.pulls) < maxPulls {
			next = min(next, r.consider(now, peer, &s))
		}
	}
	return next
}

// consider starts a round with a peer if one is due, and gives when to look
// again. On a detour, while another peer is silent, a healthy one is checked
// more often and its contexts are joined: it may know what the other wrote.
func (r *Replica) consider(now Time, peer region.Peer, s *silence) time.Duration {
	detour := s.any() && !s.of(peer)
	book := r.repair.peer(peer.ID)
	if at := book.retryAt(&r.t); at > now.Mono {
		return at
	}
	if planted.Is(planted.RepairOnlyAlivePeers) && book.failures > 0 {
		return never
	}
	scope, later := r.urgent(peer), r.inVain(now, peer.Region) || r.backlogged(now)
	r.urge(now, peer, &scope)
	if !later {
		r.inquire(peer, &scope)
	}
	urgent := !scope.Empty()
	if urgent {
		book.again++ // what stays urgent, such as a gap of a dead origin, may wait longer
	} else {
		book.again = 0
	}

	every := r.t.RoundEvery
	if detour {
		every = min(every, 3*r.t.Heartbeat)
	}
	if book.checkedAt+every <= now.Mono && !later {
		book.checkedAt = now.Mono
		for part := range r.common(peer) {
			scope.Add(part)
		}
		if detour {
			r.addShared(&scope, peer, s)
		}
	}
	if detour && !scope.Empty() {
		r.note(MarkDetour)
	}
	if !scope.Empty() {
		r.start(now, peer, scope, urgent || detour)
	}
	if later {
		return now.Mono + r.t.Heartbeat/2
	}
	return book.checkedAt + every
}

// retryAt is when a peer that failed may be asked again.
func (p *peerBook) retryAt(t *Timing) time.Duration {
	if p.failures == 0 {
		return p.endedAt + min(t.Resend/4<<min(p.again, 10), t.HoldDown)
	}
	return p.failedAt + t.Heartbeat*time.Duration(min(p.failures, 5))
}

// neighbours lists every other node of the cluster, near ones first. The list is
// kept until the directory changes, and must not be changed.
func (r *Replica) neighbours() []region.Peer {
	b := &r.repair
	if b.nearbyIn == r.dir {
		return b.nearby
	}
	var near, far []region.Peer
	for _, name := range r.dir.Regions() {
		for _, n := range r.dir.View(name).Nodes {
			switch {
			case n.ID == r.self.ID:
			case name == r.cfg.Region:
				near = append(near, region.Peer{Node: n, Region: name})
			default:
				far = append(far, region.Peer{Node: n, Region: name})
			}
		}
	}
	b.nearbyIn, b.nearby = r.dir, slices.Concat(near, far)
	return b.nearby
}

// urgent is what must be pulled from a peer now: where its watermarks cannot be
// followed, what it hands over, what boots here, and what dead origins left.
func (r *Replica) urgent(peer region.Peer) antientropy.Scope {
	var scope antientropy.Scope
	if l := r.in[peer.ID]; l != nil && l.boot == peer.Boot && !l.stuck.Empty() {
		scope = l.stuck
		for part := range l.stuck.All() {
			if !contains(r.owned(part), r.self.ID) {
				scope.Remove(part)
			}
		}
	}
	for part := range r.repair.handed[peer.ID] { // order-free: a set
		scope.Add(part)
	}
	for part, tried := range r.repair.booting { // order-free: a set
		if !tried[peer.ID] && r.owns(peer, part) {
			scope.Add(part)
		}
	}
	for part, c := range r.repair.closing { // order-free: a set
		if c.left[peer.ID] {
			scope.Add(part)
		}
	}
	return scope
}

func (r *Replica) owns(peer region.Peer, part uint16) bool {
	for _, n := range r.dir.Owners(peer.Region, part) {
		if n.ID == peer.ID {
			return true
		}
	}
	return false
}

// common is what is checked against a healthy peer: in the home region every
// partition that both own, between regions those of which both are the first
// owner; the rest follows from that.
func (r *Replica) common(peer region.Peer) iter.Seq[uint16] {
	near := peer.Region == r.cfg.Region
	return func(yield func(uint16) bool) {
		for part := range r.scope.All() {
			mine, theirs := r.owned(part), r.dir.Owners(peer.Region, part)
			both := contains(mine, r.self.ID) && contains(theirs, peer.ID)
			if both && (near || mine[0].ID == r.self.ID && theirs[0].ID == peer.ID) && !yield(part) {
				return
			}
		}
	}
}

func contains(nodes []region.Node, id uint64) bool {
	for _, n := range nodes {
		if n.ID == id {
			return true
		}
	}
	return false
}

// pulledFrom notes that a partition has been pulled from a peer, or that it
// could not be.
func (r *Replica) pulledFrom(now Time, pl *pull, part uint16, whole bool) {
	st, id := pl.parts[part], pl.peer.ID
	if l := r.in[id]; l != nil && whole && st.ready {
		l.stuck.Remove(part) // the next watermark judges anew
	}
	if c := r.repair.closing[part]; c != nil && whole && pl.id > c.from {
		delete(c.left, id)
		r.close(part, c)
	}
	if whole && st.ready && r.owns(pl.peer, part) {
		r.inquiry.told(pl.peer, part, pl.id)
	}
	if st.offer > 0 && whole { // else the peer offers again, if it still holds it
		r.takeOver(pl.peer, part, st.offer)
	}
	if tried := r.repair.booting[part]; tried != nil {
		if whole || st.failed || r.repair.peer(id).failures > 1 { // one lost answer is not a no
			tried[id] = true
		}
		if whole && st.ready {
			if pl.peer.Region == r.cfg.Region {
				r.note(MarkBootedNear)
			} else {
				r.note(MarkBootedFar)
			}
			r.booted(part)
		}
	}
}

// settleBoots makes ready what nobody else can be asked for: every owner there
// is has been pulled from, or does not answer.
func (r *Replica) settleBoots(now Time) time.Duration {
	if len(r.repair.booting) == 0 {
		return never
	}
	if now.Mono < r.repair.settleAt {
		return r.repair.settleAt
	}
	r.repair.settleAt = now.Mono + r.t.Resend/20
	for part := range r.scope.All() {
		if tried := r.repair.booting[part]; tried != nil && r.allTried(part, tried) {
			r.note(MarkBootedAlone)
			r.booted(part)
		}
	}
	return r.repair.settleAt
}

func (r *Replica) allTried(part uint16, tried map[uint64]bool) bool {
	for _, name := range r.dir.Regions() {
		for _, n := range r.dir.Owners(name, part) {
			if n.ID != r.self.ID && !tried[n.ID] {
				return false
			}
		}
	}
	return true
}

// booted ends the boot of a partition: from here on its context counts.
func (r *Replica) booted(part uint16) {
	delete(r.repair.booting, part)
	delete(r.repair.holders, part)
	p := &r.parts[part]
	p.data.Lock()
	defer p.data.Unlock()
	p.whole = p.holds()
	if p.state == booting {
		p.state = ready
	}
	r.leadOne(p)
	for _, l := range p.links {
		l.hurry()
	}
}

// lookForDead finds the partitions in which an origin that is dead has left a
// gap between what was applied and what is covered, which would pin tombstones
// for ever (rule L10). It waits until no view has changed for a while: a node
// that is taken for dead, and is not, may hold the only copy of what the gap
// hides.
func (r *Replica) lookForDead(now Time) {
	if now.Mono-r.repair.lookedAt < r.t.RoundEvery || now.Mono-r.repair.viewedAt < r.t.CloseAfter {
		return
	}
	r.repair.lookedAt = now.Mono
	for part := range r.scope.All() {
		if r.repair.closing[part] != nil {
			continue
		}
		p := &r.parts[part]
		p.data.Lock()
		dead := r.gaps(p)
		p.data.Unlock()
		if len(dead) == 0 {
			continue
		}
		c := &closing{dead: dead, left: map[uint64]bool{}, from: r.pullIDs}
		for _, name := range r.dir.Regions() {
			for _, n := range r.dir.Owners(name, part) {
				if n.ID != r.self.ID {
					c.left[n.ID] = true
				}
			}
		}
		r.repair.closing[part] = c
		r.close(part, c)
	}
}

// gaps lists the dead origins whose writes are not covered as far as they were
// applied: a later epoch of the node is known. Never a living one.
func (r *Replica) gaps(p *partition) []crdt.Origin {
	if p.state != ready {
		return nil
	}
	var dead []crdt.Origin
	for _, d := range p.data.High().Dots() {
		if d.Origin != p.origin && !p.data.Context().Covers(d) && r.isDead(p, d.Origin) {
			dead = append(dead, d.Origin)
		}
	}
	return dead
}

// isDead says whether a later epoch of the origin's node is known: of a boot, or
// of a tenure of this partition.
func (r *Replica) isDead(p *partition, o crdt.Origin) bool {
	if planted.Is(planted.L10LivingOrigin) {
		return true
	}
	if r.dir.Boot(o.Node) > o.Epoch {
		return true
	}
	for _, d := range p.data.High().Dots() {
		if d.Origin.Node == o.Node && d.Origin.Epoch > o.Epoch {
			return true
		}
	}
	return false
}

// waitsForGone says whether something was applied, and is not covered, of a node
// that is in no view.
func (r *Replica) waitsForGone(p *partition) bool {
	for _, d := range p.data.High().Dots() {
		if _, _, alive := r.dir.Node(d.Origin.Node); !alive && !p.data.Context().Covers(d) {
			return true
		}
	}
	return false
}

// close raises the context for dead origins to what was applied, once every
// living owner has been pulled from since their death was known.
func (r *Replica) close(part uint16, c *closing) {
	if len(c.left) > 0 && !planted.Is(planted.L10ClosesUnasked) || planted.Is(planted.L10NeverCloses) {
		return
	}
	delete(r.repair.closing, part)
	p := &r.parts[part]
	p.data.Lock()
	defer p.data.Unlock()
	if p.state != ready {
		return
	}
	var rise crdt.Context
	for _, o := range c.dead {
		rise.Raise(crdt.Dot{Stamp: p.data.High().At(o), Origin: o})
	}
	for _, l := range p.links {
		if !l.cross {
			l.raise(p.number, rise.Clone())
		}
	}
	p.data.Raise(&rise)
	r.rose(p)
	r.stats.Closed += uint64(len(c.dead))
	r.note(MarkClosed)
}
