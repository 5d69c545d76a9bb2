package store

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"github.com/atollcache/atoll/antientropy"
	"github.com/atollcache/atoll/crdt"
)

// sent is a delta on its way.
type sent struct {
	key   string
	delta crdt.Delta
}

// machine holds a partition against a model. Origin 0 is both of them; the
// others are models that write on their own and hear some of it.
type machine struct {
	store  *Store
	part   *Partition
	model  *model
	others []*model
	sent   []sent
	keys   []string
	hashes map[string]uint64
	clock  crdt.Clock
	now    int64
	passed int64
}

const testPartition = 5

func newMachine(t *rapid.T) *machine {
	m := &machine{store: New(Config{Secret: 42}), model: newModel(crdt.Origin{Node: 1, Epoch: 9}), hashes: map[string]uint64{}, now: 1000}
	m.part = m.store.Partition(testPartition)
	for i := range 2 {
		m.others = append(m.others, newModel(crdt.Origin{Node: uint64(2 + i), Epoch: 7}))
	}
	last := uint64(0)
	for i := range rapid.IntRange(1, 40).Draw(t, "keys") {
		key := fmt.Sprint("key", i)
		if i == 3 {
			key += string(bytes.Repeat([]byte("x"), 512-len(key)))
		}
		if i == 0 || rapid.IntRange(0, 3).Draw(t, "collides") > 0 {
			last = testPartition<<54 | rapid.Uint64Range(0, 1<<54-1).Draw(t, "hash")
		}
		m.keys = append(m.keys, key)
		m.hashes[key] = last
	}
	m.store.hash = func(key []byte) uint64 { return m.hashes[string(key)] }
	return m
}

func (m *machine) key(t *rapid.T) string { return rapid.SampledFrom(m.keys).Draw(t, "key") }

// write makes an operation of one replica and gives its delta.
func (m *machine) write(t *rapid.T, e *crdt.Entry, ctx *crdt.Context, origin crdt.Origin) crdt.Delta {
	if e == nil {
		e = new(crdt.Entry)
	}
	var d crdt.Delta
	op := crdt.Dot{Stamp: m.clock.Tick(m.now), Origin: origin}
	deadline := int64(0)
	if rapid.Bool().Draw(t, "expires") {
		deadline = m.now + rapid.Int64Range(1, 100_000).Draw(t, "ttl")
	}
	name := fmt.Sprint("f", rapid.IntRange(0, 30).Draw(t, "field"))
	size := rapid.SampledFrom([]int{0, 3, 64, 64, 64, 300, 5000, 40_000}).Draw(t, "size")
	if rapid.IntRange(0, 200).Draw(t, "large") == 0 {
		size = 1 << 20
	}
	value := bytes.Repeat([]byte{byte(op.Stamp)}, size)

	switch rapid.IntRange(0, 9).Draw(t, "operation") {
	case 0, 1, 2:
		d.ClearHidden(e, crdt.String, op)
		d.Put(e, crdt.String, "", value, deadline, op)
	case 3:
		d.Put(e, crdt.Hash, name, value, 0, op)
	case 4:
		for i := range rapid.IntRange(1, 40).Draw(t, "members") {
			d.Put(e, crdt.Set, fmt.Sprint("m", i), nil, 0, op)
		}
	case 5:
		d.Add(e, crdt.String, "", crdt.Sum{Int: 3}, op)
	case 6:
		d.Extend(e, deadline, op)
	case 7:
		d.Remove(e, crdt.Hash, name, op)
	default:
		d.Clear(e, ctx, op)
	}
	return d
}

func (m *machine) local(t *rapid.T) {
	key := m.key(t)
	ctx := m.part.Context().Clone()
	d := m.write(t, m.part.Get(m.hashes[key], []byte(key)), &ctx, m.model.origin)
	m.deliver(t, sent{key, d}, true)
	m.sent = append(m.sent, sent{key, d})
}

