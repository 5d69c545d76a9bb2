package replica

import (
	"math"
	"time"

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
