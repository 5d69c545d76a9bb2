package replica

import (
	"errors"
	"time"

	"github.com/atollcache/atoll/antientropy"
	"github.com/atollcache/atoll/crdt"
	"github.com/atollcache/atoll/planted"
	"github.com/atollcache/atoll/region"
	"github.com/atollcache/atoll/wire"
)

// pull is a repair round: this node fetches from one peer what differs, in a
// number of partitions. It travels the same road as a write: what is fetched
// becomes deltas that are merged and relayed.
type pull struct {
	id       uint64
	peer     region.Peer
	round    *antientropy.Round
	contexts antientropy.Scope // to be asked for in the next step, beside what wants need
	upfront  bool              // nothing is compared before all of those have come
	wanted   antientropy.Scope // contexts that the step under way asks for
	parts    map[uint16]*pulled
	order    []uint16
	queue    []wire.Want // still to be fetched
	asked    []wire.Want // in the step under way
	step     uint32
	waiting  bool          // for an answer
	at       time.Duration // when the answer is overdue, or the next step may go
	ask      []byte        // of the step under way, to be sent again
	sentAt   time.Duration // when it went first
	tries    int           // how often it went
	slowest  time.Duration // exchange of this round
	key      []byte        // scratch
}

// pulled is where a round stands with one partition.
type pulled struct {
	mine, theirs uint64 // tenures at both ends (rule L7)
	offer        uint64 // the peer offered to hand over, before the round began; 0 if not
	known        bool   // the peer's context has come, and all that waits there for it
	paging       bool   // the context has come, and not all that waits
	page         uint64 // from which hash on the rest is asked for
	restarts     int    // how often the context had moved meanwhile
	ready        bool   // the peer has the whole partition
	context      crdt.Context
	skipped      []crdt.Dot // what was not taken caps the context (rule W4)
	left         int        // wants that are not served yet
	listed       bool
	touched      []touched // what others wrote meanwhile
	partial      bool      // not all that waits there has come with the context, or was taken: it may not be joined
	failed       bool
}

// maxWants bounds what one step asks for.
const maxWants = 4096

// start opens a round with a peer over the partitions of scope that are held
// here. If join is set the peer's contexts are asked for up front, so that even
// a partition that turns out equal is brought level.
func (r *Replica) start(now Time, peer region.Peer, scope antientropy.Scope, join bool) {
	r.pullIDs++
	pl := &pull{id: r.pullIDs, peer: peer, parts: map[uint16]*pulled{}}
	var held antientropy.Scope
	for part := range scope.All() {
		p := &r.parts[part]
		p.data.Lock()
		if p.holds() {
			held.Add(part)
			pl.parts[part] = &pulled{mine: p.origin.Epoch, offer: r.repair.handed[peer.ID][part]}
			delete(r.repair.handed[peer.ID], part)
			pl.order = append(pl.order, part)
		}
		p.data.Unlock()
	}
	if join {
		pl.contexts, pl.upfront = held, true
	}
	pl.round = antientropy.NewRound(pl.id, held, r.store, antientropy.Limits{MaxBytes: r.t.AskBytes})
	r.pulls[peer.ID] = pl
	r.stats.Rounds++
	r.next(now, pl)
}

// next sends the next step of a round, or ends it.
func (r *Replica) next(now Time, pl *pull) {
	ask := wire.Ask{Round: pl.id, Step: pl.step + 1, Contexts: pl.contexts, MaxBytes: uint32(r.t.AskBytes)}
	if !pl.upfront || pl.step == 0 {
		if req, ok := pl.round.Next(); ok {
			ask.Request = &req
		}
	}
	ask.Wants = pl.takeWants(&ask.Contexts)
	ask.Wants = pl.pages(&ask.Contexts, ask.Wants)
	if ask.Request == nil && len(ask.Wants) == 0 && ask.Contexts.Len() == 0 {
		r.end(now, pl, true)
		return
	}

	pl.step++
	pl.asked, pl.wanted = ask.Wants, ask.Contexts
	pl.contexts = antientropy.Scope{}
	pl.waiting, pl.ask, pl.sentAt, pl.tries = true, ask.Append(nil), now.Mono, 0
	r.sendAsk(now, pl)
}

