package command

import (
	"strings"
	"testing"

	"github.com/atollcache/atoll/crdt"
)

// TestConcurrentWrites lets two nodes write without seeing each other, b one
// millisecond after a. Then both see everything, and must answer the same.
func TestConcurrentWrites(t *testing.T) {
	for _, test := range []struct {
		name       string
		both, a, b string // commands, parted by semicolons; both is what both have seen before
		read, want string
	}{
		{"SET and INCRBY", "", "SET n 7", "INCRBY n 5", "GET n", `"12"`},
		{"INCRBY and SET", "INCRBY n 100", "INCRBY n 5", "SET n 7", "GET n", `"12"`},
		{"SET and INCRBY of what both saw", "SET n 1; INCRBY n 1", "SET n 7", "INCRBY n 5", "GET n", `"12"`},
		{"INCRBY and INCRBY", "SET n 1", "INCRBY n 2", "INCRBY n 4", "GET n", `"7"`},
		{"INCRBY and DEL", "INCRBY n 3", "INCRBY n 4", "DEL n", "GET n", `"4"`},
		{"INCRBY and DEL, nothing unseen", "INCRBY n 3", "STRLEN n", "DEL n", "GET n", "(nil)"},
		{"text hides increments", "SET n 1", "SET n text", "INCR n", "GET n", `"text"`},
		{"SET and SET", "", "SET n 1", "SET n 2", "GET n", `"2"`},
		{"SET and DEL", "SET n 1", "SET n 2", "DEL n", "GET n", `"2"`},

		{"HSET of one field", "", "HSET h f 1", "HSET h f 2", "HGETALL h", `["f" "2"]`},
		{"HSET of two fields", "", "HSET h f 1", "HSET h g 2", "HGETALL h", `["f" "1" "g" "2"]`},
		{"HSET and HDEL", "HSET h f 1 g 1", "HSET h f 2", "HDEL h f", "HGETALL h", `["f" "2" "g" "1"]`},
		{"HSET and HDEL of the last field", "HSET h f 1", "HSET h f 1", "HDEL h f", "HGETALL h", `["f" "1"]`},
		{"HSET and DEL", "HSET h f 1", "HSET h g 2", "DEL h", "HGETALL h", `["g" "2"]`},
		{"HINCRBY and HINCRBY", "HSET h f 1", "HINCRBY h f 2", "HINCRBY h f 4", "HGET h f", `"7"`},
		{"HINCRBY and HDEL", "HINCRBY h f 5", "HINCRBY h f 2", "HDEL h f", "HGET h f", `"2"`},

		{"SADD and SREM", "SADD s x", "SADD s x", "SREM s x", "SMEMBERS s", `["x"]`},
		{"SADD and DEL", "SADD s x y", "SADD s x", "DEL s", "SMEMBERS s", `["x"]`},

		{"ZADD and ZADD", "", "ZADD z 1 x", "ZADD z 2 x", "ZSCORE z x", `"2"`},
		{"ZADD and ZINCRBY", "ZADD z 1 x", "ZADD z 5 x", "ZINCRBY z 1 x", "ZSCORE z x", `"6"`},
		{"ZINCRBY and ZINCRBY", "ZADD z 1 x", "ZINCRBY z 1 x", "ZINCRBY z 1 x", "ZSCORE z x", `"3"`},
		{"ZREM and ZINCRBY", "ZADD z 1 x", "ZREM z x", "ZINCRBY z 2 x", "ZSCORE z x", `"2"`},
		{"ZREM and ZADD", "ZADD z 1 x", "ZADD z 1 x", "ZREM z x", "ZRANGE z 0 -1", `["x"]`},
		{"opposite infinities", "ZADD z 1 x", "ZINCRBY z inf x", "ZINCRBY z -inf x", "ZSCORE z x", `"-inf"`},

		{"EXPIRE and EXPIRE", "SET k 1", "EXPIRE k 50", "EXPIRE k 10", "TTL k", "(integer) 50"},
		{"EXPIRE and EXPIRE of a hash", "HSET k f 1", "EXPIRE k 50", "EXPIRE k 10", "TTL k", "(integer) 50"},
		{"EXPIRE and PERSIST", "SET k 1 EX 99", "PERSIST k", "EXPIRE k 10", "TTL k", "(integer) -1"},
		{"EXPIRE and PERSIST of a set", "SADD k x; EXPIRE k 99", "PERSIST k", "EXPIRE k 10", "TTL k", "(integer) -1"},
		{"EXPIRE and SET", "SET k 1", "SET k 2", "EXPIRE k 10", "TTL k", "(integer) -1"},
		{"EXPIRE and SET with a deadline", "SET k 1", "SET k 2 EX 20", "EXPIRE k 10", "TTL k", "(integer) 20"},
		{"DEL and EXPIRE", "SET k 1", "DEL k", "EXPIRE k 10", "EXISTS k", "(integer) 0"},
		{"DEL and EXPIRE of a hash", "HSET k f 1", "DEL k", "EXPIRE k 10", "EXISTS k", "(integer) 0"},
		{"EXPIRE covers what others add", "HSET k f 1", "HSET k g 1", "EXPIRE k 10", "TTL k", "(integer) 10"},

		{"the last HDEL takes the deadline away", "HSET k f 1; EXPIRE k 50", "HSET k g 1", "HDEL k f", "TTL k", "(integer) -1"},

		{"SET and HSET", "", "SET k 1", "HSET k f 1", "TYPE k", "hash"},
		{"HSET and SET", "", "HSET k f 1", "SET k 1", "TYPE k", "string"},
		{"SADD and ZADD", "", "SADD k x", "ZADD k 1 x", "TYPE k", "zset"},
	} {
		t.Run(test.name, func(t *testing.T) {
			a, b := newNode(t, 1), newNode(t, 2)
			a.all(test.both)
			exchange(a, b)
			b.now++
			a.all(test.a)
			b.all(test.b)
			exchange(a, b)

			for _, n := range []*node{a, b} {
				if got := n.do(strings.Fields(test.read)...); got != test.want {
					t.Errorf("node %d: %s\n got %s\nwant %s", n.origin.Node, test.read, got, test.want)
				}
			}
			checkEqual(t, a, b)
		})
	}
}

