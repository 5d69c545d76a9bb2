package replica

import (
	"errors"
	"math"
	"time"

	"github.com/atollcache/atoll/region"
	"github.com/atollcache/atoll/wire"
)

// never is later than any deadline.
const never = time.Duration(math.MaxInt64)

// Tick does what is due: watermarks and heartbeats, resends, repair rounds,
// hand-overs, expiry, announcements, time-outs. It gives the reading of Mono at
// which it wants to be called again.
func (r *Replica) Tick(now Time) time.Duration {
	r.mu.Lock()
	next := r.tick(now)
	later := r.takeLater()
	r.mu.Unlock()
	for _, f := range later {
		f()
	}
	next = min(next, r.expireWaiters(now))
	r.deliver()
	return max(next, now.Mono+r.t.Linger)
}

// takeLater gives the commands to run now that the lock is about to be free.
func (r *Replica) takeLater() []func() {
	later := r.later
	r.later = nil
	return later
}

func (r *Replica) tick(now Time) time.Duration {
	next := r.review(now)
	r.leave(now)
	r.reviewClock(now)
	r.watchLinks(now)
	r.forgetStrangers(now)
	if r.repair.rewire {
		r.rewire(now)
	}
	for _, id := range r.outIDs() {
		next = min(next, r.drive(now, r.out[id]))
	}
	next = min(next, r.overdue(now), r.schedule(now), r.settleBoots(now))
	next = min(next, r.tellExpired(now)) // before what has expired is let go
	next = min(next, r.handOver(now), r.expireKeys(now), r.announceView(now), r.expireForwards(now), r.releaseHeld(now))
	next = min(next, r.reviewPatients(now))
	return min(next, now.Mono+r.t.Heartbeat)
}

// watchLinks has links replaced that are broken, and the audience moved where a
// link went down or came back.
func (r *Replica) watchLinks(now Time) {
	for _, id := range r.outIDs() {
		l := r.out[id]
		l.mu.Lock()
		silent, broken, idle := l.silent(now, &r.t), l.broken, l.entered.Len() == 0
		l.mu.Unlock()
		if broken && l.replaceable(now, &r.t) || idle && l.flushed(now, &r.t) {
			r.repair.rewire = true
		}
		if _, down := r.downs[id]; silent && l.cross && !down && r.regionSpeaks(now, l.peer) {
			r.downs[id] = now.Mono + 10*r.t.Heartbeat
			r.repair.rewire = true
		}
	}
}

// speech is since when a region has been heard without a break, and when last.
type speech struct{ since, last time.Duration }

// hear notes that something has come from a region.
func (r *Replica) hear(now Time, name string) {
	s, before := r.speech[name]
	if now.Mono-s.last > 3*r.t.Heartbeat {
		if before {
			r.backlog.heardAgain(now, &r.t)
		}
		s.since = now.Mono
		r.inquiry.begin(r, now) // much may have happened unheard
	}
	s.last = now.Mono
	r.speech[name] = s
}

// regionSpeaks says whether another node of the peer's region was heard lately,
// and the region long enough for the peer to be heard too: after a cut one node
// is always the first, and the links of the others must not be given up for it.
func (r *Replica) regionSpeaks(now Time, peer region.Peer) bool {
	if now.Mono-r.speech[peer.Region].since <= 2*r.t.Heartbeat {
		return false
	}
	for id, l := range r.in { // order-free: one is as good as another
		if id == peer.ID || now.Mono-l.heardAt > 3*r.t.Heartbeat {
			continue
		}
		if _, in, ok := r.dir.Node(id); ok && in == peer.Region {
			return true
		}
	}
	return false
}

// Receive takes a message of a peer. An error says what is wrong with the
// message; the replica is as it was.
func (r *Replica) Receive(now Time, message []byte) error {
	r.mu.Lock()
	err := r.receive(now, message)
	later := r.takeLater()
	r.mu.Unlock()
	for _, f := range later {
		f()
	}
	r.deliver()
	return err
}

func (r *Replica) receive(now Time, message []byte) error {
	env, err := r.names.Open(message)
	if err != nil {
		r.stats.Malformed++
		return err
	}
	if err := env.Check(r.cfg.Cluster); err != nil {
		r.stats.Foreign++
		return err
	}
	from := region.Peer{Region: env.From.Region, Node: region.Node{Name: env.From.Name, ID: env.From.Node, Boot: env.From.Boot}}
	if from.ID != region.NodeID(from.Region, from.Name) || from.ID == r.self.ID && from.Boot == r.cfg.Boot {
		return nil
	}

	r.hear(now, from.Region)
	if until, down := r.downs[from.ID]; down && now.Mono >= until {
		delete(r.downs, from.ID)
		r.repair.rewire = true
	}
	err = r.dispatch(now, from, env.Kind, env.Body)
	if errors.Is(err, wire.ErrMalformed) {
		r.stats.Malformed++
	}
	if len(r.patience.waiting) > 0 && r.patience.risen.Len() > 0 {
		r.reviewPatients(now)
	}
	return err
}

func (r *Replica) dispatch(now Time, from region.Peer, kind wire.Kind, body []byte) error {
	switch kind {
	case wire.KindBatch:
		return r.onBatch(now, from, from.Boot, body)
	case wire.KindAck:
		return r.onAck(now, from, body)
	case wire.KindAsk:
		return r.onAsk(now, from, body)
	case wire.KindAnswer:
		return r.onAnswer(now, from, body)
	case wire.KindForward:
		return r.onForward(now, from, body)
	case wire.KindForwarded:
		return r.onForwarded(body)
	case wire.KindAnnounce:
		return r.onAnnounce(now, from, body)
	case wire.KindHandOff:
		return r.onHandOff(from, body)
	case wire.KindHandedOff:
		return r.onHandedOff(now, from, body)
	}
	r.stats.Unknown++ // of a later version, which must do without an answer
	return nil
}
