package judge

import (
	"slices"
	"testing"
	"time"

	"github.com/atollcache/atoll/command"
	"github.com/atollcache/atoll/crdt"
	"github.com/atollcache/atoll/replica"
	"github.com/atollcache/atoll/simulate/scenario"
	"github.com/atollcache/atoll/simulate/world"
	"github.com/atollcache/atoll/wire"
)

func (st *stage) verdict() (found []string) {
	for _, v := range st.j.Violations() {
		if !slices.Contains(found, v.Oracle) {
			found = append(found, v.Oracle)
		}
	}
	slices.Sort(found)
	return found
}

func (st *stage) excused(oracle, why string) bool {
	return slices.ContainsFunc(st.j.Excuses(), func(x Excuse) bool { return x.Oracle == oracle && x.Why == why })
}

// What only lost memory knew is excused, and nothing more.
func TestMemoryExcuse(t *testing.T) {
	for _, test := range []struct {
		name    string
		play    func(st *stage)
		oracle  string // that excuses
		verdict []string
	}{
		{"a write that nobody else heard", func(st *stage) {
			st.nodes[0].do("SET k v")
			st.nodes[0].crash()
		}, "O4", nil},
		{"a write that one other heard, and kept to itself", func(st *stage) {
			st.nodes[1].hear("k", st.nodes[0].do("SET k v"))
			st.nodes[0].crash()
		}, "", []string{"O1", "O11", "O4"}},
		{"a write whose last two holders die one after the other", func(st *stage) {
			st.nodes[1].hear("k", st.nodes[0].do("SET k v"))
			st.nodes[0].crash()
			st.nodes[1].crash()
		}, "O4", nil},
		{"the value of a deadline that others heard", func(st *stage) {
			st.nodes[0].do("SET k v EX 900")
			d := st.nodes[0].do("PERSIST k")
			st.nodes[1].entry("k").Merge(&copyOf(d).Entry, nil, new(crdt.Tally)) // behind a gap
			st.nodes[0].crash()
			for _, a := range st.nodes[1:] { // the gap is closed, and the deadline has no value
				a.context.Raise(d.Ops[0])
				a.forgets("k")
			}
		}, "O4", nil},
		{"a removal that nobody else heard", func(st *stage) {
			st.all(0, "SADD s x")
			st.nodes[0].do("SREM s x")
			st.nodes[0].crash()
		}, "O5", nil},
		{"a removal that others heard", func(st *stage) {
			st.all(0, "SADD s x")
			d := st.nodes[0].do("SREM s x")
			st.nodes[1].hear("s", d)
			st.nodes[2].hear("s", d)
			st.nodes[0].crash()
			st.nodes[3].context.Raise(d.Ops[0])
		}, "", []string{"O1", "O5"}},
		{"increments that nobody else heard", func(st *stage) {
			st.all(0, "INCR c")
			st.nodes[0].do("INCR c")
			st.nodes[0].crash()
		}, "O7", nil},
		{"of increments, those that were heard", func(st *stage) {
			st.all(0, "INCR c")
			st.nodes[1].hear("c", st.nodes[0].do("INCR c"))
			st.nodes[0].do("INCR c")
			st.nodes[0].crash()
		}, "O7", []string{"O1", "O11", "O7"}},
		{"a reset that nobody else heard", func(st *stage) {
			st.all(0, "INCR c")
			st.nodes[1].do("DEL c")
			st.nodes[1].crash()
		}, "O7", nil},
	} {
		t.Run(test.name, func(t *testing.T) {
			st := newStage(t)
			test.play(st)
			for _, a := range st.nodes {
				a.stand.Regions = nil // who is gone is gone
			}
			st.end()
			found := slices.DeleteFunc(st.verdict(), func(o string) bool { return o == "O18" })
			if !slices.Equal(found, test.verdict) {
				t.Errorf("violations of %v, want %v: %v", found, test.verdict, st.j.Violations())
			}
			if test.oracle != "" && !st.excused(test.oracle, excuseMemory) {
				t.Errorf("%s excused nothing: %v", test.oracle, st.j.Excuses())
			}
		})
	}
}

// Of a region in which nobody lives any more the last view may stay, whichever
// each node has, and so may what it might still extend.
func TestADesertedRegion(t *testing.T) {
	for _, deserted := range []bool{false, true} {
		st := newStage(t)
		st.all(0, "SET k v EX 5")
		v := &st.nodes[2].stand.Regions[1]
		v.Nodes = v.Nodes[:1]
		if deserted {
			st.nodes[0].crash()
			st.nodes[1].crash()
		}
		st.end()
		want := []string{"O15", "O18"}
		if deserted {
			want = nil
		}
		if found := st.verdict(); !slices.Equal(found, want) || st.excused("O15", excuseSpeaks) != deserted {
			t.Errorf("deserted %v: violations of %v, want %v: %v", deserted, found, want, st.j.Violations())
		}
	}
}

