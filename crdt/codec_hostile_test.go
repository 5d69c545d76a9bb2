package crdt_test

import (
	"bytes"
	"encoding/hex"
	"errors"
	"fmt"
	"runtime"
	"testing"

	"pgregory.net/rapid"

	"github.com/atollcache/atoll/crdt"
)

func TestCodecTruncated(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		_, deltas, _ := codecStates(t)
		d := deltas[len(deltas)-1]
		var table crdt.Actors
		buf := crdt.AppendDelta(nil, d, &table, codecBase)
		cut := rapid.IntRange(0, len(buf)-1).Draw(t, "cut")
		var got crdt.Delta
		rest, err := crdt.DecodeDelta(buf[:cut], &got, &table, codecBase, crdt.Limits{})
		if !errors.Is(err, crdt.ErrCorrupt) {
			t.Fatalf("%d of %d bytes: error %v, want ErrCorrupt", cut, len(buf), err)
		}
		if len(rest) != cut || !got.Empty() || len(got.Ops) != 0 {
			t.Fatalf("after an error: %d bytes left of %d, delta empty %v", len(rest), cut, got.Empty())
		}
	})
}

// A flipped bit is refused, or makes another valid delta, which survives the
// next round trip.
func TestCodecFlipped(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		_, deltas, _ := codecStates(t)
		var table crdt.Actors
		buf := crdt.AppendDelta(nil, deltas[len(deltas)-1], &table, codecBase)
		bit := rapid.IntRange(0, 8*len(buf)-1).Draw(t, "bit")
		buf[bit/8] ^= 1 << (bit % 8)
		decodesOrFails(t, buf, &table)
	})
}

func decodesOrFails(t interface{ Fatalf(string, ...any) }, buf []byte, table *crdt.Actors) {
	var got, again crdt.Delta
	rest, err := crdt.DecodeDelta(buf, &got, table, codecBase, crdt.Limits{})
	if err != nil {
		if !got.Empty() || !errors.Is(err, crdt.ErrCorrupt) && !errors.Is(err, crdt.ErrLimit) {
			t.Fatalf("error %v, delta empty %v", err, got.Empty())
		}
		return
	}
	packed := crdt.AppendDelta(nil, &got, table, codecBase)
	if len(packed) > len(buf)-len(rest) {
		t.Fatalf("%d bytes decode to what takes %d", len(buf)-len(rest), len(packed))
	}
	if _, err := crdt.DecodeDelta(packed, &again, table, codecBase, crdt.Limits{}); err != nil {
		t.Fatalf("what was decoded does not survive: %v", err)
	}
	if twice := crdt.AppendDelta(nil, &again, table, codecBase); !bytes.Equal(packed, twice) {
		t.Fatalf("encoded twice: %x and %x", packed, twice)
	}
}

func TestCodecLimits(t *testing.T) {
	op := crdt.Dot{Stamp: codecBase, Origin: crdt.Origin{Node: 1, Epoch: 1}}
	var empty crdt.Entry
	var d crdt.Delta
	for i := range 5 {
		d.Put(&empty, crdt.Hash, fmt.Sprintf("field%d", i), []byte("seven b"), 0, op)
	}
	var table crdt.Actors
	buf := crdt.AppendDelta(nil, &d, &table, 0)
	for _, c := range []struct {
		name string
		lim  crdt.Limits
		want error
	}{
		{"fits", crdt.Limits{MaxName: 6, MaxValue: 7, MaxCells: 5}, nil},
		{"name", crdt.Limits{MaxName: 5}, crdt.ErrLimit},
		{"value", crdt.Limits{MaxValue: 6}, crdt.ErrLimit},
		{"cells", crdt.Limits{MaxCells: 4}, crdt.ErrLimit},
	} {
		var got crdt.Delta
		if _, err := crdt.DecodeDelta(buf, &got, &table, 0, c.lim); !errors.Is(err, c.want) {
			t.Errorf("%s: error %v, want %v", c.name, err, c.want)
		}
	}
}

