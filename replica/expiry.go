package replica

import (
	"math"
	"time"

	"github.com/atollcache/atoll/crdt"
	"github.com/atollcache/atoll/planted"
)

// expireKeys gives back the values of what has expired, lets go what every origin
// has seen expire, and gives when to look again. A process that was paused first
// hears what its peers have to say for one heartbeat, an EXPIRE perhaps, and one
// whose clock is wrong keeps all that others may still show.
func (r *Replica) expireKeys(now Time) time.Duration {
	if now.Mono < r.expireAt {
		return r.expireAt
	}
	paused := now.Mono > r.expireAt+3*r.t.Heartbeat && !r.heldBack
	r.expireAt, r.heldBack = now.Mono+r.t.Heartbeat, paused
	if paused || !r.stamps(now) {
		return r.expireAt
	}
	for part := range r.scope.All() {
		p := &r.parts[part]
		p.data.Lock()
		if p.holds() && p.data.HasDeadlines() {
			floor := r.floor(p, now)
			if planted.Is(planted.StubForgottenEarly) {
				floor = math.MaxUint64
			}
			gone := p.data.Expire(now.Wall-r.t.MaxSkew.Milliseconds(), func(deadline int64) bool { return floor.Millis() > deadline }, maxExpired)
			r.tellRevealed(p, now.Wall)
			if gone > 0 {
				r.note(MarkExpired)
			}
		}
		p.data.Unlock()
	}
	return r.expireAt
}

// maxExpired bounds the keys that one look at a partition lets go.
const maxExpired = 10_000

// floor is the stamp up to which everybody's writes have been merged here:
// whoever may still write to the partition, its owners in all regions, by the
// latest epoch known of each, and every other origin unless it is closed.
func (r *Replica) floor(p *partition, now Time) crdt.Stamp {
	ctx := r.closed(p, r.stamp(now))
	floor := ctx.At(p.origin)
	for _, name := range r.dir.Regions() {
		for _, n := range r.dir.Owners(name, p.number) {
			if n.ID != r.self.ID {
				floor = min(floor, latest(ctx, n.ID))
			}
		}
	}
	for _, d := range p.data.High().Dots() {
		_, _, alive := r.dir.Node(d.Origin.Node)
		if alive && !ctx.Covers(d) { // whoever is gone for good must not stop all expiry
			floor = min(floor, ctx.At(d.Origin))
		}
	}
	return floor
}

// latest is how far the newest origin of a node has been merged.
func latest(ctx *crdt.Context, node uint64) crdt.Stamp {
	var found crdt.Dot
	for _, d := range ctx.Dots() {
		if d.Origin.Node == node && d.Origin.Epoch >= found.Origin.Epoch {
			found = d
		}
	}
	return found.Stamp
}
