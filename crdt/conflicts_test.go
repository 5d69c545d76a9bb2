package crdt

import (
	"fmt"
	"math"
	"slices"
	"strings"
	"testing"
)

// site is one replica in a story: a region that writes what it is told to.
type site struct {
	state
	clock  Clock
	origin Origin
	wall   int64
	delta  *Delta // of the last write
}

// do is a write: a delta built by the mutators from what the site shows.
type do func(d *Delta, s *site, op Dot)

func (s *site) write(f do) *site {
	op := Dot{s.clock.Tick(s.wall), s.origin}
	s.context.Raise(op)
	s.delta = &Delta{}
	f(s.delta, s, op)
	s.entry.Write(&cloned(s.delta).Entry, &s.context, &s.tally)
	return s
}

// hear merges what another site wrote.
func (s *site) hear(d *Delta) {
	d.Dots(func(dot Dot) { s.clock.Observe(dot.Stamp) })
	s.entry.Merge(&cloned(d).Entry, &s.context, &s.tally)
}

func set(v string) do { return setUntil(v, 0) }
func setUntil(v string, deadline int64) do {
	return func(d *Delta, s *site, op Dot) {
		d.ClearHidden(s.entry, String, op)
		d.Put(s.entry, String, "", []byte(v), deadline, op)
	}
}
func incr(by int64) do           { return add(String, "", Sum{Int: by}) }
func incrFloat(by float64) do    { return add(String, "", Sum{Float: by}) }
func hset(f, v string) do        { return put(Hash, f, v) }
func hincr(f string, n int64) do { return add(Hash, f, Sum{Int: n}) }
func hdel(f string) do           { return remove(Hash, f) }
func sadd(m string) do           { return put(Set, m, "") }
func srem(m string) do           { return remove(Set, m) }
func zadd(m, score string) do    { return put(SortedSet, m, score) }
func zincr(m string, n int64) do { return add(SortedSet, m, Sum{Int: n}) }
func zrem(m string) do           { return remove(SortedSet, m) }

func put(k Kind, name, v string) do {
	return func(d *Delta, s *site, op Dot) { d.Put(s.entry, k, name, []byte(v), 0, op) }
}

func add(k Kind, name string, by Sum) do {
	return func(d *Delta, s *site, op Dot) { d.Add(s.entry, k, name, by, op) }
}

func remove(k Kind, name string) do {
	return func(d *Delta, s *site, op Dot) { d.Remove(s.entry, k, name, op) }
}
func del(d *Delta, s *site, op Dot) { d.Clear(s.entry, &s.context, op) }

func expire(deadline int64) do {
	return func(d *Delta, s *site, op Dot) { d.Extend(s.entry, deadline, op) }
}

// idle is the side of a pair that only looks on.
func idle(*Delta, *site, Dot) {}

// shows tells what a reader finds in an entry, in a line.
func shows(e *Entry) string {
	var parts []string
	for i := range e.Cells() {
		c := &e.Cells()[i]
		if c.Kind != e.Type() || !c.Visible() {
			continue
		}
		text := c.Name
		if s := c.Value(); s != nil {
			text += "=" + string(s.Value)
		}
		if total := c.Total(); total != (Sum{}) || c.Value() == nil {
			text += fmt.Sprintf("+%d", total.Int)
			if total.Float != 0 {
				text += fmt.Sprintf("+%v", total.Float)
			}
		}
		parts = append(parts, text)
	}
	slices.Sort(parts)
	if e.Deadline() != 0 {
		parts = append(parts, fmt.Sprintf("until %d", e.Deadline()))
	}
	return strings.TrimSpace(fmt.Sprint(e.Type(), " ", strings.Join(parts, " ")))
}

// conflict is one row of the table in docs/consistency.md: what happens when two
// regions write one key, and neither saw the other. Region b stamps later.
type conflict struct {
	name   string
	before []do // seen by both
	a, b   []do
	want   string
}

