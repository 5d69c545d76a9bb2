package crdt

import (
	"testing"
)

// TestStories tells the rows of the table of conflicts that need more than one
// write on each side.
func TestStories(t *testing.T) {
	t.Run("HSET f a, HSET f b, HDEL saw only one", func(t *testing.T) {
		for _, saw := range []int{0, 1} { // the earlier one, the later one
			a, b, c := newSite(1, 10), newSite(2, 20), newSite(3, 30)
			sets := []*Delta{a.write(hset("f", "a")).delta, b.write(hset("f", "b")).delta}
			c.hear(sets[saw])
			c.write(hdel("f"))
			c.hear(sets[1-saw])
			a.hear(c.delta)
			a.hear(sets[1])
			b.hear(sets[0])
			b.hear(c.delta)
			agree(t, []string{"hash f=b", "hash f=a"}[saw], a, b, c)
		}
	})

	t.Run("equal milliseconds and counters: the higher origin", func(t *testing.T) {
		a, b := newSite(1, 10), newSite(2, 10)
		a.write(set("a"))
		b.write(set("b"))
		a.hear(b.delta)
		b.hear(a.delta)
		agree(t, "string =b", a, b)
	})

	t.Run("what came later wins, whatever the wall clocks say", func(t *testing.T) {
		ahead, behind := newSite(1, 3_600_000), newSite(2, 10)
		behind.hear(ahead.write(set("first")).delta)
		ahead.hear(behind.write(set("second")).delta)
		agree(t, "string =second", ahead, behind)
	})

	t.Run("EXPIRE whose SET got lost does not touch an older value", func(t *testing.T) {
		a, b := newSite(1, 10), newSite(2, 20)
		b.hear(a.write(setUntil("old", 40)).delta)
		lost := a.write(setUntil("new", 50)).delta
		b.hear(a.write(expire(0)).delta)
		agree(t, "string =old until 40", b)
		if !b.entry.Pending() {
			t.Error("the extension does not wait for its value")
		}
		b.hear(lost)
		agree(t, "string =new", a, b)
	})

	t.Run("EXPIRE that comes before its SET is kept", func(t *testing.T) {
		a, b := newSite(1, 10), newSite(2, 20)
		first := a.write(set("v")).delta
		b.hear(a.write(expire(50)).delta)
		agree(t, "none", b)
		b.hear(first)
		agree(t, "string =v until 50", a, b)
	})

	t.Run("EXPIRE whose SET is known to be gone is let go", func(t *testing.T) {
		a, b := newSite(1, 10), newSite(2, 20)
		a.write(set("v"))
		extended := a.write(expire(50)).delta
		b.hear(extended)
		a.write(del)
		b.hear(a.delta) // by a stamp of the clear vector; the slot itself never came
		if len(b.entry.Cells()) != 0 {
			t.Errorf("the extension stays:\n%s", dump(b.entry))
		}
		b.hear(extended)
		if len(b.entry.Cells()) != 0 {
			t.Errorf("the extension comes back:\n%s", dump(b.entry))
		}
		b.join(a.state)
		if !b.entry.Empty() {
			t.Errorf("something stays:\n%s", dump(b.entry))
		}
	})

	t.Run("the newer value expired, an older one arrives late", func(t *testing.T) {
		a, b := newSite(1, 10), newSite(2, 20)
		a.write(set("older"))
		b.write(setUntil("newer", 40))
		b.hear(a.delta)
		if b.entry.Alive(40) || !b.entry.Alive(39) {
			t.Errorf("alive at its deadline, or dead before:\n%s", dump(b.entry))
		}
	})

	t.Run("a field written after the expiry outlives a late wipe", func(t *testing.T) {
		a, b := newSite(1, 10), newSite(2, 20)
		a.write(hset("f", "old"))
		a.write(expire(50))
		b.join(a.state)
		b.wall = 50 // the first millisecond that the deadline does not cover
		b.entry.Wipe(&b.tally)
		a.hear(b.write(hset("g", "new")).delta)
		h := newSite(3, 50)
		a.hear(h.write(hincr("h", 3)).delta)
		b.hear(h.delta)
		if a.entry.Alive(50) || !a.entry.Alive(49) {
			t.Error("what has expired shows while it is still here")
		}
		a.entry.Wipe(&a.tally)
		agree(t, "hash g=new h+3", a, b)
		a.join(b.state)
		b.join(a.state)
		agree(t, "hash g=new h+3", a, b)
	})

	t.Run("a counter that one side has let go is let go by repair", func(t *testing.T) {
		a, b := newSite(1, 10), newSite(2, 20)
		a.write(incr(1))
		reset := a.write(del).delta
		second := a.write(incr(2)).delta
		b.join(a.state)
		b.write(expire(50))
		a.join(b.state)
		b.entry.Wipe(&b.tally)
		if !b.entry.Empty() {
			t.Errorf("something stays:\n%s", dump(b.entry))
		}
		b.hear(reset)
		b.hear(second)
		if !b.entry.Empty() {
			t.Errorf("a late delta brings back what has expired:\n%s", dump(b.entry))
		}
		a.join(b.state)
		if !a.entry.Empty() || a.tally.Digest != 0 || a.tally.Bytes != 0 {
			t.Errorf("repair leaves a difference for ever:\n%s", dump(a.entry))
		}
	})

	t.Run("a base stays with the count that it lessens", func(t *testing.T) {
		a, b := newSite(1, 10), newSite(2, 20)
		b.hear(a.write(incr(5)).delta)
		b.write(del)
		b.write(hset("f", "1"))
		b.write(expire(50))
		a.wall = 60
		b.hear(a.write(incr(2)).delta) // has seen neither the reset nor the deadline
		b.entry.Wipe(&b.tally)
		agree(t, "string +2", b)
	})

	t.Run("a value stamped above its own deadline can be let go", func(t *testing.T) {
		a := newSite(1, 3_600_000).write(setUntil("v", 50))
		a.entry.Wipe(&a.tally)
		if !a.entry.Empty() {
			t.Errorf("something stays:\n%s", dump(a.entry))
		}
	})
}

