package world_test

import (
	"fmt"
	"slices"
	"testing"

	"github.com/atollcache/atoll/simulate/scenario"
	"github.com/atollcache/atoll/simulate/world"
)

// asked notes what clients ask for.
type asked struct {
	world.Nobody
	ops []string
}

func (a *asked) Asked(op *world.Op) {
	a.ops = append(a.ops, fmt.Sprintf("%s %d at %v on %v: %q", op.Client, op.Number, op.Asked, op.Node, op.Args))
}

// Leaving operations out changes nothing about those that stay.
func TestOnly(t *testing.T) {
	all := &asked{}
	run(t, start(t, topology, 5, all))
	sc := parse(t, topology)
	sc.Only = []scenario.Kept{{Client: "load 1 in us", Ops: []uint64{3, 17}}, {Client: "load 1 in ap", Ops: []uint64{40}}}
	some := &asked{}
	run(t, startOf(t, sc, 5, some))
	if len(some.ops) != 3 {
		t.Fatalf("%q", some.ops)
	}
	for _, op := range some.ops {
		if !slices.Contains(all.ops, op) {
			t.Errorf("%s is not among the %d operations of the whole run", op, len(all.ops))
		}
	}
}