func (m *machine) remote(t *rapid.T) {
	other := m.others[rapid.IntRange(0, len(m.others)-1).Draw(t, "other")]
	key := m.key(t)
	d := m.write(t, other.entries[key], &other.context, other.origin)
	other.apply(key, &d, true)
	m.sent = append(m.sent, sent{key, d})
}

func (m *machine) hear(t *rapid.T) {
	if len(m.sent) == 0 {
		return
	}
	s := m.sent[rapid.IntRange(0, len(m.sent)-1).Draw(t, "delta")]
	if to := rapid.IntRange(0, 4).Draw(t, "to"); to < len(m.others) {
		m.others[to].apply(s.key, &s.delta, false)
		return
	}
	m.deliver(t, s, false)
}

// deliver gives a delta to partition and model, in memory of its own that is
// destroyed afterwards.
func (m *machine) deliver(t *rapid.T, s sent, own bool) {
	want := m.model.apply(s.key, copyDelta(&s.delta), own)
	d := copyDelta(&s.delta)
	hash := m.hashes[s.key]
	var got bool
	if own {
		got = m.part.Write(hash, []byte(s.key), d)
	} else {
		got = m.part.Merge(hash, []byte(s.key), d)
	}
	for _, c := range d.Cells() {
		for i := range c.Slots {
			clear(c.Slots[i].Value)
		}
	}
	if got != want {
		t.Fatalf("changed: got %v, want %v", got, want)
	}
}

func copyDelta(d *crdt.Delta) *crdt.Delta {
	var actors crdt.Actors
	buf := crdt.AppendDelta(nil, d, &actors, 0)
	o := new(crdt.Delta)
	if _, err := crdt.DecodeDelta(buf, o, &actors, 0, crdt.Limits{}); err != nil {
		panic(err)
	}
	return o
}

func (m *machine) raise(t *rapid.T) {
	var ctx crdt.Context
	other := m.others[rapid.IntRange(0, len(m.others)-1).Draw(t, "other")]
	if rapid.Bool().Draw(t, "whole") {
		ctx.Join(&other.context)
	} else if stamp := other.context.At(other.origin); stamp > 0 {
		back := rapid.Uint64Range(0, uint64(stamp)-1).Draw(t, "back")
		ctx.Raise(crdt.Dot{Stamp: stamp - crdt.Stamp(back), Origin: other.origin})
	}
	if got, want := m.part.Raise(&ctx), m.model.raise(&ctx); got != want {
		t.Fatalf("rose: got %v, want %v", got, want)
	}
}

func (m *machine) expire(t *rapid.T) {
	m.now += rapid.Int64Range(0, 50_000).Draw(t, "later")
	m.passed = max(m.passed, m.now-rapid.Int64Range(0, 50_000).Draw(t, "behind"))
	for _, other := range m.others {
		if key := m.key(t); other.entries[key] != nil && rapid.Bool().Draw(t, "other frees") {
			other.keep(key, other.freed(key, m.now))
		}
	}
	before := m.part.Keys()
	gone := m.part.Expire(m.now, func(d int64) bool { return d <= m.passed }, rapid.IntRange(0, 20).Draw(t, "max"))
	if before-m.part.Keys() != gone {
		t.Fatalf("expired %d keys, but %d are gone", gone, before-m.part.Keys())
	}
	for key, e := range m.model.entries {
		got := shape(m.part.Get(m.hashes[key], []byte(key)))
		if maps.Equal(got, shape(e)) {
			continue
		}
		if freed := m.model.freed(key, m.now); maps.Equal(got, shape(freed)) {
			m.model.keep(key, freed)
			continue
		}
		if !m.model.expired(key, m.now, m.passed) {
			t.Fatalf("%.10s is gone too early", key)
		}
		e.Wipe(&crdt.Tally{})
		if m.model.keep(key, e); e.Empty() {
			gone--
		}
	}
	if gone != 0 {
		t.Fatalf("%d keys are gone that nobody had", gone)
	}
}