// A node that vanished may have extended what expired after it was heard last, for
// an hour. One that said goodbye has not, nor anybody what expired before.
func TestAVanishedNode(t *testing.T) {
	for _, test := range []struct {
		name  string
		ends  func(a *actor)
		phase time.Duration
		after bool // the key is written when the node has been heard last
		want  []string
	}{
		{"a node that vanished", (*actor).crash, time.Minute, true, nil},
		{"one that had passed the deadline", (*actor).crash, time.Minute, false, []string{"O15"}},
		{"one that said goodbye", (*actor).leave, time.Minute, true, []string{"O15"}},
		{"one that nobody heard say goodbye", func(a *actor) {
			a.leave()
			a.s.unheard = a.s.ended
		}, time.Minute, true, nil},
		{"more than an hour ago", (*actor).crash, 2 * time.Hour, true, []string{"O15"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			st := newStage(t, func(sc *scenario.Scenario) { sc.Phases.Heal = test.phase })
			st.now = time.Second
			st.all(0, "SET k v EX 5")
			if !test.after {
				st.now = 10 * time.Second
			}
			st.all(1, "SET other v")
			test.ends(st.nodes[1])
			for _, a := range st.nodes {
				a.stand.Regions = nil
			}
			st.end()
			found := slices.DeleteFunc(st.verdict(), func(o string) bool { return o == "O18" })
			if !slices.Equal(found, test.want) || st.excused("O15", excuseVanish) != (test.want == nil) {
				t.Errorf("violations of %v, want %v: %v, %v", found, test.want, st.j.Violations(), st.j.Excuses())
			}
		})
	}
}

// A key that has expired may be let go, one that was given longer may not.
func TestExpiryExcuse(t *testing.T) {
	for _, test := range []struct {
		name, extend string
		wrong        bool
	}{
		{"its time was up", "GET k", false},
		{"it was extended", "EXPIRE k 900", true},
		{"it was made to stay", "PERSIST k", true},
	} {
		t.Run(test.name, func(t *testing.T) {
			st := newStage(t)
			st.all(0, "SET k v PX 500")
			st.all(1, test.extend)
			st.now = 10 * time.Second
			for _, a := range st.nodes {
				a.forgets("k")
			}
			st.nodes[2].do("GET k")
			if wrong := len(st.j.Violations()) > 0; wrong != test.wrong {
				t.Errorf("wrong is %v: %v", wrong, st.j.Violations())
			}
			if !test.wrong && !st.excused("O4", excuseExpired) {
				t.Error("no excuse was counted")
			}
		})
	}
}

// ack lets a node write at a level, with the copies that the test makes.
func (st *stage) ack(op *world.Op, copies func(d *crdt.Delta)) {
	op.Write, op.Region, op.Outcome = true, "us", world.Answered
	op.Args = [][]byte{[]byte("SET"), []byte("k"), []byte("v")}
	st.j.Asked(op)
	copies(st.nodes[0].do("SET k v"))
	op.Answer = replica.Answer{Reply: command.Reply{Type: command.Status, Code: "OK"}, Level: op.Level, Regions: max(op.Regions, 1)}
	st.j.Answered(op)
}

// An acknowledgement promises copies, those included that were lost meanwhile.
func TestLevels(t *testing.T) {
	for _, test := range []struct {
		name   string
		op     world.Op
		copies func(st *stage, d *crdt.Delta)
		wrong  bool
	}{
		{"region, both owners", world.Op{Level: replica.Region}, func(st *stage, d *crdt.Delta) { st.nodes[1].hear("k", d) }, false},
		{"region, one owner", world.Op{Level: replica.Region}, func(st *stage, d *crdt.Delta) { st.nodes[2].hear("k", d) }, true},
		{"region, an owner died", world.Op{Level: replica.Region}, func(st *stage, d *crdt.Delta) { st.nodes[1].hear("k", d); st.nodes[1].crash() }, false},
		{"region, an owner died before", world.Op{Level: replica.Region}, func(st *stage, _ *crdt.Delta) { st.nodes[1].crash() }, true},
		{"two regions", world.Op{Level: replica.Regions, Regions: 2}, func(st *stage, d *crdt.Delta) { st.nodes[3].hear("k", d) }, false},
		{"two regions, in one", world.Op{Level: replica.Regions, Regions: 2}, func(st *stage, d *crdt.Delta) { st.nodes[1].hear("k", d) }, true},
	} {
		t.Run(test.name, func(t *testing.T) {
			st := newStage(t)
			st.ack(&test.op, func(d *crdt.Delta) { test.copies(st, d) })
			if wrong := slices.Equal(st.verdict(), []string{"O4"}); wrong != test.wrong {
				t.Errorf("wrong is %v: %v", wrong, st.j.Violations())
			}
			if len(st.j.levels.open) != 0 {
				t.Error("an operation that was answered is still open")
			}
		})
	}
}

