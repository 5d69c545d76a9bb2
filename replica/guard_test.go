package replica

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/atollcache/atoll/crdt"
	"github.com/atollcache/atoll/wire"
)

func (n *node) clock() ClockStatus { return n.r.Status(n.time()).Clock }

// writer is who stamped the value of a string, as a node holds it.
func (n *node) writer(key string) uint64 {
	return n.entry(key).Cell(crdt.String, "").Slots[0].Origin.Node
}

// refusedForClock says whether an answer is the one of a node that does not stamp.
func refusedForClock(a Answer) bool { return strings.HasPrefix(text(a), "CLOCK ") }

// tooEarly is the number of deltas that any node has refused for their stamps.
func (w *world) tooEarly() (count uint64) {
	for _, n := range w.nodes {
		count += n.r.stats.Future
	}
	return count
}

// A node whose clock is off passes its writes on to the co-owner, whose clock is
// right, and goes on reading; nothing that it stamps is refused anywhere. Set
// right, it stamps again.
func TestSkewedNodePassesWritesOn(t *testing.T) {
	for _, skew := range []int64{600, 3_600_000, -600, -3_600_000} {
		t.Run(fmt.Sprint(skew), func(t *testing.T) {
			w := newWorld(t, 1, 2, 2).few(4).settled()
			a1, a2, k := w.at("a1"), w.at("a2"), w.keys("k", 1)[0]
			want(t, w.do(a1, "set", k, "one"), "OK")
			if a1.writer(k) != a1.r.self.ID || a1.clock().Stopped || a1.clock().Clocks != 4 {
				t.Fatalf("before: written by %x, clock %+v", a1.writer(k), a1.clock())
			}

			a1.skew = skew
			want(t, w.do(a1, "set", k, "two"), "OK")
			if a2.writer(k) != a2.r.self.ID {
				t.Errorf("stamped by %x, the clock of a2 is right", a2.writer(k))
			}
			c := a1.clock()
			if off := c.Offset.Milliseconds() - skew; !c.Stopped || off < -60 || off > 60 {
				t.Errorf("the clock is %d ms off, its status is %+v", skew, c)
			}
			if skew == 600 { // of one that is behind more, nothing new is applied
				w.run(500 * time.Millisecond)
				want(t, w.do(a1, "get", k), "two")
			}
			w.run(10 * time.Second)
			if skew > 0 && w.tooEarly() > 0 {
				t.Errorf("%d deltas came too early", w.tooEarly())
			}

			a1.skew = 0
			w.run(10 * time.Second)
			want(t, w.do(a1, "set", k, "three"), "OK")
			if c := a1.clock(); a1.writer(k) != a1.r.self.ID || c.Stopped || c.Offset != 0 {
				t.Errorf("set right: written by %x, clock %+v", a1.writer(k), c)
			}
			w.run(time.Second)
			w.settle(5 * time.Second)
			w.everywhere("three", "get", k)
		})
	}
}

// Where no other owner can stamp, writes fail and say why; they change nothing,
// and reads go on.
func TestSkewedOwnerRefusesWrites(t *testing.T) {
	w := newWorld(t, 1, 3, 1).few(4).settled()
	a1, k := w.at("a1"), w.keys("k", 1)[0]
	w.do(a1, "set", k, "old")
	w.run(time.Second)
	root := a1.r.store.Root(partOf(k))
	for _, skew := range []int64{700, -700} {
		a1.skew = skew
		for _, args := range [][]string{{"set", k, "new"}, {"incr", k}, {"del", k}, {"del", k, "other"}, {"hset", "h", "f", "v"}, {"expire", k, "1"}} {
			if a := w.do(a1, args...); !refusedForClock(a) || !strings.Contains(text(a), "NTP") {
				t.Errorf("%d ms off: %v gives %q", skew, args, text(a))
			}
		}
		want(t, w.do(a1, "get", k), "old")
		if a1.r.store.Root(partOf(k)) != root {
			t.Error("a refused write has changed something")
		}
	}
	a1.skew = 0
	want(t, w.do(a1, "set", k, "new"), "OK")
}

// The majority is right, whatever a person would say; without a majority against
// it, a node goes on.
func TestMajorityOfClocks(t *testing.T) {
	for name, c := range map[string]struct {
		skews   []int64
		stopped []bool
	}{
		"all within the limit":      {[]int64{0, 200, -40}, []bool{false, false, false}},
		"one of three ahead":        {[]int64{0, 600, 10}, []bool{false, true, false}},
		"two of three ahead":        {[]int64{0, 600, 610}, []bool{true, false, false}},
		"both others, opposite":     {[]int64{0, 600, -600}, []bool{false, true, true}},
		"one of four":               {[]int64{0, 0, 0, -600}, []bool{false, false, false, true}},
		"two of four":               {[]int64{0, 0, 600, 600}, []bool{false, false, false, false}},
		"two of five, the same way": {[]int64{0, 0, 600, 600, 0}, []bool{false, false, true, true, false}},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, 1, 1, len(c.skews)).few(8)
			w.replicas = len(c.skews)
			w.settled()
			for i, n := range w.nodes {
				n.skew = c.skews[i]
			}
			w.run(15 * time.Second)
			for i, n := range w.nodes {
				if got := n.clock(); got.Stopped != c.stopped[i] {
					t.Errorf("%s, %d ms off: %+v", n.name, n.skew, got)
				}
			}
		})
	}
}