// all runs commands that are parted by semicolons.
func (n *node) all(commands string) {
	n.t.Helper()
	for command := range strings.SplitSeq(commands, ";") {
		if words := strings.Fields(command); len(words) > 0 {
			if reply := n.exec(words...); reply.Type == Error {
				n.t.Fatalf("%s: %s", command, show(reply))
			}
		}
	}
}

func checkEqual(t *testing.T, a, b *node) {
	t.Helper()
	for key, e := range a.keys {
		if e.Digest(1) != b.entry(key).Digest(1) {
			t.Errorf("the digests of %s differ", key)
		}
	}
}

// TestNextWriteClearsHidden writes to a key that holds several types, of which
// it shows that of b: the others must be gone then, and when what it shows is
// removed, nothing may show through.
func TestNextWriteClearsHidden(t *testing.T) {
	for _, test := range []struct{ a, b, next, remove string }{
		{"SET k 1", "HSET k f 1", "HSET k g 2", "HDEL k f g"},
		{"HSET k f 1", "SET k 1", "INCR k", "DEL k"},
		{"HSET k f 1; HINCRBY k n 1", "SET k 1", "SET k 2", "DEL k"},
		{"SET k 1", "HSET k f 1", "SET k 2", "DEL k"},
		{"INCR k", "SADD k x", "SADD k y", "SREM k x y"},
		{"ZADD k 1 x; ZINCRBY k 1 y", "SADD k x", "SREM k x", ""},
		{"SADD k x", "ZADD k 1 x", "ZINCRBY k 1 x", "ZREM k x"},
		{"SADD k x", "ZADD k 1 x", "EXPIRE k 10", "ZREM k x"},
		{"SADD k x", "HSET k f 1 ; EXPIRE k 10", "PERSIST k", "HDEL k f"},
	} {
		t.Run(test.next, func(t *testing.T) {
			a, b := newNode(t, 1), newNode(t, 2)
			b.now++
			a.all(test.a)
			b.all(test.b)
			exchange(a, b)

			a.now += 2
			a.all(test.next)
			for kind := crdt.String; kind <= crdt.SortedSet; kind++ {
				if e := a.entry("k"); kind != e.Type() && e.Len(kind) > 0 {
					t.Errorf("a %s is hidden still", kind)
				}
			}
			a.all(test.remove)
			exchange(a, b)
			for _, n := range []*node{a, b} {
				if got := n.do("TYPE", "k"); got != "none" {
					t.Errorf("node %d still shows a %s", n.origin.Node, got)
				}
			}
			checkEqual(t, a, b)
		})
	}
}

