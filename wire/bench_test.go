package wire

import (
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/atollcache/atoll/crdt"
)

const (
	benchDeltas = 64
	benchKey    = 16
	benchValue  = 64
)

// benchBatch gives the deltas of a batch as a busy node flushes it: one origin,
// stamps over two milliseconds.
func benchBatch() (keys [][]byte, deltas []*crdt.Delta) {
	random := rand.New(rand.NewPCG(1, 2))
	origin := crdt.Origin{Node: 0xfedcba9876543210, Epoch: someMillis}
	for i := range benchDeltas {
		value := make([]byte, benchValue)
		for j := range value {
			value[j] = byte(random.Uint32())
		}
		op := crdt.Dot{Stamp: crdt.StampAt(someMillis+int64(i/32)) + crdt.Stamp(i), Origin: origin}
		d := new(crdt.Delta)
		d.Put(new(crdt.Entry), crdt.String, "", value, 0, op)
		keys = append(keys, fmt.Appendf(nil, "session:%0*d", benchKey-len("session:"), i))
		deltas = append(deltas, d)
	}
	return keys, deltas
}

func packBench(w *BatchWriter, dst []byte, keys [][]byte, deltas []*crdt.Delta) []byte {
	w.Reset(0xfedcba9876543210, 1_000_000, 0x123456789abcdef0, someMillis)
	for i, d := range deltas {
		w.Delta(keys[i], d)
	}
	return w.Append(dst)
}

// overhead gives the bytes that a delta takes beside its key and value.
func overhead(body []byte) float64 {
	return float64(len(body)-benchDeltas*(benchKey+benchValue)) / benchDeltas
}

func TestOverheadOfABatch(t *testing.T) {
	keys, deltas := benchBatch()
	var w BatchWriter
	body := packBench(&w, nil, keys, deltas)
	sealed := Seal(nil, "production", Sender{Region: "eu-central-1", Name: "node-1", Node: 1 << 63, Boot: 1 << 63}, KindBatch, body)
	t.Logf("%.1f bytes per delta beside key and value, %.1f with the envelope", overhead(body), overhead(sealed))
	if got := overhead(sealed); got > 16 {
		t.Errorf("%.1f bytes per delta beside key and value, want at most 16", got)
	}
}

func TestBatchesWithoutAllocations(t *testing.T) {
	keys, deltas := benchBatch()
	var w BatchWriter
	body := packBench(&w, nil, keys, deltas)
	if got := testing.AllocsPerRun(100, func() { body = packBench(&w, body[:0], keys, deltas) }); got != 0 {
		t.Errorf("packing %d deltas allocates %v times, want 0", benchDeltas, got)
	}

	r, err := ReadBatch(body, crdt.Limits{})
	if err != nil {
		t.Fatal(err)
	}
	var key []byte
	var d crdt.Delta
	if _, err := r.Next(&key, &d); err != nil {
		t.Fatal(err)
	}
	got := testing.AllocsPerRun(benchDeltas-2, func() {
		if more, err := r.Next(&key, &d); !more {
			t.Fatal(err)
		}
	})
	if got != 0 {
		t.Errorf("reading a delta allocates %v times, want 0", got)
	}
}

func BenchmarkBatchEncode(b *testing.B) {
	keys, deltas := benchBatch()
	var w BatchWriter
	body := packBench(&w, nil, keys, deltas)
	b.ReportAllocs()
	for b.Loop() {
		body = packBench(&w, body[:0], keys, deltas)
	}
	reportPerDelta(b, body)
}

func BenchmarkBatchDecode(b *testing.B) {
	keys, deltas := benchBatch()
	var w BatchWriter
	body := packBench(&w, nil, keys, deltas)
	var key []byte
	var d crdt.Delta
	var r BatchReader // used again, as a replica does
	b.ReportAllocs()
	for b.Loop() {
		err := r.Read(body, crdt.Limits{})
		for more := err == nil; more; {
			more, err = r.Next(&key, &d)
		}
		if err != nil {
			b.Fatal(err)
		}
	}
	reportPerDelta(b, body)
}

func reportPerDelta(b *testing.B, body []byte) {
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/benchDeltas, "ns/delta")
	b.ReportMetric(overhead(body), "overhead-bytes/delta")
}

func BenchmarkEnvelope(b *testing.B) {
	from := Sender{Region: "eu-central-1", Name: "node-1", Node: 1 << 63, Boot: 1 << 63}
	body := make([]byte, 32<<10)
	msg := Seal(nil, "production", from, KindBatch, body)
	b.Run("seal", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			msg = Seal(msg[:0], "production", from, KindBatch, body)
		}
	})
	b.Run("open", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			if _, err := Open(msg); err != nil {
				b.Fatal(err)
			}
		}
	})
}
