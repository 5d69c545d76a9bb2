package replica

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/atollcache/atoll/antientropy"
	"github.com/atollcache/atoll/crdt"
	"github.com/atollcache/atoll/store"
	"github.com/atollcache/atoll/wire"
)

// nobody is an origin whose removed writes nobody here has seen.
var nobody = crdt.Origin{Node: 77, Epoch: 1}

// tombs gives a node n tombstones of 60 kB in each partition of the world, which
// wait for its context, and a context that a round has to bring: up to stamp 1 of
// another origin.
func (w *world) tombs(at *node, n int) {
	name := strings.Repeat("x", 60<<10)
	for part := range at.r.scope.All() {
		p := &at.r.parts[part]
		p.data.Lock()
		for i, k := 0, 0; k < n; i++ {
			key := []byte(fmt.Sprint("tomb", i))
			if antientropy.PartitionOf(store.Hash(key)) != part {
				continue
			}
			d := &crdt.Delta{}
			c := d.PutCell(crdt.Hash, fmt.Sprint(name, k))
			k++
			c.Slots = append(c.Slots, crdt.Slot{Dot: crdt.Dot{Stamp: crdt.Stamp(k), Origin: nobody}, Dead: true})
			d.Seal()
			p.data.Merge(store.Hash(key), key, d)
		}
		p.data.Raise(contextOf(crdt.Dot{Stamp: 1, Origin: crdt.Origin{Node: 78, Epoch: 1}}))
		p.data.Unlock()
	}
}

func contextOf(d crdt.Dot) *crdt.Context {
	c := &crdt.Context{}
	c.Raise(d)
	return c
}

// pullOnce has a node pull all partitions from another in one round, and gives how
// many answers that took.
func (w *world) pullOnce(to, from *node, each func(answer int)) (answers int) {
	w.t.Helper()
	w.listen(func(sender, _ *node, e wire.Envelope) {
		if sender == from && e.Kind == wire.KindAnswer {
			answers++
			each(answers)
		}
		if len(e.Body) > 8<<20 {
			w.t.Errorf("a message of %d bytes", len(e.Body))
		}
	})
	to.r.mu.Lock()
	peer, _ := to.r.peer(from.r.self.ID)
	delete(to.r.pulls, peer.ID)
	to.r.start(to.time(), peer, to.r.scope, true)
	round := to.r.pulls[peer.ID]
	to.r.mu.Unlock()
	w.collect(to)
	w.until("pulled", 20*time.Second, func() bool { return to.r.pulls[peer.ID] != round })
	w.drop = nil
	return answers
}

// joined says in how many partitions a node has what tombs gave another.
func (n *node) joined() (parts int) {
	for part := range n.r.scope.All() {
		if n.r.parts[part].data.Context().At(crdt.Origin{Node: 78, Epoch: 1}) > 0 {
			parts++
		}
	}
	return parts
}

// What waits in partitions for their contexts comes in as many messages as it
// takes, also where one partition alone has more than a message can hold, and all
// of them are joined in the same round.
func TestWhatWaitsComesInPages(t *testing.T) {
	for _, test := range []struct{ parts, tombs, least int }{{8, 40, 4}, {1, 260, 4}, {3, 150, 6}} {
		w := newWorld(t, 1, 2, 1).few(test.parts).settled()
		a1, b1 := w.at("a1"), w.at("b1")
		w.tombs(b1, test.tombs)
		answers := w.pullOnce(a1, b1, func(int) {})
		if a1.pending() != test.parts*test.tombs || a1.joined() != test.parts || answers < test.least {
			t.Errorf("%+v: %d tombstones came in %d answers, %d partitions were joined", test, a1.pending(), answers, a1.joined())
		}
	}
}

// Between two pages the context of the peer rises above what some tombstones
// removed, and they are gone. They are not asked for any more; that the context
// covers both the removal and what was removed must be known instead.
func TestPagesOfAnotherMoment(t *testing.T) {
	w := newWorld(t, 1, 2, 1).few(1).settled()
	a1, b1 := w.at("a1"), w.at("b1")
	w.tombs(b1, 260)
	w.pullOnce(a1, b1, func(answer int) {
		if answer <= 2 {
			p := &b1.r.parts[0]
			p.data.Lock()
			p.data.Raise(contextOf(crdt.Dot{Stamp: crdt.Stamp(answer * 100), Origin: nobody}))
			p.data.Unlock()
		}
	})
	mine, theirs := a1.r.parts[0].data.Context(), b1.r.parts[0].data.Context()
	if a1.joined() != 1 || mine.At(nobody) != 200 || theirs.At(nobody) != 200 || a1.pending() != b1.pending() || a1.pending() != 60 {
		t.Errorf("the contexts reach %v and %v, %d and %d tombstones wait", mine.At(nobody), theirs.At(nobody), a1.pending(), b1.pending())
	}
}
