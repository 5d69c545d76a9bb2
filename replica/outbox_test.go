package replica

import (
	"bytes"
	"fmt"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"github.com/atollcache/atoll/crdt"
	"github.com/atollcache/atoll/wire"
)

// parcel is what one fill took: deltas by key in their order, the watermark, and
// who waited.
type parcel struct {
	keys    []string
	deltas  []crdt.Delta
	mark    uint16 // the partition of the watermark, which numbers it here; 0 if none
	waiters []*waiter
}

// unpack reads a batch as its receiver does.
func unpack(t *rapid.T, b *wire.BatchWriter, waiters []*waiter) (out parcel) {
	r, err := wire.ReadBatch(b.Append(nil), crdt.Limits{})
	if err != nil {
		t.Fatal(err)
	}
	out.waiters = waiters
	for _, m := range r.Watermark {
		out.mark = m.Partitions[0]
	}
	for {
		var key []byte
		var d crdt.Delta
		more, err := r.Next(&key, &d)
		if err != nil {
			t.Fatal(err)
		}
		if !more {
			return out
		}
		out.keys = append(out.keys, string(key))
		out.deltas = append(out.deltas, d)
	}
}

// state is deltas joined, by key.
type state map[string]*crdt.Entry

func (s state) join(key string, d *crdt.Delta) {
	if s[key] == nil {
		s[key] = &crdt.Entry{}
	}
	var tally crdt.Tally
	s[key].Merge(&d.Entry, nil, &tally)
}

// show writes a state in an order that does not depend on how it was joined.
func (s state) show() string {
	var lines []string
	for key, e := range s { // order-free: sorted below
		var actors crdt.Actors
		lines = append(lines, fmt.Sprintf("%s %x %v", key, crdt.AppendEntry(nil, e, &actors, 0), actors.List()))
	}
	slices.Sort(lines)
	return fmt.Sprint(lines)
}

// waiting is one delta in the naive outbox: a plain list.
type waiting struct {
	key        string
	generation int
	delta      crdt.Delta
	waiter     *waiter
}

// outboxes runs the outbox beside the naive one. The laws are:
//  1. what has been sent and what waits, joined, is what was queued, joined
//  2. within a generation a key is sent once at most, unless it was queued again
//     after it had been sent
//  3. generations are sent in their order, and the watermark of one with its last
//     batch: everything queued before it was sealed is sent by then
//  4. the bytes that it counts are 0 when it is empty, and above what it holds
//  5. whoever waits is told once, with a batch that holds his write
type outboxes struct {
	box    outbox
	naive  []waiting
	gen    int
	stamp  crdt.Stamp
	queued state
	sent   state
	asked  int
	told   int
}

// clashing gives different keys one hash.
func clashing(key string) uint64 { return uint64(len(key)) }

func (o *outboxes) queue(t *rapid.T) {
	key := rapid.SampledFrom([]string{"a", "b", "cc", "dd", "ee", "fff"}).Draw(t, "key")
	o.stamp++
	op := crdt.Dot{Stamp: o.stamp, Origin: crdt.Origin{Node: rapid.Uint64Range(1, 3).Draw(t, "node"), Epoch: 1}}
	var d crdt.Delta
	d.Operation(op)
	seen := o.queued[key]
	if seen == nil {
		seen = &crdt.Entry{}
	}
	switch rapid.IntRange(0, 4).Draw(t, "operation") {
	case 0:
		d.Remove(seen, crdt.String, "", op)
	case 1:
		d.Add(seen, crdt.String, "", crdt.Sum{Int: 1}, op)
	default:
		size := rapid.SampledFrom([]int{1, 10, 20_000}).Draw(t, "size")
		d.Put(seen, crdt.String, "", bytes.Repeat([]byte{'v'}, size), 0, op)
	}
	if d.Empty() {
		return
	}
	var w *waiter
	if rapid.IntRange(0, 3).Draw(t, "waits") == 0 {
		w = &waiter{near: []coOwner{{id: 1}}}
		o.asked++
	}
	o.box.add(clashing(key), []byte(key), &d, w)
	o.naive = append(o.naive, waiting{key, o.gen, d, w})
	o.queued.join(key, &d)
}

func (o *outboxes) seal(*rapid.T) {
	if o.gen > 900 {
		return
	}
	o.gen++
	o.box.seal([]wire.Mark{{Partitions: []uint16{uint16(o.gen)}}})
}

func (o *outboxes) fill(t *rapid.T) {
	limit := rapid.SampledFrom([]int{1, 200, 30_000}).Draw(t, "limit")
	var b wire.BatchWriter
	b.Reset(1, 1, 1, 0)
	p := unpack(t, &b, o.box.fill(&b, limit))
	for i, key := range p.keys {
		o.take(t, key, &p.deltas[i], &p)
	}
	if p.mark > 0 {
		for _, x := range o.naive {
			if x.generation < int(p.mark) {
				t.Fatalf("watermark %d leaves before %s", p.mark, x.key)
			}
		}
	}
	o.told += len(p.waiters)
	if len(p.waiters) > 0 {
		t.Fatalf("%d are told of what was not sent", len(p.waiters))
	}
}

