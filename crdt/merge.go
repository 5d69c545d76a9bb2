package crdt

import (
	"slices"

	"github.com/atollcache/atoll/planted"
)

// Merge joins a delta, or any other state of the same key, into e, and says
// whether e changed. What is absent here and covered by ctx was seen and
// removed, and stays away; what ctx covers of removals takes effect and leaves
// no trace. Merge keeps the Value slices of d.
//
// A nil ctx gates nothing and keeps every tombstone: this is how deltas that
// wait for the same peer are joined to one.
func (e *Entry) Merge(d *Entry, ctx *Context, t *Tally) bool {
	m := merge{e: e, ctx: ctx, gate: ctx, t: t}
	return m.entry(d)
}

// Write merges a delta that this replica has just stamped itself, so that the
// context already covers what is new in it.
func (e *Entry) Write(d *Entry, ctx *Context, t *Tally) bool {
	m := merge{e: e, ctx: ctx, t: t}
	return m.entry(d)
}

// Strip lets go what ctx has come to cover: tombstones, stamps of the clear
// vector, extensions whose value is gone. It says whether anything went.
func (e *Entry) Strip(ctx *Context, t *Tally) bool {
	m := merge{e: e, ctx: ctx, t: t}
	stamps, bytes, missed := len(e.cleared), t.Bytes, e.missed(t)
	e.cleared = slices.DeleteFunc(e.cleared, ctx.Covers)

	left := e.pending[:0]
	for _, n := range e.pending {
		c := e.Cell(n.kind, n.name)
		m.name = nameHash(c)
		m.strip(c)
		c.pending = c.unsettled()
		if c.pending {
			left = append(left, n)
		}
		if c.empty() {
			m.dropCell(c)
		}
	}
	e.pending = left
	t.Digest += e.missed(t) - missed
	return len(e.cleared) != stamps || t.Bytes != bytes
}

// merge is one run of Merge.
type merge struct {
	e       *Entry
	ctx     *Context // what lets tombstones go; nil keeps them all
	gate    *Context // what keeps seen and removed slots away; nil lets all in
	t       *Tally
	name    uint64 // hash of the cell in work
	changed bool
}

func (m *merge) entry(d *Entry) bool {
	missed := m.e.missed(m.t)
	for _, k := range d.cleared {
		m.clear(k)
	}
	for i := range d.cells {
		m.cell(&d.cells[i])
	}
	m.t.Digest += m.e.missed(m.t) - missed
	return m.changed
}

// clear kills the slots of one origin up to a stamp, in every cell.
func (m *merge) clear(k Dot) {
	if m.ctx == nil || !m.ctx.Covers(k) {
		if m.e.PutCleared(k) {
			m.changed = true
		}
	}
	for i := len(m.e.cells) - 1; i >= 0; i-- { // from the end: a cell that empties goes
		c := &m.e.cells[i]
		s := c.slot(k.Origin)
		if s != nil && s.Stamp > k.Stamp {
			s = nil
		}
		if s == nil && len(c.Extensions) == 0 {
			continue
		}
		was := c.live()
		m.name = nameHash(c)
		if s != nil {
			m.dropSlot(c, s)
		}
		m.finish(c, was) // lets extensions go, also those whose value never came
	}
}

func (m *merge) cell(d *Cell) {
	n := len(m.e.cells)
	c := m.e.PutCell(d.Kind, d.Name)
	if len(m.e.cells) > n {
		m.t.Bytes += cellBytes + len(c.Name)
	}
	was := c.live()
	m.name = nameHash(c)
	for i := range d.Slots {
		m.slot(c, &d.Slots[i])
	}
	for i := range d.Extensions {
		m.extension(c, &d.Extensions[i])
	}
	for i := range d.Bases {
		m.base(c, &d.Bases[i])
	}
	for i := range d.Counts {
		m.count(c, &d.Counts[i])
	}
	m.finish(c, was)
}

// finish keeps the books of the entry after c has changed.
func (m *merge) finish(c *Cell, was bool) {
	m.strip(c)
	switch is := c.live(); {
	case is && !was:
		m.e.live[c.Kind]++
	case was && !is:
		m.e.live[c.Kind]--
	}
	m.e.await(c)
	if c.empty() {
		m.dropCell(c)
	}
}

func (m *merge) slot(c *Cell, x *Slot) {
	if x.Stamp <= m.e.clearedAt(x.Origin) {
		return
	}
	l := c.slot(x.Origin)
	switch {
	case l == nil && m.seen(x.Dot):
		return
	case l == nil && x.Dead && m.ctx != nil && m.ctx.Covers(x.Dot):
		return
	case l != nil && !x.above(l):
		return
	case planted.Is(planted.LWWTie) && !x.Dead && c.Value() != nil && c.Value().Stamp == x.Stamp:
		return
	}

	if planted.Is(planted.DeadlineRestarts) && m.gate != nil && x.Deadline != 0 {
		x.Deadline += x.Deadline - x.Stamp.Millis()
	}
	m.changed = true
	if l != nil {
		m.t.slot(m.name, l, -1)
		m.e.stubs -= l.stub()
	}
	m.t.slot(m.name, x, 1)
	m.e.stubs += x.stub()
	c.putSlot(*x)
	if planted.Is(planted.LWWArrivalOrder) && !x.Dead && c.Value().Stamp > x.Stamp {
		m.dropSlot(c, c.Value())
	}
}

