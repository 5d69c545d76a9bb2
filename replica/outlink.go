package replica

import (
	"slices"
	"sync"
	"time"

	"github.com/atollcache/atoll/antientropy"
	"github.com/atollcache/atoll/crdt"
	"github.com/atollcache/atoll/planted"
	"github.com/atollcache/atoll/region"
	"github.com/atollcache/atoll/wire"
)

// outLink is the sending end of a link: one incarnation of it (rule L1), bound
// to the boot of its receiver. When the receiver restarts, cannot join it, or
// the outbox overflows, another incarnation takes its place.
type outLink struct {
	peer  region.Peer
	cross bool          // leads to another region
	since time.Duration // when it was opened
	inc   uint64        // incarnation, ascending within this boot

	mu       sync.Mutex // guards what stands below; taken last
	seq      uint64
	entered  antientropy.Scope // partitions that it carries
	enters   []wire.Mark       // not sent yet
	raises   []wire.Mark
	box      outbox
	unacked  []sent
	flying   int           // bytes of unacked
	broken   bool          // queues nothing more, waits to be replaced
	beat     bool          // a batch must go, even an empty one
	fresh    bool          // something was queued since the last watermark
	answered bool          // something has been acknowledged
	rtt      time.Duration // of the last acknowledgement
	tries    int           // resends without an answer
	probing  bool          // only the oldest batch is repeated
	sentAt   time.Duration
	markAt   time.Duration
	heardAt  time.Duration
	againAt  time.Duration // of the last resend
	batch    wire.BatchWriter
	body     []byte // scratch
}

// sent is a batch that is not acknowledged yet.
type sent struct {
	seq     uint64
	message []byte
	at      time.Duration
	deltas  int
	waiters []*waiter
}

// maxFlying bounds the batches that wait for an acknowledgement.
const maxFlying = 256

// open starts an incarnation. The replica's lock is held.
func (r *Replica) open(now Time, to region.Peer) *outLink {
	r.links++
	l := &outLink{
		peer: to, cross: to.Region != r.cfg.Region, inc: r.links,
		box: outbox{max: r.t.OutboxBytes}, since: now.Mono, heardAt: now.Mono, markAt: now.Mono - r.t.Heartbeat,
	}
	r.out[to.ID], r.outOrder = l, nil
	r.stats.Opened++
	return l
}

// enter makes the link carry a partition from here on. The base goes with the
// next batch, before any delta that is queued from now on; the partition's lock
// is held, so nothing falls between. It overtakes the watermarks that wait, and
// those of an earlier tenure name origins of which this base says nothing: where
// an overflow has lost what they vouch for, they would be believed (rule L2). So
// they vouch for the partition no more.
func (l *outLink) enter(p *partition) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.broken {
		return
	}
	l.entered.Add(p.number)
	l.box.uncertify(p.number)
	l.enters = addMark(l.enters, p.number, p.base(l.cross))
	l.fresh = true
}

// leave takes a partition out; what was queued for it may still go.
func (l *outLink) leave(p uint16) {
	if planted.Is(planted.L1LeavingKeepsOpen) {
		return
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.entered.Remove(p)
}

// raise tells the receiver that a repair round taught this node what no link
// carried (rule L6): its own context must reach as far before it may follow the
// watermark again. Where too much of it waits, for a receiver that is silent,
// the next incarnation starts from all of it at once.
func (l *outLink) raise(p uint16, to crdt.Context) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.broken || !l.entered.Has(p) || planted.Is(planted.L6BaseNotRaised) {
		return
	}
	l.raises = addMark(l.raises, p, to)
	l.fresh = true
	if len(l.raises) > 64+4*l.entered.Len() {
		l.breakOff()
	}
}

// addMark adds a partition with its context, sharing the mark of the one before
// it if both stand at the same place.
func addMark(marks []wire.Mark, p uint16, ctx crdt.Context) []wire.Mark {
	if n := len(marks); n > 0 && marks[n-1].Context.Equal(&ctx) {
		last := &marks[n-1]
		if k := len(last.Partitions); last.Partitions[k-1] < p {
			last.Partitions = append(last.Partitions, p)
			return marks
		}
	}
	return append(marks, wire.Mark{Partitions: []uint16{p}, Context: ctx})
}