// repair fetches what another holds of a key.
func (m *machine) repair(t *rapid.T) {
	other := m.others[rapid.IntRange(0, len(m.others)-1).Draw(t, "other")]
	key := m.key(t)
	theirs, mine := other.entries[key], m.part.Get(m.hashes[key], []byte(key))
	if theirs == nil {
		return
	}
	if mine == nil {
		mine = new(crdt.Entry)
	}
	var d crdt.Delta
	d.Join(mine, theirs, &other.context)
	m.deliver(t, sent{key, d}, false)
}

// checkStubs counts them anew.
func (m *machine) checkStubs(t *rapid.T) {
	var want Stubs
	for i, s := range m.part.index.slots {
		if !s.empty() && m.part.load(i).Stubs() > 0 {
			want.Keys++
			want.Bytes += m.part.records.size(s.ref)
		}
	}
	if got := m.part.Stubs(); got != want {
		t.Fatalf("stubs: got %+v, want %+v", got, want)
	}
}

// check compares everything that can be asked.
func (m *machine) check(t *rapid.T) {
	for _, key := range m.keys {
		got, want := m.part.Get(m.hashes[key], []byte(key)), m.model.entries[key]
		if got == nil && want == nil {
			continue
		}
		if got == nil || want == nil {
			t.Fatalf("%.10s: got %.900v, want %.900v; context %v", key, shape(got), shape(want), m.part.Context())
		}
		if g, w := shape(got), shape(want); !maps.Equal(g, w) {
			t.Fatalf("%.10s:\ngot  %.900v\nwant %.900v", key, g, w)
		}
	}
	if m.part.Keys() != len(m.model.entries) {
		t.Fatalf("keys: got %d, want %d", m.part.Keys(), len(m.model.entries))
	}
	if !m.part.Context().Equal(&m.model.context) {
		t.Fatalf("context: got %v, want %v", m.part.Context(), &m.model.context)
	}
	if !m.part.High().CoversAll(m.part.Context()) {
		t.Fatalf("high %v is below context %v", m.part.High(), m.part.Context())
	}
	checkArena(t, &m.part.records.arena)
	m.checkStubs(t)
	m.checkRange(t)
	m.checkScan(t)
	m.checkDigest(t)
}

// checkArena recounts an arena.
func checkArena(t *rapid.T, a *arena) {
	var size, live, dead int
	for i := range a.chunks {
		c := &a.chunks[i]
		size += cap(c.data)
		inChunk := 0
		for offset := 0; offset < len(c.data); {
			header := binary.LittleEndian.Uint16(c.data[offset:])
			n := int(header & sizeMask)
			if header&flagDead != 0 {
				inChunk += n
			} else {
				live += n
			}
			offset += n
		}
		if inChunk != c.dead {
			t.Fatalf("chunk %d: %d bytes dead, counted %d", i, c.dead, inChunk)
		}
		dead += inChunk
	}
	if a.size != size || a.live != live || a.dead != dead {
		t.Fatalf("arena of %d, live %d, dead %d; counted %d, %d, %d", a.size, a.live, a.dead, size, live, dead)
	}
}

// inOrder gives the keys of the model as Range must.
func (m *machine) inOrder(from, to uint64) []string {
	keys := slices.DeleteFunc(slices.Collect(maps.Keys(m.model.entries)), func(key string) bool {
		return m.hashes[key] < from || to != 0 && m.hashes[key] >= to
	})
	slices.SortFunc(keys, func(a, b string) int {
		if m.hashes[a] != m.hashes[b] {
			if m.hashes[a] < m.hashes[b] {
				return -1
			}
			return 1
		}
		return bytes.Compare([]byte(a), []byte(b))
	})
	return keys
}

func (m *machine) checkRange(t *rapid.T) {
	pick := func(label string) uint64 {
		if rapid.Bool().Draw(t, label) {
			return m.hashes[m.key(t)]
		}
		return 0
	}
	from, to := pick("from"), pick("to")
	var got []string
	m.part.Range(from, to, func(hash uint64, key []byte, e *crdt.Entry) bool {
		if hash != m.hashes[string(key)] {
			t.Fatalf("%s has hash %x, want %x", key, hash, m.hashes[string(key)])
		}
		if !maps.Equal(shape(e), shape(m.model.entries[string(key)])) {
			t.Fatalf("%s differs in Range", key)
		}
		got = append(got, string(key))
		return true
	})
	if want := m.inOrder(from, to); !slices.Equal(got, want) {
		t.Fatalf("range: got %v, want %v", got, want)
	}
}

