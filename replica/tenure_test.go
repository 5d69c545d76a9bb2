package replica

import (
	"slices"
	"testing"
	"time"

	"github.com/atollcache/atoll/crdt"
	"github.com/atollcache/atoll/wire"
)

// endTenure takes a partition away from a node and gives it back empty, as a
// move away and back does, while a round may be under way.
func (n *node) endTenure(part uint16) {
	r, p := n.r, &n.r.parts[part]
	r.mu.Lock()
	defer r.mu.Unlock()
	p.data.Lock()
	defer p.data.Unlock()
	p.drop()
	r.gain(p, booting, n.time())
	r.repair.booting[part] = map[uint64]bool{}
	r.repair.rewire = true
	n.woken = true
}

// live says whether a node holds a value of a string that nobody has removed.
func (n *node) live(key string) bool {
	e := n.entry(key)
	if e == nil || e.Cell(crdt.String, "") == nil {
		return false
	}
	return slices.ContainsFunc(e.Cell(crdt.String, "").Slots, func(s crdt.Slot) bool { return !s.Dead })
}

// dot is the name of what a node holds of a string.
func (n *node) dot(key string) crdt.Dot { return n.entry(key).Cell(crdt.String, "").Slots[0].Dot }

// entries counts what an answer carries.
func entries(t testing.TB, e wire.Envelope) (n int) {
	t.Helper()
	a, err := wire.ReadAnswer(e.Body, peerLimits)
	if err != nil {
		t.Fatal(err)
	}
	var key []byte
	for {
		more, err := a.Next(&key, new(crdt.Entry))
		if err != nil {
			t.Fatal(err)
		}
		if !more {
			return n
		}
		n++
	}
}

// midRound has a1 learn from b1 by repair alone, in small steps, and calls f once
// when an answer is about to come that when says yes to: it is given the round and
// the number of answers so far that brought entries. It tells whether it has.
func midRound(t *testing.T, w *world, when func(pl *pull, answers int) bool, f func()) *bool {
	a1, b1 := w.at("a1"), w.at("b1")
	answers, done := 0, new(bool)
	w.lose(func(from, _ *node, e wire.Envelope) bool { return from == b1 && e.Kind == wire.KindBatch })
	w.listen(func(_, to *node, e wire.Envelope) {
		if to != a1 || e.Kind != wire.KindAnswer || *done {
			return
		}
		if entries(t, e) > 0 {
			answers++
		}
		if *done = when(a1.r.pulls[b1.r.self.ID], answers); *done {
			f()
		}
	})
	return done
}

func roundsInSteps(t *testing.T) *world {
	w := newWorld(t, 1, 2, 1).few(1)
	w.timing = Timing{AskBytes: 512, PullTimeout: time.Minute, RoundEvery: time.Second}
	return w.settled()
}

// A round that its receiver began in another tenure says nothing to this one:
// what it brought first went with the memory of that tenure (rule L7). Without
// the tenure that a round is bound to at this end, the new tenure covers what it
// does not hold, and that is removed everywhere.
func TestRoundDiesWithTheTenureOfItsReceiver(t *testing.T) {
	for name, when := range map[string]func(pl *pull, answers int) bool{
		"with entries to come": func(_ *pull, answers int) bool { return answers == 4 },
		"before it ends": func(pl *pull, _ int) bool { // only for what waits is still asked
			return len(pl.queue) == 0 && len(pl.asked) == 1 && confirms(&pl.asked[0])
		},
	} {
		t.Run(name, func(t *testing.T) {
			for keys := 400; !receiverMoves(t, keys, when); keys++ { // until an answer is just full
				if keys == 450 {
					t.Fatal("the time has never come")
				}
			}
		})
	}
}