var conflicts = []conflict{
	{"SET a || SET b", nil, []do{set("a")}, []do{setUntil("b", 900)}, "string =b until 900"},
	{"SET || DEL", []do{set("old")}, []do{set("new")}, []do{del}, "string =new"},
	{"APPEND || any write of the string", []do{set("x")}, []do{set("xa")}, []do{set("xb")}, "string =xb"},
	{"INCRBY x || INCRBY y", nil, []do{incr(3)}, []do{incr(4), incr(1)}, "string +8"},
	{"INCRBY x || INCRBY y, to the last bit", nil, []do{incr(math.MinInt64 + 5)}, []do{incr(-4)}, "string +-9223372036854775807"},
	{"INCRBY y || SET 7", []do{incr(100)}, []do{incr(5)}, []do{set("7")}, "string =7+5"},
	{"INCRBY y || DEL", []do{incr(100)}, []do{incr(5)}, []do{del}, "string +5"},
	{"INCRBY y || DEL, nothing unseen", []do{incr(100)}, []do{idle}, []do{del}, "none"},
	{"SET 7 -> INCRBY 1", []do{set("7")}, []do{incr(1)}, []do{idle}, "string =7+1"},
	{"APPEND || INCRBY", []do{set("7")}, []do{set("7x")}, []do{incr(1)}, "string =7x+1"},
	{"HSET f a || HSET f b", []do{hset("f", "0")}, []do{hset("f", "a")}, []do{hset("f", "b")}, "hash f=b"},
	{"HSET f || HSET g", nil, []do{hset("f", "1")}, []do{hset("g", "2")}, "hash f=1 g=2"},
	{"HSET f || HDEL f", []do{hset("f", "0")}, []do{hset("f", "1")}, []do{hdel("f")}, "hash f=1"},
	{"HINCRBY f x || HINCRBY f y", []do{hincr("f", 1)}, []do{hincr("f", 2)}, []do{hincr("f", 3)}, "hash f+6"},
	{"HINCRBY f x || HDEL f", []do{hincr("f", 10)}, []do{hincr("f", 2)}, []do{hdel("f")}, "hash f+2"},
	{"HSET f || DEL key", []do{hset("f", "0"), hset("g", "0")}, []do{hset("f", "1")}, []do{del}, "hash f=1"},
	{"SADD x || SREM x", []do{sadd("x")}, []do{sadd("x")}, []do{srem("x")}, "set x="},
	{"SADD x || DEL key", []do{sadd("x"), sadd("y")}, []do{sadd("x")}, []do{del}, "set x="},
	{"SPOP || SPOP", []do{sadd("x"), sadd("y")}, []do{srem("x")}, []do{srem("x")}, "set y="},
	{"ZADD 1 x || ZADD 2 x", nil, []do{zadd("x", "1")}, []do{zadd("x", "2")}, "zset x=2"},
	{"ZINCRBY 1 x || ZINCRBY 1 x", nil, []do{zincr("x", 1)}, []do{zincr("x", 1)}, "zset x+2"},
	{"ZADD 5 x || ZINCRBY 1 x", []do{zadd("x", "3"), zincr("x", 4)}, []do{zadd("x", "5")}, []do{zincr("x", 1)}, "zset x=5+1"},
	{"ZREM x || ZINCRBY 2 x", []do{zadd("x", "3"), zincr("x", 4)}, []do{zrem("x")}, []do{zincr("x", 2)}, "zset x+2"},
	{"ZREM x || ZADD x", []do{zadd("x", "3")}, []do{zrem("x")}, []do{zadd("x", "1")}, "zset x=1"},
	{"EXPIRE 10 || EXPIRE 50", []do{set("v")}, []do{expire(50)}, []do{expire(10)}, "string =v until 50"},
	{"EXPIRE 50 -> EXPIRE 10", []do{set("v"), expire(50)}, []do{expire(10)}, []do{idle}, "string =v until 10"},
	{"EXPIRE || PERSIST", []do{setUntil("v", 20)}, []do{expire(0)}, []do{expire(50)}, "string =v"},
	{"EXPIRE on a hash", []do{hset("f", "1")}, []do{expire(50)}, []do{expire(10), hset("g", "2")}, "hash f=1 g=2 until 50"},
	{"EXPIRE on a counter, shortened", []do{incr(1), expire(50)}, []do{expire(10)}, []do{incr(2)}, "string +3 until 10"},
	{"EXPIRE || SET", []do{set("v")}, []do{expire(50)}, []do{set("w")}, "string =w"},
	{"SET || EXPIRE, SET stamped first", []do{set("v")}, []do{setUntil("w", 30)}, []do{expire(50)}, "string =w until 30"},
	{"SET || HSET", []do{}, []do{set("v")}, []do{hset("f", "1")}, "hash f=1"},
	{"SET || HSET, cleared by the next local write", []do{hset("f", "1")}, []do{set("v")}, []do{idle}, "string =v"},
	{"DEL || EXPIRE", []do{set("v")}, []do{del}, []do{expire(50)}, "none"},
	{"DEL || EXPIRE on a hash", []do{hset("f", "1")}, []do{del}, []do{expire(50)}, "none until 50"},
	{"FLUSHALL", []do{hset("f", "1"), sadd("x"), incr(1), set("v")}, []do{del}, []do{idle}, "none"},
	{"floats, in the order of origins", []do{incrFloat(0.1)}, []do{incrFloat(0.2)}, []do{incrFloat(0.3)}, "string +0+0.6"}, // 0.1 first would make 0.6000000000000001
}

