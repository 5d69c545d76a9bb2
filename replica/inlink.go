package replica

import (
	"time"

	"github.com/atollcache/atoll/antientropy"
	"github.com/atollcache/atoll/crdt"
	"github.com/atollcache/atoll/planted"
	"github.com/atollcache/atoll/region"
	"github.com/atollcache/atoll/store"
	"github.com/atollcache/atoll/wire"
)

// inLink is the receiving end of a link. Deltas are merged whenever they come;
// what a link certifies, its watermarks, is taken only in the order of its
// sequence numbers, from the first one of an incarnation on (rule L1).
type inLink struct {
	boot    uint64 // of the sender
	inc     uint64
	expect  uint64 // the next sequence number
	ahead   map[uint64]certificate
	refused bool // a delta was not taken: this incarnation certifies nothing
	bound   map[uint16]*binding
	stuck   antientropy.Scope // partitions whose context is below the base
	ready   antientropy.Scope // partitions that the sender holds in full
	want    antientropy.Scope // partitions that should be entered anew
	heardAt time.Duration
	behind  bool // was silent, and has not brought a watermark since
}

// certificate is what a batch says beside its deltas.
type certificate struct {
	enters, raises, watermark []wire.Mark
	tenures                   uint64 // gained and dropped here so far, when its deltas were merged
}

// clone copies what lies in the memory of the batch.
func (c *certificate) clone() certificate {
	return certificate{wire.CloneMarks(c.enters), wire.CloneMarks(c.raises), wire.CloneMarks(c.watermark), c.tenures}
}

// binding ties an incarnation to the tenure of a partition here. The watermark
// of an origin counts only while the context stands at the base or above (rule
// L2).
type binding struct {
	tenure uint64
	base   crdt.Context
}

// maxAhead bounds the batches that are remembered behind a gap.
const maxAhead = 2 * maxFlying

// onBatch merges what a peer sent and acknowledges it.
func (r *Replica) onBatch(now Time, from region.Peer, boot uint64, body []byte) error {
	b := &r.reading
	if err := b.Read(body, peerLimits); err != nil {
		return err
	}
	if len(body) > maxKeptBatch {
		defer func() { r.reading = wire.BatchReader{} }()
	}
	l := r.receiving(now, from.ID, boot, b)
	taken, err := r.mergeBatch(now, from, b)
	if err != nil {
		return err
	}
	if l == nil {
		r.acknowledge(now, from, b, &inLink{refused: true})
		return nil
	}
	if l.boot != boot || l.inc != b.Link {
		return nil // of an incarnation that is over
	}

	r.resume(now, l)
	l.refused = l.refused || !taken && !planted.Is(planted.W4LinkCertifiesSkipped)
	if !l.refused {
		r.accept(now, from, l, b)
	}
	r.acknowledge(now, from, b, l)
	return nil
}

// maxKeptBatch is up to which size of a batch the memory into which it was read
// is kept for the next.
const maxKeptBatch = 256 << 10

// receiving gives the receiving end that a batch belongs to, a new one if the
// batch opens an incarnation, nil if it is meant for an earlier boot of this
// node.
func (r *Replica) receiving(now Time, from, boot uint64, b *wire.BatchReader) *inLink {
	l := r.in[from]
	if b.Receiver != r.cfg.Boot && !planted.Is(planted.L1OtherBoot) {
		return nil
	}
	if l == nil || boot > l.boot || boot == l.boot && b.Link > l.inc {
		l = &inLink{boot: boot, inc: b.Link, expect: 1, heardAt: now.Mono, ahead: map[uint64]certificate{}, bound: map[uint16]*binding{}}
		r.in[from] = l
		if planted.Is(planted.L1JoinedAnywhere) || planted.Is(planted.L1OtherBoot) && b.Receiver != r.cfg.Boot {
			l.expect = b.Seq
		}
	}
	return l
}

// mergeBatch applies the deltas of a batch. It says whether all were taken: one
// that was not must not be certified (rule W4).
func (r *Replica) mergeBatch(now Time, from region.Peer, b *wire.BatchReader) (bool, error) {
	if b.Left() > 1 { // else there is nothing that could be applied before an error
		if err := r.readable(b); err != nil {
			return false, err
		}
		b.Rewind()
	}
	var key []byte
	d := &r.incoming
	taken := true
	for {
		more, err := b.Next(&key, d)
		if err != nil {
			return false, err
		}
		if !more {
			return taken, nil
		}
		if from.Region != r.cfg.Region && !stampedBy(d, from.ID) {
			r.stats.Refused++
			taken = false
			continue
		}
		hash := store.Hash(key)
		p := r.partitionOf(hash)
		p.data.Lock()
		switch {
		case !p.holds() && !r.gain(p, leaving, now): // a guest: stored, and handed to its owners
			r.stats.Refused++
			taken = false
		case !r.absorb(now, p, hash, key, d, from, false):
			r.stats.Future++
			taken = false
		}
		p.data.Unlock()
	}
}

// readable reads all of a batch, so that of one with an error nothing is
// applied.
func (r *Replica) readable(b *wire.BatchReader) error {
	var key []byte
	for {
		if more, err := b.Next(&key, &r.incoming); err != nil || !more {
			return err
		}
	}
}