// receiverMoves plays the story with a number of keys, and says whether the time
// for it has come.
func receiverMoves(t *testing.T, number int, when func(pl *pull, answers int) bool) bool {
	w := roundsInSteps(t)
	a1, b1 := w.at("a1"), w.at("b1")
	keys := w.keys("k", number)
	moved := midRound(t, w, when, func() { a1.endTenure(0) })
	for _, k := range keys {
		w.do(b1, "set", k, "v")
	}
	w.trace = func(what string) {
		ctx := a1.r.parts[0].data.Context()
		for _, k := range keys {
			if *moved && a1.entry(k) == nil && b1.live(k) && ctx.Covers(b1.dot(k)) {
				t.Fatalf("%s: a1 covers %s, which it does not hold", what, k)
			}
		}
	}
	w.run(8 * time.Second)
	w.trace, w.drop = nil, nil
	w.settle(10 * time.Second)
	for _, k := range keys {
		w.everywhere("v", "get", k)
	}
	return *moved
}

// A round is refused by another tenure of the partition that it began with: what
// that one does not hold it has not seen, and has not removed (rule L7). Without
// the tenure that a round names, a1 takes the emptiness of b1 for removals under
// the context of the tenure before.
func TestRoundDiesWithTheTenureOfItsSender(t *testing.T) {
	w := roundsInSteps(t)
	a1, b1 := w.at("a1"), w.at("b1")
	keys := w.keys("k", 400)
	for _, k := range keys {
		w.do(b1, "set", k, "old")
	}
	w.run(time.Second)
	w.settle(5 * time.Second)

	moved := midRound(t, w, func(_ *pull, answers int) bool { return answers == 4 }, func() { b1.endTenure(0) })
	for _, k := range keys {
		w.do(b1, "set", k, "new")
	}
	w.trace = func(what string) {
		for _, k := range keys {
			if !a1.live(k) {
				t.Fatalf("%s: a1 has lost %s", what, k)
			}
		}
	}
	w.run(8 * time.Second)
	w.drop = nil
	w.settle(10 * time.Second)
	values := map[string]int{}
	for _, k := range keys {
		values[text(w.do(b1, "get", k))]++
	}
	if !*moved || values["old"]+values["new"] != len(keys) || values["old"] == 0 || values["new"] == 0 {
		t.Errorf("%v: what had come is new, the rest is old", values)
	}
}

// What a round could not take caps the context that it joins: here a write that
// was within bounds when the contexts came, and is not any more when it is
// served, since the clock was set back in between (rule W4). Without the cap the
// write is taken for removed.
func TestRoundIsCappedByWhatItSkipped(t *testing.T) {
	w := newWorld(t, 1, 2, 1).few(1)
	w.timing.RoundEvery = time.Second
	w.settled()
	a1, b1 := w.at("a1"), w.at("b1")
	keys := w.keys("k", 20)
	late := keys[19]
	w.lose(func(from, _ *node, e wire.Envelope) bool { return from == b1 && e.Kind == wire.KindBatch })
	w.listen(func(from, _ *node, e wire.Envelope) {
		switch {
		case from == a1 && e.Kind == wire.KindAsk && b1.entry(late) == nil:
			b1.skew = 400
			w.call(b1, Request{}, "set", late, "v")
		case from == b1 && e.Kind == wire.KindAnswer && entries(t, e) > 0 && a1.skew == 0:
			a1.skew = -400
		}
	})
	for _, k := range keys[:19] {
		w.do(b1, "set", k, "v")
	}
	before := b1.dot(keys[0])
	w.until("the others have come", 3*time.Second, func() bool { return a1.live(keys[0]) })
	dot, ctx := b1.dot(late), a1.r.parts[0].data.Context()
	if a1.skew == 0 || a1.entry(late) != nil {
		t.Fatal("nothing was skipped")
	}
	if ctx.Covers(dot) {
		t.Errorf("the context reaches %v, and %v was skipped", ctx.At(dot.Origin), dot.Stamp)
	}
	if !ctx.Covers(before) {
		t.Errorf("the context reaches %v, and everything up to %v has come", ctx.At(dot.Origin), before.Stamp)
	}
	w.drop = nil
	a1.skew, b1.skew = 0, 0
	w.settle(10 * time.Second)
	for _, k := range keys {
		w.everywhere("v", "get", k)
	}
}

