package replica

import (
	"testing"
	"time"
)

// A write in one region is read in another; both sides of a cut go on working;
// after it all are equal and the counter has both increments.
func TestCutDivergeHeal(t *testing.T) {
	w := newWorld(t, 1, 3, 2).boot()
	w.run(3 * time.Second)
	w.settle(5 * time.Second)

	want(t, w.do(w.at("a1"), "set", "greeting", "hello"), "OK")
	w.run(200 * time.Millisecond)
	for _, n := range w.nodes {
		want(t, w.do(n, "get", "greeting"), "hello")
	}

	w.sever("a", "b")
	w.sever("a", "c")
	w.run(time.Second)
	want(t, w.do(w.at("a1"), "incr", "visits"), "1")
	want(t, w.do(w.at("b2"), "incr", "visits"), "1")
	w.run(20 * time.Second)
	if ok, _ := w.equal(); ok {
		t.Fatal("equal while cut")
	}
	want(t, w.do(w.at("c1"), "get", "visits"), "1")

	w.heal()
	t.Log("equal after", w.settle(10*time.Second))
	for _, n := range w.nodes {
		want(t, w.do(n, "get", "visits"), "2")
	}
}

// An idle cluster is ready within a second and is quiet.
func TestBootAndSilence(t *testing.T) {
	w := newWorld(t, 2, 3, 2).boot()
	t.Log("ready after", w.settle(3*time.Second))
	w.run(3 * time.Second)
	before, rounds := w.bytes, w.at("a1").r.stats.Rounds
	w.run(60 * time.Second)
	t.Logf("a minute of silence: %d bytes, %d rounds at one node", w.bytes-before, w.at("a1").r.stats.Rounds-rounds)
}

// Ten thousand keys written on both sides of a cut are equal soon after.
func TestManyKeysDiverged(t *testing.T) {
	w := newWorld(t, 3, 3, 2).few(16).boot()
	w.run(2 * time.Second)
	w.sever("a", "b")
	w.sever("a", "c")
	for i, key := range w.keys("k", 10_000) {
		w.do(w.at([]string{"a1", "b1"}[i%2]), "set", key, "x")
		if i%100 == 0 {
			w.run(10 * time.Millisecond)
		}
	}
	w.run(10 * time.Second)
	w.heal()
	t.Log("equal after", w.settle(20*time.Second))
}
