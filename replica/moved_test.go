package replica

import (
	"testing"
	"time"

	"github.com/atollcache/atoll/wire"
)

// aWhile is far beyond what any of these tests may take.
const aWhile = 20 * time.Second

// writeHeld has an owner take a write at level region that its co-owner does not
// get, and gives both, and the node that owns the key when one of them is gone.
func writeHeld(t *testing.T, w *world) (key string, writer, co, heir *node, c *call) {
	t.Helper()
	key = w.keys("k", 1)[0]
	owners, others := w.owners("a", key)
	writer, co, heir = owners[0], owners[1], others[0]
	w.lose(func(from, to *node, e wire.Envelope) bool {
		return from == writer && to == co && e.Kind == wire.KindBatch
	})
	c = w.call(writer, Request{Level: Region, Timeout: aWhile}, "set", key, "v")
	w.run(100 * time.Millisecond)
	if c.answer != nil {
		t.Fatalf("answered %+v although the co-owner has nothing", c.answer)
	}
	return key, writer, co, heir, c
}

// reachedAt checks that a write has reached the region, where the heir has it.
func reachedAt(t *testing.T, c *call, heir *node, key string, within time.Duration) {
	t.Helper()
	took := c.wait()
	if c.answer.Level != Region || c.answer.Short || took > within {
		t.Errorf("answered %+v after %v", c.answer, took)
	}
	if heir.entry(key) == nil {
		t.Error("the new owner does not have it")
	}
}

// The co-owner dies with the write unacknowledged. Once another node has taken
// its place and has the write, level region is reached.
func TestRegionIsReachedByTheOwnersThatAreLeft(t *testing.T) {
	w := newWorld(t, 1, 2, 3).few(4).settled()
	key, _, co, heir, c := writeHeld(t, w)
	co.crash()
	w.membership("a")
	w.drop = nil
	w.run(w.timing.withDefaults().HoldDown - 10*time.Millisecond)
	if c.answer != nil {
		t.Fatalf("answered %+v before anybody has taken the place of the dead", c.answer)
	}
	reachedAt(t, c, heir, key, 2*time.Second)
}

// Before the new owner has the write nobody says that the region has it: here it
// cannot fetch.
func TestRegionIsNotReachedBeforeTheNewOwnerHasIt(t *testing.T) {
	w := newWorld(t, 1, 1, 3).few(4).settled()
	key, writer, co, heir, c := writeHeld(t, w)
	co.crash()
	w.membership("a")
	w.lose(func(from, to *node, e wire.Envelope) bool { return to == heir && e.Kind == wire.KindAnswer })
	w.run(10 * time.Second)
	if c.answer != nil && c.answer.Level == Region && heir.entry(key) == nil {
		t.Fatalf("%s answers %+v although %s has nothing", writer.name, c.answer, heir.name)
	}
	w.drop = nil
	reachedAt(t, c, heir, key, 8*time.Second)
}

// Where nobody is left to take the place of the dead the caller need not wait for
// longer than the hold-down, and is told that one copy is not what it asked for.
func TestRegionOfOneThatIsLeftAnswersAtOnce(t *testing.T) {
	w := newWorld(t, 1, 2, 2).few(4).settled()
	k := w.keys("k", 1)[0]
	w.at("a2").crash()
	c := w.call(w.at("a1"), Request{Level: Region, Timeout: aWhile}, "set", k, "v")
	w.membership("a")
	took, hold := c.wait(), w.timing.withDefaults().HoldDown
	if !c.answer.Short || c.answer.Level != Local || took < hold || took > hold+50*time.Millisecond {
		t.Errorf("answered %+v after %v", c.answer, took)
	}
}

// The co-owner leaves in order while the write is on its way to it.
func TestRegionIsReachedWhileTheCoOwnerDrains(t *testing.T) {
	w := newWorld(t, 1, 2, 3).few(4).settled()
	key, _, co, heir, c := writeHeld(t, w)
	co.r.Drain(co.time())
	w.membership("a")
	w.drop = nil
	reachedAt(t, c, heir, key, 2*time.Second)
}

// The owner that took the write leaves in order itself: what it hands over has
// reached the region when all who take over say so.
func TestRegionIsReachedWhileTheWriterDrains(t *testing.T) {
	w := newWorld(t, 1, 2, 3).few(4).settled()
	key, writer, co, heir, c := writeHeld(t, w)
	writer.r.Drain(writer.time())
	w.membership("a")
	reachedAt(t, c, heir, key, 5*time.Second)
	if co.entry(key) == nil {
		t.Error("the co-owner does not have it")
	}
}

// The co-owner was killed and is back, empty, before anybody missed it: it has
// the write when it has fetched it.
func TestRegionIsReachedByACoOwnerThatIsBack(t *testing.T) {
	w := newWorld(t, 1, 2, 3).few(4).settled()
	key, _, co, _, c := writeHeld(t, w)
	co.crash()
	co.start()
	w.membership("a")
	w.drop = nil
	reachedAt(t, c, co, key, 5*time.Second)
}

// An incarnation of the link ends with the write in it.
func TestRegionIsReachedOverANewLink(t *testing.T) {
	w := newWorld(t, 1, 2, 2).few(4).settled()
	k := w.keys("k", 1)[0]
	a1, a2 := w.at("a1"), w.at("a2")
	w.lose(func(from, to *node, _ wire.Envelope) bool { return from == a1 && to == a2 })
	c := w.call(a1, Request{Level: Region, Timeout: aWhile}, "set", k, "v")
	l := a1.r.out[a2.r.self.ID]
	l.mu.Lock()
	l.breakOff()
	l.mu.Unlock()
	w.drop = nil
	reachedAt(t, c, a2, k, 5*time.Second)
}

// A write on its way to another region is acknowledged although its receiver has
// begun to leave meanwhile.
func TestRegionsAreReachedWhileTheReceiverDrains(t *testing.T) {
	w := newWorld(t, 1, 2, 3).few(1).settled()
	k := w.keys("k", 1)[0]
	a, _ := w.owners("a", k)
	b, _ := w.owners("b", k)
	acks := 0
	w.listen(func(from, to *node, e wire.Envelope) {
		if from == b[0] && to == a[0] && e.Kind == wire.KindAck {
			acks++
		}
	})
	c := w.call(a[0], Request{Level: Regions, Regions: 2, Timeout: aWhile}, "set", k, "v")
	b[0].r.Drain(b[0].time())
	w.membership("b")
	took := c.wait()
	if c.answer.Short || c.answer.Regions != 2 || took > 500*time.Millisecond || acks == 0 {
		t.Errorf("answered %+v after %v, with %d acknowledgements", c.answer, took, acks)
	}
}
