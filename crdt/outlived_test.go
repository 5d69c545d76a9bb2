package crdt

import "testing"

// A base of an earlier life of a count is let go as soon as the next life is
// known, in whatever order they come, and does not come back. Were it kept where
// it came first, and refused where its reset was covered already, two replicas
// would differ for good.
func TestBaseOfAnEarlierLife(t *testing.T) {
	a, b := Origin{Node: 1, Epoch: 1}, Origin{Node: 2, Epoch: 1}
	var reset, again Delta
	reset.Operation(Dot{StampAt(11), b})
	reset.merge(Cell{Kind: String, Bases: []Base{{Origin: a, Seen: StampAt(10), Reset: Dot{StampAt(11), b}, Sum: Sum{Int: 122}}}})
	again.Operation(Dot{StampAt(25), a})
	again.merge(Cell{Kind: String, Counts: []Count{{Dot: Dot{StampAt(25), a}, Birth: StampAt(20), Sum: Sum{Int: 6}}}})
	var covering Context
	covering.Raise(Dot{StampAt(11), b})

	for name, play := range map[string]func(e *Entry, t *Tally){
		"reset first":       func(e *Entry, t *Tally) { e.Merge(&reset.Entry, &Context{}, t); e.Merge(&again.Entry, &Context{}, t) },
		"count first":       func(e *Entry, t *Tally) { e.Merge(&again.Entry, &Context{}, t); e.Merge(&reset.Entry, &Context{}, t) },
		"the reset covered": func(e *Entry, t *Tally) { e.Merge(&reset.Entry, &covering, t); e.Merge(&again.Entry, &covering, t) },
		"in one delta": func(e *Entry, t *Tally) {
			both := reset
			both.Coalesce(&again)
			e.Merge(&both.Entry, &Context{}, t)
			e.Merge(&reset.Entry, &Context{}, t)
		},
	} {
		e, tally := &Entry{}, Tally{Seed: testSeed}
		play(e, &tally)
		c := e.Cell(String, "")
		if c == nil || len(c.Bases) > 0 || c.Total().Int != 6 {
			t.Errorf("%s: %s", name, dump(e))
		}
		if tally.Digest != e.Digest(testSeed) {
			t.Errorf("%s: the digest is not kept", name)
		}
	}
}
