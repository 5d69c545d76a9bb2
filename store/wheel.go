package store

import (
	"cmp"
	"math/bits"
	"slices"
)

// A wheel holds key hashes by the time at which they are to be looked at. It is
// a hierarchical timing wheel (Varghese and Lauck 1987) of which only the slots
// that hold something exist: near times have slots of a second, farther ones of
// a minute, an hour, three days and so on. When the time of a slot comes,
// whoever looks at its keys puts those that are early into finer slots, so that
// 8 bytes per key are enough.
type wheel struct {
	cursor uint64   // ticks before this are done
	slots  []bucket // descending by id
	items  int
	held   int // capacity of all hashes
}

// A bucket is one slot of the wheel.
type bucket struct {
	id     uint64 // first tick, and in the lowest bits the level
	hashes []uint64
}

const (
	tickBits    = 10 // a tick is 1,024 ms
	fanBits     = 6  // a slot has 64 of the level below
	levelBits   = 4
	bucketBytes = 32
)

// start gives the first tick of a bucket.
func (b *bucket) start() uint64 { return b.id >> levelBits }

// put adds a hash that is to be looked at at that unix millisecond, or in the
// second that follows it.
func (w *wheel) put(millis int64, hash uint64) {
	tick := max(uint64(max(millis, 0))>>tickBits, w.cursor)
	level := uint(0)
	if apart := tick ^ w.cursor; apart != 0 {
		level = uint(bits.Len64(apart)-1) / fanBits
	}
	id := tick>>(level*fanBits)<<(level*fanBits)<<levelBits | uint64(level)

	i, found := slices.BinarySearchFunc(w.slots, id, func(b bucket, id uint64) int { return cmp.Compare(id, b.id) })
	if !found {
		w.slots = slices.Insert(w.slots, i, bucket{id: id})
	}
	b := &w.slots[i]
	w.held -= cap(b.hashes)
	b.hashes = append(b.hashes, hash)
	w.held += cap(b.hashes)
	w.items++
}

// take removes a hash whose time has come.
func (w *wheel) take(now int64) (hash uint64, ok bool) {
	done := uint64(max(now, 0)) >> tickBits // ticks that have ended
	if len(w.slots) == 0 || w.slots[len(w.slots)-1].start() >= done {
		w.cursor = max(w.cursor, done)
		return 0, false
	}

	b := &w.slots[len(w.slots)-1]
	w.cursor = b.start()
	last := len(b.hashes) - 1
	hash = b.hashes[last]
	b.hashes = b.hashes[:last]
	w.items--
	if last == 0 {
		w.held -= cap(b.hashes)
		w.slots = slices.Delete(w.slots, len(w.slots)-1, len(w.slots))
		if len(w.slots) == 0 {
			w.slots = nil
		}
	}
	return hash, true
}

// next gives the unix milliseconds at which take finds something, 0 if it never
// does.
func (w *wheel) next() int64 {
	if len(w.slots) == 0 {
		return 0
	}
	return int64(w.slots[len(w.slots)-1].start()+1) << tickBits
}

// drain removes all hashes and gives them in order, each once.
func (w *wheel) drain() []uint64 {
	all := make([]uint64, 0, w.items)
	for i := range w.slots {
		all = append(all, w.slots[i].hashes...)
	}
	*w = wheel{cursor: w.cursor}
	slices.Sort(all)
	return slices.Compact(all)
}

func (w *wheel) bytes() int { return 8*w.held + bucketBytes*cap(w.slots) }
