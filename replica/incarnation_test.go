package replica

import (
	"slices"
	"testing"
	"time"

	"github.com/atollcache/atoll/antientropy"
	"github.com/atollcache/atoll/crdt"
	"github.com/atollcache/atoll/wire"
)

// incarnation sends batches by hand, as a peer would on a link of its own.
type incarnation struct {
	t        *testing.T
	from, to *node
	part     uint16
	origin   crdt.Origin // that it vouches for
	receiver uint64
}

// send delivers one batch and gives what is answered.
func (i *incarnation) send(seq uint64, fill func(b *wire.BatchWriter)) wire.Ack {
	i.t.Helper()
	var b wire.BatchWriter
	b.Reset(1<<40, seq, i.receiver, 0)
	fill(&b)
	i.to.r.Outgoing()
	if err := i.to.r.Receive(i.to.time(), sealed(i.from, wire.KindBatch, b.Append(nil))); err != nil {
		i.t.Fatal(err)
	}
	for _, p := range i.to.r.Outgoing() {
		if e, _ := wire.Open(p.Payload); e.Kind == wire.KindAck {
			ack, err := wire.ReadAck(e.Body)
			if err != nil {
				i.t.Fatal(err)
			}
			return ack
		}
	}
	return wire.Ack{}
}

func (i *incarnation) mark(at crdt.Stamp) wire.Mark {
	m := wire.Mark{Partitions: []uint16{i.part}}
	m.Context.Raise(crdt.Dot{Stamp: at, Origin: i.origin})
	return m
}

// stands is how far the receiver follows.
func (i *incarnation) stands() crdt.Stamp {
	return i.to.r.parts[i.part].data.Context().At(i.origin)
}

func newIncarnation(t *testing.T) *incarnation {
	w := newWorld(t, 1, 1, 2).few(1).settled()
	a1, a2 := w.at("a1"), w.at("a2")
	return &incarnation{
		t: t, from: a2, to: a1, part: 0, receiver: a1.r.Boot(),
		origin: crdt.Origin{Node: a2.r.self.ID, Epoch: 7},
	}
}

func enter(i *incarnation, base crdt.Stamp) func(*wire.BatchWriter) {
	return func(b *wire.BatchWriter) { b.Enter(i.mark(base)) }
}

func watermark(i *incarnation, at crdt.Stamp) func(*wire.BatchWriter) {
	return func(b *wire.BatchWriter) { b.Watermark(i.mark(at)) }
}

// A watermark counts when it comes in order, from the first batch on, for the
// boot and the tenure that the link was opened to (rule L1).
func TestWatermarkInOrder(t *testing.T) {
	i := newIncarnation(t)
	i.send(1, enter(i, 1))
	i.send(2, watermark(i, 50))
	if i.stands() != 0 {
		t.Error("taken below the base")
	}

	i = newIncarnation(t)
	i.send(1, enter(i, 0))
	if ack := i.send(2, watermark(i, 100)); i.stands() != 100 || ack.Seq != 2 {
		t.Errorf("at %v after a watermark of 100; acknowledged %+v", i.stands(), ack)
	}
	if ack := i.send(4, watermark(i, 300)); i.stands() != 100 || ack.Seq != 2 {
		t.Errorf("at %v across a gap; acknowledged %+v", i.stands(), ack)
	}
	if ack := i.send(3, watermark(i, 200)); i.stands() != 300 || ack.Seq != 4 {
		t.Errorf("at %v when the gap is closed; acknowledged %+v", i.stands(), ack)
	}
}

// A batch for an earlier process of this node certifies nothing to this one
// (rule L1).
func TestWatermarkForAnEarlierBoot(t *testing.T) {
	i := newIncarnation(t)
	i.receiver--
	i.send(1, enter(i, 0))
	ack := i.send(2, watermark(i, 100))
	if i.stands() != 0 || !ack.Missing {
		t.Errorf("at %v; acknowledged %+v", i.stands(), ack)
	}
}

