package crdt_test

import (
	"encoding/hex"
	"fmt"
	"math"
	"reflect"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"github.com/atollcache/atoll/crdt"
)

const codecBase = crdt.Stamp(1_790_000_000_000 << 16)

// codecStates draws what three replicas of one key come to hold, stubs among it,
// and the deltas that went between them, some of them joined.
func codecStates(t *rapid.T) (entries []*crdt.Entry, deltas []*crdt.Delta, contexts []*crdt.Context) {
	const replicas = 3
	for range replicas {
		entries = append(entries, new(crdt.Entry))
		contexts = append(contexts, new(crdt.Context))
	}
	var clock crdt.Clock
	var tally crdt.Tally

	for range rapid.IntRange(1, 25).Draw(t, "steps") {
		i := rapid.IntRange(0, replicas-1).Draw(t, "replica")
		if rapid.IntRange(0, 9).Draw(t, "free") == 0 {
			entries[i].Free(&tally)
		}
		if len(deltas) > 0 && rapid.Bool().Draw(t, "receive") {
			d := rapid.SampledFrom(deltas).Draw(t, "delta")
			entries[i].Merge(&d.Entry, contexts[i], &tally)
			continue
		}
		wall := codecBase.Millis() + rapid.Int64Range(-10, 10_000).Draw(t, "wall")
		op := crdt.Dot{Stamp: clock.Tick(wall), Origin: crdt.Origin{Node: uint64(i+1) << 50, Epoch: 1_790_000_000_000}}
		d := codecWrite(t, entries[i], contexts[i], op)
		contexts[i].Raise(op)
		entries[i].Write(&d.Entry, contexts[i], &tally)

		if len(deltas) > 0 && rapid.Bool().Draw(t, "coalesce") {
			joined := new(crdt.Delta)
			joined.Coalesce(deltas[len(deltas)-1])
			joined.Coalesce(d)
			d = joined
		}
		deltas = append(deltas, d)
	}
	for i := range replicas {
		d := new(crdt.Delta)
		d.Join(entries[i], entries[(i+1)%replicas], contexts[(i+1)%replicas])
		if len(deltas) > 0 {
			d.Operation(deltas[0].Ops[0])
			deltas = append(deltas, d)
		}
		entries = append(entries, &d.Entry)
	}
	return entries, deltas, contexts
}

// codecWrite draws one operation against what e shows.
func codecWrite(t *rapid.T, e *crdt.Entry, ctx *crdt.Context, op crdt.Dot) *crdt.Delta {
	d := new(crdt.Delta)
	kind := rapid.SampledFrom([]crdt.Kind{crdt.String, crdt.Hash, crdt.Set, crdt.SortedSet}).Draw(t, "kind")
	name := ""
	if kind != crdt.String {
		name = fmt.Sprintf("field %d", rapid.IntRange(0, 20).Draw(t, "name"))
	}
	deadline := rapid.SampledFrom([]int64{0, 1, op.Stamp.Millis() + 60_000, math.MaxInt64}).Draw(t, "deadline")

	switch rapid.SampledFrom([]string{"put", "put", "put", "add", "float", "remove", "clear", "hidden", "extend"}).Draw(t, "what") {
	case "put":
		d.Put(e, kind, name, rapid.SampledFrom([][]byte{nil, {}, []byte("value")}).Draw(t, "value"), deadline, op)
	case "add":
		d.Add(e, kind, name, crdt.Sum{Int: rapid.Int64().Draw(t, "by")}, op)
	case "float":
		d.Add(e, kind, name, crdt.Sum{Float: rapid.Float64().Draw(t, "by")}, op)
	case "remove":
		d.Remove(e, kind, name, op)
	case "clear":
		d.Clear(e, ctx, op)
	case "hidden":
		d.Put(e, kind, name, []byte("v"), 0, op)
		d.ClearHidden(e, kind, op)
	case "extend":
		d.Extend(e, deadline, op)
	}
	return d
}

