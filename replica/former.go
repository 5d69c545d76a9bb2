package replica

import (
	"time"

	"github.com/atollcache/atoll/antientropy"
	"github.com/atollcache/atoll/planted"
	"github.com/atollcache/atoll/region"
	"github.com/atollcache/atoll/ring"
)

// inquiry is what has been asked about origins that are over: epochs of nodes
// that have restarted or were forgotten, and owners that were. What one of them wrote last need not
// have been heard here, and its watermark says nothing more; the owners that it
// told still have it. So whenever such an origin may have come to be, an owner of
// every region is pulled from once more before anything is let go that it may
// have extended.
type inquiry struct {
	since  uint64                              // rounds up to this one began too early to count
	at     time.Duration                       // when it became that
	rounds map[string]*[ring.Partitions]uint64 // by region, the last round that brought all an owner had
	wanted antientropy.Scope                   // partitions where something waits for a round
}

// begin has every region asked anew, in all partitions.
func (q *inquiry) begin(r *Replica, now Time) { q.since, q.at = r.pullIDs, now.Mono }

// told notes a round in which an owner has told all that its region holds.
func (q *inquiry) told(by region.Peer, part uint16, round uint64) {
	at := q.rounds[by.Region]
	if at == nil {
		if q.rounds == nil {
			q.rounds = map[string]*[ring.Partitions]uint64{}
		}
		at = new([ring.Partitions]uint64)
		q.rounds[by.Region] = at
	}
	at[part] = round
}

// has says whether a region has told all of a partition in a round after another.
func (q *inquiry) has(name string, part uint16, after uint64) bool {
	at := q.rounds[name]
	return at != nil && at[part] > after
}

// meet has the regions asked anew about a partition when an origin has come into
// its context: a node has restarted, or an owner is new. Its watermark may be
// here before the view that tells of it. The lock of the partition is held.
func (r *Replica) meet(now Time, p *partition) {
	if n := p.data.Context().Len(); n != p.origins {
		p.origins, p.asked, p.askedAt = n, r.pullIDs, now.Mono
	}
}

// toldByAll says whether an owner of every region has been pulled from since the
// last change of who owns a partition. After an hour it says so in any case, as
// for nodes that vanish. The lock of the partition is held.
func (r *Replica) toldByAll(now Time, p *partition) bool {
	r.meet(now, p)
	q := &r.inquiry
	if now.Mono-max(q.at, p.askedAt) >= giveUpAfter || planted.Is(planted.FormerOwnersForgotten) {
		return true
	}
	after := max(q.since, p.asked)
	for _, name := range r.dir.Regions() {
		if r.others(name, p.number) && !q.has(name, p.number, after) {
			return false
		}
	}
	return true
}

// others says whether a region has owners beside this node.
func (r *Replica) others(name string, part uint16) bool {
	for _, n := range r.dir.Owners(name, part) {
		if n.ID != r.self.ID {
			return true
		}
	}
	return false
}

// inquire adds the partitions to a round with a peer in which something waits for
// what its region has to tell.
func (r *Replica) inquire(peer region.Peer, scope *antientropy.Scope) {
	q := &r.inquiry
	for part := range q.wanted.All() {
		p := &r.parts[part]
		after := max(q.since, p.asked)
		if p.holds() && !q.has(peer.Region, part, after) && r.spokesman(peer, part) {
			scope.Add(part)
		}
	}
}

// spokesman says whether a peer is the one to ask of its region: the first owner
// that answers or, if none does, any.
func (r *Replica) spokesman(peer region.Peer, part uint16) bool {
	mine := false
	for _, n := range r.dir.Owners(peer.Region, part) {
		mine = mine || n.ID == peer.ID
		if n.ID != r.self.ID && r.repair.peer(n.ID).failures < 2 {
			return n.ID == peer.ID
		}
	}
	return mine
}