// A watermark for a tenure that has ended certifies nothing to the next one: the
// partition is asked for anew (rule L1).
func TestWatermarkForAnEarlierTenure(t *testing.T) {
	i := newIncarnation(t)
	i.send(1, enter(i, 0))
	r := i.to.r
	p := &r.parts[i.part]
	p.data.Lock()
	p.drop()
	r.gain(p, ready, i.to.time())
	p.data.Unlock()

	ack := i.send(2, watermark(i, 100))
	if i.stands() != 0 || !slices.Contains(ack.Want, i.part) {
		t.Errorf("at %v; acknowledged %+v", i.stands(), ack)
	}
	i.send(3, enter(i, 0))
	if i.send(4, watermark(i, 200)); i.stands() != 200 {
		t.Errorf("at %v when entered anew", i.stands())
	}
}

// A link is joined at its first batch or not at all (rule L1).
func TestLinkIsNotJoinedInTheMiddle(t *testing.T) {
	i := newIncarnation(t)
	i.send(3, enter(i, 0))
	i.send(4, watermark(i, 100))
	if i.stands() != 0 {
		t.Errorf("at %v", i.stands())
	}
}

// A batch with a delta of the future makes the whole incarnation worthless: its
// sender hears so, and nothing that follows is certified (rule W4).
func TestRefusedDeltaIsNotCertified(t *testing.T) {
	i := newIncarnation(t)
	future := crdt.StampAt(i.to.time().Wall + time.Hour.Milliseconds())
	var w world
	w.few(1)
	key := w.keys("k", 1)[0]
	i.send(1, enter(i, 0))
	ack := i.send(2, func(b *wire.BatchWriter) {
		b.Delta([]byte(key), put("v", crdt.Dot{Stamp: future, Origin: i.origin}))
	})
	i.send(3, watermark(i, 100))
	if i.stands() != 0 || !ack.Missing || i.to.entry(key) != nil {
		t.Errorf("at %v; acknowledged %+v", i.stands(), ack)
	}
}

// What a round taught raises the base: until the receiver has learnt as much, it
// does not follow (rule L6).
func TestRaisedBase(t *testing.T) {
	i := newIncarnation(t)
	i.send(1, enter(i, 0))
	i.send(2, func(b *wire.BatchWriter) {
		b.Raise(i.mark(100))
		b.Watermark(i.mark(150))
	})
	if i.stands() != 0 {
		t.Errorf("at %v below the base", i.stands())
	}
	if !i.to.r.in[i.from.r.self.ID].stuck.Has(i.part) {
		t.Error("repair is not called")
	}
}

// A round that raises the context raises the base of the links inside the
// region too, no later than a watermark says as much: it taught absences that no
// link has carried (rule L6).
func TestRoundRaisesTheBaseOfLinks(t *testing.T) {
	w := newWorld(t, 1, 2, 2).few(8)
	w.timing.RoundEvery = 500 * time.Millisecond
	w.settled()
	b1 := w.at("b1")
	keys := w.keys("k", 20)
	origin := b1.place(keys[0]).origin
	w.run(time.Second)
	start := crdt.StampAt(b1.time().Wall)

	raised := map[[2]*node]antientropy.Scope{}
	raises := 0
	w.lose(func(from, to *node, e wire.Envelope) bool { return from.region == "b" && e.Kind == wire.KindBatch })
	w.listen(func(from, to *node, e wire.Envelope) {
		if from.region != "a" || to.region != "a" || e.Kind != wire.KindBatch {
			return
		}
		b, _ := batchOf(t, e)
		done := raised[[2]*node{from, to}]
		for _, m := range b.Raises {
			for _, part := range m.Partitions {
				if m.Context.At(origin) > start {
					done.Add(part)
					raises++
				}
			}
		}
		raised[[2]*node{from, to}] = done
		for _, m := range b.Watermark {
			for _, part := range m.Partitions {
				if other := raised[[2]*node{to, from}]; m.Context.At(origin) > start && !done.Has(part) && !other.Has(part) {
					t.Errorf("%s certifies to %s in partition %d what no base was raised to", from.name, to.name, part)
				}
			}
		}
	})
	stay := w.keys("stays", len(keys))
	for i, k := range keys {
		w.do(b1, "set", k, "v")
		w.do(b1, "set", stay[i], "v")
		w.run(10 * time.Millisecond)
		w.do(b1, "del", k)
	}
	w.run(5 * time.Second)
	if raises == 0 {
		t.Error("no round has raised anything")
	}
}