// sendAsk sends the ask of the step under way, again if no answer came: one
// lost message must not cost a whole round. The serving side keeps nothing
// between steps, and an answer to a step that is over is not looked at. On a slow
// way the next answer takes as long as the slowest so far, but no wait is longer
// than the time-out: the slowest may have been lost itself, or met a pause.
func (r *Replica) sendAsk(now Time, pl *pull) {
	pl.tries++
	pl.at = now.Mono + min(max(r.t.PullTimeout/maxTries, 2*pl.slowest), r.t.PullTimeout)
	r.post(pl.peer, wire.KindAsk, pl.ask)
}

// maxTries bounds how often one step is asked for.
const maxTries = 4

// takeWants gives the wants of the next step. What is in a partition is asked
// for only when its context is known: where one side was found empty no step
// has brought it yet, and it is asked for first (rule W2).
// Confirmations come last, and not before the comparison is over: a listing names
// no tenure, and they do; served, they say that all of it was of one (rule L7).
func (pl *pull) takeWants(contexts *antientropy.Scope) (wants []wire.Want) {
	var last, rest []wire.Want
	for _, w := range pl.queue {
		st := pl.parts[w.Partition]
		switch {
		case st.failed:
		case !st.known:
			contexts.Add(w.Partition)
			rest = append(rest, w)
		case confirms(&w) && !st.listed:
			rest = append(rest, w)
		case len(wants)+len(last) >= maxWants:
			rest = append(rest, w)
		case confirms(&w):
			w.Tenure = st.theirs
			last = append(last, w)
		default:
			w.Tenure = st.theirs
			wants = append(wants, w)
		}
	}
	pl.queue = rest
	return append(wants, last...)
}

// confirmation asks for nothing but whether the peer still is in the tenure that
// its context was of. It is an empty range.
func confirmation(part uint16) wire.Want {
	from := max(uint64(part)<<partitionShift, 1)
	return wire.Want{Partition: part, From: from, To: from}
}

// confirms says whether a want is one of those.
func confirms(w *wire.Want) bool { return w.From == w.To }

// end closes a round. Partitions that it did not conclude are as they were.
func (r *Replica) end(now Time, pl *pull, completed bool) {
	delete(r.pulls, pl.peer.ID)
	r.repair.ended(now, pl, completed)
	if planted.Is(planted.L7JoinsIncomplete) && !completed {
		for _, part := range pl.order {
			pl.parts[part].touched, pl.parts[part].left = nil, 0
			r.conclude(now, pl, part)
		}
	}
	if !completed {
		r.stats.RoundsFailed++
		r.note(MarkRoundFailed)
		for _, part := range pl.order {
			if !pl.parts[part].listed || pl.parts[part].left > 0 {
				r.pulledFrom(now, pl, part, planted.Is(planted.RepairFalseSuccess))
			}
		}
	}
}

// overdue ends the rounds whose answer did not come, and goes on with those
// that were held back. It gives when to look again.
func (r *Replica) overdue(now Time) time.Duration {
	next := never
	for _, id := range sortedKeys(r.pulls) {
		pl := r.pulls[id]
		switch {
		case pl.at > now.Mono:
			next = min(next, pl.at)
		case pl.waiting && pl.tries < maxTries:
			r.sendAsk(now, pl)
			next = min(next, pl.at)
		case pl.waiting:
			r.end(now, pl, false)
		default:
			r.next(now, pl)
			next = min(next, pl.at)
		}
	}
	return next
}

// onAnswer takes a step of a round.
func (r *Replica) onAnswer(now Time, from region.Peer, body []byte) error {
	a, err := wire.ReadAnswer(body, peerLimits)
	if err != nil {
		return err
	}
	pl := r.pulls[from.ID]
	if pl == nil || pl.id != a.Round || pl.step != a.Step || !pl.waiting || from.Boot != pl.peer.Boot {
		return nil
	}
	pl.waiting, pl.ask = false, nil
	pl.slowest = max(pl.slowest, now.Mono-pl.sentAt)

	r.learn(now, pl, &a)
	if err := r.take(now, pl, &a); err != nil {
		r.end(now, pl, false)
		return err
	}
	if pl.gathers(r, &a) {
		a.Reply = nil
	}
	if a.Reply != nil {
		if err := pl.round.Receive(a.Reply); err != nil && !errors.Is(err, antientropy.ErrUnexpected) {
			r.end(now, pl, false)
			return err
		}
		r.find(now, pl)
	}
	r.stats.RepairBytes += uint64(len(body))
	if delay := r.pace.ReserveN(clockTime(now), min(len(body), r.t.AskBytes)).DelayFrom(clockTime(now)); delay > 0 {
		pl.at = now.Mono + delay
		return nil
	}
	r.next(now, pl)
	return nil
}

