package replica

import (
	"math"
	"time"

	"github.com/atollcache/atoll/antientropy"
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
	r.inquiry.wanted = antientropy.Scope{}
	for part := range r.scope.All() {
		p := &r.parts[part]
		p.data.Lock()
		if p.holds() && p.data.HasDeadlines() {
			gone := r.letGo(now, p)
			r.tellRevealed(p, now.Wall)
			if gone > 0 {
				r.note(MarkExpired)
			}
		}
		p.data.Unlock()
	}
	return r.expireAt
}

// letGo lets go what nobody can have given a longer life, and gives the number of
// keys. A write finds a key expired by its own stamp, so what was stamped past
// the deadline extends nothing. The lock of the partition is held.
func (r *Replica) letGo(now Time, p *partition) int {
	floor, told := r.floor(p, now).Millis(), r.toldByAll(now, p)
	if planted.Is(planted.StubForgottenEarly) {
		floor, told = math.MaxInt64, true
	}
	told = told && !planted.Is(planted.StubKept)
	return p.data.Expire(now.Wall-r.t.MaxSkew.Milliseconds(), func(deadline int64) bool {
		if floor > deadline && !told {
			r.inquiry.wanted.Add(p.number)
		}
		return floor > deadline && told
	}, maxExpired)
}

// maxExpired bounds the keys that one look at a partition lets go.
const maxExpired = 10_000
