package judge

import (
	"slices"
	"testing"
)

// What is stamped so far ahead that nobody may take it over excuses what comes with
// it, and nothing that was there before.
func TestAheadExcuse(t *testing.T) {
	const hour = 3_600_000
	for _, test := range []struct {
		name    string
		play    func(st *stage)
		oracle  string // that excuses
		verdict []string
	}{
		{"an increment in the sum of one that is ahead", func(st *stage) {
			st.nodes[0].do("INCR c")
			st.nodes[0].skew = hour
			st.nodes[0].do("INCR c")
		}, "O7", nil},
		{"an increment that had come before", func(st *stage) {
			st.all(0, "INCR c")
			st.nodes[0].skew = hour
			st.nodes[0].do("INCR c")
			st.nodes[2].forgets("c")
		}, "O1", []string{"O7"}},
		{"what comes with an entry that is ahead", func(st *stage) {
			st.all(0, "HSET h f v")
			st.nodes[0].skew = hour
			st.nodes[0].do("HSET h g w")
			st.nodes[2].hear("h", st.nodes[1].do("HDEL h f"))
			st.nodes[0].hear("h", st.nodes[2].do("HSET h e w"))
		}, "O5", nil},
		{"what had come before, of an entry that is ahead", func(st *stage) {
			st.all(0, "HSET h f v")
			st.nodes[0].skew = hour
			st.nodes[0].do("HSET h g w")
			st.nodes[2].forgets("h")
		}, "O1", []string{"O4"}},
		{"a node that leaves, and cannot hand over", func(st *stage) {
			st.nodes[0].skew, st.nodes[0].leaving = hour, true
			st.nodes[0].do("SET k v")
			d := st.nodes[1].do("SET k w")
			st.nodes[2].hear("k", d)
			st.nodes[3].hear("k", d)
		}, "O11", nil},
		{"a node that leaves, and could hand over", func(st *stage) {
			st.nodes[0].leaving = true
			st.nodes[0].do("SET k v")
			d := st.nodes[1].do("SET k w")
			st.nodes[2].hear("k", d)
			st.nodes[3].hear("k", d)
		}, "", []string{"O11", "O4"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			st := newStage(t)
			test.play(st)
			st.end()
			found := slices.DeleteFunc(st.verdict(), func(o string) bool { return o == "O17" })
			if !slices.Equal(found, test.verdict) {
				t.Errorf("violations of %v, want %v: %v", found, test.verdict, st.j.Violations())
			}
			if test.oracle != "" && !st.excused(test.oracle, excuseFuture) {
				t.Errorf("%s excused nothing: %v", test.oracle, st.j.Excuses())
			}
		})
	}
}