// clockTime is the monotonic clock in the form that the rate limiter wants.
func clockTime(now Time) time.Time { return time.Unix(0, 0).Add(now.Mono) }

// learn notes the peer's contexts, the first for each partition: they were read
// before any content (rule W2). A peer whose clock is ahead vouches for nothing
// that may not be applied yet, or it would take this clock with it.
func (r *Replica) learn(now Time, pl *pull, a *wire.AnswerReader) {
	horizon, filled := r.horizon(now), false
	for i := range a.Contexts {
		c := &a.Contexts[i]
		st := pl.parts[c.Partition]
		switch {
		case st == nil || st.failed:
		case st.known:
			st.failed = st.failed || st.theirs != c.Tenure && !planted.Is(planted.L7PeerTenure)
			if planted.Is(planted.ContextAfterContent) {
				st.context = c.Context.Clone()
			}
		case pl.turns(st, c, filled):
			st.known, st.partial = true, c.Partial
			st.context.Limit(horizon)
			r.expectUpTo(c.Partition, &st.context)
			pl.queue = append(pl.queue, confirmation(c.Partition))
			st.left++
		}
		filled = filled || c.Waiting > 0
	}
	for _, part := range a.Refused {
		if st := pl.parts[part]; st != nil {
			st.failed = true
		}
	}
}

// expectUpTo makes what a round in progress may bring count as applied, for the
// bases of links that open meanwhile.
func (r *Replica) expectUpTo(part uint16, ctx *crdt.Context) {
	p := &r.parts[part]
	p.data.Lock()
	p.data.High().Join(ctx)
	p.data.Unlock()
}

// find turns what the comparison has found into wants, and concludes what is
// equal.
func (r *Replica) find(now Time, pl *pull) {
	for _, f := range pl.round.Drain() {
		st := pl.parts[f.Partition]
		if st == nil || st.failed {
			continue
		}
		st.listed = true
		for _, h := range f.Hashes {
			pl.queue = append(pl.queue, wire.Want{Partition: f.Partition, From: h, To: h + 1})
		}
		for _, s := range f.Spans {
			pl.queue = append(pl.queue, wire.Want{Partition: f.Partition, From: s.From, To: s.To})
		}
		st.left += len(f.Hashes) + len(f.Spans)
		if f.Equal {
			r.repair.agree(pl.peer.ID, f.Partition, now)
		}
		if st.left == 0 {
			r.conclude(now, pl, f.Partition)
		}
	}
}

// conclude ends a round for one partition: everything that differed has been
// merged, so the contexts are joined. What the round taught did not pass
// through the links, so their bases rise with it (rule L6).
func (r *Replica) conclude(now Time, pl *pull, part uint16) {
	if pl.fetchTouched(part) {
		return
	}
	st, p := pl.parts[part], &r.parts[part]
	p.data.Lock()
	ok := !st.failed && st.known && !st.partial && p.holds() && (p.origin.Epoch == st.mine || planted.Is(planted.L7OwnTenure))
	if planted.Is(planted.L7SkippedNotCapped) {
		st.skipped = nil
	}
	if ok {
		for _, dot := range st.skipped {
			st.context.Lower(dot)
		}
		r.joinContext(p, &st.context)
	}
	p.data.Unlock()
	if st.known {
		r.pulledFrom(now, pl, part, ok && len(st.skipped) == 0)
	}
}

// joinContext raises the context of a partition to what a round has merged. The
// lock of the partition is held.
func (r *Replica) joinContext(p *partition, ctx *crdt.Context) {
	var rise crdt.Context
	v := p.data.Context()
	for _, d := range ctx.Dots() {
		if d.Origin != p.origin && d.Stamp > v.At(d.Origin) {
			rise.Raise(d)
			r.clock.Observe(d.Stamp)
		}
	}
	if rise.Len() == 0 {
		return
	}
	for _, l := range p.links {
		if !l.cross {
			r.note(MarkRaised)
			l.raise(p.number, rise.Clone())
		}
	}
	p.data.Raise(&rise)
	r.rose(p)
}
