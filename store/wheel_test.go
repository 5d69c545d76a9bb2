package store

import (
	"maps"
	"slices"
	"testing"

	"pgregory.net/rapid"
)

// TestWheelForgetsNothing drives a wheel as its owner does, who puts back what
// is early, against a map of deadlines. The clock may go back.
func TestWheelForgetsNothing(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var w wheel
		deadlines := map[uint64]int64{} // -1 once it has come
		put := map[uint64]int64{}
		now := rapid.Int64Range(1<<20, 1<<41).Draw(t, "now")
		latest := now
		for range rapid.IntRange(1, 60).Draw(t, "steps") {
			for range rapid.IntRange(0, 10).Draw(t, "puts") {
				hash := uint64(len(deadlines))
				span := int64(1) << rapid.IntRange(0, 50).Draw(t, "span")
				deadlines[hash] = now - 5000 + rapid.Int64Range(0, span).Draw(t, "in")
				w.put(deadlines[hash], hash)
				put[hash] = latest
			}
			now += rapid.Int64Range(-3000, 1<<rapid.IntRange(12, 44).Draw(t, "stride")).Draw(t, "later")

			looked := 0
			for hash, ok := w.take(now); ok; hash, ok = w.take(now) {
				looked++
				if deadlines[hash] > now {
					w.put(deadlines[hash], hash)
					continue
				}
				deadlines[hash] = -1
			}
			if most := 10 * len(deadlines); looked > most {
				t.Fatalf("looked %d times at %d keys", looked, len(deadlines))
			}
			latest = max(latest, now)
			checkWheel(t, &w, deadlines, put, now, latest)
		}
		if rest := w.drain(); len(w.slots) != 0 || w.items != 0 || w.held != 0 || !slices.IsSorted(rest) {
			t.Fatalf("drained: %d slots, %d items, %d held", len(w.slots), w.items, w.held)
		}
	})
}

func checkWheel(t *rapid.T, w *wheel, deadlines, put map[uint64]int64, now, latest int64) {
	waits, held := map[uint64]int{}, 0
	for i, b := range w.slots {
		if len(b.hashes) == 0 || i > 0 && w.slots[i-1].id <= b.id {
			t.Fatalf("slot %d of %d is empty or out of order", i, len(w.slots))
		}
		held += cap(b.hashes)
		for _, hash := range b.hashes {
			waits[hash]++
		}
	}
	count, soonest := 0, int64(0)
	for _, hash := range slices.Sorted(maps.Keys(deadlines)) {
		deadline := deadlines[hash]
		if deadline == -1 {
			continue
		}
		count++
		if waits[hash] != 1 {
			t.Fatalf("key %d with deadline %d is there %d times at %d", hash, deadline, waits[hash], now)
		}
		if now == latest && max(deadline, put[hash]) <= now-1<<tickBits {
			t.Fatalf("key %d with deadline %d was not given at %d", hash, deadline, now)
		}
		if soonest == 0 || deadline < soonest {
			soonest = deadline
		}
	}
	if w.items != count || w.held != held {
		t.Fatalf("%d items, %d held; counted %d and %d", w.items, w.held, count, held)
	}
	if next := w.next(); next > max(soonest, latest)+1<<tickBits || count > 0 != (next > 0) {
		t.Fatalf("next is %d, the first deadline %d", next, soonest)
	}
}

// TestQueueIsSorted holds the heap against a sorted list without doubles.
func TestQueueIsSorted(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var q queue
		var model []reminder
		for range rapid.IntRange(1, 300).Draw(t, "steps") {
			if rapid.IntRange(0, 2).Draw(t, "push") > 0 {
				r := reminder{at: rapid.Uint64Range(0, 50).Draw(t, "at"), hash: rapid.Uint64Range(0, 3).Draw(t, "hash")}
				q.push(r)
				if i, found := slices.BinarySearchFunc(model, r, reminder.compare); !found {
					model = slices.Insert(model, i, r)
				}
				continue
			}
			first, ok := q.first()
			if ok != (len(model) > 0) || ok && first != model[0] {
				t.Fatalf("first is %v, want of %v", first, model)
			}
			for next := first; ok && next == first; next, ok = q.first() {
				q.pop()
			}
			model = model[min(1, len(model)):]
		}
		if len(q.heap) > 4*len(model)+100 {
			t.Fatalf("%d reminders for %d", len(q.heap), len(model))
		}
	})
}