// Every line breaks one rule of the grammar.
func TestCodecRefuses(t *testing.T) {
	for _, c := range []struct{ what, hex string }{
		{"nothing", ""},
		{"kind 0", "11000203616263"},
		{"kind 7", "f1000203616263"},
		{"unknown origin", "31020203616263"},
		{"longer number than needed", "3100820003616263"},
		{"number over 64 bits", "3100ffffffffffffffffff7f03616263"},
		{"empty name", "65000104"},
		{"unknown head", "0800"},
		{"empty clear vector", "06000000"},
		{"operations out of order", "0202010200" + "0200"},
		{"no operation implied", "0000"},
		{"implied operation of two origins", "00011102040002" + "00040102"},
		{"empty cell", "020100020101"},
		{"empty list", "02010002011100"},
		{"cell twice", "020100020211010000021101000002"},
		{"slots out of order", "02010002011102000102000002"},
		{"dead slot with value", "020100020111010500020161"},
		{"unknown flags", "0201000201110108000261"},
		{"unknown flags of a slot", "020100020111014000020161"},
		{"stub with value", "02010002011101240002" + "00" + "0161"},
		{"dead stub", "0201000201110121000200"},
		{"stub without a tick", "02010002011101200002"},
		{"tick of zero", "02010002011101200002" + "b7d088830d"},
		{"tick beyond 32 bits", "02010002011101200002" + "c8aff7fc12"},
		{"float of zero", "0001410108000" + "2000000000000000000"},
		{"dead count with sum", "020100020141010100020a"},
		{"birth at the stamp", "02010002014101100002000a"},
		{"a thousand cells in no bytes", "02010002e807"},
	} {
		buf, err := hex.DecodeString(c.hex)
		if err != nil {
			t.Fatalf("%s: %v", c.what, err)
		}
		var table crdt.Actors
		table.Load([]crdt.Origin{{Node: 1, Epoch: 10}, {Node: 2, Epoch: 20}})
		var got crdt.Delta
		if _, err := crdt.DecodeDelta(buf, &got, &table, codecBase, crdt.Limits{}); !errors.Is(err, crdt.ErrCorrupt) {
			t.Errorf("%s: error %v, want ErrCorrupt", c.what, err)
		}
	}

	// The stamp of zero needs a base that leads there.
	var table crdt.Actors
	table.Load([]crdt.Origin{{Node: 1, Epoch: 10}})
	var got crdt.Entry
	if _, err := crdt.DecodeEntry([]byte{0x21, 0, 1}, &got, &table, 1, crdt.Limits{}); !errors.Is(err, crdt.ErrCorrupt) {
		t.Errorf("stamp of zero: error %v, want ErrCorrupt", err)
	}
	if _, err := crdt.DecodeEntry([]byte{0x23, 0, 0, 2}, &got, &table, 1, crdt.Limits{}); !errors.Is(err, crdt.ErrCorrupt) {
		t.Errorf("entry with operations: error %v, want ErrCorrupt", err)
	}
}

// allocated gives the bytes that f allocates.
func allocated(f func()) uint64 {
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	f()
	runtime.ReadMemStats(&after)
	return after.TotalAlloc - before.TotalAlloc
}

func FuzzDecodeDelta(f *testing.F) {
	var empty, seen crdt.Entry
	var tally crdt.Tally
	a, b := crdt.Origin{Node: 1, Epoch: 10}, crdt.Origin{Node: 2, Epoch: 20}
	var table crdt.Actors
	table.Load([]crdt.Origin{a, b})
	seed := func(d *crdt.Delta) {
		f.Add(crdt.AppendDelta(nil, d, &table, codecBase))
		seen.Merge(&d.Entry, nil, &tally)
	}
	var plain, count, many, clear crdt.Delta
	plain.Put(&empty, crdt.String, "", []byte("abc"), 9, crdt.Dot{Stamp: codecBase, Origin: a})
	seed(&plain)
	count.Add(&empty, crdt.String, "", crdt.Sum{Int: 3, Float: 1.5}, crdt.Dot{Stamp: codecBase + 1, Origin: b})
	seed(&count)
	for i := range 20 {
		many.Put(&seen, crdt.Hash, fmt.Sprint(i), []byte{1}, 0, crdt.Dot{Stamp: codecBase + 2, Origin: b})
	}
	many.Extend(&seen, 5, crdt.Dot{Stamp: codecBase + 3, Origin: b})
	seed(&many)
	var stubs crdt.Entry
	stubs.Merge(&plain.Entry, nil, &tally)
	stubs.Merge(&many.Entry, nil, &tally)
	stubs.Free(&tally)
	f.Add(crdt.AppendEntry(nil, &stubs, &table, codecBase))
	clear.Clear(&seen, new(crdt.Context), crdt.Dot{Stamp: codecBase + 4, Origin: b})
	seed(&clear)

	f.Fuzz(func(t *testing.T, src []byte) {
		decodesOrFails(t, src, &table)

		var d crdt.Delta
		var err error
		spent := allocated(func() { _, err = crdt.DecodeDelta(src, &d, &table, codecBase, crdt.Limits{}) })
		bound := uint64(16*len(src) + 16<<10)
		if err == nil {
			// A cell in memory is larger than its few bytes here, however it
			// is stored; that much a valid state may take.
			bound += 512 * uint64(len(d.Cells()))
		}
		if spent > bound {
			t.Fatalf("%d bytes allocated for %d bytes of input", spent, len(src))
		}
	})
}
