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
	content := clonedEntry(peer.entry)
	adds, kills := copied(peer.adds), peer.provenKills(&seen)
	if err := w.meanwhile(r, peer); err != nil {
		return err
	}
	if w.bugs.lateContext {
		seen = peer.context.Clone()
	}
	if w.bugs.noTombstones {
		content = withoutTombstones(content)
	}

	var d Delta
	d.Join(r.entry, content, &seen)
	if !w.bugs.contextOnly || w.dice.Intn(8) != 0 {
		r.observe(&d)
		relayed := cloned(&d)
		known, err := w.oracle.shown(r.entry)
		if err != nil {
			return err
		}
		if r.entry.Merge(&d.Entry, &r.context, &r.tally) && w.dice.Intn(2) == 0 {
			told, err := w.oracle.shown(content)
			if err != nil {
				return err
			}
			for v := range known { // the delta holds only what was news here
				if !d.counts(v) {
					delete(told, v)
				}
			}
			w.send(r, relayed, told, nil)
		}
	}
	r.adds.addAll(adds)
	r.kills.addAll(kills)
	if r.context.Join(&seen) {
		r.entry.Strip(&r.context, &r.tally)
	}
	return w.judge(r)
}

// counts says whether v is one of the increments in a running sum that d brings.
func (d *Delta) counts(v event) bool {
	c := d.Cell(v.kind, v.name)
	return v.sort == increment && c != nil && c.count(v.dot.Origin) != nil
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
	var d Delta
	d.Join(r.entry, peer.entry, &peer.context)
	r.observe(&d)
	r.entry.Merge(&d.Entry, &r.context, &r.tally)
	r.adds.addAll(peer.adds)
	r.kills.addAll(peer.provenKills(&peer.context))
	r.context.Join(&peer.context)
	r.entry.Strip(&r.context, &r.tally)
	return w.judge(r)
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
