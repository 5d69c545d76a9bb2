package crdt

import "slices"

// Wipe lets go what the deadline of the key covers, once every origin has passed
// it. What was written since stays: its writer found the key expired, and perhaps
// gone, and so could not take away what is still here.
func (e *Entry) Wipe(t *Tally) {
	if e.Deadline() == 0 {
		return
	}
	m := merge{e: e, t: t}
	missed, horizon := e.missed(t), e.horizon()
	for i := len(e.cells) - 1; i >= 0; i-- { // from the end: a cell that empties goes
		m.wipe(&e.cells[i], horizon)
	}
	t.Digest += e.missed(t) - missed
}

// horizon is the first stamp that the deadline of the key does not cover. That
// is the deadline itself, but a clock that ran ahead may have stamped the value
// above its own deadline.
func (e *Entry) horizon() Stamp {
	horizon := StampAt(e.Deadline())
	if c := e.Cell(String, ""); c != nil && c.Value() != nil && e.Type() == String {
		top := c.Value().Dot
		for i := range c.Extensions {
			if x := &c.Extensions[i]; !x.Dead && x.Of == top {
				horizon = max(horizon, x.Stamp+1)
			}
		}
		return max(horizon, top.Stamp+1)
	}
	if c := e.Cell(Expiry, ""); c != nil {
		for i := range c.Slots {
			if s := &c.Slots[i]; !s.Dead {
				horizon = max(horizon, s.Stamp+1)
			}
		}
	}
	return horizon
}

// wipe lets go what in c is below the horizon. A base stays with a count that it
// still lessens.
func (m *merge) wipe(c *Cell, horizon Stamp) {
	was := c.live()
	m.name = nameHash(c)
	for _, s := range slices.Backward(c.Slots) {
		if s.Stamp < horizon {
			m.dropSlot(c, &s)
		}
	}
	for i, x := range slices.Backward(c.Extensions) {
		if x.Of.Stamp < horizon {
			m.dropExtension(c, i)
		}
	}
	for _, n := range slices.Backward(c.Counts) {
		if n.Stamp < horizon {
			m.dropCount(c, &n)
		}
	}
	for _, b := range slices.Backward(c.Bases) {
		if b.Reset.Stamp < horizon && c.settled(&b) {
			m.dropBase(c, &b)
		}
	}
	m.finish(c, was)
}
