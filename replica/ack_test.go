package replica

import (
	"testing"
	"time"
)

// At level local the answer is there at once, before any message has gone.
func TestLocalAnswersAtOnce(t *testing.T) {
	w := newWorld(t, 1, 2, 2).few(4).settled()
	k := w.keys("k", 1)[0]
	c := w.call(w.at("a1"), Request{}, "set", k, "v")
	if c.answer == nil || c.answer.Level != Local || c.answer.Short {
		t.Fatalf("answered %+v", c.answer)
	}
	if w.at("a2").entry(k) != nil {
		t.Fatal("the co-owner has it already")
	}
}

// At level region the answer waits until the co-owner has applied the write, and
// no longer.
func TestRegionWaitsForTheCoOwner(t *testing.T) {
	w := newWorld(t, 1, 2, 2).few(4).settled()
	k := w.keys("k", 1)[0]
	c := w.call(w.at("a1"), Request{Level: Region}, "set", k, "v")
	if c.answer != nil {
		t.Fatal("answered before a message has gone")
	}
	took := c.wait()
	if w.at("a2").entry(k) == nil {
		t.Error("the co-owner does not have it")
	}
	if w.at("b1").entry(k) != nil || w.at("b2").entry(k) != nil {
		t.Error("it waited for the other region")
	}
	if c.answer.Level != Region || c.answer.Short || took > 10*time.Millisecond {
		t.Errorf("answered %+v after %v", c.answer, took)
	}
}

// At regions:2 the answer waits for an owner in one other region, at regions:3
// for one in each.
func TestRegionsWaitForOtherRegions(t *testing.T) {
	w := newWorld(t, 1, 3, 2).few(4)
	w.delay = func(from, to string) time.Duration {
		switch {
		case from == to:
			return 200 * time.Microsecond
		case from == "c" || to == "c":
			return 150 * time.Millisecond
		}
		return 40 * time.Millisecond
	}
	w.settled()
	for regions, least := range map[int]time.Duration{2: 80 * time.Millisecond, 3: 300 * time.Millisecond} {
		c := w.call(w.at("a1"), Request{Level: Regions, Regions: regions}, "set", w.keys("k", 1)[0], "v")
		took := c.wait()
		if c.answer.Level != Regions || c.answer.Regions != regions || c.answer.Short {
			t.Errorf("regions:%d is answered with %+v", regions, c.answer)
		}
		if took < least || took > least+60*time.Millisecond {
			t.Errorf("regions:%d took %v, a round trip is %v", regions, took, least)
		}
	}
}

// During a cut regions:2 cannot be reached: at the deadline the answer names the
// level that was, and the write stays.
func TestShortAnswerDuringACut(t *testing.T) {
	w := newWorld(t, 1, 2, 2).few(4).settled()
	k := w.keys("k", 1)[0]
	w.sever("a", "b")
	c := w.call(w.at("a1"), Request{Level: Regions, Regions: 2, Timeout: 300 * time.Millisecond}, "set", k, "v")
	took := c.wait()
	if !c.answer.Short || c.answer.Level != Region || c.answer.Regions != 1 {
		t.Errorf("answered %+v", c.answer)
	}
	if took < 300*time.Millisecond || took > 320*time.Millisecond {
		t.Errorf("answered after %v, the deadline is 300 ms", took)
	}
	want(t, *c.answer, "OK")

	w.heal()
	w.settle(10 * time.Second)
	want(t, w.do(w.at("b2"), "get", k), "v")
}

// A region of one node that should have one owner has nobody to wait for, and
// what changes nothing is never short.
func TestRegionOfOneNode(t *testing.T) {
	w := newWorld(t, 1, 2, 1).few(4)
	w.replicas = 1
	w.settled()
	k := w.keys("k", 1)[0]
	c := w.call(w.at("a1"), Request{Level: Region}, "set", k, "v")
	if c.answer == nil || c.answer.Level != Region || c.answer.Short {
		t.Errorf("answered %+v", c.answer)
	}
	c = w.call(w.at("a1"), Request{Level: Region}, "set", k, "w", "nx")
	if c.answer == nil || c.answer.Short {
		t.Errorf("what changes nothing is answered %+v", c.answer)
	}
}

// While the co-owner is down level region is not reached: after the hold-down the
// answer comes at once, and says so, since one copy is not what was asked for.
func TestRegionWithACrashedCoOwner(t *testing.T) {
	w := newWorld(t, 1, 1, 2).few(4).settled()
	k := w.keys("k", 1)[0]
	w.at("a2").crash()
	c := w.call(w.at("a1"), Request{Level: Region, Timeout: 500 * time.Millisecond}, "set", k, "v")
	c.wait()
	if !c.answer.Short || c.answer.Level != Local {
		t.Errorf("answered %+v", c.answer)
	}

	w.membership("a")
	w.run(3 * time.Second)
	c = w.call(w.at("a1"), Request{Level: Region}, "set", k, "w")
	if c.answer == nil || !c.answer.Short || c.answer.Level != Local {
		t.Errorf("after the hold-down: %+v", c.answer)
	}
}

// A command of several keys has come as far as the part of it that came least
// far, and what changed nothing does not count.
func TestLevelOfSeveralKeys(t *testing.T) {
	w := newWorld(t, 1, 2, 2).few(4).settled()
	keys := w.keys("k", 3)
	w.do(w.at("a1"), "set", keys[0], "v")
	w.do(w.at("a1"), "set", keys[1], "v")
	c := w.call(w.at("a1"), Request{Level: Regions, Regions: 2}, "del", keys[0], keys[1], keys[2])
	c.wait()
	want(t, *c.answer, "2")
	if c.answer.Level != Regions || c.answer.Regions != 2 || c.answer.Short {
		t.Errorf("answered %+v", c.answer)
	}
}
