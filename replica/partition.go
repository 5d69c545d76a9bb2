package replica

import (
	"fmt"
	"math"
	"time"

	"github.com/atollcache/atoll/command"
	"github.com/atollcache/atoll/crdt"
	"github.com/atollcache/atoll/planted"
	"github.com/atollcache/atoll/region"
	"github.com/atollcache/atoll/ring"
	"github.com/atollcache/atoll/store"
)

// tenancy is how a node stands to a partition.
type tenancy uint8

const (
	absent  tenancy = iota // not ours, nothing held
	booting                // ours, and still being fetched: no watermarks are sent for it (rule L9)
	ready                  // ours
	leaving                // not ours any more, held until the new owners have it (rule L8)
)

// partition is what the replica keeps about one partition beside its data. The
// mutex of data guards all of it.
type partition struct {
	number uint16
	data   *store.Partition
	state  tenancy
	origin crdt.Origin   // of this tenure; the epoch never returns
	spent  uint64        // tenures so far in this run: the next one needs a new epoch
	since  time.Duration // when this tenure began
	whole  bool          // everything that the owners had has been fetched
	links  []*outLink    // who must hear of a write, as entered there
	near   []coOwner     // those of them that are co-owners in the home region; never changed
	moved  []*waiter     // writes whose callers wait although the owners are others by now
	change uint64        // counts what was applied, for the hand-over

	leads bool   // this node tells the changes
	lead  uint64 // since when, see Change.Epoch
	told  uint64 // so far

	tallied uint64        // of told, as it was tallied last
	tallyAt time.Duration // when that was news

	origins int           // in the context, when somebody looked last
	asked   uint64        // rounds up to this one began before the last of them was met
	askedAt time.Duration // when that was

	seen crdt.Context // per origin, the highest operation that a reader may have been shown, for sessions

	takenBy map[uint64]uint64 // owners that have it, as it stood at takenAt, and their boots
	takenAt uint64

	*work // of a partition that was ever held
}

// work is the memory of the command or the repair at hand. Most nodes of a large
// cluster never hold most partitions.
type work struct {
	delta crdt.Delta
	call  command.Call
	none  crdt.Entry // what is observed where nothing is
}

func (p *partition) init(s *store.Store, number uint16, boot uint64) {
	p.number = number
	p.change = boot << 20 // what was offered by an earlier boot is not offered by this one
	p.data = s.Partition(number)
}

// partitionOf finds the partition of a key.
func (r *Replica) partitionOf(hash uint64) *partition {
	return &r.parts[ring.Partition(hash)]
}

// holds says whether the node has data of the partition, owned or not.
func (p *partition) holds() bool { return p.state != absent }

// gain starts a tenure, under an epoch that this partition has not seen; that of
// other partitions may be the same, since they share no context. Where the run
// has none left the partition stays absent and the node must stop. It says
// whether there was one. The locks of the partition and the replica are held.
func (r *Replica) gain(p *partition, state tenancy, now Time) bool {
	if p.spent >= maxTenures {
		r.foreign.err = fmt.Errorf("node %s of region %s has lost and gained partition %d %d times, and no epoch is left for the next time; start it again", r.cfg.Name, r.cfg.Region, p.number, p.spent)
		return false
	}
	if p.work == nil {
		p.work = &work{}
	}
	epoch := r.cfg.Boot + p.spent
	if planted.Is(planted.TenureReusesOrigin) {
		epoch = r.cfg.Boot
	}
	p.spent, p.since = p.spent+1, now.Mono
	p.origin = crdt.Origin{Node: r.self.ID, Epoch: epoch}
	p.state = state
	r.tenures.Add(1)
	return true
}

// drop ends a tenure and forgets the data. The lock is held.
func (p *partition) drop() {
	for _, l := range p.links {
		l.leave(p.number)
	}
	p.state, p.links, p.near, p.whole, p.moved = absent, nil, nil, false, nil
	p.origin, p.takenBy = crdt.Origin{}, nil
	p.seen, p.leads = crdt.Context{}, false
	p.data.Wipe()
}

