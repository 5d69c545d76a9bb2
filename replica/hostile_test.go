package replica

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/atollcache/atoll/crdt"
	"github.com/atollcache/atoll/region"
	"github.com/atollcache/atoll/store"
	"github.com/atollcache/atoll/wire"
)

// forged is a batch that claims to come from a node, on an incarnation of its
// own, with the deltas that fill writes.
func forged(from *node, to *node, fill func(b *wire.BatchWriter)) []byte {
	var b wire.BatchWriter
	b.Reset(1<<40, 1, to.r.Boot(), 0)
	fill(&b)
	return b.Append(nil)
}

func sealed(from *node, kind wire.Kind, body []byte) []byte {
	return wire.Seal(nil, "test", from.r.sender(), kind, body)
}

// put is a delta that writes a string.
func put(value string, op crdt.Dot) *crdt.Delta {
	var d crdt.Delta
	d.Operation(op)
	d.Put(&crdt.Entry{}, crdt.String, "", []byte(value), 0, op)
	return &d
}

// image is all that a message may change: states, contexts and digests.
func image(n *node) string {
	var b strings.Builder
	for part := range n.r.scope.All() {
		p := &n.r.parts[part]
		fmt.Fprintln(&b, part, p.state, p.data.Context(), p.data.High(), n.r.store.Root(part), p.data.Keys())
	}
	return b.String()
}

// A link from another region carries only what its sender stamped: whatever
// else comes on it is refused, counted, and breaks the link off.
func TestForeignStampsOnALinkBetweenRegions(t *testing.T) {
	w := newWorld(t, 1, 3, 1).few(8).settled()
	a1, b1, c1 := w.at("a1"), w.at("b1"), w.at("c1")
	keys := w.keys("k", 4)
	at := crdt.StampAt(a1.time().Wall)
	theirs := func(n *node, key string) crdt.Dot { return crdt.Dot{Stamp: at, Origin: n.place(key).origin} }

	for i, d := range []*crdt.Delta{
		put("an operation of another", theirs(c1, keys[0])),
		mixed(theirs(b1, keys[1]), func(d *crdt.Delta) { *d = *put("a slot of another", theirs(c1, keys[1])) }),
		mixed(theirs(b1, keys[2]), func(d *crdt.Delta) {
			d.Add(&crdt.Entry{}, crdt.String, "", crdt.Sum{Int: 5}, theirs(c1, keys[2]))
		}),
		mixed(theirs(b1, keys[3]), func(d *crdt.Delta) {
			own := theirs(b1, keys[3])
			d.Put(&crdt.Entry{}, crdt.String, "", []byte("x"), 0, own)
			d.Extend(&d.Entry, at.Millis()+1000, theirs(c1, keys[3]))
		}),
	} {
		key := keys[i]
		refused := a1.r.stats.Refused
		body := forged(b1, a1, func(b *wire.BatchWriter) { b.Delta([]byte(key), d) })
		if err := a1.r.Receive(a1.time(), sealed(b1, wire.KindBatch, body)); err != nil {
			t.Fatal(err)
		}
		if a1.entry(key) != nil {
			t.Errorf("forgery %d was applied", i)
		}
		if a1.r.stats.Refused != refused+1 {
			t.Errorf("forgery %d was not counted", i)
		}
	}
	missing := false
	for _, p := range a1.r.Outgoing() {
		e, _ := wire.Open(p.Payload)
		if ack, err := wire.ReadAck(e.Body); e.Kind == wire.KindAck && err == nil {
			missing = missing || ack.Missing
		}
	}
	if !missing {
		t.Error("the sender is not told")
	}
	w.run(5 * time.Second)
	w.do(b1, "set", keys[0], "honest")
	w.run(5 * time.Second)
	w.everywhere("honest", "get", keys[0])
}

// mixed is a delta of one operation that holds what fill puts in.
func mixed(op crdt.Dot, fill func(d *crdt.Delta)) *crdt.Delta {
	var d crdt.Delta
	fill(&d)
	d.Ops = []crdt.Dot{op}
	return &d
}