// sameEntry compares all that a caller can see, values by identity of nil too.
func sameEntry(t interface{ Fatalf(string, ...any) }, got, want *crdt.Entry) {
	strip := func(cells []crdt.Cell) (out []string) {
		for _, c := range cells {
			out = append(out, fmt.Sprintf("%v %q %#v %#v %#v %#v", c.Kind, c.Name, c.Slots, c.Extensions, c.Counts, c.Bases))
		}
		return out
	}
	normal := func(cells []crdt.Cell) (out []crdt.Cell) {
		for _, c := range cells {
			out = append(out, crdt.Cell{
				Kind: c.Kind, Name: c.Name,
				Slots:      append([]crdt.Slot(nil), c.Slots...),
				Extensions: append([]crdt.Extension(nil), c.Extensions...),
				Counts:     append([]crdt.Count(nil), c.Counts...),
				Bases:      append([]crdt.Base(nil), c.Bases...),
			})
		}
		return out
	}
	if !reflect.DeepEqual(normal(got.Cells()), normal(want.Cells())) {
		t.Fatalf("cells differ:\ngot  %v\nwant %v", strip(got.Cells()), strip(want.Cells()))
	}
	if !slices.Equal(got.Cleared(), want.Cleared()) {
		t.Fatalf("clear vector %v, want %v", got.Cleared(), want.Cleared())
	}
	for k := crdt.String; k <= crdt.Expiry; k++ {
		if got.Len(k) != want.Len(k) {
			t.Fatalf("%d visible cells of kind %v, want %d", got.Len(k), k, want.Len(k))
		}
	}
	if got.Type() != want.Type() || got.Deadline() != want.Deadline() {
		t.Fatalf("type %v deadline %d, want %v %d", got.Type(), got.Deadline(), want.Type(), want.Deadline())
	}
	if got.Stubs() != want.Stubs() {
		t.Fatalf("%d stubs, want %d", got.Stubs(), want.Stubs())
	}
	if got.Pending() != want.Pending() {
		t.Fatalf("pending %v, want %v", got.Pending(), want.Pending())
	}
	if got.Digest(7) != want.Digest(7) {
		t.Fatalf("digests differ")
	}
}

func byOrigin(ops []crdt.Dot) []crdt.Dot {
	sorted := slices.Clone(ops)
	slices.SortFunc(sorted, func(a, b crdt.Dot) int { return a.Origin.Compare(b.Origin) })
	return sorted
}

func TestCodecRoundTrip(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		entries, deltas, contexts := codecStates(t)
		base := codecBase + crdt.Stamp(rapid.Uint64().Draw(t, "base"))

		// One table and one buffer, as in a message.
		var table crdt.Actors
		var buf []byte
		for _, e := range entries {
			buf = crdt.AppendEntry(buf, e, &table, base)
		}
		for _, d := range deltas {
			buf = crdt.AppendDelta(buf, d, &table, base)
		}
		for _, c := range contexts {
			buf = crdt.AppendContext(buf, c, &table, base)
		}

		var other crdt.Actors
		other.Load(table.List())
		var got crdt.Delta // used again and again, as decoders do
		var err error
		for _, e := range entries {
			if buf, err = crdt.DecodeEntry(buf, &got.Entry, &other, base, crdt.Limits{}); err != nil {
				t.Fatalf("decode an entry: %v", err)
			}
			sameEntry(t, &got.Entry, e)
		}
		for _, d := range deltas {
			if buf, err = crdt.DecodeDelta(buf, &got, &other, base, crdt.Limits{}); err != nil {
				t.Fatalf("decode a delta: %v", err)
			}
			sameEntry(t, &got.Entry, &d.Entry)
			if !slices.Equal(byOrigin(got.Ops), byOrigin(d.Ops)) {
				t.Fatalf("operations %v, want %v", got.Ops, d.Ops)
			}
		}
		for _, c := range contexts {
			var got crdt.Context
			if buf, err = crdt.DecodeContext(buf, &got, &other, base); err != nil {
				t.Fatalf("decode a context: %v", err)
			}
			if !got.Equal(c) {
				t.Fatalf("context %v, want %v", &got, c)
			}
		}
		if len(buf) != 0 {
			t.Fatalf("%d bytes left", len(buf))
		}
	})
}

// A decoded delta must do to an entry what the original does.
func TestCodecMergesAlike(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		_, deltas, _ := codecStates(t)
		var table crdt.Actors
		var a, b crdt.Entry
		var ta, tb crdt.Tally
		for _, d := range deltas {
			buf := crdt.AppendDelta(nil, d, &table, codecBase)
			var got crdt.Delta
			if _, err := crdt.DecodeDelta(buf, &got, &table, codecBase, crdt.Limits{}); err != nil {
				t.Fatalf("decode: %v", err)
			}
			a.Merge(&d.Entry, nil, &ta)
			b.Merge(&got.Entry, nil, &tb)
		}
		sameEntry(t, &b, &a)
		if ta != tb {
			t.Fatalf("tallies %v and %v", ta, tb)
		}
	})
}

