package replica

import (
	"time"

	"github.com/atollcache/atoll/planted"
	"github.com/atollcache/atoll/region"
	"github.com/atollcache/atoll/wire"
)

// onAck takes an acknowledgement.
func (r *Replica) onAck(now Time, from region.Peer, body []byte) error {
	a, err := wire.ReadAck(body)
	if err != nil {
		return err
	}
	l := r.out[from.ID]
	if l == nil || a.Link != l.inc || a.Boot != l.peer.Boot {
		return nil
	}
	r.hearClock(now, from.ID, &a)
	if a.Missing {
		l.mu.Lock()
		l.breakOff()
		l.mu.Unlock()
		r.note(MarkRefused)
		return nil
	}
	for _, part := range a.Want {
		r.reenter(l, part)
	}

	l.mu.Lock()
	waiters := l.acknowledge(now, &a)
	r.resend(now, l)
	if l.flushDue(now, &r.t) && !planted.Is(planted.FlushStuck) {
		r.flush(now, l)
	}
	l.mu.Unlock()
	r.reached(waiters, l.peer)
	return nil
}

// reenter starts a partition on the link anew, for a receiver whose tenure has
// changed.
func (r *Replica) reenter(l *outLink, part uint16) {
	if int(part) >= len(r.parts) {
		return
	}
	p := &r.parts[part]
	p.data.Lock()
	defer p.data.Unlock()
	if l.carries(part) {
		l.enter(p)
	}
}

func (l *outLink) carries(part uint16) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return !l.broken && l.entered.Has(part)
}

// acknowledge forgets the batches that have arrived and gives who waited.
func (l *outLink) acknowledge(now Time, a *wire.Ack) []*waiter {
	l.heardAt, l.answered = now.Mono, true
	if l.tries > 2 && len(l.unacked) > 0 && a.Seq+1 < l.unacked[0].seq {
		l.breakOff() // the receiver has forgotten how far it was
		return nil
	}
	if l.tries == 0 { // Karn: a repeated batch measures nothing
		l.rtt = min(max(now.Mono-time.Duration(a.Sent), 0), time.Minute)
	}
	var waiters []*waiter
	n := 0
	for n < len(l.unacked) && l.unacked[n].seq <= a.Seq {
		waiters = append(waiters, l.unacked[n].waiters...)
		l.flying -= len(l.unacked[n].message)
		n++
	}
	if n > 0 {
		if l.probing { // the path is back: whatever else was lost goes at once
			l.againAt = 0
		}
		l.tries, l.probing = 0, false
		l.unacked = append(l.unacked[:0], l.unacked[n:]...)
	}
	return waiters
}

// resend repeats what has not been acknowledged in time: everything at first,
// the oldest batch as a probe when the peer does not answer.
func (r *Replica) resend(now Time, l *outLink) {
	if len(l.unacked) == 0 || now.Mono < l.resendAt(&r.t) {
		return
	}
	l.againAt = now.Mono
	again := l.unacked
	if l.tries > 0 {
		again, l.probing = again[:1], true
	}
	l.tries++
	for i := range again {
		r.queue(Packet{Region: l.peer.Region, Name: l.peer.Name, Kind: wire.KindBatch, Payload: again[i].message})
	}
	r.stats.Resent += uint64(len(again))
	r.note(MarkResent)
}

// resendAt is when the oldest batch is due again: after three round trips, and
// ever later while nothing answers.
func (l *outLink) resendAt(t *Timing) time.Duration {
	wait := max(t.Resend, 3*l.rtt)
	for range min(l.tries, 4) {
		wait *= 2
	}
	return max(l.unacked[0].at, l.againAt) + min(wait, max(t.Heartbeat, 3*l.rtt))
}
