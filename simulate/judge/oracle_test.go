package judge

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/atollcache/atoll/command"
	"github.com/atollcache/atoll/crdt"
	"github.com/atollcache/atoll/region"
	"github.com/atollcache/atoll/replica"
	"github.com/atollcache/atoll/simulate/scenario"
	"github.com/atollcache/atoll/simulate/world"
	"github.com/atollcache/atoll/wire"
)

// A clean history, with a little of everything, and nothing to complain of.
func clean(st *stage) {
	for i, text := range []string{
		"SET k a", "SET k b PX 900000", "EXPIRE k 5000", "INCR c", "INCRBY c 4", "HSET h f 1 g 2", "HDEL h f", "SADD s x y", "SREM s x",
		"ZADD z 1 x", "ZINCRBY z 2 x", "DEL c", "INCR c", "SET gone v PX 500", "DEL h", "HSET h f 3",
	} {
		st.now += 100 * time.Millisecond
		st.all(i%4, text)
	}
	for _, text := range []string{"GET k", "TTL k", "GET c", "HGETALL h", "EXISTS s", "GET gone"} {
		st.nodes[1].do(text)
	}
	for _, a := range st.nodes {
		a.keys["gone"] = &crdt.Entry{} // expired and let go
	}
}

func TestCleanHistory(t *testing.T) {
	st := newStage(t)
	clean(st)
	st.end()
	for _, v := range st.j.Violations() {
		t.Error(v)
	}
	if x := st.j.Excuses(); len(x) == 0 {
		t.Error("the base of a counter and a key that expired were let pass without a word")
	}
}

