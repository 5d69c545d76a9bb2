package crdt

import "slices"

// Slot is what one origin wrote into the register of a cell.
type Slot struct {
	Dot
	Dead     bool   // seen and removed; kept only until the context covers it
	Freed    Tick   // of a stub: up to where deadlines had passed when its value was given back; else 0
	Deadline int64  // unix milliseconds, 0 for none
	Value    []byte // nil for members of sets, of stubs, and when dead
}

// Extension is an EXPIRE or PERSIST, nested under the very dot that it extends:
// keyed by its origin alone, one whose SET was lost would bring back an older
// value.
type Extension struct {
	Dot
	Dead     bool
	Of       Dot   // the register slot that it extends
	Deadline int64 // unix milliseconds, 0 for none ever
}

// Sum is what increments add up to. Integers and floats are kept apart, so that
// integers stay exact.
type Sum struct {
	Int   int64
	Float float64
}

// Plus adds o to s.
func (s Sum) Plus(o Sum) Sum { return Sum{s.Int + o.Int, s.Float + o.Float} }

// Minus takes o from s.
func (s Sum) Minus(o Sum) Sum { return Sum{s.Int - o.Int, s.Float - o.Float} }

// Count is the running sum of one origin's increments, written by it alone.
type Count struct {
	Dot
	Birth Stamp // of the first increment since the origin's slot was last empty
	Sum   Sum
	Dead  bool // in deltas of repair only: a peer saw it, and has neither it nor a base for it
}

// outlives says whether the count began after all that a reset observed of its
// origin. The base is then needed no more, wherever the count is: whatever it
// speaks of is older than the count, and cannot take its place.
func (n *Count) outlives(b *Base) bool { return n.Birth > b.Seen }

// Base is what a reset observed of an origin's count: its increments up to Seen
// no longer contribute. Bases are joined by the higher Seen.
type Base struct {
	Origin Origin // whose count
	Seen   Stamp
	Reset  Dot // of the operation that reset
	Sum    Sum
}

// above says whether b replaces o.
func (b *Base) above(o *Base) bool {
	if b.Seen != o.Seen {
		return b.Seen > o.Seen
	}
	return b.Reset.Compare(o.Reset) > 0
}

// Cell is one register and counter of a key: the whole of a string, a field of
// a hash, a member of a set or a sorted set. All its slices ascend by origin.
type Cell struct {
	Kind       Kind
	Name       string
	Slots      []Slot      // one per origin
	Extensions []Extension // one per origin and extended dot
	Counts     []Count     // one per origin
	Bases      []Base      // one per origin

	pending bool // listed in the entry's pending
}

// Value gives the live register slot with the highest stamp, nil if there is
// none.
func (c *Cell) Value() *Slot {
	var top *Slot
	for i := range c.Slots {
		s := &c.Slots[i]
		if !s.Dead && (top == nil || s.Dot.Compare(top.Dot) > 0) {
			top = s
		}
	}
	return top
}

// Total adds the counts, less their bases, in the order of their origins, so
// that every replica reaches the same bits.
func (c *Cell) Total() Sum {
	var total Sum
	for i := range c.Counts {
		if n := &c.Counts[i]; !n.Dead {
			total = total.Plus(c.contribution(n))
		}
	}
	return total
}

// contribution is what remains of a count after the resets that observed a part
// of it. A base older than the birth of the count belongs to an earlier life of
// it.
func (c *Cell) contribution(n *Count) Sum {
	b := c.base(n.Origin)
	if b == nil || b.Seen < n.Birth {
		return n.Sum
	}
	return n.Sum.Minus(b.Sum)
}

// settled says whether no count that is here needs b.
func (c *Cell) settled(b *Base) bool {
	n := c.count(b.Origin)
	return n == nil || n.Dead || n.Birth > b.Seen
}

