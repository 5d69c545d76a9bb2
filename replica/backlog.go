package replica

import "time"

// backlog is what waits for this node in the outboxes of its peers after they
// could not be heard, and comes by their links now. A round that nothing waits for
// is put off meanwhile: it would bring the same once more. A link that lost what
// waited is another incarnation, whose partitions are stuck and pulled at once.
type backlog struct {
	since time.Duration // when the first of them was heard again; zero if never
	last  time.Duration // when the last was
}

// backlogTime is how many heartbeats rounds are put off at most: an outbox may
// take longer to empty, and some path may fall silent again and again.
const backlogTime = 10

// heardAgain notes that a silence has ended. The next end is another one only
// after rounds have had their time.
func (b *backlog) heardAgain(now Time, t *Timing) {
	if b.since == 0 || now.Mono-b.since > backlogTime*t.Heartbeat+t.RoundEvery {
		b.since = now.Mono
	}
	b.last = now.Mono
}

// resume notes that a batch has come on a link.
func (r *Replica) resume(now Time, l *inLink) {
	if now.Mono-l.heardAt > 3*r.t.Heartbeat {
		l.behind = true
		r.backlog.heardAgain(now, &r.t)
	}
	l.heardAt = now.Mono
}

// backlogged says whether links still bring what waited: they have not brought a
// watermark since, or somebody was heard again so lately that others may follow.
func (r *Replica) backlogged(now Time) bool {
	b := &r.backlog
	if b.since == 0 || now.Mono-b.since >= backlogTime*r.t.Heartbeat {
		return false
	}
	behind := now.Mono-b.last < 2*r.t.Heartbeat
	for id, l := range r.in { // order-free: any of them
		behind = behind || l.behind && r.heard(now, id)
	}
	return behind
}

// inVain says whether nothing at all has come from a region for three heartbeats,
// not even an answer would.
func (r *Replica) inVain(now Time, region string) bool {
	s, known := r.speech[region]
	return known && now.Mono-s.last > 3*r.t.Heartbeat
}
