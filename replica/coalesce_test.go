package replica

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/atollcache/atoll/crdt"
	"github.com/atollcache/atoll/wire"
)

// Operations that meet in an outbox are one delta that kills what either of them
// killed (rule L4): what the peer had before them, though it is not what the last
// one saw. Where the later delta takes the place of the earlier, the peer keeps
// what the earlier removed, and repair has to find it.
func TestCoalescedDeltasKeepWhatTheyKilled(t *testing.T) {
	for name, c := range map[string]struct{ before, together []string }{
		"two sets":             {[]string{"set K 0"}, []string{"set K a", "set K b"}},
		"removed and added":    {[]string{"sadd K m", "sadd K n"}, []string{"srem K m", "sadd K m"}},
		"added and removed":    {[]string{"sadd K m"}, []string{"sadd K m", "srem K m", "sadd K other"}},
		"deleted and written":  {[]string{"hset K f 1", "hset K g 2"}, []string{"del K", "hset K f 3"}},
		"written and deleted":  {[]string{"hset K f 1"}, []string{"hset K g 2", "del K"}},
		"another type":         {[]string{"hset K f 1"}, []string{"set K v", "del K", "sadd K m"}},
		"reset and counted":    {[]string{"incrby K 5"}, []string{"set K 10", "incr K"}},
		"counted and reset":    {[]string{"incrby K 5"}, []string{"incr K", "del K", "incrby K 3"}},
		"extended and written": {[]string{"set K 0"}, []string{"expire K 100", "set K a", "persist K", "set K b"}},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, 1, 2, 1).few(1)
			w.timing.RoundEvery = time.Hour // whatever comes, comes by the link
			w.settled()
			a1, b1, k := w.at("a1"), w.at("b1"), w.keys("k", 1)[0]
			run := func(n *node, line string) {
				args := strings.Fields(strings.ReplaceAll(line, "K", k))
				if a := w.do(n, args...); strings.HasPrefix(text(a), "ERR") || strings.HasPrefix(text(a), "WRONGTYPE") {
					t.Fatalf("%s: %s", line, text(a))
				}
			}
			for _, line := range c.before {
				run(b1, line)
			}
			w.run(3 * time.Second)
			w.settle(time.Second)

			deltas := 0
			w.listen(func(from, _ *node, e wire.Envelope) {
				if from == a1 && e.Kind == wire.KindBatch {
					_, n := batchOf(t, e)
					deltas += n
				}
			})
			w.sever("a", "b")
			w.run(5 * time.Second) // until the link queues
			_, rounds, _ := w.repairs()
			deltas = 0
			for _, line := range c.together {
				run(a1, line)
			}
			w.heal()
			w.run(5 * time.Second)
			if deltas != 1 {
				t.Fatalf("%d operations went as %d deltas", len(c.together), deltas)
			}
			if _, after, _ := w.repairs(); after != rounds {
				t.Errorf("repair has mended %d keys", after-rounds)
			}
			if ok, where := w.equal(); !ok {
				t.Error(where)
			}
		})
	}
}

// What a coalesced delta killed is dead also where it was not known yet: a1 saw
// the member of c1, removed it and added another, and b1 hears of that first. When
// the member itself comes to b1, late and from c1, it is not there for a moment.
func TestCoalescedRemovalRunsAhead(t *testing.T) {
	w := newWorld(t, 1, 3, 1).few(1).settled()
	a1, b1, c1, k := w.at("a1"), w.at("b1"), w.at("c1"), w.keys("k", 1)[0]
	w.sever("b", "c")
	w.do(c1, "sadd", k, "m")
	w.until("known in a", time.Second, func() bool { return a1.entry(k) != nil })
	dot := c1.entry(k).Cell(crdt.Set, "m").Slots[0].Dot
	w.sever("a", "c") // before it is certified
	w.sever("a", "b")
	w.run(5 * time.Second)

	deltas := 0
	w.listen(func(from, to *node, e wire.Envelope) {
		if from == a1 && to == b1 && e.Kind == wire.KindBatch {
			_, n := batchOf(t, e)
			deltas += n
		}
	})
	want(t, w.do(a1, "srem", k, "m"), "1")
	want(t, w.do(a1, "sadd", k, "other"), "1")
	clear(w.cut)
	w.sever("b", "c")
	w.sever("a", "c")
	w.until("known in b", 5*time.Second, func() bool { return b1.entry(k) != nil })
	if deltas != 1 || b1.r.parts[0].data.Context().Covers(dot) {
		t.Fatalf("%d deltas, b1 covers %v: %v", deltas, dot, b1.r.parts[0].data.Context().Covers(dot))
	}
	w.sever("a", "b")
	delete(w.cut, [2]string{"b", "c"})
	delete(w.cut, [2]string{"c", "b"})
	came := false
	w.trace = func(what string) {
		came = came || b1.r.parts[0].data.Context().Covers(dot)
		members := b1.visible(k)
		if slices.Contains(members, "m") || !slices.Contains(members, "other") {
			t.Fatalf("%s: b1 shows %v", what, members)
		}
	}
	w.until("c1 heard", 30*time.Second, func() bool { return came })
	w.heal()
	w.run(5 * time.Second)
	w.trace = nil
	w.settle(20 * time.Second)
	w.everywhere("other", "smembers", k)
}

// visible lists the members of a set that a node shows.
func (n *node) visible(key string) (members []string) {
	if e := n.entry(key); e != nil {
		for _, c := range e.Cells() {
			if c.Visible() {
				members = append(members, c.Name)
			}
		}
	}
	return members
}
