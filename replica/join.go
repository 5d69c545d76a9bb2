package replica

import (
	"bytes"
	"cmp"
	"slices"

	"github.com/atollcache/atoll/antientropy"
	"github.com/atollcache/atoll/crdt"
	"github.com/atollcache/atoll/planted"
	"github.com/atollcache/atoll/store"
	"github.com/atollcache/atoll/wire"
)

// take merges the entries of an answer, want by want.
func (r *Replica) take(now Time, pl *pull, a *wire.AnswerReader) error {
	r.showApplied(pl, a)
	served, err := r.mergeAnswer(now, pl, a)
	if err != nil {
		return err
	}
	r.takeLarge(pl, a)
	var rest []wire.Want
	for i, w := range pl.asked {
		st := pl.parts[w.Partition]
		if st.failed {
			continue
		}
		switch {
		case i >= len(served) || served[i].Partition != w.Partition || served[i].From != w.From:
			rest = append(rest, w)
		case served[i].To != w.To:
			w.From = served[i].To
			rest = append(rest, w)
		case w.Part+1 < w.Parts:
			w.Part++
			rest = append(rest, w)
		default:
			if st.left--; st.left == 0 && st.listed {
				r.conclude(now, pl, w.Partition)
			}
		}
	}
	pl.asked = nil
	pl.queue = append(rest, pl.queue...)
	return nil
}

// takeLarge asks for what was left out part by part.
func (r *Replica) takeLarge(pl *pull, a *wire.AnswerReader) {
	for _, l := range a.Large {
		part := antientropy.PartitionOf(l.Hash)
		if st := pl.parts[part]; st != nil {
			st.left++
			pl.queue = append(pl.queue, wire.Want{Partition: part, From: l.Hash, To: l.Hash + 1, Parts: l.Parts})
		}
	}
}

// mergeAnswer joins every entry of an answer: first what waits in the partitions
// whose contexts have come, then range by range the entries, and the absence of
// what this node holds and the peer does not.
func (r *Replica) mergeAnswer(now Time, pl *pull, a *wire.AnswerReader) ([]wire.Want, error) {
	if err := r.mergeWaiting(now, pl, a); err != nil {
		return nil, err
	}
	for i := range a.Served {
		w := &a.Served[i]
		if i >= len(pl.asked) || !serves(w, &pl.asked[i]) {
			return nil, wire.ErrMalformed
		}
		if err := r.mergeRange(now, pl, a, w, int(a.Counts[i])); err != nil {
			return nil, err
		}
	}
	if more, err := a.Next(&pl.key, &r.fetched); err != nil || more {
		return nil, cmp.Or(err, wire.ErrMalformed)
	}
	return a.Served, nil
}

// mergeRange joins the entries of one range. Their number is told: two parts of
// one key may be in one answer.
func (r *Replica) mergeRange(now Time, pl *pull, a *wire.AnswerReader, w *wire.Want, entries int) error {
	if confirms(w) {
		return nil
	}
	seen := &pl.parts[w.Partition].context
	var present [][]byte
	for range entries {
		more, err := a.Next(&pl.key, &r.fetched)
		if err != nil || !more || !within(w, store.Hash(pl.key)) {
			return cmp.Or(err, wire.ErrMalformed)
		}
		r.joinOne(now, pl, w, pl.key, &r.fetched, seen)
		present = append(present, slices.Clone(pl.key))
	}
	r.joinAbsences(now, pl, w, present, a.Large)
	return nil
}

// mergeWaiting joins what came with the contexts. Nothing that it does not name
// is known to be absent.
func (r *Replica) mergeWaiting(now Time, pl *pull, a *wire.AnswerReader) error {
	var nothing crdt.Context
	for i := range a.Contexts {
		c := &a.Contexts[i]
		w := wire.Want{Partition: c.Partition}
		for range c.Waiting {
			more, err := a.Next(&pl.key, &r.fetched)
			switch {
			case err != nil:
				return err
			case !more || antientropy.PartitionOf(store.Hash(pl.key)) != c.Partition:
				return wire.ErrMalformed
			case pl.parts[c.Partition] != nil:
				pl.parts[c.Partition].page = store.Hash(pl.key) + 1
				r.joinOne(now, pl, &w, pl.key, &r.fetched, &nothing)
			}
		}
	}
	return nil
}

