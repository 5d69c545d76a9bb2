package store

import (
	"encoding/binary"
	"math/rand/v2"
	"runtime"
	"testing"

	"github.com/atollcache/atoll/antientropy"
	"github.com/atollcache/atoll/crdt"
)

const benchStart = 1_790_000_000_000 // unix milliseconds

// filler writes strings as a node does: observe, build the delta, write.
type filler struct {
	store  *Store
	clock  crdt.Clock
	origin crdt.Origin
	now    int64
	delta  crdt.Delta
	empty  crdt.Entry
	key    [16]byte
}

func newFiller() *filler {
	return &filler{store: New(Config{Secret: 7}), origin: crdt.Origin{Node: 0xfeedbeef, Epoch: benchStart}, now: benchStart}
}

// name gives the key with that number, 16 bytes.
func (f *filler) name(n uint64) []byte {
	binary.LittleEndian.PutUint64(f.key[:], n)
	binary.LittleEndian.PutUint64(f.key[8:], n*0x9e3779b97f4a7c15)
	return f.key[:]
}

func (f *filler) set(n uint64, value []byte, ttl int64) {
	key := f.name(n)
	hash := Hash(key)
	p := f.store.Partition(antientropy.PartitionOf(hash))
	p.Lock()
	defer p.Unlock()

	e := p.Get(hash, key)
	if e == nil {
		e = &f.empty
	}
	deadline := int64(0)
	if ttl > 0 {
		deadline = f.now + ttl
	}
	f.delta.Reset()
	op := crdt.Dot{Stamp: f.clock.Tick(f.now), Origin: f.origin}
	f.delta.ClearHidden(e, crdt.String, op)
	f.delta.Put(e, crdt.String, "", value, deadline, op)
	p.Write(hash, key, &f.delta)
}

// fill writes n keys in the pace of a busy node.
func (f *filler) fill(n int, value []byte, ttl int64) {
	for i := range n {
		if i%1000 == 0 {
			f.now++
		}
		f.set(uint64(i), value, ttl)
	}
}

// draws gives key numbers below n as a skewed workload asks for them.
func draws(n uint64) func() uint64 {
	zipf := rand.NewZipf(rand.New(rand.NewPCG(1, 2)), 1.01, 1, n-1)
	drawn := make([]uint64, 1<<20)
	for i := range drawn {
		drawn[i] = zipf.Uint64() * 0x9e3779b1 % n // the hot ones lie anywhere
	}
	i := 0
	return func() uint64 {
		i++
		return drawn[i%len(drawn)]
	}
}

func filled(b *testing.B, n int) *filler {
	b.Helper()
	f := newFiller()
	f.fill(n, make([]byte, 64), 0)
	b.ReportAllocs()
	return f
}

const benchKeys = 1 << 20

func BenchmarkGet(b *testing.B) {
	for _, keys := range []uint64{10_000, benchKeys} {
		b.Run(map[bool]string{true: "1M", false: "10k"}[keys == benchKeys], func(b *testing.B) {
			f := filled(b, int(keys))
			draw := draws(keys)
			for b.Loop() {
				key := f.name(draw())
				hash := Hash(key)
				p := f.store.Partition(antientropy.PartitionOf(hash))
				p.Lock()
				if p.Get(hash, key) == nil {
					b.Fatal("not found")
				}
				p.Unlock()
			}
		})
	}
}

func BenchmarkSetOverwrite(b *testing.B) {
	for _, keys := range []uint64{10_000, benchKeys} {
		b.Run(map[bool]string{true: "1M", false: "10k"}[keys == benchKeys], func(b *testing.B) {
			f := filled(b, int(keys))
			draw := draws(keys)
			value := make([]byte, 64)
			for b.Loop() {
				f.set(draw(), value, 0)
			}
		})
	}
}

func BenchmarkSetResize(b *testing.B) {
	f := filled(b, benchKeys)
	draw := draws(benchKeys)
	value := make([]byte, 128)
	for b.Loop() {
		n := draw()
		f.set(n, value[:32+(n+uint64(f.clock.Last()))%16*6], 0)
	}
}

func BenchmarkSetExpiring(b *testing.B) {
	f := filled(b, benchKeys)
	draw := draws(benchKeys)
	value := make([]byte, 64)
	for b.Loop() {
		n := draw()
		f.set(n, value, 1000+int64(n%10_000))
	}
}

func BenchmarkSetNew(b *testing.B) {
	f := filled(b, benchKeys)
	value := make([]byte, 64)
	n := uint64(benchKeys)
	for b.Loop() {
		f.set(n, value, 0)
		n++
	}
}

func BenchmarkMerge(b *testing.B) {
	f := filled(b, benchKeys)
	draw := draws(benchKeys)
	value := make([]byte, 64)
	for b.Loop() {
		key := f.name(draw())
		hash := Hash(key)
		op := crdt.Dot{Stamp: f.clock.Tick(f.now), Origin: f.origin}
		f.delta.Reset()
		f.delta.Put(&f.empty, crdt.String, "", value, 0, op)
		p := f.store.Partition(antientropy.PartitionOf(hash))
		p.Lock()
		p.Merge(hash, key, &f.delta)
		p.Unlock()
	}
}

func BenchmarkRaise(b *testing.B) {
	f := filled(b, 1000)
	p := f.store.Partition(3)
	var ctx crdt.Context
	for b.Loop() {
		ctx.Raise(crdt.Dot{Stamp: f.clock.Tick(f.now), Origin: f.origin})
		p.Raise(&ctx)
	}
}

func BenchmarkRange1000(b *testing.B) {
	f := filled(b, benchKeys)
	i := uint16(0)
	for b.Loop() {
		n := 0
		f.store.Partition(i%antientropy.Partitions).Range(0, 0, func(uint64, []byte, *crdt.Entry) bool {
			n++
			return n < 1000
		})
		i++
	}
}

// BenchmarkMemory reports bytes of heap per key, key and value included, and
// what the store says itself.
func BenchmarkMemory(b *testing.B) {
	for _, c := range []struct {
		name  string
		value int
		ttl   int64
	}{{"value=32", 32, 0}, {"value=32,ttl", 32, 3_600_000}, {"value=64", 64, 0}, {"value=100", 100, 0}, {"value=1000", 1000, 0}} {
		b.Run(c.name, func(b *testing.B) {
			const keys = 1_000_000
			for b.Loop() {
				before := heap()
				f := newFiller()
				f.fill(keys, make([]byte, c.value), c.ttl)
				b.ReportMetric(float64(heap()-before)/keys, "B/key")
				b.ReportMetric(float64(f.store.Bytes())/keys, "booked-B/key")
				runtime.KeepAlive(f)
			}
		})
	}
}

// heap gives the bytes that are in use after a collection.
func heap() int64 {
	runtime.GC()
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc)
}
