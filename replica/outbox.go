package replica

import (
	"bytes"
	"fmt"
	"slices"

	"github.com/atollcache/atoll/crdt"
	"github.com/atollcache/atoll/planted"
	"github.com/atollcache/atoll/wire"
)

// outbox holds the deltas that wait for one link, coalesced by key and bounded
// in bytes. It is a queue of generations: coalescing stays within one, and a
// sealed generation carries the watermark of the moment of sealing, which goes
// with the batch that empties it (rule L3). Records are encoded deltas in one
// buffer per generation, so a waiting delta costs no allocation.
type outbox struct {
	max   int
	bytes int
	gens  []*generation // the last one is open
	spare *generation

	merged crdt.Delta // scratch
	joined bool       // the last delta found company
}

type generation struct {
	buf     []byte
	records []record
	next    int            // the first record that has not been sent
	garbage int            // bytes of records that were coalesced away
	index   map[uint64]int // key hash -> record
	actors  crdt.Actors
	sealed  bool
	marks   []wire.Mark
}

// record is one waiting delta: key and encoded delta in the buffer.
type record struct {
	hash    uint64
	off     int
	key     int // length of the key
	size    int // of key and delta
	dead    bool
	waiters []*waiter
}

// maxJoined is the size up to which deltas of a collection are coalesced. Beyond
// it each joining would cost more than it saves: deltas that are not coalesced
// go one after the other.
const maxJoined = 4 << 10

// joins says whether a delta should be coalesced with record i: of a string
// always, since the later value takes the place of the earlier.
func (g *generation) joins(i int, d *crdt.Delta) bool {
	return g.records[i].size <= maxJoined || d.Cell(crdt.String, "") != nil
}

// recordBytes is what a record costs beside its encoding.
const recordBytes = 96

// add queues a delta, and says whether the outbox is within its bound. If it is
// not, all of it must be dropped.
func (o *outbox) add(hash uint64, key []byte, d *crdt.Delta, w *waiter) bool {
	g := o.open()
	var waiters []*waiter
	o.joined = false
	from := g
	if planted.Is(planted.L3CoalesceAcross) {
		from = o.gens[0]
	}
	if i, ok := from.index[hash]; ok && from.holds(i, key) && from.joins(i, d) {
		old := &from.records[i]
		o.read(from, old)
		o.merged.Coalesce(d)
		o.joined = true
		d, waiters = &o.merged, unanswered(old.waiters)
		old.dead, old.waiters = true, nil
		from.garbage += old.size
		o.bytes -= recordBytes
	}
	if w != nil {
		waiters = append(waiters, w)
	}

	was := len(g.buf)
	g.buf = append(g.buf, key...)
	g.buf = crdt.AppendDelta(g.buf, d, &g.actors, 0)
	size := len(g.buf) - was
	g.index[hash] = len(g.records)
	g.records = append(g.records, record{hash: hash, off: was, key: len(key), size: size, waiters: waiters})
	o.bytes += size + recordBytes
	if g.garbage > 64<<10 && g.garbage > len(g.buf)/2 {
		o.bytes -= g.compact()
	}
	return o.bytes <= o.max
}

// unanswered drops those whose time is up from a list that is about to grow: a
// key may stay hot for as long as a cut lasts.
func unanswered(ws []*waiter) []*waiter {
	if len(ws) < cap(ws) {
		return ws
	}
	return slices.DeleteFunc(ws, (*waiter).over)
}

// read decodes a waiting delta into the scratch. What was encoded here can be
// read.
func (o *outbox) read(g *generation, rec *record) {
	if _, err := crdt.DecodeDelta(g.delta(rec), &o.merged, &g.actors, 0, peerLimits); err != nil {
		panic(fmt.Sprintf("replica: a delta of %d bytes in an outbox: %v", rec.size-rec.key, err))
	}
}

// open gives the generation that takes new deltas.
func (o *outbox) open() *generation {
	if n := len(o.gens); n > 0 && !o.gens[n-1].sealed {
		return o.gens[n-1]
	}
	g := o.spare
	o.spare = nil
	if g == nil {
		g = &generation{index: map[uint64]int{}}
	}
	o.gens = append(o.gens, g)
	return g
}