// visit runs an operation of a session.
func (st *stage) visit(at int, text string, token []byte) { st.visitAs(at, text, token, false) }

// visitAs has an answer say that it may be stale.
func (st *stage) visitAs(at int, text string, token []byte, stale bool) {
	a := st.nodes[at]
	op := &world.Op{Session: 1, Token: token, Region: a.s.region, Write: text[0] != 'G', Outcome: world.Answered}
	a.doAs(text, func(x *replica.Execution) {
		op.Args, x.Session = x.Args, token
		st.j.Asked(op)
	})
	op.Answer = replica.Answer{Reply: command.Reply{Type: command.Status}, Session: token, Stale: stale}
	st.j.Answered(op)
}

// TestSessions is O8: without a token nothing is promised, with one that a session
// finds what it wrote, and what it read.
func TestSessions(t *testing.T) {
	token := []byte("token")
	for _, test := range []struct {
		name string
		play func(st *stage)
		want []string
	}{
		{"its own write, where it has come", func(st *stage) {
			st.visit(0, "SET k v", token)
			st.visit(0, "GET k", token)
		}, nil},
		{"its own write, where it has not come", func(st *stage) {
			st.visit(0, "SET k v", token)
			st.visit(2, "GET k", token)
		}, []string{"O8"}},
		{"its own write, where it has not come, and it is told so", func(st *stage) {
			st.visit(0, "SET k v", token)
			st.visitAs(2, "GET k", token, true)
		}, nil},
		{"a write below its own, by a clock that is late", func(st *stage) {
			st.visit(0, "SET k v", token)
			st.nodes[2].skew = -100
			st.visitAs(2, "SET k w", token, true)
		}, []string{"O8"}},
		{"a removal that nobody holds any more", func(st *stage) {
			st.all(1, "SET k v")
			st.visit(0, "DEL k", token)
			st.nodes[0].crash()
			st.visit(2, "GET k", token)
		}, nil},
		{"no token to go on with", func(st *stage) {
			st.visit(0, "SET k v", token)
			a := st.nodes[0]
			op := &world.Op{Session: 1, Token: token, Region: a.s.region, Outcome: world.Answered}
			a.doAs("GET k", func(x *replica.Execution) {
				op.Args, x.Session = x.Args, token
				st.j.Asked(op)
			})
			st.j.Answered(op)
		}, []string{"O8"}},
		{"without a token", func(st *stage) {
			st.visit(0, "SET k v", nil)
			st.visit(2, "GET k", nil)
		}, nil},
		{"back in time", func(st *stage) {
			st.nodes[2].hear("k", st.nodes[1].do("SET k v"))
			st.visit(2, "GET k", token)
			st.visit(3, "GET k", token)
		}, []string{"O8"}},
		{"what was lost with the memory of a node", func(st *stage) {
			st.visit(0, "SET k v", token)
			st.nodes[0].crash()
			st.visit(2, "GET k", token)
		}, nil},
	} {
		t.Run(test.name, func(t *testing.T) {
			st := newStage(t)
			test.play(st)
			if got := st.verdict(); !slices.Equal(got, test.want) {
				t.Errorf("%v, want %v", st.j.Violations(), test.want)
			}
		})
	}
}

// TestSilence is O13: an entry that changes long after the last write.
func TestSilence(t *testing.T) {
	for _, late := range []bool{false, true} {
		st := newStage(t)
		d := st.nodes[0].do("SET k v")
		st.now = st.j.sc.Phases.Quiet()
		st.j.Phase(world.Quiesce)
		if late {
			st.now = st.j.sc.Phases.End() - time.Second
		}
		for _, a := range st.nodes[1:] {
			a.hear("k", d)
		}
		st.j.silence.final(st.j)
		if spoke := slices.Contains(st.verdict(), "O13"); spoke != late {
			t.Errorf("late %v: %v", late, st.j.Violations())
		}
	}
}

