package store

import (
	"slices"

	"github.com/atollcache/atoll/crdt"
)

// waiting remembers which keys hold something that the context will let go, by
// the dot that it must come to cover: a rise looks at what it settles and at
// nothing else.
type waiting struct {
	origins []crdt.Origin // ascending
	queues  []queue       // of stamps, one per origin
}

func (w *waiting) any() bool { return len(w.origins) > 0 }

func (w *waiting) add(d crdt.Dot, hash uint64) {
	i, ok := slices.BinarySearchFunc(w.origins, d.Origin, crdt.Origin.Compare)
	if !ok {
		w.origins = slices.Insert(w.origins, i, d.Origin)
		w.queues = slices.Insert(w.queues, i, queue{})
	}
	w.queues[i].push(reminder{at: uint64(d.Stamp), hash: hash})
}

// covered takes out the hashes that wait for nothing beyond the context, and
// appends them to dst.
func (w *waiting) covered(ctx *crdt.Context, dst []uint64) []uint64 {
	for i := 0; i < len(w.origins); {
		stamp := uint64(ctx.At(w.origins[i]))
		q := &w.queues[i]
		r, ok := q.first()
		for ; ok && r.at <= stamp; r, ok = q.first() {
			dst = append(dst, r.hash)
			q.pop()
		}
		if ok {
			i++
			continue
		}
		w.origins = slices.Delete(w.origins, i, i+1)
		w.queues = slices.Delete(w.queues, i, i+1)
	}
	return dst
}

// Waiting calls f with every key from a hash on that holds something only until
// the context covers it, tombstones above all, ascending by hash, until f returns
// false. Digests know nothing of these. It may name a key that waits no more.
func (p *Partition) Waiting(from uint64, f func(hash uint64, key []byte, e *crdt.Entry) bool) {
	var hashes []uint64
	for i := range p.waiting.queues {
		for _, r := range p.waiting.queues[i].heap {
			if r.hash >= from {
				hashes = append(hashes, r.hash)
			}
		}
	}
	slices.Sort(hashes)
	more := true
	for _, h := range slices.Compact(hashes) {
		p.Range(h, h+1, func(hash uint64, key []byte, e *crdt.Entry) bool {
			more = f(hash, key, e)
			return more
		})
		if !more {
			return
		}
	}
}

func (w *waiting) bytes() int {
	const originBytes = 48
	total := originBytes * cap(w.origins)
	for i := range w.queues {
		total += w.queues[i].bytes()
	}
	return total
}

// await notes what the key, into which d was merged, holds until the context
// covers it: tombstones, stamps of the clear vector, and extensions of a value
// that is not here.
func (p *Partition) await(hash uint64, d *crdt.Delta) {
	for _, k := range d.Cleared() {
		p.awaitDot(hash, k)
	}
	cells := d.Cells()
	for i := range cells {
		c := &cells[i]
		for j := range c.Slots {
			if s := &c.Slots[j]; s.Dead {
				p.awaitDot(hash, s.Dot)
			}
		}
		for j := range c.Extensions {
			x := &c.Extensions[j]
			p.awaitDot(hash, x.Of)
			if x.Dead {
				p.awaitDot(hash, x.Dot)
			}
		}
	}
}

func (p *Partition) awaitDot(hash uint64, d crdt.Dot) {
	if !p.context.Covers(d) {
		p.waiting.add(d, hash)
	}
}
