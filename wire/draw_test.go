package wire

import (
	"fmt"
	"math"
	"slices"

	"pgregory.net/rapid"

	"github.com/atollcache/atoll/antientropy"
	"github.com/atollcache/atoll/crdt"
)

// What follows draws messages as correct nodes send them.

const someMillis = 1_790_000_000_000

func drawOrigin(t *rapid.T) crdt.Origin {
	return crdt.Origin{
		Node:  rapid.SampledFrom([]uint64{1, 2, 1 << 63, math.MaxUint64}).Draw(t, "node"),
		Epoch: rapid.SampledFrom([]uint64{1, someMillis, someMillis + 1, math.MaxUint64}).Draw(t, "epoch"),
	}
}

func drawContext(t *rapid.T) (c crdt.Context) {
	for range rapid.IntRange(0, 6).Draw(t, "origins") {
		after := rapid.Int64Range(0, 1<<20).Draw(t, "stamp")
		c.Raise(crdt.Dot{Stamp: crdt.StampAt(someMillis) + crdt.Stamp(after), Origin: drawOrigin(t)})
	}
	return c
}

func drawPartitions(t *rapid.T) []uint16 {
	var scope antientropy.Scope
	for range rapid.IntRange(0, 4).Draw(t, "runs") {
		from := rapid.IntRange(0, antientropy.Partitions-1).Draw(t, "from")
		step := rapid.SampledFrom([]int{1, 1, 2, 7}).Draw(t, "step")
		for p := from; p < min(from+rapid.IntRange(1, 300).Draw(t, "length"), antientropy.Partitions); p += step {
			scope.Add(uint16(p))
		}
	}
	return members(&scope)
}

func drawMarks(t *rapid.T) (marks []Mark) {
	for range rapid.IntRange(0, 3).Draw(t, "marks") {
		if m := (Mark{Partitions: drawPartitions(t), Context: drawContext(t)}); len(m.Partitions) > 0 {
			marks = append(marks, m)
		}
	}
	return marks
}

func drawPartitionContexts(t *rapid.T) (contexts []PartitionContext) {
	for _, p := range drawPartitions(t) {
		if len(contexts) == 5 {
			break
		}
		contexts = append(contexts, PartitionContext{
			Partition: p, Tenure: rapid.Uint64().Draw(t, "tenure"), Ready: rapid.Bool().Draw(t, "ready"), Context: drawContext(t),
			Waiting: rapid.Uint32().Draw(t, "waiting"), Partial: rapid.Bool().Draw(t, "partial"),
		})
	}
	return contexts
}

// drawStates draws the deltas that a few nodes write to keys, and the entries
// that the deltas, some of which are lost, come to. Some have given values back.
func drawStates(t *rapid.T) (keys [][]byte, deltas []*crdt.Delta, entries []*crdt.Entry) {
	const most = 3
	states := [most]crdt.Entry{}
	contexts := [most]crdt.Context{}
	var clock crdt.Clock
	var tally crdt.Tally
	for range rapid.IntRange(0, 12).Draw(t, "writes") {
		k := rapid.IntRange(0, most-1).Draw(t, "key")
		op := crdt.Dot{Stamp: clock.Tick(someMillis + rapid.Int64Range(0, 5).Draw(t, "wall")), Origin: drawOrigin(t)}
		d := new(crdt.Delta)
		drawWrite(t, d, &states[k], &contexts[k], op)
		if rapid.IntRange(0, 9).Draw(t, "lost") > 0 {
			states[k].Merge(&d.Entry, &contexts[k], &tally)
			contexts[k].Raise(op)
		}
		if rapid.IntRange(0, 5).Draw(t, "expired") == 0 {
			states[k].Free(&tally)
		}
		keys = append(keys, fmt.Appendf(nil, "key %d", k))
		deltas = append(deltas, d)
	}
	for range keys {
		entries = append(entries, &states[len(entries)%most])
	}
	return keys, deltas, entries
}

