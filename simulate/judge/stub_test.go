package judge

import (
	"testing"
	"time"

	"github.com/atollcache/atoll/crdt"
)

// What nobody has heard of who takes away the deadline of an expired key stays
// without its deadline, and without its value where all had given that back. As
// long as anybody has the value the others must show it.
func TestGivenBackExcuse(t *testing.T) {
	for _, kept := range []bool{false, true} {
		st := newStage(t)
		st.all(0, "HSET k a 1")
		st.all(0, "PEXPIREAT k 1700000005000")
		unheard := st.nodes[0].do("HSET k b 2")
		st.nodes[1].hear("k", unheard)
		st.nodes[2].hear("k", unheard)
		st.now = 10 * time.Second
		for _, a := range st.nodes[:3] {
			a.free("k")
		}
		st.all(3, "HSET k c 3")
		if kept {
			st.nodes[3].hear("k", unheard)
		} else {
			st.nodes[3].learn("k", st.nodes[0])
		}
		st.end()
		if accused := st.j.Accused("O3") > 0; accused != kept || st.excused("O3", excuseExpired) == kept {
			t.Errorf("somebody has the value %v: accused %v, excuses %v: %v", kept, accused, st.j.Excuses(), st.j.Violations())
		}
	}
}

// free gives the values of an expired key back.
func (a *actor) free(key string) {
	var t crdt.Tally
	a.entry(key).Free(&t)
}

// learn takes over what another has of a key, as in repair.
func (a *actor) learn(key string, from *actor) {
	d := &crdt.Delta{}
	d.Join(a.entry(key), from.entry(key), &a.context)
	a.merge(key, d, true)
	a.context.Join(&from.context)
}
