package model

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/atollcache/atoll/crdt"
)

// rows are those of the table of conflicts whose commands exist. Region b stamps
// a millisecond later; what the model says is compared with the table, and the
// entries with the model.
var rows = []struct{ name, both, a, b, want string }{
	{"SET a || SET b", "", "SET k a", "SET k b EX 9", "string =b until 9001"},
	{"SET || DEL", "SET k old", "SET k new", "DEL k", "string =new"},
	{"whole strings, the later", "SET k x", "SET k xa", "SET k xb", "string =xb"},
	{"SET NX || SET NX", "", "SET k a NX", "SET k b NX", "string =b"},
	{"INCRBY x || INCRBY y", "", "INCRBY k 3", "INCRBY k 4; INCR k", "string =8"},
	{"INCRBY y || SET 7", "INCRBY k 100", "INCRBY k 5", "SET k 7", "string =12"},
	{"INCRBY y || DEL", "INCRBY k 100", "INCRBY k 5", "DEL k", "string =5"},
	{"INCRBY y || DEL, nothing unseen", "INCRBY k 100", "GET k", "DEL k", "none"},
	{"SET 7 -> INCRBY 1", "SET k 7", "INCRBY k 1", "", "string =8"},
	{"text hides increments", "SET k 1", "SET k text", "INCR k", "string =text"},
	{"HSET f a || HSET f b", "HSET k f 0", "HSET k f a", "HSET k f b", "hash f=b"},
	{"HSET f || HSET g", "", "HSET k f 1", "HSET k g 2", "hash f=1 g=2"},
	{"HSET f || HDEL f", "HSET k f 0", "HSET k f 1", "HDEL k f", "hash f=1"},
	{"HSET f a, HSET f b, HDEL saw only one", "", "HSET k f a", "HSET k f b; HDEL k f", "hash f=a"},
	{"HINCRBY f x || HINCRBY f y", "HSET k f 1", "HINCRBY k f 2", "HINCRBY k f 3", "hash f=6"},
	{"HINCRBY f x || HDEL f", "HINCRBY k f 10", "HINCRBY k f 2", "HDEL k f", "hash f=2"},
	{"HSET f || DEL key", "HSET k f 0 g 0", "HSET k f 1", "DEL k", "hash f=1"},
	{"SADD x || SREM x", "SADD k x", "SADD k x", "SREM k x", "set x"},
	{"SADD x || DEL key", "SADD k x y", "SADD k x", "DEL k", "set x"},
	{"ZADD 1 x || ZADD 2 x", "", "ZADD k 1 x", "ZADD k 2 x", "zset x:2"},
	{"ZINCRBY 1 x || ZINCRBY 1 x", "", "ZINCRBY k 1 x", "ZINCRBY k 1 x", "zset x:2"},
	{"ZADD 5 x || ZINCRBY 1 x", "ZADD k 3 x; ZINCRBY k 4 x", "ZADD k 5 x", "ZINCRBY k 1 x", "zset x:6"},
	{"ZREM x || ZINCRBY 2 x", "ZADD k 3 x; ZINCRBY k 4 x", "ZREM k x", "ZINCRBY k 2 x", "zset x:2"},
	{"ZREM x || ZADD x", "ZADD k 3 x", "ZREM k x", "ZADD k 1 x", "zset x:1"},
	{"opposite infinities", "ZADD k 1 x", "ZINCRBY k inf x", "ZINCRBY k -inf x", "zset x:-Inf"},
	{"EXPIRE 10 || EXPIRE 50", "SET k v", "EXPIRE k 50", "EXPIRE k 10", "string =v until 50000"},
	{"EXPIRE 50 -> EXPIRE 10", "SET k v; EXPIRE k 50", "EXPIRE k 10", "", "string =v until 10000"},
	{"EXPIRE || PERSIST", "SET k v EX 20", "PERSIST k", "EXPIRE k 50", "string =v"},
	{"EXPIRE on a hash covers what others add", "HSET k f 1; EXPIRE k 50", "EXPIRE k 10", "HSET k g 2", "hash f=1 g=2 until 10000"},
	{"EXPIRE || EXPIRE on a hash", "HSET k f 1", "EXPIRE k 10", "EXPIRE k 50", "hash f=1 until 50001"},
	{"EXPIRE on a counter, shortened", "INCR k; EXPIRE k 50", "EXPIRE k 10", "INCRBY k 2", "string =3 until 10000"},
	{"EXPIRE || SET", "SET k v", "EXPIRE k 50", "SET k w", "string =w"},
	{"EXPIRE || SET with a deadline", "SET k v", "EXPIRE k 50", "SET k w EX 30", "string =w until 30001"},
	{"a newer value expires, an older does not show", "", "SET k old", "SET k new PX 1", "none"},
	{"expiry || SET unseen", "SET k v PX 5", "SET k w", "", "string =w"},
	{"SET || HSET", "", "SET k v", "HSET k f 1", "hash f=1"},
	{"SET || HSET, cleared by the next write", "HSET k f 1", "SET k v", "", "string =v"},
	{"DEL || EXPIRE", "SET k v", "DEL k", "EXPIRE k 50", "none"},
	{"DEL || EXPIRE on a hash", "HSET k f 1", "DEL k", "EXPIRE k 50", "none"},
	{"the last HDEL takes the deadline away", "HSET k f 1; EXPIRE k 50", "HSET k g 1", "HDEL k f", "hash g=1"},
	{"FLUSHALL, key by key", "HSET k f 1", "DEL k", "", "none"},
	{"floats, in the order of origins", "ZINCRBY k 0.1 x", "ZINCRBY k 0.2 x", "ZINCRBY k 0.3 x", "zset x:" + strconv.FormatFloat(sumOf(0.2, 0.3, 0.1), 'g', -1, 64)},
}

