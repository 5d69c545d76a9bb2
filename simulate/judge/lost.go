package judge

import (
	"slices"

	"github.com/atollcache/atoll/crdt"
	"github.com/atollcache/atoll/simulate/model"
)

// losses is the excuse of O4, O5 and O7, kept exactly: of which writes and which
// removals the last memory that knew of them was lost. What becomes of those is
// not judged; whatever arrived at another node before the crash is.
type losses struct {
	state  []loss // by model.Write.ID
	counts map[*model.Count]*unsureCount
}

type loss uint8

const (
	known   loss = iota
	settled      // everybody who could tell knows that it is gone
	unsure       // only lost memory could tell
)

// unsureCount is what is not certain of the increments of one origin.
type unsureCount struct {
	adds   crdt.Stamp // increments above it may be lost
	resets crdt.Stamp // a reset of what is above it may be lost
}

func (l *losses) of(w *model.Write) *loss {
	for len(l.state) <= w.ID {
		l.state = append(l.state, known)
	}
	return &l.state[w.ID]
}

func (l *losses) unsure(w *model.Write) bool { return w.ID < len(l.state) && l.state[w.ID] == unsure }

// count gives what is not certain of a count: nothing, if it says so.
func (l *losses) count(n *model.Count) unsureCount {
	if u := l.counts[n]; u != nil {
		return *u
	}
	return unsureCount{adds: n.Last(), resets: n.Reset()}
}

// forget notes what is lost with the memory of a site. Who else knows of a write
// is told by a context first, for most are old, and by the entry then.
func (l *losses) forget(j *Judge, lost *site) {
	rest := j.others(lost)
	for _, number := range j.scope {
		if !lost.look(number, func(*view) {}) {
			continue
		}
		h := holders{part: j.parts[number]}
		for _, s := range rest {
			if s.look(number, func(v *view) { h.contexts = append(h.contexts, v.context.Clone()) }) {
				h.sites = append(h.sites, s)
			}
		}
		for _, k := range h.part.keys {
			l.forgetKey(j, &h, k)
		}
	}
}

// holders are the sites that still hold a partition.
type holders struct {
	part     *part
	sites    []*site
	contexts []crdt.Context
}

// cover says whether a context of any of them covers a dot, and of all.
func (h *holders) cover(d crdt.Dot) (one, all bool) {
	all = len(h.contexts) > 0
	for i := range h.contexts {
		if h.contexts[i].Covers(d) {
			one = true
		} else {
			all = false
		}
	}
	return one, all
}

// any says whether a look at the partition satisfies f anywhere.
func (h *holders) any(f func(v *view) bool) (found bool) {
	for _, s := range h.sites {
		s.look(h.part.number, func(v *view) { found = found || f(v) })
	}
	return found
}

func (l *losses) forgetKey(j *Judge, h *holders, k *key) {
	if k.known == nil {
		return
	}
	for _, w := range k.known.Writes {
		if state := l.of(w); *state == known {
			*state = l.judge(h, k, w)
		}
	}
	for _, c := range k.known.Cells {
		for _, n := range c.Counts {
			l.forgetCount(h, k, n)
		}
	}
}

// judge says what is still known of a write: of one that lives, that it does, of
// another, that it is gone.
func (l *losses) judge(h *holders, k *key, w *model.Write) loss {
	want := alive
	if w.Lives() {
		if one, _ := h.cover(w.Dot); one {
			return known
		}
	} else {
		want = gone
		for _, by := range w.Gone {
			one, all := h.cover(by)
			switch {
			case all:
				return settled
			case one:
				return known
			}
		}
	}
	if h.any(func(v *view) bool { return fateOf(v, k, w) == want }) {
		return known
	}
	return unsure
}

// forgetCount finds up to where the increments of an origin, and their resets, are
// still known.
func (l *losses) forgetCount(h *holders, k *key, n *model.Count) {
	var kept span
	h.any(func(v *view) bool {
		s, _, _ := spanOf(v.Entry(k.hash, []byte(k.name)), n)
		kept.low, kept.high = max(kept.low, s.low), max(kept.high, s.high)
		at := v.context.At(n.Origin)
		if at >= n.Last() {
			kept.high = max(kept.high, n.Last())
		}
		for _, r := range n.Resets {
			if v.context.Covers(r.By) {
				kept.low = max(kept.low, r.Seen)
			}
		}
		return false
	})
	u := l.count(n)
	u.adds, u.resets = min(u.adds, kept.high), min(u.resets, kept.low)
	if u.adds < n.Last() || u.resets < n.Reset() {
		if l.counts == nil {
			l.counts = map[*model.Count]*unsureCount{}
		}
		l.counts[n] = &u
	}
}