// histories break one promise each. The oracle must say so, of that node or key.
var histories = []struct {
	name, oracle, says string
	play               func(st *stage)
}{
	{"a replica that lacks a write differs", "O1", "partition", func(st *stage) {
		st.all(0, "SET k v")
		st.nodes[3].do("SET k w")
	}},
	{"a digest that is not that of the entries", "O2", "amount to", func(st *stage) {
		st.all(0, "SET k v")
		for _, a := range st.nodes {
			a.rooted = 5
		}
	}},
	{"equal digests of unequal cells", "O2", "not the same cells", func(st *stage) {
		st.all(0, "SET k v")
		st.nodes[2].keys["k"].Cells()[0].Slots[0].Value = []byte("w")
	}},
	{"a value that nobody wrote", "O3", "nobody wrote", func(st *stage) {
		st.all(0, "SET k v")
		forged := &crdt.Delta{}
		forged.Put(&crdt.Entry{}, crdt.String, "", []byte("x"), 0, crdt.Dot{Stamp: crdt.StampAt(world.WallStart + 1), Origin: crdt.Origin{Node: 77}})
		st.nodes[1].hear("k", forged)
		st.nodes[1].do("GET k")
	}},
	{"a value that is not what was written", "O3", "(1 bytes), and was", func(st *stage) {
		st.all(0, "SET k v")
		st.nodes[1].keys["k"].Cells()[0].Slots[0].Value = []byte("w")
		st.nodes[1].do("GET k")
	}},
	{"a write that changes nothing", "O3", "the model says", func(st *stage) {
		st.nodes[0].doAs("SET k v", func(x *replica.Execution) { x.Delta = nil })
	}},
	{"a merged write is gone", "O4", "gone though nobody", func(st *stage) {
		st.all(0, "HSET h f v")
		st.nodes[2].forgets("h")
		st.nodes[2].do("HGET h f")
	}},
	{"a merged write is gone, and nobody looks before the end", "O4", "gone though nobody", func(st *stage) {
		st.all(0, "SADD s x")
		st.nodes[2].forgets("s")
	}},
	{"a write never arrives", "O4", "never arrived", func(st *stage) { st.nodes[1].do("SET k v") }},
	{"a deadline never arrives", "O4", "never arrived", func(st *stage) {
		st.all(0, "SET k v")
		st.nodes[1].do("EXPIRE k 900")
	}},
	{"a removed value shows", "O5", "heard of its removal", func(st *stage) {
		st.all(0, "SET k v")
		old := st.nodes[1].keys["k"]
		st.nodes[1].keys["k"] = &crdt.Entry{}
		st.nodes[1].hear("k", st.nodes[0].do("DEL k"))
		st.nodes[1].keys["k"] = old
		st.nodes[1].do("GET k")
	}},
	{"a removal reaches what its node did not see", "O6", "did not observe", func(st *stage) {
		d := st.nodes[1].do("HSET h f v")
		st.nodes[0].do("HSET h g w")
		st.nodes[0].doAs("DEL h", func(x *replica.Execution) { x.Delta.PutCleared(d.Ops[0]) })
	}},
	{"a removal names a slot that its node did not see", "O6", "did not observe", func(st *stage) {
		d := st.nodes[1].do("HSET h f v")
		st.nodes[0].do("HSET h g w")
		st.nodes[0].doAs("HDEL h g", func(x *replica.Execution) {
			x.Delta.PutCell(crdt.Hash, "f").Slots = []crdt.Slot{{Dot: d.Ops[0], Dead: true}}
		})
	}},
	{"a reset reaches further than what its node saw", "O6", "its node observed", func(st *stage) {
		st.nodes[0].do("INCR c")
		st.nodes[0].doAs("SET c 0", func(x *replica.Execution) { x.Delta.Cells()[0].Bases[0].Seen += 9 })
	}},
	{"an increment is missing", "O7", "is missing", func(st *stage) {
		st.all(0, "INCR c")
		st.nodes[0].do("INCR c")
	}},
	{"an increment counts double", "O7", "add up to", func(st *stage) {
		st.all(0, "INCR c")
		st.nodes[2].keys["c"].Cells()[0].Counts[0].Sum.Int = 2
	}},
	{"a reset is forgotten", "O7", "was reset", func(st *stage) {
		st.all(0, "INCR c")
		st.all(0, "SET c 5")
		st.all(0, "INCR c")
		for _, a := range st.nodes {
			a.keys["c"].Cell(crdt.String, "").Counts[0].Birth -= 1 << 20
			a.keys["c"].Cell(crdt.String, "").Bases = nil
		}
	}},
	{"a stamp below one that the node has shown", "O9", "has shown", func(st *stage) {
		d := st.nodes[0].do("SET k v")
		st.nodes[1].hear("k", d)
		st.nodes[1].clock = crdt.Clock{}
		st.nodes[1].skew = -1000
		st.nodes[1].do("SET k w")
	}},
	{"an origin that stamps backwards", "O9", "after", func(st *stage) {
		st.nodes[0].do("SET k v")
		st.nodes[0].clock, st.nodes[0].skew = crdt.Clock{}, -1000
		st.nodes[0].do("SET j w")
	}},
	{"an origin that comes back after memory was lost", "O9", "another boot", func(st *stage) {
		st.all(0, "SET k v")
		st.nodes[0].crash()
		st.nodes[0].restart(st.nodes[1])
		st.nodes[0].origin.Epoch--
		st.nodes[0].do("SET k w")
	}},
	{"a heal that does not end", "O11", "lacks what was acknowledged", func(st *stage) { st.nodes[0].do("SET k v") }},
	{"repair of what nothing lost", "O12", "the network lost 0", func(st *stage) {
		st.now = time.Minute / 2
		for i := range 3 * slack {
			st.nodes[1].merge("k", st.nodes[0].do("SET k "+strings.Repeat("v", i+1)), true)
		}
	}},
	{"amplification", "O14", "were delivered", func(st *stage) {
		d := st.nodes[0].do("SET k v")
		for range 200 {
			st.nodes[1].hear("k", d)
		}
	}},
	{"a tombstone stays", "O15", "waits for the context", func(st *stage) {
		st.all(0, "SET k v")
		dead := &crdt.Delta{}
		dead.PutCell(crdt.String, "").Slots = []crdt.Slot{{Dot: crdt.Dot{Stamp: 9, Origin: crdt.Origin{Node: 99}}, Dead: true}}
		dead.Seal()
		var tally crdt.Tally
		st.nodes[1].entry("k").Merge(&dead.Entry, &st.nodes[1].context, &tally)
	}},
	{"an expired key stays", "O15", "after its deadline", func(st *stage) { st.all(0, "SET k v PX 900") }},
	{"an outbox that does not empty", "O15", "still wait", func(st *stage) {
		st.nodes[1].stand.Links = []replica.LinkStatus{{Region: "eu", Node: "1", State: "up", OutboxBytes: 7}}
	}},
	{"a key lives beyond its deadline", "O16", "exists at", func(st *stage) {
		st.all(0, "SET k v PX 500")
		st.now += time.Second
		st.nodes[1].doAs("EXISTS k", func(x *replica.Execution) { x.Reply = command.Reply{Type: command.Int, Int: 1} })
	}},
	{"a key dies before its deadline", "O16", "nothing is there", func(st *stage) {
		st.all(0, "SET k v PX 5000")
		st.nodes[1].doAs("GET k", func(x *replica.Execution) { x.Reply = command.Reply{} })
	}},
	{"a deadline that moves on its way", "O16", "the deadline of", func(st *stage) {
		d := st.nodes[0].do("SET k v PX 5000")
		d.Cells()[0].Slots[0].Deadline++
		st.nodes[1].hear("k", d)
		st.nodes[1].do("GET k")
	}},
	{"a clock that is off, and nobody notices", "O17", "still stamps", func(st *stage) {
		a := st.nodes[0]
		a.skew = 3000
		for range 20 {
			st.now += time.Second
			for _, o := range st.nodes[1:] {
				st.j.heard(a.s, o.s, wire.KindAck)
			}
			a.do("SET k v")
		}
	}},
	{"a stamp from the far future is taken over", "O17", "ahead of the node's clock", func(st *stage) {
		st.nodes[0].skew = 5000
		st.nodes[1].hear("k", st.nodes[0].do("SET k v"))
	}},
	{"a node that is still believed to live", "O18", "the node knows", func(st *stage) {
		v := &st.nodes[2].stand.Regions[0]
		v.Nodes = append(v.Nodes, region.Node{Name: "3", Boot: 1})
	}},
	{"a node that never was, in a region where nobody lives", "O18", "us/3 of boot 1", func(st *stage) {
		for _, a := range st.nodes[:2] {
			a.crash()
		}
		v := &st.nodes[2].stand.Regions[1]
		v.Nodes = append(v.Nodes, region.Node{Name: "3", Boot: 1})
	}},
	{"a region that is not known", "O18", "knows nothing of us", func(st *stage) { st.nodes[2].stand.Regions = st.nodes[2].stand.Regions[:1] }},
	{"a copy of a message changes something", "O19", "changed the replica", func(st *stage) {
		st.all(0, "SET k v")
		st.j.copies.delivered(st.nodes[1].s, wire.KindBatch, []byte("again"))
		st.nodes[1].got = func([]byte) { st.nodes[1].keys["k"] = &crdt.Entry{} }
	}},
	{"a message that cannot be read", "O22", "was refused", func(st *stage) {
		st.j.judgeRefused(st.nodes[1].s, "batch", false, errors.New("malformed"))
	}},
	{"a damaged message that is taken", "O22", "1 damaged messages came, and 0 of them", func(st *stage) {
		st.j.damaged(st.nodes[1].s, wire.KindBatch, nil, true)
	}},
	{"a damaged message that is taken before a crash", "O22", "1 damaged messages came, and 0 of them", func(st *stage) {
		st.j.damaged(st.nodes[1].s, wire.KindBatch, nil, true)
		st.nodes[1].crash()
	}},
	{"a damaged message that is refused and not counted", "O22", "0 messages could not be read", func(st *stage) {
		st.j.damaged(st.nodes[1].s, wire.KindBatch, nil, true)
		st.j.judgeRefused(st.nodes[1].s, "batch", true, errors.New("damaged"))
	}},
	{"messages that were counted as malformed", "O22", "could not be read", func(st *stage) { st.nodes[1].stand.Stats.Malformed = 1 }},
	{"a panic", "O22", "panic in a tick", func(st *stage) { st.j.Broke(nil, "panic in a tick") }},
}

func TestHistories(t *testing.T) {
	told := map[string]bool{}
	for _, h := range histories {
		t.Run(h.name, func(t *testing.T) {
			st := newStage(t)
			h.play(st)
			st.end()
			told[h.oracle] = true
			for _, v := range st.j.Violations() {
				if v.Oracle == h.oracle && strings.Contains(v.What, h.says) {
					return
				}
			}
			t.Errorf("%s said nothing of %q; said was: %v", h.oracle, h.says, st.j.Violations())
		})
	}
	for _, o := range Oracles() {
		if own := "O8 O13"; !told[o.ID] && !strings.Contains(own, o.ID) {
			t.Errorf("no history breaks %s", o.ID)
		}
	}
}

// Every promise that a scenario may name belongs to the oracle of that number.
func TestOraclesKeepThePromises(t *testing.T) {
	of := map[scenario.Promise]string{}
	for _, p := range scenario.Promises() {
		of[p.Promise] = p.Oracle
	}
	for _, o := range Oracles() {
		if of[o.Promise] != o.ID {
			t.Errorf("%s judges %q, which belongs to %q", o.ID, o.Promise, of[o.Promise])
		}
	}
}
