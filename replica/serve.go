package replica

import (
	"github.com/atollcache/atoll/antientropy"
	"github.com/atollcache/atoll/crdt"
	"github.com/atollcache/atoll/planted"
	"github.com/atollcache/atoll/region"
	"github.com/atollcache/atoll/wire"
)

// onAsk serves one step of a peer's repair round. It keeps nothing between
// steps: the context of a partition is read before its content (rule W2), and
// the peer names the tenure that it began with (rule L7).
func (r *Replica) onAsk(now Time, from region.Peer, body []byte) error {
	ask, err := wire.ReadAsk(body)
	if err != nil {
		return err
	}
	a := &r.answering
	a.Reset(ask.Round, ask.Step)

	scope := ask.Contexts
	if ask.Request != nil {
		for _, part := range ask.Request.Partitions() {
			scope.Add(part)
		}
	}
	if planted.Is(planted.ContextAfterContent) {
		for _, w := range ask.Wants {
			scope.Add(w.Partition)
		}
	}
	if planted.Is(planted.RepairPingPong) {
		r.repair.peer(from.ID).checkedAt = now.Mono - r.t.RoundEvery
	}
	r.serveContexts(now, a, scope, ask.Wants)

	limit := min(int(ask.MaxBytes), r.t.AskBytes)
	if ask.Request != nil {
		reply, err := antientropy.Answer(ask.Request, r.store, antientropy.Limits{MaxBytes: limit})
		if err != nil {
			return err
		}
		a.Reply(&reply)
	}
	for _, w := range ask.Wants {
		if a.Len() >= limit {
			break
		}
		if !r.serveWant(a, w, limit) {
			break
		}
	}
	r.serveApplied(a, ask.Wants)
	if from.Region == r.cfg.Region {
		r.post(from, wire.KindAnswer, a.Append(nil))
	} else {
		r.post(from, wire.KindAnswer, a.AppendCompressed(nil))
	}
	return nil
}

// serveContexts gives the contexts of the partitions held here, and refuses the
// others. A partition that boots offers no more than it has merged, which is
// nothing at first and then what was written here (rule L9). Less would be
// wrong: what it has removed itself leaves no other trace.
func (r *Replica) serveContexts(now Time, a *wire.AnswerWriter, scope antientropy.Scope, wants []wire.Want) {
	tick := r.stamp(now)
	for part := range scope.All() {
		p := &r.parts[part]
		p.data.Lock()
		if p.holds() {
			c := wire.PartitionContext{Partition: part, Tenure: p.origin.Epoch, Ready: p.whole || planted.Is(planted.L9BootingServes), Context: *r.closed(p, tick)}
			r.serveWaiting(a, p, &c, pageOf(part, wants))
			a.Context(c)
		} else {
			a.Refuse(part)
		}
		p.data.Unlock()
	}
}

// serveWaiting adds what a partition holds only until its context covers it, of
// the same moment as the context. Once the context covers also what a tombstone
// removed, the tombstone is gone, and the context of before covers the removal
// alone: what it removed could come back. Where there is more than fits the peer
// asks for the context again, with an empty range at which to go on.
func (r *Replica) serveWaiting(a *wire.AnswerWriter, p *partition, c *wire.PartitionContext, from uint64) {
	if planted.Is(planted.L7NoTombstones) {
		return
	}
	last := from - 1
	p.data.Waiting(from, func(hash uint64, key []byte, e *crdt.Entry) bool {
		e.Awaiting(&r.piece)
		if r.piece.Empty() {
			return true
		}
		if a.Len()+len(key)+r.piece.Bytes() > maxEntry && hash != last {
			c.Partial = true
			return false
		}
		a.Entry(key, &r.piece)
		c.Waiting++
		last = hash
		return true
	})
}

// maxEntry is what fits into one message: a part that is larger, which takes one
// field with siblings of megabytes, cannot be repaired, and holds up no other
// partition than its own.
const maxEntry = 6 << 20

// serveWant adds the entries of one range, as far as they fit, tombstones and
// clear vectors included. It says whether there is room for more.
func (r *Replica) serveWant(a *wire.AnswerWriter, w wire.Want, limit int) bool {
	if int(w.Partition) >= len(r.parts) {
		return false
	}
	p := &r.parts[w.Partition]
	p.data.Lock()
	defer p.data.Unlock()
	if !p.holds() || p.origin.Epoch != w.Tenure && !planted.Is(planted.L7PeerTenure) {
		a.Refuse(w.Partition)
		a.Served(wire.Want{Partition: w.Partition, Tenure: w.Tenure, From: w.From, To: w.From}, 0)
		return true
	}
	if confirms(&w) {
		a.Served(w, 0)
		return true
	}

	before := a.Entries()
	last, cut := w.From, false
	p.data.Range(w.From, w.To, func(hash uint64, key []byte, e *crdt.Entry) bool {
		if a.Len() >= limit && hash != last {
			last, cut = hash, true
			return false
		}
		r.serveEntry(a, &w, hash, key, e, limit)
		last = hash
		return true
	})
	if cut {
		w.To = last
	}
	a.Served(w, a.Entries()-before)
	return !cut
}

// partsPerCell bounds the parts of an entry of few cells that are larger than an
// answer each: most parts would be empty, and each takes a round trip. So many
// keep two cells from falling into one part, more often than not.
const partsPerCell = 16

// serveEntry adds an entry, the part of it that is wanted, or how many parts it
// must be wanted in.
func (r *Replica) serveEntry(a *wire.AnswerWriter, w *wire.Want, hash uint64, key []byte, e *crdt.Entry, limit int) {
	size := e.Bytes()
	if w.Parts == 0 && size > limit && len(e.Cells()) > 1 {
		a.Large(wire.Large{Hash: hash, Parts: uint32(min(size/limit+1, partsPerCell*len(e.Cells()), wire.MaxParts))})
		return
	}
	if w.Parts > 0 {
		e.Part(&r.piece, w.Part, w.Parts)
		e, size = &r.piece, r.piece.Bytes()
	}
	if size > maxEntry {
		a.Refuse(w.Partition)
		r.stats.TooLarge++
		return
	}
	a.Entry(key, e)
}