// A path that is slow in one direction, or loses and delays at random, does not
// look like a clock that is off; and it does not hide one for ever.
func TestAsymmetricDelayIsNoSkew(t *testing.T) {
	w := newWorld(t, 1, 3, 2).few(8)
	w.delay = func(from, to string) time.Duration {
		switch {
		case from == to:
			return 200 * time.Microsecond
		case from < to:
			return 900 * time.Millisecond
		default:
			return 5 * time.Millisecond
		}
	}
	w.boot()
	w.run(10 * time.Second)
	w.loss, w.slow, w.repeat = 5, 20, 5
	k := w.keys("k", 1)[0]
	for range 300 {
		w.run(100 * time.Millisecond)
		for _, n := range w.nodes {
			if c := n.clock(); c.Stopped || c.Offset != 0 || c.Clocks < 4 {
				t.Fatalf("%s: %+v", n.name, c)
			}
		}
		w.call(w.at("a1"), Request{}, "incr", k)
	}
	w.at("b2").skew = 2000
	w.until("noticed", 15*time.Second, func() bool { return w.at("b2").clock().Stopped })
}

// Of one clock or two nobody can say which is wrong.
func TestFewClocksNeverStop(t *testing.T) {
	for _, each := range []int{1, 2} {
		w := newWorld(t, 1, 1, each).few(4).settled()
		a1, k := w.at("a1"), w.keys("k", 1)[0]
		for _, skew := range []int64{3_600_000, 7_200_000, 0} {
			a1.skew = skew
			w.run(5 * time.Second)
			want(t, w.do(a1, "set", k, "v"), "OK")
			if c := a1.clock(); c.Stopped || c.Clocks != each || a1.writer(k) != a1.r.self.ID {
				t.Errorf("%d clocks: %+v, written by %x", each, c, a1.writer(k))
			}
		}
	}
}

// A clock that jumps is not believed for a single write, and moves no stamp of
// this node on, however long it stays wrong: there is nothing to wait for when
// it is back.
func TestJumpIsNoticedAtTheNextWrite(t *testing.T) {
	w := newWorld(t, 1, 3, 1).few(4).settled()
	a1, k := w.at("a1"), w.keys("k", 1)[0]
	for _, skew := range []int64{3_600_000, -3_600_000, 86_400_000} {
		a1.skew = skew
		if a := w.do(a1, "set", k, "v"); !refusedForClock(a) {
			t.Fatalf("jumped by %d ms: %s", skew, text(a))
		}
		w.run(30 * time.Second)
		a1.skew = 0
		if ahead := a1.r.clock.Last().Millis() - a1.time().Wall; ahead > 500 {
			t.Fatalf("its stamps are %d ms ahead", ahead)
		}
		want(t, w.do(a1, "set", k, fmt.Sprint(skew)), "OK")
		w.run(time.Second)
		w.everywhere(fmt.Sprint(skew), "get", k)
	}
}

// The clocks of a whole machine are set at once, or a machine sleeps: its nodes
// pause until they have heard each other, and no longer.
func TestAllClocksSet(t *testing.T) {
	w := newWorld(t, 1, 3, 1).few(4).settled()
	k := w.keys("k", 1)[0]
	for _, n := range w.nodes {
		n.skew = 3_600_000
	}
	if a := w.do(w.at("a1"), "set", k, "v"); !refusedForClock(a) {
		t.Errorf("before anybody was heard: %s", text(a))
	}
	w.until("all stamp", 2*time.Second, func() bool {
		return !w.at("a1").clock().Stopped && !w.at("b1").clock().Stopped && !w.at("c1").clock().Stopped
	})
	want(t, w.do(w.at("a1"), "set", k, "v"), "OK")
	w.run(time.Second)
	w.everywhere("v", "get", k)
}