// sumOf adds as a machine does, which constants would not.
func sumOf(all ...float64) (sum float64) {
	for _, f := range all {
		sum += f
	}
	return sum
}

func show(v Value) string {
	var parts []string
	for _, c := range v.sorted() {
		switch v.Kind {
		case crdt.SortedSet:
			parts = append(parts, c.Name+":"+strconv.FormatFloat(c.Score, 'g', -1, 64))
		case crdt.Set:
			parts = append(parts, c.Name)
		default:
			parts = append(parts, c.Name+"="+c.Text)
		}
	}
	if v.Until != 0 {
		parts = append(parts, fmt.Sprintf("until %d", v.Until-start))
	}
	return strings.TrimSpace(v.Kind.String() + " " + strings.Join(parts, " "))
}

func TestConflicts(t *testing.T) {
	for _, row := range rows {
		t.Run(row.name, func(t *testing.T) {
			m := New()
			before, a, b := newSite(t, m, 3), newSite(t, m, 1), newSite(t, m, 2)
			before.all(row.both)
			level(before, a, b)
			b.now++
			a.all(row.a)
			b.all(row.b)
			level(before, a, b)

			now := int64(start + 5)
			if got := show(m.Key("k").Value(now)); got != row.want {
				t.Errorf("the model says %s, want %s", got, row.want)
			}
			for _, s := range []*site{before, a, b} {
				if got := show(Shows(s.entry("k"), now)); got != row.want {
					t.Errorf("site %d shows %s, want %s", s.origin.Node, got, row.want)
				}
			}
		})
	}
}

