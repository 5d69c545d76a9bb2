package replica

import (
	"testing"
	"time"

	"github.com/atollcache/atoll/crdt"
	"github.com/atollcache/atoll/store"
)

// looker keeps what a witness is shown.
type looker struct {
	executed []string
	observed []int // cells that the command saw
	changes  []bool
	merged   []Merging
}

func (l *looker) Executed(x *Execution) {
	l.executed = append(l.executed, string(x.Args[0])+" "+string(x.Args[1]))
	l.observed = append(l.observed, len(x.Observed.Cells()))
	l.changes = append(l.changes, x.Delta != nil)
}

func (l *looker) Merged(m *Merging) { l.merged = append(l.merged, *m) }

func (l *looker) Marked(Mark) {}

// A witness is told of every command where it runs, reads too, and of every
// delta where it arrives.
func TestWitness(t *testing.T) {
	w := newWorld(t, 1, 2, 1).boot()
	w.settle(10 * time.Second)
	here, there := &looker{}, &looker{}
	w.nodes[0].r.cfg.Witness, w.nodes[1].r.cfg.Witness = here, there
	w.do(w.nodes[0], "SET", "k", "v")
	w.do(w.nodes[0], "GET", "k")
	w.do(w.nodes[0], "DEL", "k", "none")
	w.run(time.Second)

	for i, want := range []struct {
		cmd      string
		observed int
		changes  bool
	}{{"SET k", 0, true}, {"GET k", 1, false}, {"DEL k", 1, true}, {"DEL none", 0, false}} {
		if here.executed[i] != want.cmd || here.observed[i] != want.observed || here.changes[i] != want.changes {
			t.Errorf("execution %d: %s saw %d cells, changes %v; want %v", i, here.executed[i], here.observed[i], here.changes[i], want)
		}
	}
	if n := len(there.merged); n == 0 || there.merged[0].From.Name != w.nodes[0].name || there.merged[0].Repair || !there.merged[0].Changed {
		t.Errorf("the other region was told of %d deltas: %+v", n, there.merged)
	}
}

// An inspection shows a partition as it is, and nothing of one that is not held.
func TestInspect(t *testing.T) {
	w := newWorld(t, 1, 1, 1)
	w.scope = scopeWith("k")
	w.boot()
	w.settle(10 * time.Second)
	w.do(w.nodes[0], "SET", "k", "v")
	r, hash := w.nodes[0].r, store.Hash([]byte("k"))
	part := r.partitionOf(hash).number

	keys := 0
	held := r.Inspect(part, func(i *Inspection) {
		i.Each(func(hash uint64, _ []byte, e *crdt.Entry) bool {
			keys++
			if i.Digest(hash, e) != i.Root {
				t.Error("the root is not the digest of the only key")
			}
			return true
		})
		if i.State != "ready" || i.Keys != 1 || i.Root == 0 || i.Entry(hash, []byte("k")) == nil {
			t.Errorf("inspection of the key's partition: %+v", i)
		}
	})
	if !held || keys != 1 {
		t.Errorf("held: %v, keys: %d", held, keys)
	}
	if r.Inspect(part+1, func(*Inspection) {}) {
		t.Error("a partition outside the scope is inspected")
	}
}

// Every mark has a name of its own.
func TestMarkNames(t *testing.T) {
	seen := map[string]bool{}
	for _, m := range Marks() {
		if m.String() == "" || seen[m.String()] {
			t.Errorf("mark %d is called %q", m, m)
		}
		seen[m.String()] = true
	}
}
