package replica

import (
	"fmt"
	"testing"
	"time"

	"github.com/atollcache/atoll/crdt"
	"github.com/atollcache/atoll/ring"
	"github.com/atollcache/atoll/store"
	"github.com/atollcache/atoll/wire"
)

// few narrows a world to some partitions, since what a story shows in eight it
// would show in all, later.
func (w *world) few(parts int) *world {
	for i := range parts {
		w.scope.Add(uint16(i * ring.Partitions / parts))
	}
	return w
}

// settled boots a world and waits until it is ready and equal.
func (w *world) settled() *world {
	w.t.Helper()
	w.boot()
	w.run(2 * time.Second)
	w.settle(10 * time.Second)
	return w
}

// keys names n keys that lie within the scope of the world.
func (w *world) keys(prefix string, n int) []string {
	var names []string
	for i := 0; len(names) < n; i++ {
		name := fmt.Sprint(prefix, i)
		if w.scope.Len() == 0 || w.scope.Has(partOf(name)) {
			names = append(names, name)
		}
	}
	return names
}

func partOf(key string) uint16 { return ring.Partition(store.Hash([]byte(key))) }

// place is the partition of a key at a node.
func (n *node) place(key string) *partition { return &n.r.parts[partOf(key)] }

// entry is what a node holds of a key, nil if nothing.
func (n *node) entry(key string) *crdt.Entry {
	return n.place(key).data.Get(store.Hash([]byte(key)), []byte(key))
}

// owners lists the owners of a key in a region, as its nodes see it, the first
// one first, and everybody else who lives there.
func (w *world) owners(region, key string) (owners, others []*node) {
	var of []*node
	for _, n := range w.nodes {
		if n.region == region && n.up {
			of = append(of, n)
		}
	}
	for _, o := range of[0].r.owned(partOf(key)) {
		owners = append(owners, w.at(o.Name))
	}
	for _, n := range of {
		if !contains(of[0].r.owned(partOf(key)), n.r.self.ID) {
			others = append(others, n)
		}
	}
	return owners, others
}

// call is a command whose answer may not have come yet.
type call struct {
	w      *world
	answer *Answer
}

// call starts a command and lets no time pass.
func (w *world) call(n *node, req Request, args ...string) *call {
	c := &call{w: w}
	for _, a := range args {
		req.Args = append(req.Args, []byte(a))
	}
	n.r.Do(n.time(), &req, func(a Answer) {
		if c.answer != nil {
			w.t.Errorf("%v is answered twice", args)
		}
		c.answer = &a
	})
	w.collect(n)
	return c
}

// wait lets time pass until the answer has come, and gives how long that took.
func (c *call) wait() time.Duration {
	c.w.t.Helper()
	return c.w.until("answered", 30*time.Second, func() bool { return c.answer != nil })
}

// listen calls f with every message that is sent, also with those that get lost.
func (w *world) listen(f func(from, to *node, e wire.Envelope)) {
	before := w.drop
	w.drop = func(from, to *node, payload []byte) bool {
		e, err := wire.Open(payload)
		if err != nil {
			w.t.Fatalf("%s sends what cannot be read: %v", from.name, err)
		}
		f(from, to, e)
		return before != nil && before(from, to, payload)
	}
}

// lose has messages lost for which lost says yes.
func (w *world) lose(lost func(from, to *node, e wire.Envelope) bool) {
	w.drop = func(from, to *node, payload []byte) bool {
		e, _ := wire.Open(payload)
		return lost(from, to, e)
	}
}

// batchOf reads the front of a batch and counts its deltas.
func batchOf(t testing.TB, e wire.Envelope) (b wire.Batch, deltas int) {
	t.Helper()
	r, err := wire.ReadBatch(e.Body, crdt.Limits{})
	if err != nil {
		t.Fatal(err)
	}
	var key []byte
	var d crdt.Delta
	for {
		more, err := r.Next(&key, &d)
		if err != nil {
			t.Fatal(err)
		}
		if !more {
			return r.Batch, deltas
		}
		deltas++
	}
}

// pending counts the entries that still hold tombstones or clear vectors.
func (n *node) pending() (count int) {
	for part := range n.r.scope.All() {
		n.r.parts[part].data.Range(uint64(part)<<partitionShift, uint64(part+1)<<partitionShift, func(_ uint64, _ []byte, e *crdt.Entry) bool {
			if e.Pending() {
				count++
			}
			return true
		})
	}
	return count
}

// everywhere checks the answer of every living node.
func (w *world) everywhere(expected string, args ...string) {
	w.t.Helper()
	for _, n := range w.nodes {
		if n.up {
			if got := text(w.do(n, args...)); got != expected {
				w.t.Errorf("%s: %v gives %q, want %q", n.name, args, got, expected)
			}
		}
	}
}
