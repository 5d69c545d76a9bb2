package wire

import (
	"fmt"
	"reflect"
	"testing"

	"pgregory.net/rapid"

	"github.com/atollcache/atoll/crdt"
)

// A reader that is used again reads what a new one reads, errors included, and
// after Rewind the same deltas once more.
func TestReaderUsedAgain(t *testing.T) {
	var used BatchReader
	rapid.Check(t, func(t *rapid.T) {
		var w BatchWriter
		want := Batch{Enters: drawMarks(t), Raises: drawMarks(t), Watermark: drawMarks(t)}
		want.Link, want.Seq, want.Receiver, want.Sent = drawNumbers(t)
		keys, deltas, _ := drawStates(t)
		w.Reset(want.Link, want.Seq, want.Receiver, want.Sent)
		putMarks(&w, &want)
		for i, d := range deltas {
			w.Delta(keys[i], d)
		}
		body := w.Append(nil)
		body = body[:len(body)-rapid.IntRange(0, min(2, len(body))).Draw(t, "cut")]

		fresh, freshErr := ReadBatch(body, crdt.Limits{})
		err := used.Read(body, crdt.Limits{})
		if fmt.Sprint(err) != fmt.Sprint(freshErr) {
			t.Fatalf("used again: %v, new: %v", err, freshErr)
		}
		if err != nil {
			return
		}
		if !sameMarks(used.Enters, fresh.Enters) || !sameMarks(used.Raises, fresh.Raises) || !sameMarks(used.Watermark, fresh.Watermark) {
			t.Fatalf("marks %+v, want %+v", used.Batch, fresh.Batch)
		}
		first := texts(&used)
		used.Rewind()
		if again, want := texts(&used), texts(&fresh); first != want || again != want {
			t.Fatalf("read %s, then %s, want %s", first, again, want)
		}
	})
}

func sameMarks(a, b []Mark) bool {
	return len(a) == len(b) && (len(a) == 0 || reflect.DeepEqual(CloneMarks(a), CloneMarks(b)))
}

// texts shows all deltas that are left, and the error that ends them.
func texts(r *BatchReader) (all string) {
	var key []byte
	var d crdt.Delta
	for {
		left := r.Left()
		more, err := r.Next(&key, &d)
		if !more {
			return all + fmt.Sprint(err)
		}
		all += fmt.Sprintf("%d %q %s %v\n", left, key, show(&d.Entry), d.Ops)
	}
}

// The last delta does not come if bytes follow it: whoever applies a batch of one
// delta as it comes applies nothing of one that is malformed.
func TestNothingFollowsTheLastDelta(t *testing.T) {
	keys, deltas := benchBatch()
	for _, n := range []int{1, 2} {
		var w BatchWriter
		r, err := ReadBatch(append(packBench(&w, nil, keys[:n], deltas[:n]), 0), crdt.Limits{})
		if err != nil {
			t.Fatal(err)
		}
		var key []byte
		var d crdt.Delta
		for i := range n {
			more, err := r.Next(&key, &d)
			if last := i == n-1; more == last || (err != nil) != last {
				t.Errorf("delta %d of %d: %v, %v", i+1, n, more, err)
			}
		}
	}
}

// Copies of marks share nothing with them, and lie in the memory that is there.
func TestAppendMarks(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		a, b := drawMarks(t), drawMarks(t)
		kept := AppendMarks(CloneMarks(a)[:0], b)
		want := CloneMarks(b)
		for i := range b {
			clear(b[i].Partitions)
			b[i].Context.Raise(crdt.Dot{Stamp: 1 << 60, Origin: crdt.Origin{Node: 1}})
		}
		if !sameMarks(kept, want) {
			t.Fatalf("%+v, want %+v", kept, want)
		}
	})
}

// Names that were met take no memory, and only so many are kept.
func TestNames(t *testing.T) {
	var known Names
	open := func(name string) Envelope {
		e, err := known.Open(Seal(nil, "cluster", Sender{Region: "eu", Name: name}, KindAck, nil))
		if err != nil || e.From.Name != name || e.From.Region != "eu" || e.Cluster != "cluster" {
			t.Fatalf("%s is read as %+v, %v", name, e, err)
		}
		return e
	}
	for i := range 2 * maxNames {
		open(fmt.Sprint("n", i))
	}
	if len(known.names) > maxNames {
		t.Errorf("%d names are kept", len(known.names))
	}
	msg := Seal(nil, "cluster", Sender{Region: "eu", Name: "n1"}, KindAck, nil)
	_, _ = known.Open(msg)
	if got := testing.AllocsPerRun(100, func() { _, _ = known.Open(msg) }); got != 0 {
		t.Errorf("opening allocates %v times, want 0", got)
	}
}
