package wire

import (
	"bytes"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/klauspost/compress/s2"

	"github.com/atollcache/atoll/crdt"
)

// compressible gives a batch of values as programs write them.
func compressible(deltas int) *BatchWriter {
	w := new(BatchWriter)
	w.Reset(1, 2, 3, 4)
	for i := range deltas {
		var d crdt.Delta
		value := fmt.Appendf(nil, `{"user":%d,"name":"somebody","roles":["reader","writer"],"active":true}`, i*7919)
		d.Put(new(crdt.Entry), crdt.String, "", value, 0, sampleDot(i, 7))
		w.Delta(fmt.Appendf(nil, "session:%08d", i), &d)
	}
	return w
}

// contents gives all that a batch holds.
func contents(t *testing.T, body []byte) []string {
	t.Helper()
	r, err := ReadBatch(body, crdt.Limits{})
	if err != nil {
		t.Fatal(err)
	}
	all := []string{fmt.Sprint(r.Batch)}
	var key []byte
	var d crdt.Delta
	for {
		more, err := r.Next(&key, &d)
		if err != nil {
			t.Fatal(err)
		}
		if !more {
			return all
		}
		all = append(all, fmt.Sprintf("%s %s %v", key, show(&d.Entry), d.Ops))
	}
}

func TestCompressedBatch(t *testing.T) {
	for _, deltas := range []int{10, 64, 1000} {
		w := compressible(deltas)
		plain, packed := w.Append(nil), w.AppendCompressed(nil)
		if 2*len(packed) > len(plain) {
			t.Errorf("%d deltas: %d bytes compressed, %d plain", deltas, len(packed), len(plain))
		}
		if !slices.Equal(contents(t, packed), contents(t, plain)) {
			t.Errorf("%d deltas: compressed and plain differ", deltas)
		}
		if again := w.AppendCompressed(nil); !bytes.Equal(again, packed) {
			t.Errorf("%d deltas: compressed twice differs", deltas)
		}
		for n := range min(len(packed), 3000) {
			if _, _, err := batchAgain(packed[:n]); !errors.Is(err, ErrMalformed) {
				t.Fatalf("%d of %d bytes: error %v, want ErrMalformed", n, len(packed), err)
			}
		}
	}
}

func TestCompressedAnswer(t *testing.T) {
	var w AnswerWriter
	w.Reset(1, 2)
	var e crdt.Entry
	var tally crdt.Tally
	var d crdt.Delta
	for i := range 100 {
		d.Put(&e, crdt.Hash, fmt.Sprintf("a field with number %d", i), []byte("value"), 0, sampleDot(i, 7))
	}
	e.Merge(&d.Entry, nil, &tally)
	w.Entry([]byte("key"), &e)
	plain, packed := w.Append(nil), w.AppendCompressed(nil)
	if len(packed) >= len(plain) {
		t.Errorf("%d bytes compressed, %d plain", len(packed), len(plain))
	}
	again, cells, err := answerAgain(packed)
	if err != nil || cells != 100 || !bytes.Equal(again, plain) {
		t.Errorf("%d cells come back in %d bytes (%v), want 100 in %d", cells, len(again), err, len(plain))
	}
}

// What does not gain is sent as it is.
func TestCompressionThatDoesNotPay(t *testing.T) {
	var random BatchWriter
	keys, deltas := benchBatch()
	source := rand.NewChaCha8([32]byte{})
	for i := range keys {
		_, _ = source.Read(keys[i]) // never fails
	}
	packBench(&random, nil, keys, deltas)

	zeros := new(BatchWriter) // would unpack to more than a receiver allows
	zeros.Reset(1, 2, 3, 4)
	var d crdt.Delta
	d.Put(new(crdt.Entry), crdt.String, "", make([]byte, 100_000), 0, sampleDot(1, 7))
	zeros.Delta([]byte("zeros"), &d)

	for name, w := range map[string]*BatchWriter{"random": &random, "small": compressible(2), "zeros": zeros} {
		if !bytes.Equal(w.AppendCompressed(nil), w.Append(nil)) {
			t.Errorf("%s: compressed", name)
		}
	}
}

func TestCompressedBomb(t *testing.T) {
	w := compressible(0)
	front := w.appendFront(nil, flagCompressed)
	bomb := s2.Encode(nil, make([]byte, 10<<20))
	for what, tail := range map[string][]byte{
		"bomb":          append([]byte{1}, bomb...),
		"lying length":  {1, 0xff, 0xff, 0xff, 0xff, 0x0f, 0, 0},
		"no block":      {1},
		"corrupt block": {1, 8, 0xff, 0xff, 0xff},
	} {
		if _, err := ReadBatch(append(slices.Clone(front), tail...), crdt.Limits{}); !errors.Is(err, ErrMalformed) {
			t.Errorf("%s: error %v, want ErrMalformed", what, err)
		}
	}
}

func BenchmarkBatchCompress(b *testing.B) {
	w := compressible(benchDeltas)
	var body []byte
	b.Run("encode", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			body = w.AppendCompressed(body[:0])
		}
		b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/benchDeltas, "ns/delta")
		b.ReportMetric(float64(len(body))/float64(len(w.Append(nil))), "of-plain")
	})
	b.Run("decode", func(b *testing.B) {
		b.ReportAllocs()
		read := reader(KindBatch)
		for b.Loop() {
			if err := read(body); err != nil {
				b.Fatal(err)
			}
		}
		b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/benchDeltas, "ns/delta")
	})
}