// closed gives the context as it stands after a fresh tick of the clock:
// everything that this tenure stamped up to the tick is in it, since stamping
// and inserting are one critical section (rule W1). The lock is held.
func (r *Replica) closed(p *partition, tick crdt.Stamp) *crdt.Context {
	ctx := p.data.Context()
	if p.state != leaving {
		ctx.Raise(crdt.Dot{Stamp: tick, Origin: p.origin})
	}
	return ctx
}

// base is where an incarnation of a link starts for a partition (rule L2): a
// link inside the region vouches for everything its sender knows or was shown,
// one to another region for its sender's own writes alone (rule L5).
func (p *partition) base(cross bool) crdt.Context {
	if planted.Is(planted.L2CleanStart) {
		return crdt.Context{}
	}
	if cross && !planted.Is(planted.L5CrossCertifiesAll) {
		var own crdt.Context
		own.Raise(crdt.Dot{Stamp: p.data.Context().At(p.origin), Origin: p.origin})
		return own
	}
	base := p.data.Context().Clone()
	if !planted.Is(planted.L2BaseWithoutHigh) {
		base.Join(p.data.High())
	}
	return base
}

// relay passes on what changed the state here to the co-owners, but never back
// to where it came from (rule L5): to the process, that is, for one that has
// taken its place has forgotten what it sent. The lock is held.
func (r *Replica) relay(now Time, p *partition, hash uint64, key []byte, d *crdt.Delta, from region.Peer) {
	if planted.Is(planted.L5NoRelay) {
		return
	}
	for _, l := range p.links {
		if planted.Is(planted.DeltaClearedOnMerge) {
			l.box.drop()
		}
		back := l.peer.ID == from.ID && l.peer.Boot == from.Boot
		if !l.cross && (!back || planted.Is(planted.GossipStorm)) {
			r.note(MarkRelayed)
			r.enqueue(now, l, p.number, hash, key, d, nil)
		}
	}
}

// absorb takes in a delta of a peer and relays it if it changed anything. It
// refuses what is stamped too far in the future. The replica's lock is held too.
func (r *Replica) absorb(now Time, p *partition, hash uint64, key []byte, d *crdt.Delta, from region.Peer, repair bool) bool {
	top, ok := r.admit(now, d)
	if !ok {
		r.note(MarkFuture)
		if top > crdt.StampAt(now.Wall+alarmAhead) {
			r.stats.FarFuture++
		}
		return false
	}
	r.clock.Observe(top)
	var before look
	if p.leads {
		before = r.look(p.data.Get(hash, key), d, now.Wall)
	}
	changed := p.data.Merge(hash, key, d)
	p.show(d)
	if p.leads && changed {
		r.changed(p, hash, key, d, before, now.Wall, r.stampedIn(d))
	}
	if r.cfg.Witness != nil {
		r.merging = Merging{Partition: p.number, Key: key, From: from, Repair: repair, Changed: changed, Delta: d}
		r.cfg.Witness.Merged(&r.merging)
	}
	if changed {
		p.change++
		r.touch(p.number, hash, d, from.ID, repair)
	}
	if changed && !(planted.Is(planted.L5RepairsNotRelayed) && repair) || planted.Is(planted.L5RelayUnchanged) {
		r.relay(now, p, hash, key, d, from)
	}
	return true
}

// alarmAhead is how many milliseconds ahead a stamp is when it can be no matter
// of clocks that are roughly right.
const alarmAhead = 10_000

// admit gives the highest stamp of a delta, and whether it may be applied now.
func (r *Replica) admit(now Time, d *crdt.Delta) (crdt.Stamp, bool) {
	var top crdt.Stamp
	d.Dots(func(dot crdt.Dot) { top = max(top, dot.Stamp) })
	for _, op := range d.Ops {
		top = max(top, op.Stamp)
	}
	return top, top <= r.horizon(now)
}

// horizon is the highest stamp that may be applied now.
func (r *Replica) horizon(now Time) crdt.Stamp {
	if planted.Is(planted.PoisonClockAccepted) {
		return math.MaxUint64
	}
	return crdt.StampAt(now.Wall + r.t.MaxSkew.Milliseconds() + 1)
}

// owned says who owns a partition in the home region.
func (r *Replica) owned(p uint16) []region.Node { return r.dir.Owners(r.cfg.Region, p) }
