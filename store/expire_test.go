package store

import (
	"fmt"
	"strings"
	"testing"

	"github.com/atollcache/atoll/crdt"
)

func TestExpire(t *testing.T) {
	o := newOne(t)
	o.write(put(nil, "a", 50_000, at(10_000, here)))

	if gone := o.Expire(49_000, always, 10); gone != 0 {
		t.Fatal("expired before the deadline")
	}
	if next := o.NextDeadline(); next < 50_000 || next > 52_000 {
		t.Fatalf("next deadline %d", next)
	}
	if gone := o.Expire(60_000, until(49_999), 10); gone != 0 || o.get() == nil || o.get().Alive(60_000) {
		t.Fatal("let go before every origin has passed the deadline")
	}
	if next := o.NextDeadline(); next != 0 || !o.HasDeadlines() {
		t.Fatalf("a key that waits for the context comes at %d", next)
	}
	if gone := o.Expire(60_000, until(50_000), 10); gone != 1 || o.get() != nil || o.store.Bytes() != 0 || !o.store.Verify(o.id) {
		t.Fatalf("not let go: %d bytes", o.store.Bytes())
	}
	if o.HasDeadlines() {
		t.Fatal("a deadline without a key")
	}
}

// fetch is repair of the one key.
func (o one) fetch(peer one) {
	var mine crdt.Entry
	if e := o.get(); e != nil {
		mine.Merge(e, nil, &crdt.Tally{})
	}
	d := new(crdt.Delta)
	d.Join(&mine, peer.get(), peer.Context())
	o.merge(d)
}

func TestExpireLeavesAStub(t *testing.T) {
	o, peer := newOne(t), newOne(t)
	value := strings.Repeat("x", 3000)
	for _, p := range []one{o, peer} {
		p.merge(put(nil, value, 50_000, at(10_000, there)))
	}
	full := o.store.Bytes()
	if o.Expire(50_000, until(0), 10); o.store.Bytes() != full {
		t.Fatal("given back before the second of the deadline is over")
	}
	o.Expire(52_000, until(0), 10)
	if left := o.Stubs(); left.Keys != 1 || left.Bytes > 40 || o.store.Bytes() > full-2500 || !o.store.Verify(o.id) {
		t.Fatalf("%+v, and %d bytes in all, are left of %d", left, o.store.Bytes(), full)
	}
	if o.store.Root(o.id) != peer.store.Root(o.id) || o.get().Alive(52_000) || o.get().Alive(49_000) {
		t.Fatal("a stub shows, or differs from what it was")
	}

	o.merge(put(nil, value, 50_000, at(10_000, there))) // a late copy
	if o.Stubs().Keys != 0 {
		t.Fatal("a value that is there is called a stub")
	}
	if o.Expire(53_000, until(0), 10); o.Stubs().Keys != 1 {
		t.Fatal("the value of a late copy stays")
	}
	o.Raise(contextOf(at(60_000, there)))
	if o.Expire(60_000, always, 10) != 1 || o.store.Bytes() != 0 || o.Stubs() != (Stubs{}) {
		t.Fatalf("%d bytes stay", o.store.Bytes())
	}
}

// An extended key that expires at its new deadline while a region is away gives
// its value back then.
func TestExpireFreesAtALaterDeadline(t *testing.T) {
	o := newOne(t)
	o.write(put(nil, "a", 50_000, at(10_000, here)))
	o.Expire(60_000, until(0), 10)
	d := new(crdt.Delta)
	d.Extend(o.get(), 90_000, at(49_000, there))
	o.merge(d)
	o.merge(put(nil, "a", 50_000, at(10_000, here))) // the value comes back
	if o.Expire(80_000, until(0), 10); !o.get().Alive(80_000) {
		t.Fatal("given back before the new deadline")
	}
	if o.Expire(95_000, until(0), 10); o.Stubs().Keys != 1 {
		t.Fatal("not given back after it")
	}
}

// A collection loses its values at once, however large it is, and its names and
// counters when it goes.
func TestExpireFreesCollections(t *testing.T) {
	for _, fields := range []int{3, 200, 2000} {
		o := newOne(t)
		d := new(crdt.Delta)
		for i := range fields {
			d.Put(new(crdt.Entry), crdt.Hash, fmt.Sprint("field", i), make([]byte, 1000), 0, at(10_000, here))
		}
		d.Extend(&d.Entry, 50_000, at(10_000, here))
		o.write(d)
		root := o.store.Root(o.id)
		o.Expire(60_000, until(0), 10)
		left := o.Stubs()
		t.Logf("%d fields: %d bytes for each, %d in all", fields, left.Bytes/fields, o.store.Bytes())
		if left.Keys != 1 || o.store.Root(o.id) != root || !o.store.Verify(o.id) {
			t.Errorf("%d fields: stubs %+v, or another digest", fields, left)
		}
		if most := map[int]int{3: 40, 200: 20, 2000: 20}[fields]; left.Bytes > most*fields {
			t.Errorf("%d fields: %d bytes for each", fields, left.Bytes/fields)
		}
		if o.Expire(60_000, always, 10) != 1 || o.store.Bytes() != 0 {
			t.Errorf("%d fields: %d bytes stay", fields, o.store.Bytes())
		}
	}
}

