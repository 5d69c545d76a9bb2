package crdt

import "testing"

// A deadline that one side has not heard of shows in the digest, so that a
// comparison finds it.
func TestDigestTellsDeadlines(t *testing.T) {
	var e Entry
	var put, extend Delta
	var tally Tally
	me := Origin{Node: 1, Epoch: 1}
	put.Put(&e, String, "", []byte("v"), 0, Dot{StampAt(1), me})
	e.Merge(&put.Entry, nil, &tally)
	before := e.Digest(7)
	extend.Extend(&e, 1000, Dot{StampAt(2), me})
	e.Merge(&extend.Entry, nil, &tally)
	if e.Deadline() != 1000 {
		t.Fatalf("the deadline is %d", e.Deadline())
	}
	if e.Digest(7) == before {
		t.Error("the digest is the same with a deadline and without")
	}
}
