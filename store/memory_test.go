package store

import (
	"fmt"
	"math/rand/v2"
	"runtime"
	"testing"

	"github.com/atollcache/atoll/antientropy"
	"github.com/atollcache/atoll/crdt"
)

// remove deletes the key with that number.
func (f *filler) remove(n uint64) {
	key := f.name(n)
	hash := Hash(key)
	p := f.store.Partition(antientropy.PartitionOf(hash))
	p.Lock()
	defer p.Unlock()
	if e := p.Get(hash, key); e != nil {
		f.delta.Reset()
		f.delta.Clear(e, p.Context(), crdt.Dot{Stamp: f.clock.Tick(f.now), Origin: f.origin})
		p.Write(hash, key, &f.delta)
	}
}

// put writes a field of a hash.
func (f *filler) put(n uint64, field string, value []byte) {
	key := f.name(n)
	hash := Hash(key)
	p := f.store.Partition(antientropy.PartitionOf(hash))
	p.Lock()
	defer p.Unlock()

	e := p.Get(hash, key)
	if e == nil {
		e = &f.empty
	}
	f.delta.Reset()
	f.delta.Put(e, crdt.Hash, field, value, 0, crdt.Dot{Stamp: f.clock.Tick(f.now), Origin: f.origin})
	p.Write(hash, key, &f.delta)
}

// extend gives the first n keys a time to live.
func (f *filler) extend(n uint64, ttl int64) {
	for i := range n {
		key := f.name(i)
		hash := Hash(key)
		p := f.store.Partition(antientropy.PartitionOf(hash))
		f.delta.Reset()
		f.delta.Extend(p.Get(hash, key), f.now+ttl, crdt.Dot{Stamp: f.clock.Tick(f.now), Origin: f.origin})
		p.Write(hash, key, &f.delta)
	}
}

// expire makes stubs of what has expired, while a region is away.
func (f *filler) expire() {
	f.now += 10_000
	for i := range uint16(antientropy.Partitions) {
		f.store.Partition(i).Expire(f.now, until(0), 1_000_000)
	}
}

// TestBytesAreHonest compares what the store says of itself with what the
// runtime says of it.
func TestBytesAreHonest(t *testing.T) {
	for _, c := range []struct {
		name string
		fill func(f *filler, random *rand.Rand)
	}{
		{"strings", func(f *filler, _ *rand.Rand) { f.fill(200_000, make([]byte, 64), 0) }},
		{"expiring", func(f *filler, _ *rand.Rand) { f.fill(100_000, make([]byte, 16), 60_000) }},
		{"stubs", func(f *filler, _ *rand.Rand) {
			f.fill(200_000, make([]byte, 64), 1000)
			f.expire()
		}},
		{"stubs of large hashes", func(f *filler, _ *rand.Rand) {
			for i := range uint64(100_000) {
				f.put(i%100, fmt.Sprint("field", i/100), make([]byte, 32))
			}
			f.extend(100, 1000)
			f.expire()
		}},
		{"sizes", func(f *filler, random *rand.Rand) {
			value := make([]byte, 20_000)
			for i := range uint64(20_000) {
				f.set(i, value[:random.IntN(1<<random.IntN(15))], 0)
			}
		}},
		{"rewritten", func(f *filler, random *rand.Rand) {
			value := make([]byte, 1000)
			for range 200_000 {
				f.set(random.Uint64N(50_000), value[:random.IntN(200)], 0)
			}
		}},
		{"small hashes", func(f *filler, _ *rand.Rand) {
			for i := range uint64(100_000) {
				f.put(i%10_000, fmt.Sprint("field", i/10_000), make([]byte, 32))
			}
		}},
		{"large hashes", func(f *filler, _ *rand.Rand) {
			for i := range uint64(100_000) {
				f.put(i%100, fmt.Sprint("field", i/100), make([]byte, 32))
			}
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			before := heap()
			f := newFiller()
			empty := heap()
			c.fill(f, rand.New(rand.NewPCG(1, 2)))
			real, said := heap()-empty, f.store.Bytes()
			t.Logf("heap %d, said %d: %+.1f %%; an empty store %d", real, said, 100*float64(said-real)/float64(real), empty-before)
			if said < real*3/4 || said > real*5/4 {
				t.Errorf("said %d bytes, the heap holds %d", said, real)
			}
			runtime.KeepAlive(f)
		})
	}
}

// TestChurnLeavesNothing creates, rewrites and deletes keys of all sizes, first
// up, then down to none.
func TestChurnLeavesNothing(t *testing.T) {
	f := newFiller()
	random := rand.New(rand.NewPCG(3, 4))
	value := make([]byte, 10_000)
	sizes := map[uint64]int{}
	payload, peak := 0, int64(0)

	const keys = 15_000
	for round := range 4 {
		for range 30_000 {
			n := random.Uint64N(keys)
			size := random.IntN(1 << (2 + random.IntN(12)) / (1 + round))
			f.set(n, value[:size], int64(random.IntN(2)*60_000))
			payload += size - sizes[n]
			sizes[n] = size
		}
		said := f.store.Bytes()
		peak = max(peak, said)
		most := int64(payload+len(sizes)*150)*13/10 + antientropy.Partitions*8000
		if said > most {
			t.Errorf("round %d: %d bytes for %d keys with %d bytes of values", round, said, len(sizes), payload)
		}
	}
	for n := range uint64(keys) {
		f.remove(n)
	}
	// Reminders of deadlines go when their time comes.
	for i := range uint16(antientropy.Partitions) {
		p := f.store.Partition(i)
		for p.NextDeadline() != 0 {
			f.now += 60_000
			p.Expire(f.now, func(int64) bool { return true }, 1_000_000)
		}
	}
	if f.store.Bytes() != 0 {
		t.Errorf("%d bytes are left of %d", f.store.Bytes(), peak)
	}
}

func TestRemindersAreBounded(t *testing.T) {
	f := newFiller()
	value := []byte("value")
	for i := range 100_000 {
		ttl := int64(0)
		if i/100%2 == 0 {
			ttl = 1_000_000 - int64(i)
		}
		f.set(uint64(i%100), value, ttl)
	}
	if f.store.Bytes() > antientropy.Partitions*4000 {
		t.Errorf("%d bytes for 100 keys", f.store.Bytes())
	}
	items := 0
	for i := range uint16(antientropy.Partitions) {
		items += f.store.Partition(i).deadline.coming.items
	}
	if items > 100*70 {
		t.Errorf("%d reminders for 100 keys", items)
	}
}

// TestNothingIsKeptOfDeltas sees that the memory a delta came in is free once
// it is merged.
func TestNothingIsKeptOfDeltas(t *testing.T) {
	f := newFiller()
	before := heap()
	for i := range uint64(2000) {
		batch := make([]byte, 64<<10)
		f.set(i, batch[:10], 0)
	}
	f.delta = crdt.Delta{}
	if kept := heap() - before; kept > 8<<20 {
		t.Errorf("%d bytes are kept of 2000 strings of 10", kept)
	}
	runtime.KeepAlive(f)
}