func TestExpireLeavesWhatWasExtended(t *testing.T) {
	o, peer := newOne(t), newOne(t)
	o.write(put(nil, "a", 50_000, at(10_000, here)))
	peer.merge(put(nil, "a", 50_000, at(10_000, here)))
	o.Expire(60_000, until(0), 10) // a stub is left, and waits

	d := new(crdt.Delta)
	d.Extend(o.get(), 90_000, at(49_000, there))
	o.merge(d)
	peer.merge(d)
	o.Raise(contextOf(at(70_000, there)))
	if o.Expire(70_000, always, 10) != 0 || o.get() == nil {
		t.Fatal("an extended key was let go")
	}
	if o.get().Alive(70_000) || !peer.get().Alive(70_000) || o.store.Root(o.id) == peer.store.Root(o.id) {
		t.Fatal("a value that was given back shows, or is not missed")
	}

	o.fetch(peer)
	if !o.get().Alive(70_000) || o.store.Root(o.id) != peer.store.Root(o.id) || o.Stubs() != (Stubs{}) || !o.store.Verify(o.id) {
		t.Fatal("a value that was fetched does not show")
	}
	if next := o.NextDeadline(); next < 90_000 || next > 92_000 {
		t.Fatalf("next deadline %d", next)
	}
	if o.Expire(95_000, always, 10) != 1 {
		t.Fatal("not let go after the new deadline")
	}
}

func TestExpireKeepsWhatWasWrittenSince(t *testing.T) {
	o := newOne(t)
	d := new(crdt.Delta)
	d.Put(new(crdt.Entry), crdt.Hash, "old", []byte("1"), 0, at(10_000, here))
	d.Extend(&d.Entry, 50_000, at(11_000, here))
	o.write(d)
	late := new(crdt.Delta)
	late.Put(new(crdt.Entry), crdt.Hash, "new", []byte("2"), 0, at(55_000, there))
	o.merge(late)
	o.Raise(contextOf(at(60_000, there)))

	if o.Expire(60_000, always, 10) != 0 || o.get() == nil {
		t.Fatal("a field that was written after the deadline went with it")
	}
	if e := o.get(); e.Len(crdt.Hash) != 1 || e.Cell(crdt.Hash, "new") == nil || e.Deadline() != 0 || !o.store.Verify(o.id) {
		t.Fatalf("left: %v", shape(e))
	}
}

func TestExpireKeepsWhatTheContextDoesNotCover(t *testing.T) {
	o := newOne(t)
	o.merge(put(nil, "a", 50_000, at(10_000, there)))
	if o.Expire(60_000, always, 10) != 0 || o.get() == nil {
		t.Fatal("let go what may come back")
	}
	o.Raise(contextOf(at(10_000, there)))
	if o.Expire(65_000, always, 10) != 1 {
		t.Fatal("not let go once it is covered")
	}
	if o.merge(put(nil, "a", 50_000, at(10_000, there))) {
		t.Fatal("what has expired came back")
	}
}

func TestExpireIsBounded(t *testing.T) {
	f := newFiller()
	for i := range uint64(50_000) {
		f.set(i, nil, 5000)
	}
	p := f.store.Partition(9)
	keys, gone := p.Keys(), 0
	for p.Keys() > 0 {
		before := p.Keys()
		n := p.Expire(f.now+10_000, always, 7)
		if n > 7 || before-p.Keys() != n {
			t.Fatalf("asked for 7 keys, %d are gone, %d said", before-p.Keys(), n)
		}
		gone += n
	}
	if gone != keys {
		t.Fatalf("%d of %d keys expired", gone, keys)
	}
}

func TestExpireFollowsAShorterDeadline(t *testing.T) {
	o := newOne(t)
	o.write(put(nil, "a", 9_000_000, at(10_000, here)))
	d := new(crdt.Delta)
	d.Extend(o.get(), 50_000, at(11_000, here))
	o.write(d)
	if next := o.NextDeadline(); next < 50_000 || next > 66_000 || o.Expire(66_000, always, 10) != 1 {
		t.Fatalf("not let go at the shorter deadline; next %d", next)
	}
}

func TestExpireAsksForTheDeadlineThatHolds(t *testing.T) {
	o := newOne(t)
	o.write(put(nil, "a", 50_000, at(10_000, here)))
	o.Expire(60_000, until(0), 10) // due for 50,000, and waiting
	d := new(crdt.Delta)
	d.Extend(o.get(), 55_000, at(49_000, here))
	o.write(d)
	if o.Expire(60_000, until(54_999), 10) != 0 || o.get() == nil {
		t.Fatal("the deadline that was extended counted")
	}
	if o.Expire(60_000, until(55_000), 10) != 1 {
		t.Fatal("not let go")
	}
}

// An EXPIRE that was meant for a hash, which a SET has hidden, outlives the
// deadline of the string, and goes at its own.
func TestExpireFollowsWhatIsLeft(t *testing.T) {
	o := newOne(t)
	o.write(put(nil, "a", 50_000, at(40_000, here)))
	d := new(crdt.Delta)
	d.Put(new(crdt.Entry), crdt.Expiry, "", nil, 90_000, at(55_000, there))
	o.merge(d)
	o.Raise(contextOf(at(60_000, there)))

	if o.Expire(60_000, always, 10) != 0 || o.get() == nil || o.get().Deadline() != 90_000 {
		t.Fatal("the later EXPIRE went with the string")
	}
	if o.Expire(95_000, always, 10) != 1 || o.store.Bytes() != 0 {
		t.Fatal("what was left stays")
	}
}