// Visible says whether the cell holds anything that a reader sees. What lacks
// its register's value shows nothing, not even the increments on top.
func (c *Cell) Visible() bool {
	if s := c.Value(); s != nil {
		return s.Freed == 0
	}
	return c.live()
}

// live says whether the cell holds anything that makes a key exist.
func (c *Cell) live() bool { return c.top() != (Dot{}) }

// top is the highest live dot of the cell.
func (c *Cell) top() Dot {
	var top Dot
	if s := c.Value(); s != nil {
		top = s.Dot
	}
	for i := range c.Counts {
		if n := &c.Counts[i]; !n.Dead && n.Dot.Compare(top) > 0 {
			top = n.Dot
		}
	}
	return top
}

// Deadline gives the deadline of the value: the longest of its extensions, else
// its own. 0 is none.
func (c *Cell) Deadline() int64 {
	top := c.Value()
	if top == nil {
		return 0
	}
	found, longest := false, int64(0)
	for i := range c.Extensions {
		x := &c.Extensions[i]
		if x.Dead || x.Of != top.Dot {
			continue
		}
		if !found {
			found, longest = true, x.Deadline
			continue
		}
		longest = later(longest, x.Deadline)
	}
	if found {
		return longest
	}
	return top.Deadline
}

// later gives the longer of two deadlines, of which 0 is for ever.
func later(a, b int64) int64 {
	if a == 0 || b == 0 {
		return 0
	}
	return max(a, b)
}

// empty says whether nothing is left, not even what repair must know.
func (c *Cell) empty() bool {
	return len(c.Slots)+len(c.Extensions)+len(c.Counts)+len(c.Bases) == 0
}

func (c *Cell) slot(o Origin) *Slot {
	for i := range c.Slots {
		if c.Slots[i].Origin == o {
			return &c.Slots[i]
		}
	}
	return nil
}

func (c *Cell) count(o Origin) *Count {
	for i := range c.Counts {
		if c.Counts[i].Origin == o {
			return &c.Counts[i]
		}
	}
	return nil
}

func (c *Cell) base(o Origin) *Base {
	for i := range c.Bases {
		if c.Bases[i].Origin == o {
			return &c.Bases[i]
		}
	}
	return nil
}

func (c *Cell) extension(o Origin, of Dot) *Extension {
	for i := range c.Extensions {
		if x := &c.Extensions[i]; x.Origin == o && x.Of == of {
			return x
		}
	}
	return nil
}

func (c *Cell) putSlot(s Slot) {
	if old := c.slot(s.Origin); old != nil {
		*old = s
		return
	}
	i := 0
	for i < len(c.Slots) && c.Slots[i].Origin.Compare(s.Origin) < 0 {
		i++
	}
	c.Slots = slices.Insert(c.Slots, i, s)
}

func (c *Cell) putCount(n Count) {
	if old := c.count(n.Origin); old != nil {
		*old = n
		return
	}
	i := 0
	for i < len(c.Counts) && c.Counts[i].Origin.Compare(n.Origin) < 0 {
		i++
	}
	c.Counts = slices.Insert(c.Counts, i, n)
}

func (c *Cell) putBase(b Base) {
	if old := c.base(b.Origin); old != nil {
		*old = b
		return
	}
	i := 0
	for i < len(c.Bases) && c.Bases[i].Origin.Compare(b.Origin) < 0 {
		i++
	}
	c.Bases = slices.Insert(c.Bases, i, b)
}

func (c *Cell) putExtension(x Extension) {
	if old := c.extension(x.Origin, x.Of); old != nil {
		*old = x
		return
	}
	i := 0
	for i < len(c.Extensions) && compareExtensions(&c.Extensions[i], &x) < 0 {
		i++
	}
	c.Extensions = slices.Insert(c.Extensions, i, x)
}

func compareExtensions(a, b *Extension) int {
	if c := a.Origin.Compare(b.Origin); c != 0 {
		return c
	}
	return a.Of.Compare(b.Of)
}
