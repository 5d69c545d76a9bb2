package crdt

import "github.com/atollcache/atoll/planted"

// Delta is a small state: what one or more operations on one key changed. Its
// causal context covers only what is inside it; merging it never teaches an
// absence.
//
// The mutators build a delta from what an entry shows. They kill exactly what
// they observe: a write that this replica has not seen survives them. Of what an
// earlier call put into the same delta they see nothing, but a second Put into a
// cell by one operation replaces the first, and an Add after an Add goes on.
type Delta struct {
	Entry
	Ops []Dot // the operations inside, the highest stamp of each origin
}

// Reset empties d and keeps its memory.
func (d *Delta) Reset() {
	d.Entry.Reset()
	d.Ops = d.Ops[:0]
}

// Empty says whether the delta would change nothing anywhere.
func (d *Delta) Empty() bool { return d.Entry.Empty() }

// Operation notes that the operation with that dot is inside.
func (d *Delta) Operation(op Dot) {
	for i := range d.Ops {
		if d.Ops[i].Origin == op.Origin {
			d.Ops[i].Stamp = max(d.Ops[i].Stamp, op.Stamp)
			return
		}
	}
	d.Ops = append(d.Ops, op)
}

// Coalesce joins another delta of the same key into d, as an outbox does. It
// keeps what either of them killed.
func (d *Delta) Coalesce(o *Delta) {
	if planted.Is(planted.L4CoalesceForgetsKills) && d.Pending() {
		d.Reset()
	}
	var t Tally
	d.Merge(&o.Entry, nil, &t)
	for _, op := range o.Ops {
		d.Operation(op)
	}
}

// Put writes a register: value and deadline replace what e shows in that cell,
// increments included.
func (d *Delta) Put(e *Entry, kind Kind, name string, value []byte, deadline int64, op Dot) {
	d.Remove(e, kind, name, op)
	d.put(kind, name, Slot{Dot: op, Deadline: deadline, Value: value})
}

// Add increments a counter. The own count goes on where it is, in d or in e; a
// fresh one remembers its birth, so that an older reset does not touch it.
func (d *Delta) Add(e *Entry, kind Kind, name string, by Sum, op Dot) {
	d.Operation(op)
	c := d.PutCell(kind, name)
	n := Count{Birth: op.Stamp}
	if own := c.count(op.Origin); own != nil {
		n = *own
	} else if own := e.count(kind, name, op.Origin); own != nil {
		if b := c.base(op.Origin); b == nil || b.Seen < own.Stamp {
			n = *own
		}
	}
	if planted.Is(planted.CounterWithoutBirth) {
		n.Birth = 1
	}
	n.Dot, n.Sum = op, n.Sum.Plus(by)

	var t Tally
	m := merge{e: &d.Entry, t: &t}
	was := c.live()
	c.putCount(n)
	m.finish(c, was)
}

// Remove takes away what e shows in one cell: each register slot by its dot,
// each count by a base.
func (d *Delta) Remove(e *Entry, kind Kind, name string, op Dot) {
	d.Operation(op)
	c := e.Cell(kind, name)
	if c == nil {
		return
	}
	for i := range c.Slots {
		if s := &c.Slots[i]; !s.Dead {
			d.put(kind, name, Slot{Dot: s.Dot, Dead: true})
		}
	}
	d.resetCounts(c, op)
}

// Clear takes away everything that e holds, whatever is in it, in a size that
// grows with the origins and not with the fields: up to the context by a vector
// of stamps, above it slot by slot, so that a field which is older than a slot
// seen here, but still on its way, survives.
func (d *Delta) Clear(e *Entry, ctx *Context, op Dot) {
	d.Operation(op)
	for i := range e.cells {
		c := &e.cells[i]
		for j := range c.Slots {
			s := &c.Slots[j]
			switch {
			case s.Dead:
			case ctx.Covers(s.Dot) || planted.Is(planted.ContextWiderThanDelta):
				d.PutCleared(s.Dot)
				if planted.Is(planted.RemovalCoversUnseen) {
					d.PutCleared(Dot{op.Stamp, s.Origin})
				}
			default:
				d.put(c.Kind, c.Name, Slot{Dot: s.Dot, Dead: true})
			}
		}
		d.resetCounts(c, op)
	}
}

// ClearHidden takes away the cells of every kind but the one that stays, and
// leaves the deadline of the key alone.
func (d *Delta) ClearHidden(e *Entry, stays Kind, op Dot) {
	for k := String; k <= SortedSet; k++ {
		if k == stays || e.live[k] == 0 {
			continue
		}
		for i := range e.cells {
			if c := &e.cells[i]; c.Kind == k {
				d.Remove(e, k, c.Name, op)
			}
		}
	}
}

// Extend puts a new deadline on the key, 0 for none: on the value itself if it
// is a string register, else on the key. It replaces the deadlines it sees.
func (d *Delta) Extend(e *Entry, deadline int64, op Dot) {
	c := e.Cell(String, "")
	if e.Type() != String || c == nil || c.Value() == nil {
		d.Put(e, Expiry, "", nil, deadline, op)
		return
	}

	d.Operation(op)
	of := c.Value().Dot
	for i := range c.Extensions {
		if x := c.Extensions[i]; !x.Dead && x.Of == of {
			x.Dead, x.Deadline = true, 0
			d.extend(x)
		}
	}
	d.extend(Extension{Dot: op, Of: of, Deadline: deadline})
}

