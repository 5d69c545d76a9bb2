package crdt

import "slices"

// pull is a round of repair: the context of the peer, its content, the join,
// and the context last. Things happen between the steps.
func (w *world) pull(r, peer *replica) error {
	if r == peer {
		return nil
	}
	seen := peer.context.Clone()
	if err := w.meanwhile(r, peer); err != nil {
		return err
	}
	content, twin := clonedEntry(peer.entry), clonedEntry(peer.twin)
	adds, kills := copied(peer.adds), peer.provenKills(&seen)
	if err := w.meanwhile(r, peer); err != nil {
		return err
	}
	if w.bugs.lateContext {
		seen = peer.context.Clone()
	}
	if w.bugs.noTombstones {
		content, twin = withoutTombstones(content), withoutTombstones(twin)
	}

	d, twins := w.difference(r, content, twin, &seen)
	if !w.bugs.contextOnly || w.dice.Intn(8) != 0 {
		r.observe(d)
		relayed := cloned(d)
		known, err := w.oracle.shown(r.entry)
		if err != nil {
			return err
		}
		r.twin.Merge(&cloned(twins).Entry, &r.context, &Tally{})
		if r.entry.Merge(&d.Entry, &r.context, &r.tally) && w.dice.Intn(2) == 0 {
			told, err := w.oracle.shown(content)
			if err != nil {
				return err
			}
			for v := range known { // the delta holds only what was news here
				if !relayed.brings(v) {
					delete(told, v)
				}
			}
			w.send(r, relayed, twins, told, nil)
		}
	}
	r.adds.addAll(adds)
	r.kills.addAll(kills)
	if r.context.Join(&seen) {
		r.strip()
	}
	return w.judgeFetched(r, content)
}

// difference gives what brings r level with what a peer holds, and its twin.
// Where replicas give values back the digests decide whether there is any.
func (w *world) difference(r *replica, content, twin *Entry, seen *Context) (d, twins *Delta) {
	d, twins = &Delta{}, &Delta{}
	r.had = stubsOf(r.entry)
	r.knew, _ = w.oracle.shown(r.entry)
	w.spoil(r, content)
	pending := r.entry.Pending() || content.Pending()
	if w.freeing && !pending && w.digest(content) == w.digest(r.entry) {
		return d, twins
	}
	d.Join(r.entry, content, seen)
	twins.Join(r.twin, twin, seen)
	for i := range d.cells { // a value that was missed is no news to the twin, but to others the slot may be
		c := &d.cells[i]
		for _, s := range c.Slots {
			if t := twin.Cell(c.Kind, c.Name); !s.Dead && t != nil && t.slot(s.Origin) != nil {
				twins.put(c.Kind, c.Name, *t.slot(s.Origin))
			}
		}
	}
	return d, twins
}

// brings says whether v is one of the increments in a running sum of d, or a slot
// whose value was missed.
func (d *Delta) brings(v event) bool {
	c := d.Cell(v.kind, v.name)
	if c == nil || v.sort == extension {
		return false
	}
	if v.sort == increment {
		return c.count(v.dot.Origin) != nil
	}
	s := c.slot(v.dot.Origin)
	return s != nil && s.Dot == v.dot && !s.Dead
}

// provenKills gives the removals that a pull of r's content with that context
// passes on: absences below the context, tombstones above r's own. What rose
// into the context while the content was read is proven by neither.
func (r *replica) provenKills(seen *Context) events {
	proven := events{}
	for v := range r.kills {
		switch {
		case v.sort == increment, seen.Covers(v.dot):
			proven[v] = true
		case v.sort == extension && r.kills[v.parent()]:
		case !r.context.Covers(v.dot):
			proven[v] = true
		}
	}
	return proven
}

func (w *world) meanwhile(rs ...*replica) error {
	for _, r := range rs {
		var err error
		switch w.dice.Intn(6) {
		case 0:
			err = w.operate(r)
		case 1:
			err = w.deliver()
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// flush is a pull that nothing disturbs.
func (w *world) flush(r, peer *replica) error {
	d, twins := w.difference(r, peer.entry, peer.twin, &peer.context)
	r.observe(d)
	r.entry.Merge(&d.Entry, &r.context, &r.tally)
	r.twin.Merge(&twins.Entry, &r.context, &Tally{})
	r.adds.addAll(peer.adds)
	r.kills.addAll(peer.provenKills(&peer.context))
	r.context.Join(&peer.context)
	r.strip()
	return w.judgeFetched(r, peer.entry)
}

func withoutTombstones(e *Entry) *Entry {
	e.cleared = nil
	for i := len(e.cells) - 1; i >= 0; i-- {
		dropDead(&e.cells[i])
		if e.cells[i].empty() {
			e.dropCell(&e.cells[i])
		}
	}
	e.Seal()
	return e
}

func dropDead(c *Cell) {
	c.Slots = slices.DeleteFunc(c.Slots, func(s Slot) bool { return s.Dead })
	c.Extensions = slices.DeleteFunc(c.Extensions, func(x Extension) bool { return x.Dead })
}
