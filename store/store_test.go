package store

import (
	"fmt"
	"math/rand/v2"
	"sync"
	"testing"

	"github.com/atollcache/atoll/antientropy"
	"github.com/atollcache/atoll/crdt"
)

var (
	here  = crdt.Origin{Node: 1, Epoch: 1}
	there = crdt.Origin{Node: 2, Epoch: 1}
	third = crdt.Origin{Node: 3, Epoch: 1}
)

func at(millis int64, o crdt.Origin) crdt.Dot {
	return crdt.Dot{Stamp: crdt.StampAt(millis), Origin: o}
}

// contextOf is the context that covers those dots.
func contextOf(dots ...crdt.Dot) *crdt.Context {
	var ctx crdt.Context
	for _, d := range dots {
		ctx.Raise(d)
	}
	return &ctx
}

// put gives the delta of a SET by somebody who sees e.
func put(e *crdt.Entry, value string, deadline int64, op crdt.Dot) *crdt.Delta {
	if e == nil {
		e = new(crdt.Entry)
	}
	d := new(crdt.Delta)
	d.Put(e, crdt.String, "", []byte(value), deadline, op)
	return d
}

// one is a store and one key in it.
type one struct {
	*Partition
	store *Store
	hash  uint64
	key   []byte
}

func newOne(t *testing.T) one {
	t.Helper()
	s := New(Config{Secret: 1})
	key := []byte("key")
	return one{s.Partition(antientropy.PartitionOf(Hash(key))), s, Hash(key), key}
}

func (o one) get() *crdt.Entry            { return o.Get(o.hash, o.key) }
func (o one) write(d *crdt.Delta) bool    { return o.Write(o.hash, o.key, d) }
func (o one) merge(d *crdt.Delta) bool    { return o.Merge(o.hash, o.key, d) }
func always(int64) bool                   { return true }
func until(millis int64) func(int64) bool { return func(d int64) bool { return d <= millis } }

func TestFull(t *testing.T) {
	f := newFiller()
	if f.store.Full() {
		t.Error("a store without a limit is full")
	}
	f.store = New(Config{MemoryBytes: 10_000_000})
	for i := uint64(0); !f.store.Full(); i++ {
		if f.store.Bytes() >= 9_500_000 {
			t.Fatalf("not full at %d bytes", f.store.Bytes())
		}
		f.set(i, make([]byte, 1000), 0)
	}
	if f.store.Bytes() < 9_500_000 {
		t.Fatalf("full at %d bytes", f.store.Bytes())
	}
}

func TestHighIsWhatWasSeenAlive(t *testing.T) {
	o := newOne(t)
	o.write(put(nil, "a", 0, at(10, here)))
	o.merge(put(nil, "b", 0, at(20, there)))
	kill := new(crdt.Delta)
	kill.Remove(&put(nil, "", 0, at(30, third)).Entry, crdt.String, "", at(25, there))
	o.merge(kill)

	if got := o.High().At(third); got != 0 {
		t.Errorf("a tombstone raised high to %v", got)
	}
	if got := o.High().At(there); got != crdt.StampAt(25) {
		t.Errorf("the operation of a removal raised high to %v", got)
	}
	if got := o.Context().At(there); got != 0 {
		t.Errorf("a delta raised the context to %v", got)
	}
	if got := o.Context().At(here); got != crdt.StampAt(10) {
		t.Errorf("the own write raised the context to %v", got)
	}
	o.Raise(contextOf(at(40, third)))
	if got := o.High().At(third); got != crdt.StampAt(40) {
		t.Errorf("a context raised high to %v", got)
	}
	if o.merge(put(nil, "c", 0, at(35, third))) || o.High().At(third) != crdt.StampAt(40) {
		t.Error("what the context covers is dead")
	}
}

func TestRaiseLetsGoWhatWaited(t *testing.T) {
	o := newOne(t)
	slot := put(nil, "b", 0, at(20, there))
	o.write(put(&slot.Entry, "a", 0, at(30, here)))
	if !o.get().Pending() {
		t.Fatal("the kill of a slot that is on its way is not kept")
	}
	if o.Raise(contextOf(at(19, there))); !o.get().Pending() {
		t.Fatal("the tombstone went too early")
	}
	if !o.waiting.any() {
		t.Fatal("nothing waits")
	}
	if o.Raise(contextOf(at(20, there))); o.get().Pending() || o.waiting.any() {
		t.Fatal("the tombstone stays")
	}
	if o.merge(slot) || string(o.get().Cell(crdt.String, "").Value().Value) != "a" {
		t.Fatal("what was removed came back")
	}
}

