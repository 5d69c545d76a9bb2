package replica

import (
	"testing"
	"time"

	"github.com/atollcache/atoll/wire"
)

// An owner that is cut off inside its region, and has been taken out of the view,
// goes on writing. What it extends meanwhile is there when it is back: nobody has
// let it go, though its deadline passed for everybody else.
func TestExtendedByAnOwnerThatVanished(t *testing.T) {
	w := newWorld(t, 1, 2, 3).few(8).settled()
	k := w.keys("k", 1)[0]
	owners, _ := w.owners("a", k)
	lost, other := owners[0], owners[1]
	want(t, w.do(other, "set", k, "v", "px", "20000"), "OK")
	w.run(2 * time.Second)
	w.drop = func(from, to *node, _ []byte) bool { return from == lost || to == lost }
	lost.hidden = true
	w.membership("a")
	w.run(time.Second)
	want(t, w.do(lost, "persist", k), "1")
	w.run(time.Minute)
	lost.hidden, w.drop = false, nil
	w.membership("a")
	w.run(20 * time.Second)
	w.settle(20 * time.Second)
	w.everywhere("v", "get", k)
}

// An owner that drains is cut off before it has handed over what it extended, and
// is taken for dead or not. That it was seen draining does not mean that it has
// left in order: what it extended is there when it is back and hands it over.
func TestExtendedByAnOwnerThatDrains(t *testing.T) {
	for _, dead := range []bool{true, false} {
		w := newWorld(t, 1, 2, 3).few(8).settled()
		k := w.keys("k", 1)[0]
		owners, _ := w.owners("a", k)
		lost, other := owners[0], owners[1]
		want(t, w.do(other, "set", k, "v", "px", "20000"), "OK")
		w.run(2 * time.Second)
		w.drop = func(from, to *node, _ []byte) bool { return from == lost || to == lost }
		want(t, w.do(lost, "persist", k), "1")
		lost.r.Drain(lost.time())
		w.membership("a") // gossip still goes through
		w.run(time.Second)
		lost.hidden = dead
		w.membership("a")
		w.run(time.Minute)
		lost.hidden, w.drop = false, nil
		w.membership("a")
		w.until("drained", 20*time.Second, lost.r.Drained)
		lost.crash()
		w.membership("a")
		w.run(10 * time.Second)
		w.settle(20 * time.Second)
		w.everywhere("v", "get", k)
	}
}

// A node that has just joined, and has heard nothing yet of another region, does
// not let go what that region may have extended.
func TestExtendedByARegionNotHeardYet(t *testing.T) {
	w := newWorld(t, 1, 2, 2).few(4)
	late := w.at("a2")
	w.nodes = []*node{w.at("a1"), w.at("b1"), w.at("b2")}
	w.settled()
	k := w.keys("k", 1)[0]
	want(t, w.do(w.at("a1"), "set", k, "v", "px", "15000"), "OK")
	w.run(2 * time.Second)
	w.nodes = append(w.nodes, late)
	w.lose(func(from, to *node, e wire.Envelope) bool {
		return from.region == "b" && to == late || from.name == "a1" && to == late && e.Kind == wire.KindBatch
	})
	late.start()
	w.membership("a")
	w.run(3 * time.Second)
	want(t, w.do(w.at("b1"), "persist", k), "1")
	w.run(time.Minute)
	w.drop = nil
	w.settle(20 * time.Second)
	w.everywhere("v", "get", k)
}

// A node that never comes back is waited for no longer than an hour, one that
// left in order not at all.
func TestVanishedNodeIsGivenUp(t *testing.T) {
	for drains, patience := range map[bool]time.Duration{false: 90 * time.Minute, true: time.Minute} {
		w := newWorld(t, 1, 1, 3).few(1).settled()
		k := w.keys("k", 1)[0]
		owners, _ := w.owners("a", k)
		lost, other := owners[0], owners[1]
		want(t, w.do(lost, "set", k, "v", "px", "20000"), "OK")
		w.run(2 * time.Second)
		if drains {
			lost.r.Drain(lost.time())
			w.membership("a")
			w.until("drained", 20*time.Second, lost.r.Drained)
		}
		lost.crash()
		w.membership("a")
		w.run(time.Minute)
		if held := other.entry(k) != nil; held == drains {
			t.Errorf("drained: %v, and after a minute the stub is held: %v", drains, held)
		}
		w.run(patience)
		if other.entry(k) != nil {
			t.Errorf("drained: %v, and the stub is held for ever", drains)
		}
	}
}

// Two nodes of a region drain, and gossip tells nobody. They hear it from each
// other, and do not wait for one another to take what both give away.
func TestTwoDrainUnheardByGossip(t *testing.T) {
	w := newWorld(t, 1, 2, 3).few(8).settled()
	keys := w.keys("k", 40)
	for _, k := range keys {
		w.do(w.at("a2"), "set", k, "v")
	}
	a2, a3 := w.at("a2"), w.at("a3")
	a2.r.Drain(a2.time())
	a3.r.Drain(a3.time())
	took := w.until("drained", 20*time.Second, func() bool { return a2.r.Drained() && a3.r.Drained() })
	t.Logf("after %v", took)
	for _, k := range keys {
		if !w.at("a1").live(k) {
			t.Errorf("%s is not at the node that stays", k)
		}
	}
}

// The only node of a region restarts after its clock was set back: the others
// have a newer view of the region than it can make by its clock, with its earlier
// boot in it. It hears so from them, and goes above.
func TestRegionOutbidsWhatOthersRemember(t *testing.T) {
	w := newWorld(t, 1, 2, 1).few(1)
	a1, b1 := w.at("a1"), w.at("b1")
	a1.skew = 20_000
	w.settled()
	a1.crash()
	a1.skew = 0
	a1.start()
	w.membership("a")
	w.until("b1 knows the new boot", 5*time.Second, func() bool {
		n, _, ok := b1.r.dir.Node(a1.r.self.ID)
		return ok && n.Boot == a1.r.self.Boot
	})
}
