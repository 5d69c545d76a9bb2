package replica

import (
	"testing"
	"time"

	"github.com/atollcache/atoll/crdt"
	"github.com/atollcache/atoll/wire"
)

// An incarnation starts from what its sender has applied, not only from what it
// covers (rule L2). Here a1 has applied a write of b1 and not heard yet that
// nothing is missing before it; the link to a2, which had the write in its queue,
// breaks off and the next one opens; then the watermark of b1 comes, and a1 passes
// on what it now covers. With its context alone as base, a2 would follow it, and
// take the write that it never had for removed.
func TestBaseIsWhatWasApplied(t *testing.T) {
	w := newWorld(t, 1, 2, 2).few(16)
	w.timing.RoundEvery = time.Hour
	w.settled()
	k, a1, a2, b1 := lastMarked(w)
	p1, p2 := a1.place(k), a2.place(k)
	ctx, origin := p1.data.Context(), b1.place(k).origin
	marksLost, linkLost := true, false
	w.lose(func(from, to *node, e wire.Envelope) bool {
		if e.Kind != wire.KindBatch {
			return false
		}
		_, deltas := batchOf(t, e)
		return marksLost && from == b1 && to == a1 && deltas == 0 || linkLost && from == a1 && to == a2
	})
	w.run(100 * time.Millisecond)
	w.until("a2 is as far as a1", 5*time.Second, func() bool {
		return p2.data.Context().At(origin) == ctx.At(origin)
	})
	linkLost = true
	want(t, w.do(b1, "set", k, "v"), "OK")
	dot := b1.dot(k)
	w.until("applied in a", time.Second, func() bool { return a1.live(k) })
	l := a1.r.out[a2.r.self.ID]
	if ctx.Covers(dot) || l == nil {
		t.Fatal("the watermark has come with the write")
	}
	l.mu.Lock()
	l.breakOff() // as it does when its outbox overflows
	l.mu.Unlock()
	a1.woken = true
	w.until("another incarnation opened", 40*time.Millisecond, func() bool { return a1.r.out[a2.r.self.ID] != l })
	if ctx.Covers(dot) || a2.entry(k) != nil {
		t.Fatal("too late")
	}

	marksLost, linkLost = false, false
	w.trace = func(what string) {
		if a2.entry(k) == nil && p2.data.Context().Covers(dot) {
			t.Fatalf("%s: %s covers what it was never given", what, a2.name)
		}
	}
	w.until("a2 has it", 5*time.Second, func() bool { return a2.live(k) })
	w.run(time.Second)
	w.trace = nil
	w.settle(time.Second)
	w.everywhere("v", "get", k)
}

// lastMarked finds a key whose first owner in one region sends its watermarks to
// the co-owner last. Then what the co-owner knows of it is no less than what is in
// the base, and is not what makes repair necessary.
func lastMarked(w *world) (k string, first, second, far *node) {
	w.t.Helper()
	for _, k := range w.keys("k", 200) {
		for _, names := range [][2]string{{"a", "b"}, {"b", "a"}} {
			near, _ := w.owners(names[0], k)
			far, _ := w.owners(names[1], k)
			if ids := near[0].r.outIDs(); ids[len(ids)-1] == near[1].r.self.ID {
				return k, near[0], near[1], far[0]
			}
		}
	}
	w.t.Fatal("no such key")
	return "", nil, nil, nil
}

// A partition that comes back overtakes the watermarks that wait in the queue of a
// link, and they vouch for it no more (rule L2). Here a cut has cost a1 its link to
// b with a write in the queue; on the next incarnation a watermark above that write
// waits. Then a1 loses the partition, gets it back from a2 and enters it anew, with
// a base that knows the new tenure alone. Followed under that, the watermark would
// have b cover what it was never given, and remove it everywhere.
func TestWatermarkOfTheTenureBefore(t *testing.T) {
	w := newWorld(t, 1, 2, 2).few(1)
	w.timing.RoundEvery, w.timing.WindowBytes = time.Hour, 1
	w.settled()
	a1, a2, k := w.at("a1"), w.at("a2"), w.keys("k", 1)[0]
	w.sever("a", "b")
	want(t, w.do(a1, "set", k, "v"), "OK")
	dot := a1.dot(k)
	w.until("applied at a2", time.Second, func() bool { return a2.live(k) })
	var broken []*outLink
	for _, id := range a1.r.outIDs() {
		if l := a1.r.out[id]; l.cross {
			l.mu.Lock()
			l.breakOff() // as it does when its outbox overflows
			l.mu.Unlock()
			broken = append(broken, l)
		}
	}
	a1.woken = true
	for _, l := range broken {
		w.until("a watermark waits on another incarnation", 5*time.Second, func() bool {
			next := a1.r.out[l.peer.ID]
			return next != l && !next.over() && vouches(next, dot)
		})
	}
	a1.endTenure(0)
	w.until("a1 has it again", 5*time.Second, func() bool { return a1.live(k) })

	w.trace = func(what string) {
		for _, b := range []*node{w.at("b1"), w.at("b2")} {
			if b.entry(k) == nil && b.place(k).data.Context().Covers(dot) {
				t.Fatalf("%s: %s covers what it was never given", what, b.name)
			}
		}
	}
	w.heal()
	w.until("b has it", 10*time.Second, func() bool { return w.at("b1").live(k) && w.at("b2").live(k) })
	w.trace = nil
	w.settle(5 * time.Second)
	w.everywhere("v", "get", k)
}

// vouches says whether a watermark that covers a write waits on a link.
func vouches(l *outLink, dot crdt.Dot) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, g := range l.box.gens {
		for i := range g.marks {
			if g.marks[i].Context.Covers(dot) {
				return true
			}
		}
	}
	return false
}