// The bytes are pinned: peers of other versions and snapshots hold them.
func TestCodecGolden(t *testing.T) {
	a := crdt.Origin{Node: 1, Epoch: 10}
	b := crdt.Origin{Node: 2, Epoch: 20}
	at := func(after uint64, o crdt.Origin) crdt.Dot {
		return crdt.Dot{Stamp: codecBase + crdt.Stamp(after), Origin: o}
	}
	var empty, seen crdt.Entry
	var ctx crdt.Context
	var tally crdt.Tally

	var plain crdt.Delta
	plain.Put(&empty, crdt.String, "", []byte("abc"), 0, at(1, a))
	var timed crdt.Delta
	timed.Put(&empty, crdt.String, "", []byte("abc"), codecBase.Millis()+60_000, at(1, a))
	var member crdt.Delta
	member.Put(&empty, crdt.Set, "m", nil, 0, at(2, b))
	var count crdt.Delta
	count.Add(&empty, crdt.String, "", crdt.Sum{Int: 5}, at(3, a))
	var float crdt.Delta
	float.Add(&empty, crdt.Hash, "f", crdt.Sum{Float: 1.5}, at(3, a))

	seen.Merge(&timed.Entry, nil, &tally)
	seen.Merge(&count.Entry, nil, &tally)
	var extend crdt.Delta
	extend.Extend(&seen, 0, at(4, b))
	var replace crdt.Delta
	replace.Put(&seen, crdt.String, "", []byte("x"), 0, at(5, b))
	ctx.Raise(at(3, a))
	var clear crdt.Delta
	clear.Clear(&seen, &ctx, at(6, b))

	stub := func(from *crdt.Entry) *crdt.Delta {
		var copied crdt.Entry
		copied.Merge(from, nil, &tally)
		if !copied.Free(&tally) {
			t.Fatal("nothing to free")
		}
		var d crdt.Delta
		d.Join(&empty, &copied, &ctx)
		return &d
	}
	var fields crdt.Delta
	fields.Put(&empty, crdt.Hash, "f", []byte("abc"), 0, at(1, a))
	fields.Put(&empty, crdt.Hash, "g", []byte("abc"), 0, at(1, a))
	fields.Extend(&fields.Entry, codecBase.Millis()+60_000, at(1, a))

	for _, c := range []struct {
		name  string
		delta *crdt.Delta
		want  string
	}{
		{"string", &plain, "31000203616263"},
		{"string with deadline", &timed, "390002c0a90703616263"},
		{"member", &member, "65016d0104"},
		{"count", &count, "0001410100000" + "60a"},
		{"float", &float, "00014a01660108000600000000000000f83f"},
		{"extension", &extend, "0001210100010800" + "05"},
		{"replaced", &replace, "000191020100020401080178010000030104" + "0a"},
		{"cleared", &clear, "0401000201810100000401060a"},
		{"stub", stub(&timed.Entry), "0200011101220002c0a90700"},
		{"stubs of fields", stub(&fields.Entry), "0200031a016601200002741a016701200000001501020000c0a907"},
	} {
		var table crdt.Actors
		table.Load([]crdt.Origin{a, b})
		if got := hex.EncodeToString(crdt.AppendDelta(nil, c.delta, &table, codecBase)); got != c.want {
			t.Errorf("%s: bytes %s, want %s", c.name, got, c.want)
		}
	}
}

func TestActorsFarBeyondTheIndex(t *testing.T) {
	var a crdt.Actors
	for round := range 3 {
		for i := range 1000 {
			if got := a.Number(crdt.Origin{Node: uint64(i)}); got != uint32(i) {
				t.Fatalf("round %d: number %d, want %d", round, got, i)
			}
		}
		var b crdt.Actors
		b.Load(a.List())
		if got := b.Number(crdt.Origin{Node: 999}); got != 999 {
			t.Fatalf("loaded: number %d, want 999", got)
		}
		if _, ok := b.Origin(1000); ok {
			t.Fatal("origin 1000 of 1000 exists")
		}
		if o, ok := b.Origin(500); !ok || o.Node != 500 {
			t.Fatalf("origin 500 is %v", o)
		}
		if round == 1 {
			a.Reset()
		}
	}
}

func BenchmarkCodec(b *testing.B) {
	op := crdt.Dot{Stamp: codecBase + 70_000, Origin: crdt.Origin{Node: 1 << 60, Epoch: 1_790_000_000_000}}
	value := make([]byte, 64)
	var empty crdt.Entry
	var plain, count, hash crdt.Delta
	plain.Put(&empty, crdt.String, "", value, 0, op)
	count.Add(&empty, crdt.String, "", crdt.Sum{Int: 1}, op)
	for i := range 100 {
		hash.Put(&empty, crdt.Hash, fmt.Sprintf("field%d", i), value[:8], 0, op)
	}
	for _, c := range []struct {
		name  string
		delta *crdt.Delta
	}{{"string", &plain}, {"counter", &count}, {"hash100", &hash}} {
		var table crdt.Actors
		buf := crdt.AppendDelta(nil, c.delta, &table, codecBase)
		b.Run(c.name+"/encode", func(b *testing.B) {
			b.ReportAllocs()
			dst := make([]byte, 0, 2*len(buf))
			for b.Loop() {
				dst = crdt.AppendDelta(dst[:0], c.delta, &table, codecBase)
			}
			b.ReportMetric(float64(len(dst)), "bytes")
		})
		b.Run(c.name+"/decode", func(b *testing.B) {
			b.ReportAllocs()
			var d crdt.Delta
			for b.Loop() {
				if _, err := crdt.DecodeDelta(buf, &d, &table, codecBase, crdt.Limits{}); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