// enqueue gives a delta to a link: at once if the link is idle, else with the
// next batch. The partition's lock is held since before the delta was stamped.
func (r *Replica) enqueue(now Time, l *outLink, part uint16, hash uint64, key []byte, d *crdt.Delta, w *waiter) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.broken || !l.entered.Has(part) || planted.Is(planted.RemovalOnlyByRepair) && len(d.Cleared()) > 0 {
		return
	}
	waiting := !l.box.empty()
	if planted.Is(planted.L3QueuedLater) && waiting {
		l.box.seal([]wire.Mark{{Partitions: []uint16{part}, Context: r.parts[part].data.Context().Clone()}})
	}
	l.fresh = true
	if !l.box.add(hash, key, d, w) {
		if planted.Is(planted.L4OverflowStaysClean) {
			l.box.drop()
			return
		}
		l.breakOff()
		r.note(MarkOverflow)
		r.cfg.Wake()
		return
	}
	if l.box.joined {
		r.note(MarkCoalesced)
	}
	if l.flushDue(now, &r.t) {
		r.flush(now, l)
		return
	}
	if !waiting {
		r.cfg.Wake()
	}
}

// over says whether the incarnation has ended.
func (l *outLink) over() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.broken
}

// replaceable says whether another incarnation may follow: not at once after an
// incarnation that ended early, or a receiver that refuses would be flooded.
func (l *outLink) replaceable(now Time, t *Timing) bool { return now.Mono-l.since >= t.Heartbeat }

// breakOff ends the incarnation: what waits is dropped, and repair will mend it
// (rule L4).
func (l *outLink) breakOff() {
	l.broken = true
	l.box.drop()
	l.unacked, l.flying = nil, 0
}

// flushDue says whether what waits should go now: a full batch, or any at all
// after the linger.
func (l *outLink) flushDue(now Time, t *Timing) bool {
	return (now.Mono >= l.lingerEnd(t) || l.box.bytes >= t.BatchBytes) && !l.silent(now, t)
}

// lingerEnd is until when what waits may wait for company: longer while the
// batch before it is on its way, since then the link is not idle.
func (l *outLink) lingerEnd(t *Timing) time.Duration {
	if len(l.unacked) > 0 {
		return l.sentAt + 2*t.Linger
	}
	return l.sentAt + t.Linger
}

// hurry has the next watermark sent soon.
func (l *outLink) hurry() {
	l.mu.Lock()
	l.fresh = true
	l.mu.Unlock()
}

// flushed says whether no delta waits to arrive, or nobody answers.
func (l *outLink) flushed(now Time, t *Timing) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.broken || l.silent(now, t) {
		return true
	}
	waits := func(s sent) bool { return s.deltas > 0 }
	return l.box.empty() && !slices.ContainsFunc(l.unacked, waits)
}

// silent says whether the receiver has not been heard for three heartbeats
// though something waits for its acknowledgement.
func (l *outLink) silent(now Time, t *Timing) bool {
	return len(l.unacked) > 0 && now.Mono-max(l.heardAt, l.unacked[0].at) > 3*t.Heartbeat
}

// flush sends what waits, as far as the window allows. The link's lock is held.
func (r *Replica) flush(now Time, l *outLink) {
	for l.sendable() && len(l.unacked) < maxFlying && l.flying < r.t.WindowBytes {
		l.seq++
		b := &l.batch
		b.Reset(l.inc, l.seq, l.peer.Boot, int64(now.Mono))
		waiters := l.pack(b, r.t.BatchBytes)
		l.writeBody(b)
		s := sent{seq: l.seq, message: r.seal(wire.KindBatch, l.body), at: now.Mono, deltas: b.Deltas(), waiters: waiters}
		l.unacked = append(l.unacked, s)
		l.flying += len(s.message)
		l.beat, l.sentAt = false, now.Mono
		r.queue(Packet{Region: l.peer.Region, Name: l.peer.Name, Kind: wire.KindBatch, Payload: s.message})
	}
}

// writeBody writes the bytes of a batch. Between regions they are dear enough to
// be compressed where that pays.
func (l *outLink) writeBody(b *wire.BatchWriter) {
	if l.cross {
		l.body = b.AppendCompressed(l.body[:0])
	} else {
		l.body = b.Append(l.body[:0])
	}
}

func (l *outLink) sendable() bool {
	return !l.broken && (l.beat || len(l.enters)+len(l.raises) > 0 || !l.box.empty())
}