// judgeKept is O4 where a key is looked at: what a node has merged it shows, until
// it hears of an operation that took it away, or lets it go since it has expired.
func (j *Judge) judgeKept(s *site, k *key, e *crdt.Entry, ctx *crdt.Context) {
	if k.known == nil || k.blind {
		return
	}
	for _, c := range k.known.Cells {
		seen := e.Cell(c.Kind, c.Name)
		for _, w := range slices.Clone(c.Live) {
			if ctx.Covers(w.Dot) && w.Of == (crdt.Dot{}) && !shows(seen, w.Dot) {
				j.judgeMissing(s, k, w)
			}
		}
	}
}

// judgeMissing judges a live write that a node has merged and does not show.
func (j *Judge) judgeMissing(s *site, k *key, w *model.Write) {
	switch {
	case j.losses.unsure(w):
		j.excuse("O4", excuseMemory)
	case j.expirable(w):
		w.Expire()
		j.excuse("O4", excuseExpired)
	default:
		w.Expire() // it is said once
		j.accuse("O4", s, k.name, []crdt.Dot{w.Dot}, "what was written to the %v cell %q at %v was merged here, and is gone though nobody has taken it away", w.Cell.Kind, w.Cell.Name, w.Dot.Stamp)
	}
}

// expirable says whether a write may have been let go because it has expired: some
// deadline of its key has passed in force, and covers it.
func (j *Judge) expirable(w *model.Write) bool {
	for _, d := range w.Cell.Key.Deadlines() {
		horizon := max(crdt.StampAt(d.Until), d.Dot.Stamp+1)
		due := d.Until != 0 && d.Until <= j.wall()+maxDrift
		if due && w.Dot.Stamp < horizon && !j.outlived(d) && (w == d || !j.overtaken(d)) {
			return true
		}
	}
	return false
}

// excuseGivenBack has the writes of a key expire of which no replica has the value
// any more: they had expired for all that held them, and then somebody who had not
// heard of them took away the deadline, and what else he saw.
func (j *Judge) excuseGivenBack(k *key) {
	if k.known == nil || k.blind {
		return
	}
	for _, c := range k.known.Cells {
		for _, w := range slices.Clone(c.Live) {
			if j.expirable(w) && j.givenBack(k, w) {
				w.Expire()
				j.excuse("O3", excuseExpired)
			}
		}
	}
}

// givenBack says whether of a write there are stubs, and no value.
func (j *Judge) givenBack(k *key, w *model.Write) bool {
	stubs, values := 0, 0
	for _, s := range j.others(nil) {
		s.look(k.part.number, func(v *view) {
			switch slot := slotOf(v.Entry(k.hash, []byte(k.name)), w); {
			case slot == nil || slot.Dead:
			case slot.Freed != 0:
				stubs++
			default:
				values++
			}
		})
	}
	return stubs > 0 && values == 0
}

// slotOf finds what a write left in an entry, nil if nothing.
func slotOf(e *crdt.Entry, w *model.Write) *crdt.Slot {
	if e == nil {
		return nil
	}
	c := e.Cell(w.Cell.Kind, w.Cell.Name)
	if c == nil {
		return nil
	}
	for i := range c.Slots {
		if c.Slots[i].Dot == w.Dot {
			return &c.Slots[i]
		}
	}
	return nil
}

// due says whether any deadline of its key has passed that may have covered a write
// for somebody: who has not heard of a longer one gives the value back, and gets it
// again.
func (j *Judge) due(w *model.Write) bool {
	for _, d := range w.Cell.Key.Deadlines() {
		if d.Until != 0 && d.Until <= j.wall()+maxDrift && w.Dot.Stamp < max(crdt.StampAt(d.Until), d.Dot.Stamp+1) {
			return true
		}
	}
	return false
}

// outlived says whether a deadline was out of force before it came: taken away, or
// overruled by a longer one.
func (j *Judge) outlived(d *model.Write) bool {
	intime := func(o *model.Write) bool {
		return o != d && o.Dot.Stamp < crdt.StampAt(d.Until) && !j.losses.unsure(o)
	}
	for _, by := range d.Gone {
		if by.Stamp < crdt.StampAt(d.Until) && !j.losses.unsure(d) {
			return true
		}
	}
	for _, o := range d.Cell.Key.Deadlines() {
		longer := o.Cell == d.Cell && o.Of == d.Of && o.Lives() && (o.Until == 0 || o.Until > d.Until)
		if intime(o) && (longer && d.Cell.Kind == crdt.Expiry || o.Of == d.Dot) {
			return true
		}
	}
	return false
}

// overtaken says whether a deadline is that of a value which is not the last: it
// covers that value, and nothing else.
func (j *Judge) overtaken(d *model.Write) bool {
	for _, o := range d.Cell.Live {
		if d.Cell.Kind == crdt.String && o.Dot.Compare(d.Dot) > 0 && o.Dot.Stamp < crdt.StampAt(d.Until) && !j.losses.unsure(o) {
			return true
		}
	}
	return false
}

// maxDrift is by how many milliseconds the clock of a node may be ahead of the
// judge's before what it does about deadlines is wrong.
const maxDrift = 2_000