// TestLeftoverDeadline: a hash with a deadline lost to a string, on which b
// counts. c, which knows only the string, removes it: the increment remains, and
// the deadline of the hash must not come back for it.
func TestLeftoverDeadline(t *testing.T) {
	a, b, c := newNode(t, 1), newNode(t, 2), newNode(t, 3)
	a.all("HSET k f 1; EXPIRE k 10")
	b.now++
	b.all("SET k 5")
	c.receive(b)
	b.receive(a)

	b.all("INCR k")
	c.all("DEL k")
	exchange(a, b, c)
	for _, n := range []*node{a, b, c} {
		if got := n.do("GET", "k") + n.do("TTL", "k"); got != `"1"(integer) -1` {
			t.Errorf("node %d: %s", n.origin.Node, got)
		}
	}
}

// TestScoreThatIsNoNumber: increments that are infinite in sum meet a score of
// the opposite infinity, which then is what readers see.
func TestScoreThatIsNoNumber(t *testing.T) {
	a, b, c := newNode(t, 1), newNode(t, 2), newNode(t, 3)
	a.all("ZINCRBY z 1.5e308 x")
	b.all("ZINCRBY z 1.5e308 x")
	c.all("ZADD z -inf x")
	exchange(a, b, c)
	for _, n := range []*node{a, b, c} {
		if got := n.do("ZRANGE", "z", "-inf", "0", "BYSCORE", "WITHSCORES"); got != `["x" "-inf"]` {
			t.Errorf("node %d: %s", n.origin.Node, got)
		}
	}
}

// TestWriterReadsItsScore: sums of floats depend on the order, so ZINCRBY must
// answer with what ZSCORE gives from then on.
func TestWriterReadsItsScore(t *testing.T) {
	a, b, c := newNode(t, 1), newNode(t, 2), newNode(t, 3)
	a.all("ZADD z 0.7 x; ZINCRBY z 0.1 x")
	c.all("ZINCRBY z 0.3 x")
	exchange(a, b, c)
	for _, by := range []string{"0.1", "0.2", "1e16", "-1e16", "0.3"} {
		for _, n := range []*node{a, b, c} {
			if said, reads := n.do("ZINCRBY", "z", by, "x"), n.do("ZSCORE", "z", "x"); said != reads {
				t.Errorf("node %d said %s and reads %s", n.origin.Node, said, reads)
			}
		}
		exchange(a, b, c)
	}
	if a.do("ZSCORE", "z", "x") != b.do("ZSCORE", "z", "x") {
		t.Error("the nodes differ")
	}
}

// TestWritesGoByTheirStamp: a write sees the key at the time of its stamp, which
// may be ahead of the node's own time; a read sees it now.
func TestWritesGoByTheirStamp(t *testing.T) {
	n := newNode(t, 1)
	n.all("SET k 1 PX 100")
	n.clock.Observe(crdt.StampAt(startMillis + 100))
	if got := n.do("GET", "k"); got != `"1"` {
		t.Errorf("GET: %s", got)
	}
	if got := n.do("INCRBY", "k", "7"); got != "(integer) 7" {
		t.Errorf("INCRBY: %s", got)
	}
	if got := n.do("TTL", "k"); got != "(integer) -1" {
		t.Errorf("TTL: %s", got)
	}
}
