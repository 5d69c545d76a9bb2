package replica

import (
	"strings"
	"testing"
	"time"

	"github.com/atollcache/atoll/crdt"
	"github.com/atollcache/atoll/store"
)

func (n *node) status() Status { return n.r.Status(n.time()) }

// While a region is cut off, keys that are written with a short life all the time
// cost a stub each, and no client is refused. After the heal nothing is left.
func TestStubsUnderAMemoryLimit(t *testing.T) {
	w := newWorld(t, 1, 2, 2).few(8)
	w.memory = 4 << 20
	w.settled()
	a1 := w.at("a1")
	keys, value := w.keys("session:", 12_000), strings.Repeat("x", 1000)
	w.sever("a", "b")
	most := int64(0)
	for _, k := range keys {
		want(t, w.do(a1, "set", k, value, "px", "700"), "OK")
		if t.Failed() {
			t.Fatalf("refused at %d bytes, %+v", a1.r.store.Bytes(), a1.status().Stubs)
		}
		w.run(2 * time.Millisecond)
		most = max(most, a1.r.store.Bytes())
	}
	w.run(5 * time.Second)
	for _, name := range []string{"a1", "a2"} {
		s := w.at(name).status()
		each, beyond := s.Bytes/int64(len(keys)), (s.Stubs.Bytes-len(strings.Join(keys, "")))/len(keys)
		t.Logf("%s: %d stubs, %d bytes each with all that finds them, %d of that in the record beyond the key; at most %d bytes", name, s.Stubs.Keys, each, beyond, most)
		if s.Stubs.Keys != len(keys) || s.Keys != len(keys) || each > 85 || beyond > 30 {
			t.Errorf("%s: %d keys, %+v, %d bytes in all", name, s.Keys, s.Stubs, s.Bytes)
		}
	}
	w.everywhere("(nil)", "get", keys[0])

	w.heal()
	w.settle(15 * time.Second)
	w.run(30 * time.Second)
	for _, n := range w.nodes {
		if s := n.status(); s.Keys > 0 || s.Stubs.Keys > 0 || s.Stubs.Bytes > 0 || s.Bytes > 64<<10 {
			t.Errorf("%s is left with %d keys, %+v, %d bytes", n.name, s.Keys, s.Stubs, s.Bytes)
		}
	}
}

// A stub and the value that it was are equal: while clocks differ, and for as long
// as a cut lasts, no round of repair fetches anything.
func TestStubsAreNotRepaired(t *testing.T) {
	w := newWorld(t, 1, 3, 2).few(4)
	for i, n := range w.nodes {
		n.skew = int64(i*80 - 200)
	}
	w.settled()
	w.sever("a", "c")
	w.sever("b", "c")
	hashes := w.keys("h", 40)
	for i, k := range w.keys("k", 40) {
		want(t, w.do(w.at("a1"), "set", k, strings.Repeat("v", 500), "px", "3000"), "OK")
		want(t, w.do(w.at("a1"), "hset", hashes[i], "f", "v", "g", "v"), "2")
		want(t, w.do(w.at("a1"), "pexpire", hashes[i], "2000"), "1")
	}
	w.run(2 * time.Second)
	before := map[string]uint64{}
	for _, n := range w.nodes[:4] {
		before[n.name] = n.r.stats.Repaired
	}
	w.run(30 * time.Second)
	for _, n := range w.nodes[:4] {
		if s := n.status(); s.Stubs.Keys != 80 || s.Stats.Repaired > before[n.name] {
			t.Errorf("%s: %+v, %d keys repaired", n.name, s.Stubs, s.Stats.Repaired-before[n.name])
		}
	}
}

// What was given a longer life on the other side of a cut, and has given its
// value back here, is hidden until it is fetched: never a wrong value, never an
// empty one.
func TestLongerLifeFetchesTheValue(t *testing.T) {
	for _, test := range []struct {
		name          string
		write, extend []string
		read          []string
		value         string
	}{
		{"string, EXPIRE", []string{"set", "v"}, []string{"pexpire", "600000"}, []string{"get"}, "v"},
		{"string, PERSIST", []string{"set", "v"}, []string{"persist"}, []string{"get"}, "v"},
		{"counter on a string", []string{"set", "7"}, []string{"persist"}, []string{"get"}, "8"},
		{"hash", []string{"hset", "f", "v"}, []string{"persist"}, []string{"hget", "f"}, "v"},
		{"set", []string{"sadd", "m"}, []string{"persist"}, []string{"sismember", "m"}, "1"},
		{"sorted set", []string{"zadd", "3", "m"}, []string{"persist"}, []string{"zscore", "m"}, "3"},
		{"counter", []string{"incrby", "5"}, []string{"persist"}, []string{"get"}, "5"},
	} {
		t.Run(test.name, func(t *testing.T) {
			w := newWorld(t, 1, 3, 2).few(4).settled()
			k := w.keys("k", 1)[0]
			on := func(args []string) []string { return append([]string{args[0], k}, args[1:]...) }
			w.do(w.at("a1"), on(test.write)...)
			w.run(time.Second)
			if test.name == "counter on a string" {
				want(t, w.do(w.at("b1"), "incr", k), "8")
			}
			w.run(time.Second)
			want(t, w.do(w.at("a1"), "pexpire", k, "3000"), "1")
			w.run(time.Second)
			w.sever("a", "c")
			w.sever("b", "c")
			want(t, w.do(w.at("c1"), on(test.extend)...), "1")
			w.run(10 * time.Second)
			for _, n := range w.nodes[:4] {
				if got := text(w.do(n, "exists", k)); got != "0" {
					t.Errorf("%s: exists: %s", n.name, got)
				}
			}

			w.heal()
			hidden := text(w.do(w.at("a1"), on(test.read)...))
			for limit := w.now + 20*time.Second; w.now < limit; w.run(50 * time.Millisecond) {
				for _, n := range w.nodes {
					if got := text(w.do(n, on(test.read)...)); got != test.value && got != hidden {
						t.Fatalf("%s shows %q", n.name, got)
					}
				}
			}
			w.settle(time.Second)
			w.everywhere(test.value, on(test.read)...)
			for _, n := range w.nodes {
				if s := n.status(); s.Stubs.Keys > 0 {
					t.Errorf("%s: %+v of a key that lives", n.name, s.Stubs)
				}
			}
		})
	}
}