// TestMutatorsOfOneDelta says what several mutators make of one delta.
func TestMutatorsOfOneDelta(t *testing.T) {
	for _, c := range []struct {
		name string
		f    do
		want string
	}{
		{"the second Put of a field wins", both(hset("f", "a"), hset("f", "b")), "hash f=b h+1"},
		{"Adds add up", both(incr(2), incr(3)), "string +5"},
		{"Adds to a count add up", both(hincr("h", 2), hincr("h", 3)), "hash f=0 h+6"},
		{"Add after Clear begins anew", both(del, hincr("h", 5)), "hash h+5"},
		{"Put after Clear", both(del, hset("f", "1")), "hash f=1"},
		{"Add after Put", both(hset("h", "7"), hincr("h", 2)), "hash f=0 h=7+2"},
		{"Clear twice", both(del, del), "none"},
	} {
		t.Run(c.name, func(t *testing.T) {
			a, b := newSite(1, 10), newSite(2, 20)
			b.hear(a.write(hset("f", "0")).delta)
			b.hear(a.write(hincr("h", 1)).delta)
			b.hear(a.write(c.f).delta)
			agree(t, c.want, a, b)
		})
	}
}

func both(f, g do) do {
	return func(d *Delta, s *site, op Dot) { f(d, s, op); g(d, s, op) }
}

// TestDeadCountsCoalesce says that of two dead counts in an outbox the later
// travels on: a peer may hold what only the later one kills.
func TestDeadCountsCoalesce(t *testing.T) {
	o := Origin{Node: 1, Epoch: 1}
	dead := func(at Stamp) *Delta {
		var d Delta
		d.dead(&Cell{Kind: String}, Dot{at, o})
		return &d
	}
	var box Delta
	box.Coalesce(dead(3))
	box.Coalesce(dead(7))
	box.Coalesce(dead(5))

	var e Entry
	var t1 Tally
	add := Delta{}
	add.Add(&e, String, "", Sum{Int: 1}, Dot{7, o})
	e.Merge(&add.Entry, &Context{}, &t1)
	e.Merge(&box.Entry, &Context{}, &t1)
	if e.Type() != None {
		t.Errorf("the count at 7 is still there:\n%s", dump(&e))
	}
}

// TestDeadCountsAndBases says that a base which a peer has let go stays away in
// an outbox, whichever came first, and that a later one does not.
func TestDeadCountsAndBases(t *testing.T) {
	o := Origin{Node: 1, Epoch: 1}
	gone := func(d *Delta) { d.dead(&Cell{Kind: String}, Dot{5, o}) }
	base := func(at Stamp) func(d *Delta) {
		return func(d *Delta) {
			d.merge(Cell{Kind: String, Bases: []Base{{Origin: o, Seen: at, Reset: Dot{9, o}, Sum: Sum{Int: 1}}}})
		}
	}
	for at, kept := range map[Stamp]int{4: 0, 5: 0, 6: 1} {
		var one, other Delta
		gone(&one)
		base(at)(&one)
		base(at)(&other)
		gone(&other)
		if a, b := dump(&one.Entry), dump(&other.Entry); a != b {
			t.Errorf("base at %d: the order matters:\n%s\n%s", at, a, b)
		}
		if got := len(one.Cell(String, "").Bases); got != kept {
			t.Errorf("base at %d: %d bases kept, want %d", at, got, kept)
		}
	}
}

// TestStripTells says that letting a tombstone go is a change worth telling.
func TestStripTells(t *testing.T) {
	a, b := newSite(1, 10), newSite(2, 20)
	a.write(hset("f", "1"))
	a.write(hdel("f"))
	b.hear(a.delta)
	if !b.entry.Pending() {
		t.Fatal("the tombstone does not wait")
	}
	b.context.Join(&a.context)
	if !b.entry.Strip(&b.context, &b.tally) || b.entry.Pending() || b.tally.Bytes != 0 {
		t.Errorf("after Strip: pending %v, %d bytes:\n%s", b.entry.Pending(), b.tally.Bytes, dump(b.entry))
	}
}

// TestCoveredTombstoneKills says that a removal below the context takes a slot
// that is here; only one that is absent is no news.
func TestCoveredTombstoneKills(t *testing.T) {
	for name, f := range map[string]do{"HDEL": hdel("f"), "DEL": del} {
		a, b, c := newSite(1, 10), newSite(2, 20), newSite(3, 30)
		a.write(hset("f", "1"))
		b.join(a.state)
		c.join(a.state)
		b.hear(c.write(f).delta)
		if b.entry.Type() != None || b.entry.Pending() {
			t.Errorf("%s: a live slot below the context survives its removal:\n%s", name, dump(b.entry))
		}
		if a.hear(c.delta); a.entry.Type() != None {
			t.Errorf("%s: and at its writer:\n%s", name, dump(a.entry))
		}
	}
}