// Messages of another cluster, of an unknown version, cut short or made up give
// an error, are counted, and change nothing at all.
func TestBadMessages(t *testing.T) {
	w := newWorld(t, 1, 2, 2).few(8).settled()
	a1, a2 := w.at("a1"), w.at("a2")
	keys := w.keys("k", 3)
	w.do(a1, "set", keys[0], "v")
	w.run(time.Second)
	var messages [][]byte
	w.drop = func(_, to *node, payload []byte) bool {
		if to == a1 {
			messages = append(messages, payload)
		}
		return false
	}
	w.do(a2, "hset", keys[1], "f", "v")
	w.run(3 * time.Second)
	w.drop = nil
	soon := crdt.StampAt(a1.time().Wall + 100)
	body := forged(a2, a1, func(b *wire.BatchWriter) {
		for _, k := range keys {
			b.Delta([]byte(k), put("half", crdt.Dot{Stamp: soon, Origin: a2.place(k).origin}))
		}
	})
	messages = append(messages, sealed(a2, wire.KindBatch, body))
	before := image(a1)

	malformed := a1.r.stats.Malformed
	refuse := func(what string, message []byte) {
		t.Helper()
		if err := a1.r.Receive(a1.time(), message); err == nil {
			t.Errorf("%s is taken", what)
		}
		if before != image(a1) {
			t.Fatalf("%s has changed something", what)
		}
	}
	for _, m := range messages {
		e, err := wire.Open(m)
		if err != nil {
			t.Fatal(err)
		}
		for cut := range len(m) {
			refuse("a short message of kind "+e.Kind.String(), m[:cut])
		}
		for cut := range len(e.Body) {
			refuse("a short body of kind "+e.Kind.String(), wire.Seal(nil, "test", e.From, e.Kind, e.Body[:cut]))
		}
		refuse("a long body of kind "+e.Kind.String(), wire.Seal(nil, "test", e.From, e.Kind, append(e.Body[:len(e.Body):len(e.Body)], 7)))
	}
	if err := a1.r.Receive(a1.time(), sealed(a2, wire.Kind(200), nil)); err != nil || a1.r.stats.Unknown != 1 || before != image(a1) {
		t.Errorf("a kind of a later version: %v, counted %d times", err, a1.r.stats.Unknown)
	}
	refuse("nothing", nil)
	refuse("garbage", []byte("GET / HTTP/1.1\r\n\r\n"))
	if a1.r.stats.Malformed == malformed {
		t.Error("nothing was counted")
	}

	foreign := wire.Seal(nil, "another", a2.r.sender(), wire.KindBatch, body)
	if err := a1.r.Receive(a1.time(), foreign); !errors.Is(err, wire.ErrCluster) {
		t.Errorf("of another cluster: %v", err)
	}
	version := sealed(a2, wire.KindBatch, body)
	version[1]++ // the first element of the envelope
	if err := a1.r.Receive(a1.time(), version); !errors.Is(err, wire.ErrVersion) {
		t.Errorf("of another version: %v", err)
	}
	if before != image(a1) || a1.r.stats.Foreign != 1 {
		t.Error("a foreign message has changed something or was not counted")
	}
}

// Whichever bit of a message is flipped on its way, it is refused and counted, and
// changes nothing. As it was sent it is taken.
func TestDamagedMessages(t *testing.T) {
	w := newWorld(t, 1, 1, 2).few(1).settled()
	a1, a2, k := w.at("a1"), w.at("a2"), w.keys("k", 1)[0]
	var held [][]byte
	w.drop = func(_, to *node, payload []byte) bool {
		if to == a1 {
			held = append(held, payload)
		}
		return to == a1
	}
	w.do(a2, "set", k, "v")
	w.run(300 * time.Millisecond)
	w.drop = nil

	before, malformed, tries := image(a1), a1.r.stats.Malformed, uint64(0)
	for _, m := range held {
		for bit := range 8 * len(m) {
			damaged := slices.Clone(m)
			damaged[bit/8] ^= 1 << (bit % 8)
			if err := a1.r.Receive(a1.time(), damaged); err == nil {
				t.Fatalf("bit %d of %x is flipped, and it is taken", bit, m)
			}
			tries++
		}
	}
	if got := a1.r.stats.Malformed - malformed; got != tries || tries == 0 {
		t.Errorf("%d of %d damaged messages were counted", got, tries)
	}
	if before != image(a1) {
		t.Error("a damaged message has changed something")
	}
	for _, m := range held {
		if err := a1.r.Receive(a1.time(), m); err != nil {
			t.Error(err)
		}
	}
	if a1.entry(k) == nil {
		t.Error("the write did not arrive in the end")
	}
}

// A message that an earlier process of a peer has sent is merged, which harms
// nobody, and certifies nothing.
func TestMessageOfAnEarlierBoot(t *testing.T) {
	w := newWorld(t, 1, 1, 2).few(1).settled()
	a1, a2, k := w.at("a1"), w.at("a2"), w.keys("k", 1)[0]
	var late [][]byte
	w.drop = func(from, to *node, payload []byte) bool {
		if e, _ := wire.Open(payload); from == a2 && e.Kind == wire.KindBatch {
			late = append(late, payload)
			return true
		}
		return false
	}
	w.do(a2, "set", k, "v")
	old := a2.place(k).origin
	w.run(300 * time.Millisecond)
	w.drop = nil
	a2.crash()
	a2.start()
	w.membership("a")
	w.settle(5 * time.Second)

	in := *a1.r.in[a2.r.self.ID]
	context := a1.place(k).data.Context().At(old)
	for _, m := range late {
		if err := a1.r.Receive(a1.time(), m); err != nil {
			t.Fatal(err)
		}
	}
	if after := a1.r.in[a2.r.self.ID]; after.boot != in.boot || after.inc != in.inc || after.expect != in.expect {
		t.Error("the link was taken back")
	}
	if a1.place(k).data.Context().At(old) != context {
		t.Error("an earlier process certifies")
	}
	w.run(time.Second)
	w.everywhere("v", "get", k)
}

// A node whose name and identity do not belong together, or that claims to be
// this one, is not heard.
func TestFalseIdentity(t *testing.T) {
	w := newWorld(t, 1, 1, 2).few(1).settled()
	a1, k := w.at("a1"), w.keys("k", 1)[0]
	op := crdt.Dot{Stamp: crdt.StampAt(a1.time().Wall), Origin: w.at("a2").place(k).origin}
	body := forged(w.at("a2"), a1, func(b *wire.BatchWriter) { b.Delta([]byte(k), put("v", op)) })
	for _, s := range []wire.Sender{
		{Region: "a", Name: "a2", Node: region.NodeID("a", "a3"), Boot: 1},
		a1.r.sender(),
	} {
		a1.r.Receive(a1.time(), wire.Seal(nil, "test", s, wire.KindBatch, body))
		if a1.r.store.Partition(partOf(k)).Get(store.Hash([]byte(k)), []byte(k)) != nil {
			t.Errorf("%+v was heard", s)
		}
	}
}