// A clock at the edge of the limit stops the node once, and lets it go on once it
// is well within.
func TestClockAtTheEdge(t *testing.T) {
	w := newWorld(t, 1, 1, 3).few(4)
	w.replicas = 3
	w.settled()
	a1 := w.at("a1")
	changes, last := 0, false
	for i := range 400 {
		a1.skew = 235 + int64(i%2)*35
		w.run(100 * time.Millisecond)
		if now := a1.clock().Stopped; now != last {
			changes, last = changes+1, now
		}
	}
	if changes != 1 || !last {
		t.Errorf("changed %d times, stopped %v", changes, last)
	}
	a1.skew = 130
	w.run(5 * time.Second)
	if !a1.clock().Stopped {
		t.Error("goes on a little below the limit")
	}
	a1.skew = 100
	w.run(5 * time.Second)
	if a1.clock().Stopped {
		t.Error("does not go on well within the limit")
	}
}

// A node that ran ahead while nobody could tell has stamps that the others
// refuse, also when its clock is right again. It says so, rather than write what
// nobody sees.
func TestStampsThatRanAhead(t *testing.T) {
	w := newWorld(t, 1, 3, 1).few(4)
	a1, k := w.at("a1"), w.keys("k", 1)[0]
	a1.skew = 60_000
	w.boot()
	want(t, w.do(a1, "set", k, "early"), "OK")
	w.run(5 * time.Second)
	a1.skew = 0
	w.run(10 * time.Second)
	if a := w.do(a1, "set", k, "hidden"); !refusedForClock(a) {
		t.Errorf("stamped a minute ahead: %s", text(a))
	}
	w.run(50 * time.Second) // its stamps are overtaken
	want(t, w.do(a1, "set", k, "seen"), "OK")
	w.settle(15 * time.Second)
	w.everywhere("seen", "get", k)
}

// The others' clocks are forgotten when they have been silent for long, and a
// node that nobody can judge goes on.
func TestReadingsGrowOld(t *testing.T) {
	w := newWorld(t, 1, 3, 1).few(4).settled()
	a1, k := w.at("a1"), w.keys("k", 1)[0]
	a1.skew = 700
	w.run(time.Second)
	w.at("b1").crash()
	w.at("c1").crash()
	w.run(50 * time.Second)
	if a := w.do(a1, "set", k, "v"); !refusedForClock(a) {
		t.Errorf("50 s after the others went silent: %s", text(a))
	}
	w.run(15 * time.Second)
	want(t, w.do(a1, "set", k, "v"), "OK")
	if c := a1.clock(); c.Clocks != 1 {
		t.Errorf("%+v", c)
	}
}

// What an acknowledgement says of a clock is taken only if it can be true, and
// one that says nothing, of an earlier release, keeps the link up.
func TestReadingsThatAreNone(t *testing.T) {
	w := newWorld(t, 1, 1, 3).few(4)
	w.replicas = 3
	w.settled()
	a1, a2 := w.at("a1"), w.at("a2")
	l := a1.r.out[a2.r.self.ID]
	before := a1.r.guard.readings[a2.r.self.ID]
	now := a1.time()
	hour := time.Hour.Milliseconds()
	for name, a := range map[string]wire.Ack{
		"no clock":                      {Sent: int64(now.Mono)},
		"sent in the future":            {Sent: int64(now.Mono) + 1, Wall: now.Wall + hour},
		"sent before any time":          {Sent: -1 << 63, Wall: now.Wall + hour},
		"a long way, not contradicting": {Sent: 0, Wall: now.Wall},
	} {
		a.Link, a.Boot, a.Seq = l.inc, a2.r.Boot(), l.seq
		if err := a1.r.Receive(now, sealed(a2, wire.KindAck, a.Append(nil))); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		if got := a1.r.guard.readings[a2.r.self.ID]; got != before {
			t.Errorf("%s: taken as %+v, before it was %+v", name, got, before)
		}
	}
	if a1.r.out[a2.r.self.ID] != l || l.over() {
		t.Error("the link has broken off")
	}

	a := wire.Ack{Link: l.inc, Boot: a2.r.Boot(), Seq: l.seq, Wall: now.Wall + hour}
	if err := a1.r.Receive(now, sealed(a2, wire.KindAck, a.Append(nil))); err != nil {
		t.Fatal(err)
	}
	if got := a1.r.guard.readings[a2.r.self.ID]; got.zero-before.zero < hour-2000 {
		t.Errorf("a long way and an hour later: %+v", got)
	}
}

// Stamps far ahead are counted on their own: they are no matter of clocks that
// are roughly right.
func TestFarFutureIsCounted(t *testing.T) {
	for skew, far := range map[int64]bool{5_000: false, 60_000: true} {
		w := newWorld(t, 1, 1, 2).few(4).settled()
		a1, a2 := w.at("a1"), w.at("a2")
		a2.skew = skew
		w.do(a2, "set", w.keys("k", 1)[0], "v")
		w.run(3 * time.Second)
		s := a1.r.Status(a1.time()).Stats
		if s.Future == 0 || far != (s.FarFuture > 0) {
			t.Errorf("%d ms ahead: %d of the future, %d of the far future", skew, s.Future, s.FarFuture)
		}
	}
}