func drawWrite(t *rapid.T, d *crdt.Delta, e *crdt.Entry, ctx *crdt.Context, op crdt.Dot) {
	kind := rapid.SampledFrom([]crdt.Kind{crdt.String, crdt.Hash, crdt.Set, crdt.SortedSet}).Draw(t, "kind")
	name := ""
	if kind != crdt.String {
		name = rapid.SampledFrom([]string{"a", "b", "name"}).Draw(t, "name")
	}
	switch rapid.IntRange(0, 5).Draw(t, "what") {
	case 0, 1:
		d.Put(e, kind, name, []byte(rapid.String().Draw(t, "value")), rapid.Int64().Draw(t, "deadline"), op)
	case 2:
		d.Add(e, kind, name, crdt.Sum{Int: rapid.Int64().Draw(t, "by"), Float: 0.5}, op)
	case 3:
		d.Remove(e, kind, name, op)
	case 4:
		d.Clear(e, ctx, op)
	default:
		d.Extend(e, rapid.Int64().Draw(t, "deadline"), op)
	}
}

func drawWants(t *rapid.T) (wants []Want) {
	for range rapid.IntRange(0, 10).Draw(t, "wants") {
		p := uint64(rapid.SampledFrom([]uint16{0, 1, antientropy.Partitions - 1}).Draw(t, "partition"))
		w := Want{Partition: uint16(p), Tenure: rapid.Uint64Range(0, 2).Draw(t, "tenure"), From: p << 54}
		switch rapid.IntRange(0, 3).Draw(t, "sort") {
		case 0:
			w.To = w.From + 1<<54
		case 1:
			w.From += rapid.Uint64Range(0, 1<<54-2).Draw(t, "from")
			w.To = w.From + 1
		case 2:
			w.To = w.From + 1
			w.Parts = rapid.Uint32Range(1, MaxParts).Draw(t, "parts")
			w.Part = rapid.Uint32Range(0, w.Parts-1).Draw(t, "part")
		default:
			w.To = w.From + 1<<54 - 1
			w.To++
		}
		wants = append(wants, w)
	}
	return wants
}

func drawLarge(t *rapid.T) (large []Large) {
	for _, hash := range drawUint64s(t) {
		large = append(large, Large{Hash: hash, Parts: rapid.Uint32Range(1, MaxParts).Draw(t, "parts")})
	}
	return large
}

func drawRequest(t *rapid.T) *antientropy.Request {
	q := &antientropy.Request{
		Round: rapid.Uint64().Draw(t, "round"), Seq: rapid.Uint32().Draw(t, "seq"), MaxBytes: rapid.Uint32().Draw(t, "bytes"),
	}
	switch rapid.IntRange(0, 3).Draw(t, "request") {
	case 0:
		return nil
	case 1:
		for _, p := range drawPartitions(t) {
			q.Scope.Add(p)
		}
		q.Groups = drawUint64s(t)
	case 2:
		q.Compare = drawPartitions(t)
		q.Children = drawUint64s(t)
	default:
		for _, w := range drawWants(t) {
			q.List = append(q.List, antientropy.Span{Partition: w.Partition, From: w.From, To: w.To})
		}
	}
	return q
}

func drawReply(t *rapid.T) *antientropy.Reply {
	if rapid.Bool().Draw(t, "no reply") {
		return nil
	}
	r := &antientropy.Reply{
		Round: rapid.Uint64().Draw(t, "round"), Seq: rapid.Uint32().Draw(t, "seq"), Differ: rapid.Uint32().Draw(t, "differ"),
		Roots: drawUint64s(t), Buckets: drawUint64s(t), Children: drawPartitions(t), Cut: rapid.Bool().Draw(t, "cut"),
	}
	for _, v := range drawUint64s(t) {
		r.Keys = append(r.Keys, uint32(v))
		r.Counts = append(r.Counts, uint32(v>>32))
		r.Versions = append(r.Versions, antientropy.Version{Hash: v, Digest: ^v})
	}
	return r
}

func drawUint64s(t *rapid.T) []uint64 {
	list := rapid.SliceOfN(rapid.Uint64(), 0, 5).Draw(t, "numbers")
	if len(list) == 0 {
		return nil
	}
	return slices.Clone(list)
}

func drawNumbers(t *rapid.T) (a, b, c uint64, sent int64) {
	number := rapid.Uint64()
	return number.Draw(t, "a"), number.Draw(t, "b"), number.Draw(t, "c"), rapid.Int64().Draw(t, "sent")
}