// serves says whether a range answers what was asked, or the beginning of it. No
// absence may be taken from another one.
func serves(w, asked *wire.Want) bool {
	switch {
	case w.Partition != asked.Partition || w.From != asked.From:
		return false
	case confirms(w): // nothing of it
		return true
	}
	return w.To-1 <= asked.To-1 && w.Part == asked.Part && w.Parts == asked.Parts // To 0 is the end of all hashes
}

func within(w *wire.Want, hash uint64) bool {
	return antientropy.PartitionOf(hash) == w.Partition && hash >= w.From && (w.To == 0 || hash < w.To)
}

// joinAbsences joins, in a range that the peer has listed in full, the keys
// that it does not hold. What it has left out it may hold.
func (r *Replica) joinAbsences(now Time, pl *pull, w *wire.Want, present [][]byte, large []wire.Large) {
	var mine [][]byte
	p := &r.parts[w.Partition]
	p.data.Lock()
	p.data.Range(w.From, w.To, func(hash uint64, key []byte, _ *crdt.Entry) bool {
		if !slices.ContainsFunc(large, func(l wire.Large) bool { return l.Hash == hash }) {
			mine = append(mine, slices.Clone(key))
		}
		return true
	})
	p.data.Unlock()

	slices.SortFunc(present, bytes.Compare)
	var nothing crdt.Entry
	for _, key := range mine {
		if _, found := slices.BinarySearchFunc(present, key, bytes.Compare); !found {
			r.joinOne(now, pl, w, key, &nothing, &pl.parts[w.Partition].context)
		}
	}
}

// joinOne merges the peer's entry of one key, or its absence, as a delta. What
// the entry does not hold is dead as far as seen reaches. If a part of the entry
// was served, only that part of mine is compared with it.
func (r *Replica) joinOne(now Time, pl *pull, w *wire.Want, key []byte, theirs *crdt.Entry, seen *crdt.Context) {
	st, p := pl.parts[w.Partition], &r.parts[w.Partition]
	p.data.Lock()
	defer p.data.Unlock()
	if st.failed || !p.holds() || p.origin.Epoch != st.mine && !planted.Is(planted.L7OwnTenure) {
		st.failed = true
		r.note(MarkTenureMoved)
		return
	}
	hash := store.Hash(key)
	mine := p.data.Get(hash, key)
	if mine == nil {
		mine = &p.none
	}
	if w.Parts > 0 {
		mine.Part(&r.piece, w.Part, w.Parts)
		mine = &r.piece
	}
	d := &p.delta
	d.Reset()
	d.Join(mine, theirs, seen)
	if d.Empty() {
		return
	}
	if r.absorb(now, p, hash, key, d, pl.peer, true) {
		r.note(MarkRepaired)
		r.stats.Repaired++
		return
	}
	st.skip(d)
	if !mine.Empty() { // what it holds may have been removed by anybody: no cap is low enough
		st.partial = true
	}
}

// skip notes what was not taken. A sum holds every increment since its birth, so
// none of those has come: a context that covered them would have them removed
// wherever the sum of before is still held (rules W4 and W6).
func (st *pulled) skip(d *crdt.Delta) {
	d.Dots(func(dot crdt.Dot) { st.skipped = append(st.skipped, dot) })
	cells := d.Cells()
	for i := range cells {
		for _, n := range cells[i].Counts {
			st.skipped = append(st.skipped, crdt.Dot{Stamp: n.Birth, Origin: n.Origin})
		}
	}
}