// newSite gives a region whose wall clock says wall.
func newSite(node uint64, wall int64) *site {
	return &site{
		state: state{entry: &Entry{}, tally: Tally{Seed: testSeed}}, origin: Origin{Node: node, Epoch: 1}, wall: wall,
	}
}

func TestConflicts(t *testing.T) {
	for _, c := range conflicts {
		t.Run(c.name, func(t *testing.T) {
			origin, a, b := newSite(3, 1), newSite(1, 10), newSite(2, 20)
			for _, f := range c.before {
				origin.write(f)
				a.hear(origin.delta)
				b.hear(origin.delta)
			}
			var fromA, fromB []*Delta
			for _, f := range c.a {
				fromA = append(fromA, a.write(f).delta)
			}
			for _, f := range c.b {
				fromB = append(fromB, b.write(f).delta)
			}

			meet(a, b, fromA, fromB)
			witness := newSite(4, 30) // heard everything the other way round
			witness.join(origin.state)
			meet(witness, witness, fromB, fromA)
			agree(t, c.want, a, b, witness)

			for range 2 { // and repair finds nothing to change in what is seen
				a.join(b.state)
				b.join(a.state)
				witness.join(a.state)
				origin.join(b.state)
				a.join(origin.state)
			}
			agree(t, c.want, a, b, witness, origin)
			if a.entry.Pending() {
				t.Errorf("something still waits for the context:\n%s", dump(a.entry))
			}
		})
	}
}

// meet lets a hear what b wrote, and b what a wrote, backwards.
func meet(a, b *site, fromA, fromB []*Delta) {
	for _, d := range fromB {
		a.hear(d)
	}
	for _, d := range slices.Backward(fromA) {
		b.hear(d)
	}
}

func agree(t *testing.T, want string, sites ...*site) {
	t.Helper()
	for i, s := range sites {
		if got := shows(s.entry); got != want {
			t.Errorf("site %d shows %q, want %q:\n%s", i, got, want, dump(s.entry))
		}
		if s.tally.Digest != s.entry.Digest(testSeed) {
			t.Errorf("site %d: digest %x on the books, %x in the entry", i, s.tally.Digest, s.entry.Digest(testSeed))
		}
		if s.entry.Deadline() == 0 && !s.entry.Alive(1_000) != (want == "none") {
			t.Errorf("site %d: alive is %v", i, s.entry.Alive(1_000))
		}
	}
}
