package replica

import (
	"strings"
	"testing"
	"time"

	"github.com/atollcache/atoll/wire"
)

// Status and digests say how a node stands: what it holds, whom it hears, what
// waits for whom.
func TestStatusAndDigests(t *testing.T) {
	w := newWorld(t, 1, 2, 2).few(8).settled()
	a1, b1 := w.at("a1"), w.at("b1")
	keys := w.keys("k", 40)
	for _, k := range keys {
		w.do(a1, "set", k, "v")
	}
	w.run(15 * time.Second) // a round with everybody

	s := a1.r.Status(a1.time())
	if s.Region != "a" || s.Node != "a1" || s.Boot != a1.r.Boot() || s.State != "serving" {
		t.Errorf("identity %s %s %d %s", s.Region, s.Node, s.Boot, s.State)
	}
	if s.Keys != len(keys) || s.Partitions["ready"] != 8 || len(s.Partitions) != 1 || s.Bytes != a1.r.store.Bytes() || s.Bytes == 0 {
		t.Errorf("%d keys, %d bytes, partitions %v", s.Keys, s.Bytes, s.Partitions)
	}
	if len(s.Regions) != 2 || len(s.Regions[0].Nodes) != 2 || s.Regions[1].Region != "b" {
		t.Errorf("regions %+v", s.Regions)
	}
	for _, l := range s.Links {
		if l.State != "up" || l.OutboxBytes != 0 || l.Heard < 0 || l.Heard > 2*time.Second {
			t.Errorf("link %+v", l)
		}
		trip := 400 * time.Microsecond
		if l.Region == "b" {
			trip = 80 * time.Millisecond
		}
		if l.RTT < trip || l.RTT > trip+time.Millisecond {
			t.Errorf("a round trip to %s takes %v, it is said", l.Node, l.RTT)
		}
		if l.Node == "a2" && l.Partitions != 8 {
			t.Errorf("the link to the co-owner carries %d partitions", l.Partitions)
		}
	}
	for _, p := range s.Peers {
		if p.Stuck > 0 || p.Heard > 2*time.Second {
			t.Errorf("peer %+v", p)
		}
		if p.Node == "a2" && (p.Agreed != 8 || p.AgreedAge > 15*time.Second) {
			t.Errorf("%d partitions agreed with the co-owner, %v ago", p.Agreed, p.AgreedAge)
		}
	}

	w.sever("a", "b")
	w.do(a1, "set", keys[0], "w")
	w.run(6 * time.Second)
	w.do(a1, "set", keys[0], strings.Repeat("x", 1000))
	for _, l := range a1.r.Status(a1.time()).Links {
		cut := l.Region == "b"
		if cut != (l.State == "silent") || cut != (l.Heard > 5*time.Second) {
			t.Errorf("cut from b, the link to %s is %s and heard %v ago", l.Node, l.State, l.Heard)
		}
	}
	differ := 0
	theirs := b1.r.Digests()
	for i, d := range a1.r.Digests() {
		if d.Root != theirs[i].Root {
			differ++
			if d.Partition != partOf(keys[0]) {
				t.Errorf("partition %d differs", d.Partition)
			}
		}
		if d.State != "ready" || d.Keys != a1.r.store.Keys(d.Partition) || d.Root != a1.r.store.Root(d.Partition) {
			t.Errorf("digest %+v", d)
		}
	}
	if differ != 1 {
		t.Errorf("%d partitions differ, one key does", differ)
	}

	w.lose(func(_, to *node, e wire.Envelope) bool { return e.Kind == wire.KindAnswer })
	b1.crash()
	b1.start()
	w.membership("b")
	w.run(100 * time.Millisecond)
	if p := b1.r.Status(b1.time()).Partitions; p["booting"] != 8 {
		t.Errorf("partitions of a node that boots: %v", p)
	}
}

// What a link is told to raise does not pile up while its receiver is silent.
func TestRaisesDoNotPileUp(t *testing.T) {
	w := newWorld(t, 1, 2, 2).few(8)
	w.timing.RoundEvery = 300 * time.Millisecond
	w.settled()
	a1, a2 := w.at("a1"), w.at("a2")
	w.lose(func(from, to *node, e wire.Envelope) bool {
		return from == a1 && to == a2 || from == a2 && to == a1 || from.region == "b" && e.Kind == wire.KindBatch
	})
	most, keys := 0, w.keys("k", 30)
	for i := range 600 {
		w.do(w.at("b1"), "set", keys[i%len(keys)], "v")
		w.run(200 * time.Millisecond)
		if l := a1.r.out[a2.r.self.ID]; l != nil {
			most = max(most, len(l.raises))
		}
	}
	if most > 100 {
		t.Errorf("%d raises wait for 8 partitions", most)
	}
	w.drop = nil
	w.settle(15 * time.Second)
}

// Burden tells what waits for a silent peer, and what the entries take.
func TestBurden(t *testing.T) {
	w := newWorld(t, 1, 2, 1).boot()
	w.settle(10 * time.Second)
	n := w.nodes[0]
	if outbox, entries := n.r.Burden(); outbox != 0 || entries != 0 {
		t.Fatalf("nothing was written: %d bytes wait, entries take %d", outbox, entries)
	}
	w.cut[[2]string{"a", "b"}], w.cut[[2]string{"b", "a"}] = true, true
	w.run(10 * time.Second)
	w.do(n, "SET", "k", "v")
	if outbox, entries := n.r.Burden(); outbox == 0 || entries == 0 {
		t.Errorf("during a cut %d bytes wait, entries take %d", outbox, entries)
	}
}