// seal closes the open generation under the watermark that was captured before.
// It copies the marks.
func (o *outbox) seal(marks []wire.Mark) {
	g := o.open()
	g.sealed, g.marks = true, wire.AppendMarks(g.marks[:0], marks)
}

// empty says whether nothing waits, not even a watermark.
func (o *outbox) empty() bool {
	return len(o.gens) == 0 || len(o.gens) == 1 && !o.gens[0].sealed && o.gens[0].next == len(o.gens[0].records)
}

// fill moves deltas into a batch until it has limit bytes or carries a
// watermark, and gives those who wait for them.
func (o *outbox) fill(b *wire.BatchWriter, limit int) []*waiter {
	var waiters []*waiter
	for len(o.gens) > 0 {
		g := o.gens[0]
		for g.next < len(g.records) {
			rec := &g.records[g.next]
			if !rec.dead {
				if b.Deltas() > 0 && b.Len()+rec.size > limit {
					if planted.Is(planted.L3WatermarkOnAnyBatch) {
						g.certify(b)
					}
					return waiters
				}
				o.read(g, rec)
				b.Delta(g.buf[rec.off:rec.off+rec.key], &o.merged)
				waiters = append(waiters, rec.waiters...)
				rec.dead, rec.waiters = true, nil
				o.bytes -= recordBytes
				g.garbage += rec.size
			}
			g.next++
		}
		sealed := g.sealed
		g.certify(b)
		if !planted.Is(planted.OutboxLeak) {
			o.bytes -= len(g.buf)
		}
		o.gens = slices.Delete(o.gens, 0, 1)
		g.reset()
		o.spare = g
		if sealed {
			return waiters
		}
	}
	return waiters
}

// certify adds the watermark of a sealed generation.
func (g *generation) certify(b *wire.BatchWriter) {
	for _, m := range g.marks {
		b.Watermark(m)
	}
}

// uncertify takes a partition out of the watermarks that wait. They are copies,
// which nobody else reads.
func (o *outbox) uncertify(part uint16) {
	for _, g := range o.gens {
		for i := range g.marks {
			m := &g.marks[i]
			m.Partitions = slices.DeleteFunc(m.Partitions, func(p uint16) bool { return p == part })
		}
		g.marks = slices.DeleteFunc(g.marks, func(m wire.Mark) bool { return len(m.Partitions) == 0 })
	}
}

// drop forgets everything that waits.
func (o *outbox) drop() {
	o.gens, o.bytes = nil, 0
}

func (g *generation) reset() {
	clear(g.index)
	g.buf, g.records, g.next, g.garbage = g.buf[:0], g.records[:0], 0, 0
	g.actors.Reset()
	g.sealed, g.marks = false, g.marks[:0]
	if cap(g.buf) > 1<<20 { // after a cut: give the memory back
		g.buf, g.records, g.index = nil, nil, map[uint64]int{}
	}
}

// holds says whether record i still waits and is of that key.
func (g *generation) holds(i int, key []byte) bool {
	rec := &g.records[i]
	return !rec.dead && bytes.Equal(g.buf[rec.off:rec.off+rec.key], key)
}

func (g *generation) delta(rec *record) []byte {
	return g.buf[rec.off+rec.key : rec.off+rec.size]
}

// compact drops the dead records and gives the bytes that it freed.
func (g *generation) compact() int {
	before := len(g.buf)
	buf := make([]byte, 0, before-g.garbage)
	live := g.records[:0]
	clear(g.index)
	for _, rec := range g.records {
		if rec.dead {
			continue
		}
		at := len(buf)
		buf = append(buf, g.buf[rec.off:rec.off+rec.size]...)
		rec.off = at
		g.index[rec.hash] = len(live)
		live = append(live, rec)
	}
	g.buf, g.records, g.next, g.garbage = buf, live, 0, 0
	return before - len(buf)
}