func (m *merge) extension(c *Cell, x *Extension) {
	l := c.extension(x.Origin, x.Of)
	switch {
	case l == nil && m.seen(x.Dot):
		return
	case l == nil && x.Dead && m.ctx != nil && m.ctx.Covers(x.Dot):
		return
	case l == nil && m.gone(c, x.Of):
		return
	case l != nil && (l.Stamp > x.Stamp || l.Stamp == x.Stamp && (l.Dead || !x.Dead)):
		return
	}

	m.changed = true
	if l != nil {
		m.t.extension(m.name, l, -1)
	}
	m.t.extension(m.name, x, 1)
	c.putExtension(*x)
}

func (m *merge) base(c *Cell, x *Base) {
	l := c.base(x.Origin)
	if l == nil && m.seen(x.Reset) || l != nil && !x.above(l) {
		return
	}
	if n := c.count(x.Origin); n != nil && (n.Dead && x.Seen <= n.Stamp || n.outlives(x)) {
		return
	}
	m.changed = true
	if l != nil {
		m.t.base(m.name, l, -1)
	}
	m.t.base(m.name, x, 1)
	c.putBase(*x)
	if n := c.count(x.Origin); n != nil && x.Seen >= n.Stamp {
		m.dropCount(c, n)
	}
}

func (m *merge) count(c *Cell, x *Count) {
	l := c.count(x.Origin)
	if x.Dead {
		m.deadCount(c, l, x)
		return
	}
	if b := c.base(x.Origin); b != nil && b.Seen >= x.Stamp {
		return
	}
	if planted.Is(planted.DuplicateNotIdempotent) && l != nil && l.Dot == x.Dot && m.gate != nil {
		l.Sum, m.changed = l.Sum.Plus(x.Sum), true
	}
	if l == nil && m.seen(x.Dot) || l != nil && l.Stamp >= x.Stamp && !(planted.Is(planted.CounterLastNotMax) && l.Stamp > x.Stamp) {
		return
	}

	m.changed = true
	if l != nil {
		m.t.count(m.name, l, -1)
	}
	m.t.count(m.name, x, 1)
	c.putCount(*x)
	if b := c.base(x.Origin); b != nil && x.outlives(b) {
		m.dropBase(c, b)
	}
}

// deadCount removes a count, and the base under it, that a peer saw and has no
// more. It leaves no tombstone, but one that waits in an outbox must travel on.
func (m *merge) deadCount(c *Cell, l, x *Count) {
	b := c.base(x.Origin)
	if b != nil && b.Seen > x.Stamp {
		return // a later reset speaks for it
	}
	if l != nil && (l.Stamp < x.Stamp || l.Stamp == x.Stamp && !l.Dead) {
		m.dropCount(c, l)
	}
	if b != nil && c.settled(b) {
		m.dropBase(c, b)
	}
	if old := c.count(x.Origin); m.ctx == nil && old == nil {
		m.changed = true
		m.t.count(m.name, x, 1)
		c.putCount(*x)
	}
}

// seen says whether a slot that is absent here was seen and removed.
func (m *merge) seen(d Dot) bool { return m.gate != nil && m.gate.Covers(d) }

// gone says whether the slot with dot d, in this cell, is known to be dead.
func (m *merge) gone(c *Cell, d Dot) bool {
	if s := c.slot(d.Origin); s != nil && s.Stamp >= d.Stamp {
		return s.Stamp > d.Stamp || s.Dead
	}
	return d.Stamp <= m.e.clearedAt(d.Origin) || m.ctx != nil && m.ctx.Covers(d)
}

// strip lets go the tombstones of a cell that the context covers, and the
// extensions whose value is gone.
func (m *merge) strip(c *Cell) {
	for i := len(c.Slots) - 1; i >= 0; i-- {
		if s := &c.Slots[i]; s.Dead && m.ctx != nil && m.ctx.Covers(s.Dot) {
			m.dropSlot(c, s)
		}
	}
	for i := len(c.Extensions) - 1; i >= 0; i-- {
		x := &c.Extensions[i]
		if m.gone(c, x.Of) || x.Dead && m.ctx != nil && m.ctx.Covers(x.Dot) {
			m.dropExtension(c, i)
		}
	}
}

func (m *merge) dropCell(c *Cell) {
	m.t.Bytes -= cellBytes + len(c.Name)
	m.e.dropCell(c)
}

func (m *merge) dropSlot(c *Cell, s *Slot) {
	m.changed = m.changed || !s.Dead
	m.t.slot(m.name, s, -1)
	m.e.stubs -= s.stub()
	i := slices.IndexFunc(c.Slots, func(o Slot) bool { return o.Origin == s.Origin })
	c.Slots = slices.Delete(c.Slots, i, i+1)
}

func (m *merge) dropExtension(c *Cell, i int) {
	m.changed = true
	m.t.extension(m.name, &c.Extensions[i], -1)
	c.Extensions = slices.Delete(c.Extensions, i, i+1)
}

func (m *merge) dropCount(c *Cell, n *Count) {
	m.changed = true
	m.t.count(m.name, n, -1)
	i := slices.IndexFunc(c.Counts, func(o Count) bool { return o.Origin == n.Origin })
	c.Counts = slices.Delete(c.Counts, i, i+1)
}

func (m *merge) dropBase(c *Cell, b *Base) {
	m.changed = true
	m.t.base(m.name, b, -1)
	i := slices.IndexFunc(c.Bases, func(o Base) bool { return o.Origin == b.Origin })
	c.Bases = slices.Delete(c.Bases, i, i+1)
}