// The sum that a round could not take, since its last increment is stamped ahead,
// holds those of before: a replica that was empty has none of them, and must not
// have them removed where they still are. They would be lost with the memory of
// who counted them.
func TestSumThatIsAheadHidesNoIncrements(t *testing.T) {
	w := newWorld(t, 1, 3, 1).few(1)
	w.timing.RoundEvery = time.Second
	w.settled()
	a1, b1, c1 := w.at("a1"), w.at("b1"), w.at("c1")
	k := w.keys("visits", 1)[0]
	want(t, w.do(a1, "incrby", k, "7"), "7")
	w.run(30 * time.Second)

	b1.crash()
	w.lose(func(from, _ *node, _ wire.Envelope) bool { return from == a1 })
	want(t, w.do(a1, "incr", k), "8")
	b1.skew, c1.skew = -20_000, -20_000
	b1.start()
	w.membership("b")
	w.lose(func(from, to *node, e wire.Envelope) bool {
		return from == a1 && to == c1 || from == c1 && to == b1 && e.Kind == wire.KindAnswer
	})
	w.until("a1 was pulled from", 5*time.Second, func() bool {
		return b1.place(k).data.Context().At(a1.place(k).origin) > 0
	})
	w.drop = func(from, to *node, _ []byte) bool { return from == a1 && to == c1 }
	w.trace = func(what string) {
		if got := w.do(c1, "get", k); text(got) != "7" {
			t.Fatalf("%s: c1 counts %s", what, text(got))
		}
	}
	w.run(5 * time.Second)
	w.trace, w.drop = nil, nil
	want(t, w.do(b1, "get", k), "7")
	b1.skew, c1.skew = 0, 0
	w.settle(10 * time.Second)
	w.everywhere("8", "get", k)
}

// A comparison with another tenure than the one whose context came first
// concludes nothing, though it finds both sides equal: what the tenure before
// had, and this one has not, may live elsewhere (rule L7). Where nothing is asked
// of the tenure after the last listing, a1 covers what only c1 still has, and
// removes it there.
func TestEqualToAnotherTenure(t *testing.T) {
	w := newWorld(t, 1, 3, 1).few(1)
	w.timing = Timing{RoundEvery: time.Second, PullTimeout: time.Minute}
	w.settled()
	a1, b1, c1 := w.at("a1"), w.at("b1"), w.at("c1")
	keys := w.keys("k", 2000)
	k := keys[0]
	for _, other := range keys[1:] {
		w.do(a1, "set", other, "v")
	}
	w.run(time.Second)
	w.settle(5 * time.Second)

	var held []byte // the question that b1 answers in its next tenure
	w.drop = func(from, to *node, payload []byte) bool {
		e, _ := wire.Open(payload)
		if from == a1 && to == b1 && e.Kind == wire.KindAsk && held == nil {
			st := a1.r.pulls[b1.r.self.ID].parts[0]
			ask, err := wire.ReadAsk(e.Body)
			if err != nil {
				t.Fatal(err)
			}
			if b1.live(k) && st.context.Covers(b1.dot(k)) && ask.Request != nil && len(ask.Request.List) > 0 {
				held = payload
				b1.endTenure(0)
				return true
			}
		}
		return from == b1 && to == a1 && e.Kind == wire.KindBatch || from == c1 && e.Kind == wire.KindAnswer
	}
	w.do(b1, "set", k, "v")
	a1.r.in[b1.r.self.ID].stuck.Add(0) // so that the round asks for contexts first
	a1.woken = true
	w.until("asked in the middle of a round", 10*time.Second, func() bool { return held != nil })
	w.until("b1 has again what a1 has", 10*time.Second, func() bool {
		return b1.r.store.Root(0) == a1.r.store.Root(0) && !b1.live(k)
	})
	w.mail(a1, b1, held)
	w.trace = func(what string) {
		if a1.entry(k) == nil && a1.r.parts[0].data.Context().Covers(c1.dot(k)) {
			t.Fatalf("%s: a1 covers what it does not hold", what)
		}
	}
	w.run(5 * time.Second)
	w.trace, w.drop = nil, nil
	w.settle(10 * time.Second)
	w.everywhere("v", "get", k)
}
