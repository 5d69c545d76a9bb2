package world

import "time"

// event is something that will happen. It is a value: a run makes millions.
type event struct {
	at   time.Duration
	tie  uint64 // orders what is due together, at random
	what what
	slot int32  // node, letter or call
	gen  uint32 // of the process it is for
}

// what kinds of events there are.
type what uint8

const (
	arrival what = iota // of a letter
	tick                // of a node
	serve               // the next letter in the inbox of a busy node
	request             // of a client
	call                // anything rare
)

// queue is a heap whose nodes have four children, which takes half the levels of
// a binary one and touches memory in a row.
type queue []event

func (e *event) before(o *event) bool { return e.at < o.at || e.at == o.at && e.tie < o.tie }

func (q *queue) push(e event) {
	*q = append(*q, e)
	s := *q
	i := len(s) - 1
	for i > 0 {
		parent := (i - 1) >> 2
		if !e.before(&s[parent]) {
			break
		}
		s[i] = s[parent]
		i = parent
	}
	s[i] = e
}

// pop removes the first event; there must be one.
func (q *queue) pop() event {
	s := *q
	first, last := s[0], s[len(s)-1]
	s = s[:len(s)-1]
	*q = s
	if len(s) > 0 {
		s.sink(last)
	}
	return first
}

// sink puts an event where the first one was.
func (q queue) sink(e event) {
	i := 0
	for {
		child := i<<2 + 1
		if child >= len(q) {
			break
		}
		least := child
		for c := child + 1; c < min(child+4, len(q)); c++ {
			if q[c].before(&q[least]) {
				least = c
			}
		}
		if !q[least].before(&e) {
			break
		}
		q[i] = q[least]
		i = least
	}
	q[i] = e
}
