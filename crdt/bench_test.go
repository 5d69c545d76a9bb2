package crdt

import (
	"strconv"
	"testing"
)

// BenchmarkMerge measures the hot path: a register delta of a peer into an entry
// of one cell with one or two slots.
func BenchmarkMerge(b *testing.B) {
	for name, other := range map[string]uint64{"one slot": 1, "two slots": 2} {
		b.Run(name, func(b *testing.B) {
			var e, empty Entry
			var ctx Context
			t := Tally{Seed: testSeed}
			var d Delta
			d.Put(&empty, String, "", []byte("value"), 0, Dot{1, Origin{Node: other, Epoch: 1}})
			e.Merge(&d.Entry, &ctx, &t)
			d.Reset()
			d.Put(&empty, String, "", []byte("value"), 0, Dot{2, Origin{Node: 1, Epoch: 1}})
			b.ReportAllocs()
			for b.Loop() {
				d.cells[0].Slots[0].Stamp++
				e.Merge(&d.Entry, &ctx, &t)
			}
		})
	}
}

// BenchmarkSet measures a local write of a string: its delta, and taking it in.
func BenchmarkSet(b *testing.B) {
	var e Entry
	var ctx Context
	var d Delta
	t := Tally{Seed: testSeed}
	op := Dot{1, Origin{Node: 1, Epoch: 1}}
	value := []byte("value")
	b.ReportAllocs()
	for b.Loop() {
		op.Stamp++
		ctx.Raise(op)
		d.Reset()
		d.Put(&e, String, "", value, 0, op)
		e.Write(&d.Entry, &ctx, &t)
	}
}

// BenchmarkIncr measures a local increment.
func BenchmarkIncr(b *testing.B) {
	var e Entry
	var ctx Context
	var d Delta
	t := Tally{Seed: testSeed}
	op := Dot{1, Origin{Node: 1, Epoch: 1}}
	b.ReportAllocs()
	for b.Loop() {
		op.Stamp++
		ctx.Raise(op)
		d.Reset()
		d.Add(&e, String, "", Sum{Int: 1}, op)
		e.Write(&d.Entry, &ctx, &t)
	}
}

func BenchmarkDigest(b *testing.B) {
	t := Tally{Seed: testSeed}
	s := Slot{Dot: Dot{1, Origin{Node: 1, Epoch: 1}}}
	for b.Loop() {
		s.Stamp++
		t.slot(2, &s, 1)
	}
}

// wide gives a hash of 10,000 fields, written by two origins.
func wide() (*Entry, *Context, *Tally) {
	e, ctx, t := &Entry{}, &Context{}, &Tally{Seed: testSeed}
	var d Delta
	for i := range 10_000 {
		op := Dot{Stamp(i + 1), Origin{Node: uint64(i%2 + 1), Epoch: 1}}
		ctx.Raise(op)
		d.Reset()
		d.Put(e, Hash, "field"+strconv.Itoa(i), []byte("value"), 0, op)
		e.Write(&d.Entry, ctx, t)
	}
	return e, ctx, t
}

func BenchmarkWide(b *testing.B) {
	b.Run("HSET", func(b *testing.B) {
		e, ctx, t := wide()
		op := Dot{20_000, Origin{Node: 1, Epoch: 1}}
		var d Delta
		b.ReportAllocs()
		for b.Loop() {
			op.Stamp++
			ctx.Raise(op)
			d.Reset()
			d.Put(e, Hash, "field77", []byte("value"), 0, op)
			e.Write(&d.Entry, ctx, t)
		}
	})
	b.Run("Clear", func(b *testing.B) {
		op := Dot{20_000, Origin{Node: 1, Epoch: 1}}
		for b.Loop() {
			b.StopTimer()
			e, ctx, t := wide()
			var d Delta
			ctx.Raise(op)
			b.StartTimer()
			d.Clear(e, ctx, op)
			e.Write(&d.Entry, ctx, t)
		}
	})
}