// What nobody wrote is told, and so is a removal that a node did not see.
func TestStrange(t *testing.T) {
	m := New()
	a := newSite(t, m, 1)
	a.all("SET k v")
	var e crdt.Entry
	d := &crdt.Delta{}
	d.Put(&e, crdt.String, "", []byte("forged"), 0, crdt.Dot{Stamp: crdt.StampAt(start + 9), Origin: crdt.Origin{Node: 9}})
	var tally crdt.Tally
	a.entry("k").Merge(&d.Entry, &a.context, &tally)
	args := [][]byte{[]byte("DEL"), []byte("k")}
	if _, err := m.Run(args, crdt.Dot{Stamp: crdt.StampAt(start + 10), Origin: a.origin}, a.entry("k"), a.do("GET", "k")); err != nil {
		t.Fatal(err)
	}
	if s := m.Strange(); !slices.Equal(slices.Compact(s), []crdt.Dot{{Stamp: crdt.StampAt(start + 9), Origin: crdt.Origin{Node: 9}}}) {
		t.Errorf("strange: %v", s)
	}
}

// A deadline of a value that has not come is not for those who see the key
// without it: it is neither in force, nor taken away.
func TestDeadlineBeforeItsValue(t *testing.T) {
	m := New()
	a, b := newSite(t, m, 1), newSite(t, m, 2)
	b.all("SET k 1; EXPIRE k 1")
	a.hear(b.sent[1])
	a.all("INCR k")
	level(a, b)
	if got := show(m.Key("k").Value(start)); got != "string =2 until 1000" || got != show(Shows(a.entry("k"), start)) {
		t.Errorf("the model says %s, the entry shows %s", got, show(Shows(a.entry("k"), start)))
	}
}

// TestDifferential runs random commands at several sites, exchanges some of what
// they send, out of order and twice, and holds the entries to the model.
func TestDifferential(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		m := New()
		sites := make([]*site, rapid.IntRange(2, 4).Draw(t, "sites"))
		for i := range sites {
			sites[i] = newSite(t, m, uint64(i+1))
		}
		for range rapid.IntRange(1, 40).Draw(t, "steps") {
			s := sites[rapid.IntRange(0, len(sites)-1).Draw(t, "site")]
			switch rapid.IntRange(0, 9).Draw(t, "step") {
			case 0:
				s.pull(sites[rapid.IntRange(0, len(sites)-1).Draw(t, "from")])
			case 1, 2:
				from := sites[rapid.IntRange(0, len(sites)-1).Draw(t, "from")]
				if n := len(from.sent); n > 0 {
					s.hear(from.sent[rapid.IntRange(0, n-1).Draw(t, "which")])
				}
			case 3:
				for _, each := range sites {
					each.now += int64(rapid.IntRange(1, 8).Draw(t, "pass"))
				}
			default:
				s.do(strings.Fields(rapid.SampledFrom(anything).Draw(t, "command"))...)
			}
		}
		level(sites...)
		now := sites[0].now
		for _, k := range m.Keys {
			want := k.Value(now)
			for _, s := range sites {
				if got := Shows(s.entry(k.Name), now); !got.Equal(want) {
					t.Fatalf("site %d shows %s for %s, the model says %s", s.origin.Node, show(got), k.Name, show(want))
				}
			}
		}
	})
}

// anything are the commands of the differential test.
var anything = func() (all []string) {
	for _, k := range []string{"k", "j"} {
		for _, c := range []string{
			"SET % 1", "SET % text", "SET % 2 PX 9", "SET % 3 NX", "SET % 4 XX KEEPTTL", "INCR %", "DECRBY % 7", "DEL %",
			"EXPIRE % 1", "PEXPIRE % 6", "PEXPIRE % 3 GT", "PEXPIRE % 4 LT", "PEXPIRE % 5 NX", "PERSIST %",
			"HSET % f a g b", "HSET % f 5", "HINCRBY % f 2", "HDEL % f", "HDEL % f g f", "SADD % x y", "SREM % x", "SREM % x y",
			"ZADD % 1.5 x 2 y", "ZINCRBY % 0.1 x", "ZINCRBY % -3 y", "ZINCRBY % inf x", "ZREM % x", "ZREM % x y",
		} {
			all = append(all, strings.ReplaceAll(c, "%", k))
		}
	}
	return all
}()
