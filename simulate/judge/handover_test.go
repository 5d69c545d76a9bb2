package judge

import (
	"slices"
	"testing"

	"github.com/atollcache/atoll/antientropy"
	"github.com/atollcache/atoll/simulate/world"
	"github.com/atollcache/atoll/store"
	"github.com/atollcache/atoll/wire"
)

// TestQuestions is O13: who has nothing to ask for, and never stops to ask.
func TestQuestions(t *testing.T) {
	for _, test := range []struct {
		asks int
		want []string
	}{{100, nil}, {1000, []string{"O13"}}} {
		st := newStage(t)
		st.all(0, "SET k v")
		st.now = st.j.sc.Phases.Quiet()
		st.j.Phase(world.Quiesce)
		st.now = st.j.sc.Phases.End()
		for range test.asks {
			st.j.silence.delivered(st.j, wire.KindAsk)
		}
		st.j.silence.final(st.j)
		if got := st.verdict(); !slices.Equal(got, test.want) {
			t.Errorf("%d questions: %v", test.asks, st.j.Violations())
		}
	}
}

// A partition that is dropped when others say that they have it must be there.
func TestHandovers(t *testing.T) {
	for _, test := range []struct {
		name string
		play func(st *stage)
		drop bool
		from int
		want []string
	}{
		{"the other owner has it", func(st *stage) { st.all(0, "SET k v") }, true, 1, nil},
		{"only another region has it", func(st *stage) {
			st.nodes[2].hear("k", st.nodes[0].do("SET k v"))
		}, true, 1, []string{"O4"}},
		{"it sees nobody in its own region", func(st *stage) {
			st.nodes[2].hear("k", st.nodes[0].do("SET k v"))
		}, true, 2, nil},
		{"it is not dropped", func(st *stage) { st.nodes[0].do("SET k v") }, false, 1, nil},
		{"it was removed", func(st *stage) {
			st.nodes[0].do("SET k v")
			st.nodes[0].do("DEL k")
		}, true, 1, nil},
		{"who had it has lost its memory", func(st *stage) {
			st.nodes[2].hear("k", st.nodes[0].do("SET k v"))
			st.nodes[1].crash()
		}, true, 1, nil},
	} {
		st := newStage(t)
		test.play(st)
		a := st.nodes[0]
		a.leaving = true
		m := wire.HandedOff{ID: 1, Partitions: []uint16{antientropy.PartitionOf(store.Hash([]byte("k")))}}
		st.j.handedOff(a.s, st.nodes[test.from].s, wire.Seal(nil, "c", wire.Sender{Region: "us", Name: "2"}, wire.KindHandedOff, m.Append(nil)))
		a.dropped = test.drop
		st.j.judgeHandovers()
		if got := st.verdict(); !slices.Equal(got, test.want) {
			t.Errorf("%s: %v, want %v", test.name, st.j.Violations(), test.want)
		}
	}
}