// Repair may change what the network has lost, as often as there are owners.
func TestRepairBudget(t *testing.T) {
	st := newStage(t)
	st.now = time.Minute / 2
	for range 2 * slack {
		d := st.nodes[0].do("SET k v")
		var w wire.BatchWriter
		w.Reset(1, 1, 1, 0)
		w.Delta([]byte("k"), d)
		st.j.repairs.lost(wire.KindBatch, wire.Seal(nil, "c", wire.Sender{Region: "us", Name: "1"}, wire.KindBatch, w.Append(nil)))
		st.nodes[1].merge("k", d, true)
		st.nodes[2].merge("k", d, true)
	}
	if st.j.repairs.dropped != 2*slack || st.j.repairs.judged != 4*slack {
		t.Errorf("%d lost, %d repaired", st.j.repairs.dropped, st.j.repairs.judged)
	}
	st.j.repairs.final(st.j)
	if len(st.j.Violations()) > 0 {
		t.Error(st.j.Violations())
	}
}

// A damaged message that is refused and counted is a lost one: no crime, repair may
// bring what it held, and nothing else is excused.
func TestDamagedIsLost(t *testing.T) {
	st := newStage(t, func(sc *scenario.Scenario) {
		sc.Timeline = []scenario.Step{{Kind: scenario.Corrupt}}
	})
	d := st.nodes[0].do("SET k v")
	var w wire.BatchWriter
	w.Reset(1, 1, 1, 0)
	w.Delta([]byte("k"), d)
	whole := wire.Seal(nil, "c", wire.Sender{Region: "us", Name: "1"}, wire.KindBatch, w.Append(nil))
	st.j.damaged(st.nodes[1].s, wire.KindBatch, whole, true)
	st.j.judgeRefused(st.nodes[1].s, "batch", true, wire.ErrDamaged)
	st.nodes[1].stand.Stats.Malformed = 1
	st.j.damaged(st.nodes[2].s, wire.KindBatch, whole, false) // it still learns its epoch
	for _, a := range st.nodes[1:] {
		a.hear("k", d)
	}
	st.end()
	if found := st.verdict(); len(found) > 0 || st.j.repairs.dropped != 2 || st.j.struck != 2 {
		t.Errorf("%d deltas lost in %d messages, %v", st.j.repairs.dropped, st.j.struck, st.j.Violations())
	}
	st.nodes[2].forgets("k")
	st.nodes[2].do("GET k")
	if found := st.verdict(); !slices.Equal(found, []string{"O4"}) {
		t.Errorf("violations of %v, want O4", found)
	}
}

// What is measured goes by the names of the expectations.
func TestValues(t *testing.T) {
	st := newStage(t)
	d := st.nodes[0].do("SET k v")
	st.now += time.Second
	st.nodes[2].do("GET k") // misses a second
	e := st.nodes[2].do("SET k w")
	st.nodes[0].hear("k", e)
	st.nodes[2].hear("k", d)
	for _, i := range []int{1, 3} {
		st.nodes[i].hear("k", d)
		st.nodes[i].hear("k", e)
	}
	st.nodes[1].do("SET lost v")
	st.nodes[1].crash()
	st.end()

	got := st.j.Values()
	for metric, want := range map[scenario.Metric]int64{
		scenario.StalenessMax: int64(time.Second), scenario.WritesReplaced: 1, scenario.WritesLost: 1, scenario.RepairEntries: 0, scenario.ConvergeWithin: 0,
	} {
		if got[metric] != want {
			t.Errorf("%s is %d, want %d", metric, got[metric], want)
		}
	}
	for _, m := range scenario.Metrics() {
		if _, ok := got[m.Metric]; !ok {
			t.Errorf("%s is not measured", m.Metric)
		}
	}
	if n := len(st.j.Samples()); n == 0 {
		t.Error("no sample was taken")
	}
}

// What no promise covers is excused from its beginning on, and not before.
func TestBeyondTheContract(t *testing.T) {
	for _, late := range []bool{false, true} {
		st := newStage(t, func(sc *scenario.Scenario) {
			sc.Timeline = []scenario.Step{{Kind: scenario.Twin, At: 10 * time.Second}}
		})
		st.all(0, "HSET h f v")
		if late {
			st.now = 11 * time.Second
		}
		st.nodes[2].forgets("h")
		st.nodes[2].do("HGET h f")
		if wrong := len(st.j.Violations()) > 0; wrong == late || late != st.excused("O4", excuseTwin) {
			t.Errorf("late %v: %v, %v", late, st.j.Violations(), st.j.Excuses())
		}
		st.j.Broke(nil, "panic")
		if st.j.Accused("O22") == 0 {
			t.Error("a panic was excused")
		}
	}
}

