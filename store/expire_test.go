package store

import (
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

func TestExpireLeavesWhatWasExtended(t *testing.T) {
	o := newOne(t)
	o.write(put(nil, "a", 50_000, at(10_000, here)))
	o.Expire(60_000, until(0), 10) // due, and waiting

	d := new(crdt.Delta)
	d.Extend(o.get(), 90_000, at(49_000, there))
	o.merge(d)
	o.Raise(contextOf(at(70_000, there)))
	if o.Expire(70_000, always, 10) != 0 || !o.get().Alive(70_000) {
		t.Fatal("an extended key was let go")
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
