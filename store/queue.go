package store

import (
	"cmp"
	"slices"
)

// A reminder says that a key hash is to be looked at from a time or stamp on.
// Whoever follows it looks whether that is still so.
type reminder struct {
	at   uint64
	hash uint64
}

func (r reminder) compare(o reminder) int {
	if c := cmp.Compare(r.at, o.at); c != 0 {
		return c
	}
	return cmp.Compare(r.hash, o.hash)
}

const reminderBytes = 16

// A queue gives reminders in their order: a binary heap, in which a reminder
// that is later than all before, the usual case, stays where it is put.
type queue struct {
	heap []reminder
	tidy int // where doubles were last removed
}

// push adds a reminder. Doubles are removed whenever the queue has doubled.
func (q *queue) push(r reminder) {
	if len(q.heap) >= 2*q.tidy+32 {
		slices.SortFunc(q.heap, reminder.compare) // sorted is a heap
		q.heap = slices.Compact(q.heap)
		q.tidy = len(q.heap)
	}
	q.heap = append(q.heap, r)
	for i := len(q.heap) - 1; i > 0; {
		parent := (i - 1) / 2
		if q.heap[parent].compare(r) <= 0 {
			break
		}
		q.heap[i], q.heap[parent] = q.heap[parent], r
		i = parent
	}
}

// first gives the first reminder.
func (q *queue) first() (reminder, bool) {
	if len(q.heap) == 0 {
		return reminder{}, false
	}
	return q.heap[0], true
}

// pop removes the first reminder.
func (q *queue) pop() {
	last := len(q.heap) - 1
	moved := q.heap[last]
	q.heap = q.heap[:last]
	if last == 0 {
		*q = queue{}
		return
	}
	i := 0
	for {
		child := 2*i + 1
		if child >= last {
			break
		}
		if child+1 < last && q.heap[child+1].compare(q.heap[child]) < 0 {
			child++
		}
		if moved.compare(q.heap[child]) <= 0 {
			break
		}
		q.heap[i] = q.heap[child]
		i = child
	}
	q.heap[i] = moved
}

func (q *queue) bytes() int { return reminderBytes * cap(q.heap) }