func (m *machine) checkScan(t *rapid.T) {
	var got []string
	chunk := rapid.IntRange(1, 50).Draw(t, "chunk")
	for from, more := uint64(0), true; more; {
		from, more = m.part.Scan(from, m.now, chunk, func(key []byte, _ *crdt.Entry) {
			got = append(got, string(key))
		})
	}
	want := slices.DeleteFunc(m.inOrder(0, 0), func(key string) bool { return !m.model.entries[key].Alive(m.now) })
	if !slices.Equal(got, want) {
		t.Fatalf("scan: got %v, want %v", got, want)
	}
}

func (m *machine) checkDigest(t *rapid.T) {
	if !m.store.Verify(testPartition) {
		t.Fatalf("the digest tree differs from the entries")
	}
	var want []antientropy.Version
	for _, key := range m.inOrder(0, 0) {
		digest := m.model.entries[key].Digest(m.store.seed(m.hashes[key]))
		if last := len(want) - 1; last >= 0 && want[last].Hash == m.hashes[key] {
			want[last].Digest += digest
			continue
		}
		want = append(want, antientropy.Version{Hash: m.hashes[key], Digest: digest})
	}
	want = slices.DeleteFunc(want, func(v antientropy.Version) bool { return v.Digest == 0 })
	span := antientropy.Span{Partition: testPartition, From: testPartition << 54, To: (testPartition + 1) << 54}
	if got := m.store.List(span, nil); !slices.Equal(got, want) {
		t.Fatalf("list: got %v, want %v", got, want)
	}
}

// finish lets everything expire or be deleted, and sees that nothing is left.
func (m *machine) finish(t *rapid.T) {
	for _, other := range m.others {
		m.part.Raise(&other.context)
		m.model.raise(&other.context)
	}
	for range 100 {
		m.now += 1 << 20
		m.part.Expire(m.now, func(int64) bool { return true }, 1000)
	}
	for key, e := range m.model.entries {
		for m.model.expired(key, m.now, m.now) {
			e.Wipe(&crdt.Tally{})
			m.model.keep(key, e)
		}
	}
	m.check(t)

	for _, key := range m.keys {
		if e := m.part.Get(m.hashes[key], []byte(key)); e != nil {
			ctx := m.part.Context().Clone()
			var d crdt.Delta
			d.Clear(e, &ctx, crdt.Dot{Stamp: m.clock.Tick(m.now), Origin: m.model.origin})
			m.deliver(t, sent{key, d}, true)
		}
	}
	m.check(t)
	m.part.Wipe()
	if m.part.Bytes() != 0 || m.store.Bytes() != 0 || m.part.Keys() != 0 || m.store.Root(testPartition) != 0 {
		t.Fatalf("after a wipe: %d bytes, %d keys", m.part.Bytes(), m.part.Keys())
	}
	if !reflect.ValueOf(m.part.index).IsZero() || !reflect.ValueOf(m.part.records).IsZero() {
		t.Fatalf("a wipe leaves structures")
	}
}

func TestPartitionIsTheModel(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		m := newMachine(t)
		actions := []func(*rapid.T){m.local, m.local, m.remote, m.remote, m.hear, m.hear, m.hear, m.raise, m.repair, m.expire}
		for range rapid.IntRange(1, 80).Draw(t, "steps") {
			actions[rapid.IntRange(0, len(actions)-1).Draw(t, "action")](t)
			if m.part.Bytes() < 0 || int64(m.part.Bytes()) != m.store.Bytes() {
				t.Fatalf("bytes: %d here, %d in the store", m.part.Bytes(), m.store.Bytes())
			}
			if rapid.IntRange(0, 4).Draw(t, "check") == 0 {
				m.check(t)
			}
		}
		m.check(t)
		m.finish(t)
	})
}