// stampedBy says whether everything that a delta writes is stamped by one node:
// a link to another region carries only what its sender stamped (rule L5). What
// a delta removes may be of anybody.
func stampedBy(d *crdt.Delta, node uint64) bool {
	own := true
	for _, op := range d.Ops {
		own = own && op.Origin.Node == node
	}
	cells := d.Cells()
	for i := range cells {
		c := &cells[i]
		for _, s := range c.Slots {
			own = own && (s.Dead || s.Origin.Node == node)
		}
		for _, x := range c.Extensions {
			own = own && (x.Dead || x.Origin.Node == node)
		}
		for _, n := range c.Counts {
			own = own && n.Origin.Node == node
		}
		for _, b := range c.Bases {
			own = own && b.Reset.Origin.Node == node
		}
	}
	return own
}

// accept takes the certificates in order.
func (r *Replica) accept(now Time, from region.Peer, l *inLink, b *wire.BatchReader) {
	c := certificate{b.Enters, b.Raises, b.Watermark, r.tenures.Load()}
	if planted.Is(planted.L3WatermarkOverGap) && b.Seq > l.expect {
		l.expect = b.Seq
	}
	switch {
	case b.Seq < l.expect:
		return
	case b.Seq > l.expect:
		r.note(MarkGap)
		if len(l.ahead) < maxAhead {
			l.ahead[b.Seq] = c.clone()
		}
		return
	}
	for {
		r.adopt(now, from, l, &c)
		l.expect++
		next, ok := l.ahead[l.expect]
		if !ok {
			return
		}
		delete(l.ahead, l.expect)
		if c = next; c.tenures != r.tenures.Load() {
			l.refused = true // its deltas went to a tenure that is over
			return
		}
	}
}

func (r *Replica) adopt(now Time, from region.Peer, l *inLink, c *certificate) {
	for i := range c.enters {
		r.bind(l, &c.enters[i])
	}
	for i := range c.raises {
		for _, part := range c.raises[i].Partitions {
			if bd := l.bound[part]; bd != nil {
				bd.base.Join(&c.raises[i].Context)
			}
		}
	}
	if len(c.watermark) > 0 {
		l.behind = false
	}
	for i := range c.watermark {
		r.follow(now, from, l, &c.watermark[i])
	}
}

// bind ties the link to the tenures that its partitions have here now.
func (r *Replica) bind(l *inLink, m *wire.Mark) {
	for _, part := range m.Partitions {
		p := &r.parts[part]
		p.data.Lock()
		if p.holds() {
			l.bound[part] = &binding{tenure: p.origin.Epoch, base: m.Context.Clone()}
		}
		p.data.Unlock()
	}
}

// follow raises contexts to a watermark, each origin only from its base on.
func (r *Replica) follow(now Time, from region.Peer, l *inLink, m *wire.Mark) {
	for _, part := range m.Partitions {
		p := &r.parts[part]
		p.data.Lock()
		if len(p.moved) > 0 && from.Region == r.cfg.Region {
			r.covered(p, from, &m.Context)
		}
		bd := l.bound[part]
		if bd == nil && (planted.Is(planted.L1JoinedAnywhere) || planted.Is(planted.L1OtherBoot)) {
			bd = &binding{tenure: p.origin.Epoch}
		}
		switch {
		case !p.holds():
			l.stuck.Remove(part)
		case bd == nil || bd.tenure != p.origin.Epoch && !planted.Is(planted.L1OtherTenure):
			l.want.Add(part)
		default:
			r.knowReady(l, part)
			if r.followOne(now, p, bd, from, &m.Context) {
				l.stuck.Remove(part)
			} else if !l.stuck.Has(part) {
				l.stuck.Add(part)
				r.note(MarkStuck)
				r.cfg.Wake() // for a round
			}
		}
		p.data.Unlock()
	}
}

// knowReady notes that the sender holds all of a partition, for which commands
// may wait.
func (r *Replica) knowReady(l *inLink, part uint16) {
	if len(r.held) > 0 && !l.ready.Has(part) {
		r.cfg.Wake()
	}
	l.ready.Add(part)
}

// followOne says whether the context stands at the base for every origin. The
// lock of the partition is held.
func (r *Replica) followOne(now Time, p *partition, bd *binding, from region.Peer, mark *crdt.Context) bool {
	rise, level := &r.rise, true
	rise.Reset()
	v, horizon := p.data.Context(), r.horizon(now)
	for _, d := range mark.Dots() {
		foreign := from.Region != r.cfg.Region && d.Origin.Node != from.ID && !planted.Is(planted.L5CrossCertifiesAll)
		if d.Origin == p.origin || foreign || d.Stamp > horizon {
			continue
		}
		at := v.At(d.Origin)
		if at < bd.base.At(d.Origin) {
			level = false
			continue
		}
		if d.Stamp > at {
			rise.Raise(d)
			r.clock.Observe(d.Stamp)
		}
	}
	if rise.Len() > 0 {
		p.data.Raise(rise)
		r.rose(p)
	}
	return level
}

// acknowledge tells the sender how far its batches have come.
func (r *Replica) acknowledge(now Time, to region.Peer, b *wire.BatchReader, l *inLink) {
	a := wire.Ack{Link: b.Link, Boot: r.cfg.Boot, Sent: b.Sent, Wall: max(now.Wall, 0), Missing: l.refused}
	if !l.refused {
		a.Seq = l.expect - 1
		for part := range l.want.All() {
			a.Want = append(a.Want, part)
		}
		l.want = antientropy.Scope{}
	}
	r.body = a.Append(r.body[:0])
	r.post(to, wire.KindAck, r.body)
}

// peerLimits bounds what is read from peers. Writes are held to the limits of
// the node that takes them, which need not be ours: were its deltas refused here
// its link would never get on. The size of a message bounds what is in it.
var peerLimits = crdt.Limits{MaxKey: 1 << 30, MaxName: 1 << 30, MaxValue: 1 << 30, MaxCells: 1 << 30}