// pack fills a batch: first where partitions enter and bases rise, then deltas.
func (l *outLink) pack(b *wire.BatchWriter, limit int) []*waiter {
	for n := 0; len(l.enters) > 0 && (n == 0 || b.Len() < limit); n++ {
		b.Enter(l.enters[0])
		l.enters = l.enters[1:]
	}
	for n := 0; len(l.raises) > 0 && (n == 0 || b.Len() < limit); n++ {
		b.Raise(l.raises[0])
		l.raises = l.raises[1:]
	}
	if len(l.enters)+len(l.raises) > 0 {
		return nil
	}
	return l.box.fill(b, limit)
}

// mark captures the watermark of a link and seals its outbox under it (rule
// L3). Each partition's lock is taken once, so whatever was stamped up to the
// tick has been queued by then. A partition that boots is left out (rule L9).
func (r *Replica) mark(now Time, l *outLink) {
	tick := r.stamp(now)
	marks := r.marking[:0]
	for part := range l.entered.All() {
		p := &r.parts[part]
		p.data.Lock()
		if p.state == ready || planted.Is(planted.L9BootingCertifies) && p.state == booting {
			marks = r.markOne(marks, p, l.cross, tick)
		}
		p.data.Unlock()
	}

	r.marking = marks
	l.mu.Lock()
	defer l.mu.Unlock()
	l.box.seal(marks)
	l.beat, l.fresh, l.markAt = true, false, now.Mono
	r.flush(now, l)
}

// markOne adds the watermark of one partition. Partitions that stand at the
// same place share a mark, and mostly all do.
func (r *Replica) markOne(marks []wire.Mark, p *partition, cross bool, tick crdt.Stamp) []wire.Mark {
	own := crdt.Dot{Stamp: tick, Origin: p.origin}
	ctx := r.closed(p, tick)
	if cross && !planted.Is(planted.L5CrossCertifiesAll) {
		r.rise.Reset()
		r.rise.Raise(own)
		ctx = &r.rise
	}
	for i := range marks {
		if sameBut(&marks[i].Context, ctx, own) {
			marks[i].Partitions = append(marks[i].Partitions, p.number)
			return marks
		}
	}
	one := [1]uint16{p.number}
	marks = wire.AppendMarks(marks, []wire.Mark{{Partitions: one[:], Context: *ctx}})
	marks[len(marks)-1].Context.Lower(crdt.Dot{Stamp: tick + 1, Origin: p.origin})
	return marks
}

// sameBut says whether a equals b when the origin of own counts at its stamp.
func sameBut(a, b *crdt.Context, own crdt.Dot) bool {
	x, y := a.Dots(), b.Dots()
	if len(x) != len(y) {
		return false
	}
	for i := range x {
		same := x[i].Stamp == y[i].Stamp || y[i].Origin == own.Origin && x[i].Stamp == own.Stamp
		if !same || x[i].Origin != y[i].Origin {
			return false
		}
	}
	return true
}

// drive sends what is due on a link and gives when it wants to be driven again.
func (r *Replica) drive(now Time, l *outLink) time.Duration {
	l.mu.Lock()
	due := l.markDue(&r.t)
	crowded := len(l.box.gens) > 2 || len(l.unacked) >= maxFlying || l.silent(now, &r.t)
	crowded = crowded || planted.Is(planted.FlushStuck) && l.box.bytes > 0
	l.mu.Unlock()
	if due <= now.Mono && !crowded {
		r.mark(now, l)
	}

	l.mu.Lock()
	defer l.mu.Unlock()
	if l.broken {
		return now.Mono
	}
	r.resend(now, l)
	next := l.markDue(&r.t)
	if crowded || next <= now.Mono {
		next = now.Mono + r.t.Watermark
	}
	if planted.Is(planted.FlushStuck) && l.box.bytes > 0 {
		return next
	}
	switch {
	case l.flushDue(now, &r.t):
		r.flush(now, l)
	case l.sendable() && !l.silent(now, &r.t): // a silent link waits for an acknowledgement, not for time
		next = min(next, l.lingerEnd(&r.t))
	}
	if len(l.unacked) > 0 {
		next = min(next, l.resendAt(&r.t))
	}
	return next
}

// markDue is when the next watermark should go: soon after something was
// queued, else as a heartbeat.
func (l *outLink) markDue(t *Timing) time.Duration {
	if l.fresh {
		return l.markAt + t.Watermark
	}
	return l.markAt + t.Heartbeat
}