// A run that could judge nothing says so.
func TestInconclusive(t *testing.T) {
	st := newStage(t, func(sc *scenario.Scenario) {
		sc.SafetyOnly = true
		sc.Timeline = []scenario.Step{{Kind: scenario.Drop}}
		sc.Expect.Never = []scenario.Promise{scenario.Divergence, scenario.LostAckedWrite, scenario.StaleRead}
	})
	st.all(0, "SET k v")
	st.end()
	if why := st.j.Inconclusive(); len(why) != 3 {
		t.Errorf("inconclusive because of %v", why)
	}
	st.j.struck = 1
	if why := st.j.Inconclusive(); len(why) != 2 {
		t.Errorf("inconclusive because of %v", why)
	}
}

// However many messages there are, a bounded number is kept, from the whole run.
func TestCopiesAreBounded(t *testing.T) {
	st := newStage(t)
	for i := range 100_000 {
		st.j.copies.delivered(st.nodes[0].s, wire.KindBatch, []byte{byte(i), byte(i >> 8), byte(i >> 16)})
	}
	n := len(st.j.copies.kept)
	first, last := st.j.copies.kept[0].payload, st.j.copies.kept[n-1].payload
	number := func(b []byte) int { return int(b[0]) | int(b[1])<<8 | int(b[2])<<16 }
	if n < maxCopies || n > 2*maxCopies || number(first) > 10_000 || number(last) < 90_000 {
		t.Errorf("%d copies, from message %d to %d", n, number(first), number(last))
	}
}

// A clock is wrong for a node if it is off the median of those that it hears: one
// that hears as many wrong ones cannot know.
func TestClockExcuse(t *testing.T) {
	for _, test := range []struct {
		name    string
		hears   []int
		excuse  string
		verdict bool
	}{
		{"it hears one other", []int{2}, excuseAlone, false},
		{"it hears one that is as wrong, and a right one", []int{1, 2}, excuseClocks, false},
		{"it hears two right ones", []int{2, 3}, "", true},
		{"it hears everybody", []int{1, 2, 3, 4}, "", true},
	} {
		t.Run(test.name, func(t *testing.T) {
			st := newStage(t)
			st.add("eu/3")
			a := st.nodes[0]
			a.skew, st.nodes[1].skew = 3000, 3000
			for range 20 {
				st.now += time.Second
				for _, i := range test.hears {
					st.j.heard(a.s, st.nodes[i].s, wire.KindAck)
				}
				a.do("SET k v")
			}
			if got := st.j.Accused("O17") > 0; got != test.verdict || test.excuse != "" && !st.excused("O17", test.excuse) {
				t.Errorf("accused %v, excuses %v", got, st.j.Excuses())
			}
		})
	}
}

// What waits for the gap of a dead origin may be sent in repair, also when the gap
// is closed before it arrives; what waits for nothing may not.
func TestSentWhileItWaited(t *testing.T) {
	for _, gap := range []bool{false, true} {
		st := newStage(t, func(sc *scenario.Scenario) { sc.Config.CloseAfter = 5 * time.Minute })
		st.all(0, "SET other v") // so that all have heard of the origin
		d := st.nodes[0].do("SET k v")
		st.now = st.j.sc.Phases.Quiet()
		st.j.Phase(world.Quiesce)
		st.now = st.j.sc.Phases.End() - time.Second
		for i, a := range st.nodes {
			if !gap || i > 1 {
				a.context.Raise(d.Ops[0])
			}
		}
		var tombstone crdt.Delta
		tombstone.Join(st.nodes[0].entry("k"), &crdt.Entry{}, &st.nodes[0].context)
		var a wire.AnswerWriter
		a.Reset(1, 1)
		a.Entry([]byte("k"), &tombstone.Entry)
		st.j.Sent(&world.Message{Class: wire.KindAnswer, Payload: wire.Seal(nil, "c", wire.Sender{}, wire.KindAnswer, a.Append(nil))})
		st.j.silence.final(st.j)
		if wrong := slices.Contains(st.verdict(), "O13"); wrong == gap {
			t.Errorf("gap %v: %v, excuses %v", gap, st.j.Violations(), st.j.Excuses())
		}
	}
}
