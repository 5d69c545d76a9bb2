package store

import "github.com/atollcache/atoll/crdt"

// deadlines remembers when keys expire. A key with a deadline has a reminder
// not later than it; one that comes early is put off.
type deadlines struct {
	coming wheel
	due    queue // expired, but not yet for every origin; by deadline
	looked int64 // when expired keys were last looked for
}

// retryMillis is how long a key waits whose deadline has passed for every
// origin while it holds what the context does not cover.
const retryMillis = 1000

// arm follows a deadline from before to after a change. What changes in a key
// that has expired is looked at again: it may have brought values back.
func (t *deadlines) arm(hash uint64, before, after int64) {
	if after != 0 && (before == 0 || after < before || before <= t.looked) {
		t.coming.put(after, hash)
	}
}

// postpone keeps a key that has expired until its deadline has passed for every
// origin.
func (t *deadlines) postpone(deadline int64, hash uint64) {
	t.due.push(reminder{at: uint64(max(deadline, 0)), hash: hash})
}

// crowded says whether most reminders must be of keys that are gone, were
// extended, or have several.
func (t *deadlines) crowded(keys int) bool { return t.coming.items > 2*keys+64 }

func (t *deadlines) bytes() int { return t.coming.bytes() + t.due.bytes() }

// NextDeadline gives the unix milliseconds from which Expire finds something to
// do, 0 if nothing has a deadline. Keys that have expired and wait for the
// context do not count: call Expire when the context has risen.
func (p *Partition) NextDeadline() int64 { return p.deadline.coming.next() }

// HasDeadlines says whether any key has a deadline, whether it has come or not.
func (p *Partition) HasDeadlines() bool {
	_, due := p.deadline.due.first()
	return due || p.deadline.coming.items > 0
}

// Expire gives back the values of the keys whose deadline has come, which leaves
// stubs, and lets go those whose deadline has passed for every origin, so that
// nobody extends it any more. It gives the number of keys that are gone; of others
// something stays that was written since, see Revealed. It tells nobody: every
// replica does the same by itself, within seconds. now is
// behind the clock by what clocks may differ. passed must be monotone: what it
// says of a deadline holds for earlier ones. It looks at max keys at most;
// NextDeadline tells whether more are due.
func (p *Partition) Expire(now int64, passed func(deadline int64) bool, max int) (gone int) {
	t := &p.deadline
	t.looked = now
	p.revealed = p.revealed[:0]
	for ; max > 0; max-- {
		hash, ok := t.coming.take(now)
		if !ok {
			break
		}
		p.examine(hash, now)
	}
	for ; max > 0; max-- {
		r, ok := t.due.first()
		if !ok || !passed(int64(r.at)) {
			break
		}
		t.due.pop()
		gone += p.release(r.hash, now, passed)
	}
	p.book()
	return gone
}

// examine sorts the keys of a hash of which one may be due.
func (p *Partition) examine(hash uint64, now int64) {
	p.group(hash, func(i int) (removed bool) {
		e := p.load(i)
		switch deadline := e.Deadline(); {
		case deadline == 0:
		case crdt.TickOf(deadline) >= crdt.TickOf(now):
			p.deadline.coming.put(deadline, hash)
		default:
			p.deadline.postpone(deadline, hash)
			p.free(i, hash, e)
		}
		return false
	})
}

// free makes stubs of what a key holds at a place.
func (p *Partition) free(i int, hash uint64, e *crdt.Entry) {
	t := crdt.Tally{Seed: p.store.seed(hash)}
	was := p.stubBytes(i, e)
	if !e.Free(&t) && (was == 0 || !p.records.open(p.index.slots[i].ref)) {
		return
	}
	p.store.tree.Add(hash, t.Digest)
	p.stubs.forget(was)
	p.save(i, e, t.Bytes, nil)
	p.freeze(i)
}

// release lets go the keys of a hash whose deadline has passed for every
// origin.
func (p *Partition) release(hash uint64, now int64, passed func(deadline int64) bool) (gone int) {
	p.group(hash, func(i int) (removed bool) {
		e := p.load(i)
		switch deadline := e.Deadline(); {
		case deadline == 0:
			return false
		case deadline > now:
			p.deadline.coming.put(deadline, hash)
			return false
		case !passed(deadline):
			p.deadline.postpone(deadline, hash)
			return false
		case !p.covers(e):
			p.deadline.coming.put(now+retryMillis, hash)
			return false
		}
		t := crdt.Tally{Seed: p.store.seed(hash)}
		p.stubs.forget(p.stubBytes(i, e))
		e.Wipe(&t)
		p.store.tree.Add(hash, t.Digest)
		p.deadline.arm(hash, 0, e.Deadline())
		if e.Type() != crdt.None {
			p.revealed = append(p.revealed, hash)
		}
		removed = p.save(i, e, t.Bytes, nil)
		if removed {
			gone++
		}
		return removed
	})
	return gone
}

// Revealed gives the hashes of keys that the last Expire has let show again: what
// was written to them after the deadline, by somebody who did not know of it. It
// is valid until the next Expire.
func (p *Partition) Revealed() []uint64 { return p.revealed }

// rearm finds out anew which keys have deadlines, among those that had.
func (p *Partition) rearm() {
	for _, hash := range p.deadline.coming.drain() {
		p.group(hash, func(i int) (removed bool) {
			if deadline := p.load(i).Deadline(); deadline != 0 {
				p.deadline.coming.put(deadline, hash)
			}
			return false
		})
	}
}

// covers says whether the context covers everything that an entry holds, so
// that none of it can come back.
func (p *Partition) covers(e *crdt.Entry) bool {
	all := true
	e.Dots(func(d crdt.Dot) { all = all && p.context.Covers(d) })
	return all
}