// Join makes d what brings mine level with a peer: everything the peer holds
// otherwise, and the death of everything that it saw and holds no more. The
// peer's context must have been read before its entry, and what waited for the
// context at that moment must have been taken over too: a tombstone that is let
// go between the two leaves nothing behind that tells of it.
func (d *Delta) Join(mine, peer *Entry, seen *Context) {
	for _, k := range peer.cleared {
		if mine.clearedAt(k.Origin) < k.Stamp {
			d.PutCleared(k)
		}
	}
	for i := range peer.cells {
		d.joinPresent(&peer.cells[i], mine)
	}
	for i := range mine.cells {
		d.joinAbsent(&mine.cells[i], peer, seen)
	}
}

// joinPresent takes over what c, a cell of the peer, holds otherwise than mine.
func (d *Delta) joinPresent(c *Cell, mine *Entry) {
	ours := mine.Cell(c.Kind, c.Name)
	if ours == nil {
		d.merge(*c)
		return
	}
	news := Cell{Kind: c.Kind, Name: c.Name}
	for _, s := range c.Slots {
		if l := ours.slot(s.Origin); l == nil || l.Stamp != s.Stamp || l.Dead != s.Dead || s.above(l) {
			news.Slots = append(news.Slots, s)
		}
	}
	for _, x := range c.Extensions {
		if l := ours.extension(x.Origin, x.Of); l == nil || l.Stamp != x.Stamp || l.Dead != x.Dead {
			news.Extensions = append(news.Extensions, x)
		}
	}
	for _, n := range c.Counts {
		if l := ours.count(n.Origin); l == nil || l.Stamp != n.Stamp {
			news.Counts = append(news.Counts, n)
		}
	}
	for _, b := range c.Bases {
		if l := ours.base(b.Origin); l == nil || l.Seen != b.Seen || l.Reset != b.Reset {
			news.Bases = append(news.Bases, b)
		}
	}
	if !news.empty() {
		d.merge(news)
	}
}

// joinAbsent marks what c holds and the peer saw and does not hold.
func (d *Delta) joinAbsent(c *Cell, peer *Entry, seen *Context) {
	theirs := peer.Cell(c.Kind, c.Name)
	if theirs == nil {
		theirs = &Cell{}
	}
	for i := range c.Slots {
		if s := &c.Slots[i]; !s.Dead && theirs.slot(s.Origin) == nil && seen.Covers(s.Dot) {
			d.put(c.Kind, c.Name, Slot{Dot: s.Dot, Dead: true})
		}
	}
	for i := range c.Extensions {
		x := c.Extensions[i]
		if !x.Dead && theirs.extension(x.Origin, x.Of) == nil && seen.Covers(x.Dot) {
			x.Dead, x.Deadline = true, 0
			d.extend(x)
		}
	}
	for i := range c.Counts {
		if n := &c.Counts[i]; !n.Dead && theirs.lacks(n.Dot) && seen.Covers(n.Dot) {
			d.dead(c, n.Dot)
		}
	}
	for i := range c.Bases {
		b := &c.Bases[i]
		at := Dot{b.Seen, b.Origin}
		if c.settled(b) && theirs.lacks(at) && seen.Covers(b.Reset) && seen.Covers(at) {
			d.dead(c, at)
		}
	}
}

// lacks says whether the cell has neither a count of d's origin nor a base that
// speaks for it up to d.
func (c *Cell) lacks(d Dot) bool {
	b := c.base(d.Origin)
	return c.count(d.Origin) == nil && (b == nil || b.Seen < d.Stamp)
}

// dead marks the count with that dot, and what lies below it.
func (d *Delta) dead(c *Cell, at Dot) {
	d.merge(Cell{Kind: c.Kind, Name: c.Name, Counts: []Count{{Dot: at, Birth: at.Stamp, Dead: true}}})
}

// resetCounts observes every count of c, so that what it holds contributes no
// more.
func (d *Delta) resetCounts(c *Cell, op Dot) {
	if len(c.Counts) == 0 {
		return
	}
	bases := make([]Base, 0, len(c.Counts))
	for i := range c.Counts {
		n := &c.Counts[i]
		bases = append(bases, Base{Origin: n.Origin, Seen: n.Stamp, Reset: op, Sum: n.Sum})
	}
	d.merge(Cell{Kind: c.Kind, Name: c.Name, Bases: bases})
}

func (d *Delta) put(kind Kind, name string, s Slot) {
	var t Tally
	m := merge{e: &d.Entry, t: &t}
	c := d.PutCell(kind, name)
	was := c.live()
	if old := c.slot(s.Origin); old != nil && old.Dot == s.Dot && !old.Dead {
		*old = s // HSET f a f b: the operation itself has changed its mind
	} else {
		m.slot(c, &s)
	}
	m.finish(c, was)
}

func (d *Delta) extend(x Extension) {
	var t Tally
	m := merge{e: &d.Entry, t: &t}
	c := d.PutCell(String, "")
	was := c.live()
	m.extension(c, &x)
	m.finish(c, was)
}

func (d *Delta) merge(c Cell) {
	var t Tally
	m := merge{e: &d.Entry, t: &t}
	m.cell(&c)
}