// extended merges an EXPIRE, as its delta would.
func (n *node) extended(key string, x crdt.Extension) {
	var d crdt.Delta
	c := d.PutCell(crdt.String, "")
	c.Extensions = append(c.Extensions, x)
	d.Seal()
	d.Operation(x.Dot)
	n.place(key).data.Merge(store.Hash([]byte(key)), []byte(key), &d)
}

// Where everybody who had the value has lost it or given it back, all agree on a
// key that shows nothing, repair leaves it alone, and it goes at its new deadline.
func TestValueThatNobodyHas(t *testing.T) {
	w := newWorld(t, 1, 3, 1).few(4).settled()
	a1, b1, c1 := w.at("a1"), w.at("b1"), w.at("c1")
	k := w.keys("k", 1)[0]
	want(t, w.do(a1, "set", k, "v", "px", "3000"), "OK")
	w.run(time.Second)
	w.sever("a", "c")
	w.sever("b", "c")
	want(t, w.do(c1, "pexpire", k, "60000"), "1")
	w.run(10 * time.Second)

	// The EXPIRE gets out, by a delta alone, and then its writer is lost.
	d := c1.entry(k).Cells()
	if len(d) != 1 || len(d[0].Extensions) != 1 {
		t.Fatalf("the key holds %+v", d)
	}
	extension := d[0].Extensions[0]
	for _, n := range []*node{a1, b1} {
		n.extended(k, extension)
	}
	c1.crash()
	c1.start()
	w.membership("c")
	w.heal()
	w.run(5 * time.Second)
	w.settle(15 * time.Second)
	w.everywhere("(nil)", "get", k)
	w.run(5 * time.Second)
	repaired := a1.r.stats.Repaired + b1.r.stats.Repaired + c1.r.stats.Repaired
	w.run(30 * time.Second)
	if again := a1.r.stats.Repaired + b1.r.stats.Repaired + c1.r.stats.Repaired; again > repaired {
		t.Errorf("repaired %d times more what nobody has", again-repaired)
	}
	w.everywhere("(nil)", "get", k)
	w.run(30 * time.Second)
	for _, n := range w.nodes {
		if n.keysHeld() > 0 {
			t.Errorf("%s still holds it", n.name)
		}
	}
}

// A clock that is wrong gives nothing back: once it is set right the keys show.
func TestWrongClockGivesNothingBack(t *testing.T) {
	w := newWorld(t, 1, 3, 1).few(4).settled()
	a1, b1 := w.at("a1"), w.at("b1")
	keys := w.keys("k", 20)
	for _, k := range keys {
		want(t, w.do(b1, "set", k, "v", "px", "60000"), "OK")
	}
	w.run(3 * time.Second)
	a1.skew = 3_600_000
	w.run(10 * time.Second)
	if s := a1.status(); s.Stubs.Keys > 0 || !s.Clock.Stopped {
		t.Errorf("%d values were given back; clock %+v", s.Stubs.Keys, s.Clock)
	}
	a1.skew = 0
	w.run(5 * time.Second)
	w.everywhere("v", "get", keys[0])
}

// A process that was paused hears its peers before it gives back what expired
// meanwhile: they may have extended it.
func TestPausedProcessHearsFirst(t *testing.T) {
	w := newWorld(t, 1, 2, 1).few(4).settled()
	a1, b1 := w.at("a1"), w.at("b1")
	keys := w.keys("k", 20)
	for _, k := range keys {
		want(t, w.do(a1, "set", k, "v", "px", "5000"), "OK")
	}
	w.run(time.Second)
	b1.up = false
	for _, k := range keys {
		want(t, w.do(a1, "persist", k), "1")
	}
	w.run(25 * time.Second)
	b1.up = true
	for limit := w.now + 20*time.Second; w.now < limit; w.run(10 * time.Millisecond) {
		if s := b1.status(); s.Stubs.Keys > 0 {
			t.Fatalf("%d values were given back", s.Stubs.Keys)
		}
	}
	w.everywhere("v", "get", keys[0])
}