func TestRaiseLetsGoOfReplacedDeadlines(t *testing.T) {
	o := newOne(t)
	o.write(put(nil, "a", 0, at(10, here)))
	theirs, ours := new(crdt.Delta), new(crdt.Delta)
	theirs.Extend(o.get(), 50_000, at(20, there))
	o.merge(theirs)
	ours.Extend(o.get(), 60_000, at(30, here))
	o.write(ours)
	if n := len(o.get().Cell(crdt.String, "").Extensions); n != 2 {
		t.Fatalf("%d deadlines before the context covers the one replaced", n)
	}
	o.Raise(contextOf(at(20, there)))
	if n := len(o.get().Cell(crdt.String, "").Extensions); n != 1 {
		t.Fatalf("%d deadlines after", n)
	}
}

func TestSourceAgrees(t *testing.T) {
	a, b := newFiller(), newFiller()
	for i := range uint64(5000) {
		a.set(i, []byte("same"), 0)
		b.set(i, []byte("same"), 0)
	}
	for _, n := range []uint64{17, 4711} {
		b.set(n, []byte("other"), 0)
	}

	var scope antientropy.Scope
	for p := range uint16(antientropy.Partitions) {
		scope.Add(p)
	}
	found := map[uint64]bool{}
	round := antientropy.NewRound(1, scope, a.store, antientropy.Limits{})
	for !round.Done() {
		request, ok := round.Next()
		if !ok {
			t.Fatal("the round waits for nothing")
		}
		reply, err := antientropy.Answer(&request, b.store, antientropy.Limits{})
		if err != nil {
			t.Fatal(err)
		}
		if err := round.Receive(&reply); err != nil {
			t.Fatal(err)
		}
		for _, finding := range round.Drain() {
			for _, hash := range finding.Hashes {
				found[hash] = true
			}
		}
	}
	if len(found) != 2 || !found[Hash(a.name(17))] || !found[Hash(a.name(4711))] {
		t.Fatalf("a round found %v", found)
	}
}

func TestVerifyFindsWhatDiffers(t *testing.T) {
	o := newOne(t)
	o.write(put(nil, "a", 0, at(1, here)))
	if !o.store.Verify(o.id) {
		t.Fatal("differs")
	}
	o.store.tree.Add(o.hash, 1)
	if o.store.Verify(o.id) {
		t.Fatal("a wrong root passes")
	}
	o.store.tree.Add(o.hash^1<<53, ^uint64(0))
	if o.store.Verify(o.id) {
		t.Fatal("wrong buckets pass")
	}
}

// TestPartitionsAreIndependent works on all partitions at once, for the race
// detector, and counts that nothing is lost.
func TestPartitionsAreIndependent(t *testing.T) {
	s := New(Config{Secret: 5, MemoryBytes: 1 << 30})
	const workers, writes = 4, 3000
	var wait sync.WaitGroup
	for w := range uint64(workers) {
		wait.Go(func() {
			f := newFiller()
			f.store, f.origin.Node = s, w
			random := rand.New(rand.NewPCG(w, 1))
			for i := range uint64(writes) {
				f.set(w*writes+i, make([]byte, random.IntN(300)), int64(random.IntN(2)*1000))
				f.set(random.Uint64N(100)+1<<40, []byte("shared"), 0)
				p := uint16(random.IntN(antientropy.Partitions))
				s.Root(p)
				s.Keys(p)
				s.Full()
				if i%100 == 0 && !s.Verify(p) {
					t.Errorf("partition %d differs", p)
				}
			}
		})
	}
	wait.Wait()

	keys, bytes := 0, 0
	for p := range uint16(antientropy.Partitions) {
		keys += s.Keys(p)
		bytes += s.Partition(p).Bytes()
		if !s.Verify(p) {
			t.Errorf("partition %d differs", p)
		}
	}
	if keys < workers*writes || keys > workers*writes+100 || int64(bytes) != s.Bytes() {
		t.Errorf("%d keys, %d bytes, %d in total", keys, bytes, s.Bytes())
	}
}

func TestKeysMayHaveAnyBytes(t *testing.T) {
	s := New(Config{})
	keys := [][]byte{{}, {0}, []byte("\r\n"), make([]byte, 127), make([]byte, 128), make([]byte, 512), make([]byte, 70_000)}
	for i, key := range keys {
		p := s.Partition(antientropy.PartitionOf(Hash(key)))
		p.Write(Hash(key), key, put(nil, fmt.Sprint(i), 0, at(int64(i+1), here)))
	}
	for i, key := range keys {
		e := s.Partition(antientropy.PartitionOf(Hash(key))).Get(Hash(key), key)
		if e == nil || string(e.Cell(crdt.String, "").Value().Value) != fmt.Sprint(i) {
			t.Errorf("key %d of %d bytes: %v", i, len(key), e)
		}
	}
}