// take finds the deltas of the naive outbox that one sent delta stands for: all
// that the oldest generation holds of the key.
func (o *outboxes) take(t *rapid.T, key string, d *crdt.Delta, p *parcel) {
	i := slices.IndexFunc(o.naive, func(x waiting) bool { return x.key == key })
	if i < 0 {
		t.Fatalf("%s is sent and was not queued", key)
	}
	gen := o.naive[i].generation
	if older := slices.IndexFunc(o.naive, func(x waiting) bool { return x.generation < gen }); older >= 0 {
		t.Fatalf("%s overtakes %s of an older generation", key, o.naive[older].key)
	}
	all := state{}
	single := state{}
	single.join(key, d)
	for j := i; j < len(o.naive); {
		x := o.naive[j]
		if x.key != key || x.generation != gen {
			j++
			continue
		}
		all.join(key, &x.delta)
		if x.waiter != nil {
			at := slices.Index(p.waiters, x.waiter)
			if at < 0 {
				t.Fatalf("who waits for %s is not told", key)
			}
			p.waiters = slices.Delete(p.waiters, at, at+1)
			o.told++
		}
		o.naive = slices.Delete(o.naive, j, j+1)
		if all.show() == single.show() && !coalesced(key) {
			break // keys of one hash may be sent in parts
		}
	}
	if all.show() != single.show() {
		t.Fatalf("%s is sent as\n%s, queued was\n%s", key, single.show(), all.show())
	}
	o.sent.join(key, d)
}

// coalesced says whether no other key has the hash of this one.
func coalesced(key string) bool { return key == "fff" }

func (o *outboxes) check(t *rapid.T) {
	rest := state{}
	for key, e := range o.sent { // order-free: a map into a map
		rest.join(key, &crdt.Delta{Entry: *e})
	}
	bytes := 0
	for _, x := range o.naive {
		rest.join(x.key, &x.delta)
	}
	for _, g := range o.box.gens {
		bytes += len(g.buf)
	}
	if rest.show() != o.queued.show() {
		t.Fatalf("sent and waiting is\n%s, queued was\n%s", rest.show(), o.queued.show())
	}
	if o.box.bytes < bytes {
		t.Fatalf("it counts %d bytes and holds %d", o.box.bytes, bytes)
	}
	if len(o.naive) == 0 && o.box.empty() && o.box.bytes != 0 {
		t.Fatalf("it is empty and counts %d bytes", o.box.bytes)
	}
	if o.box.empty() && len(o.naive) > 0 {
		t.Fatal("it says that it is empty")
	}
}

// An outbox sends what was queued, no more and no less, whatever it coalesced.
func TestOutbox(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		o := &outboxes{box: outbox{max: 1 << 30}, queued: state{}, sent: state{}}
		t.Repeat(map[string]func(*rapid.T){
			"queue": o.queue, "again": o.queue, "more": o.queue, "seal": o.seal, "fill": o.fill, "": o.check,
		})
		for !o.box.empty() {
			o.fill(t)
		}
		if len(o.naive) > 0 || o.box.bytes != 0 || o.told != o.asked {
			t.Fatalf("in the end %d wait, %d bytes are counted, %d of %d were told", len(o.naive), o.box.bytes, o.told, o.asked)
		}
	})
}

// A hot key takes the room of a few of its writes, however often it is written.
func TestOutboxCompacts(t *testing.T) {
	box := outbox{max: 1 << 20}
	value := bytes.Repeat([]byte{'v'}, 10_000)
	for i := range 10_000 {
		op := crdt.Dot{Stamp: crdt.Stamp(i + 1), Origin: crdt.Origin{Node: 1, Epoch: 1}}
		if !box.add(7, []byte("hot"), put(string(value), op), nil) {
			t.Fatalf("full after %d writes with %d bytes", i, box.bytes)
		}
	}
	if box.bytes > 200_000 {
		t.Errorf("one key of 10 kB takes %d bytes", box.bytes)
	}
	box.drop()
	if !box.empty() || box.bytes != 0 {
		t.Error("not empty when dropped")
	}
}

// A full outbox says so, at the delta that is too much.
func TestOutboxIsBounded(t *testing.T) {
	box := outbox{max: 1000}
	for i := range 100 {
		op := crdt.Dot{Stamp: crdt.Stamp(i + 1), Origin: crdt.Origin{Node: 1, Epoch: 1}}
		fits := box.add(uint64(i), fmt.Append(nil, "key", i), put("v", op), nil)
		if fits != (box.bytes <= 1000) {
			t.Fatalf("at %d bytes it says %v", box.bytes, fits)
		}
		if !fits {
			if i < 5 {
				t.Errorf("full after %d keys", i)
			}
			return
		}
	}
	t.Error("never full")
}

// Those whose time is up are forgotten when a list grows, the others stay.
func TestUnanswered(t *testing.T) {
	var ws []*waiter
	live := 0
	for i := range 1000 {
		w := &waiter{near: []coOwner{{id: 1}}, finished: i%10 > 0}
		if !w.finished {
			live++
		}
		ws = append(unanswered(ws), w)
	}
	kept := 0
	for _, w := range ws {
		if !w.finished {
			kept++
		}
	}
	if kept != live || len(ws) > 3*live {
		t.Errorf("%d of %d who wait are kept, in a list of %d", kept, live, len(ws))
	}
}
