package replica

import (
	"testing"
	"time"

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
