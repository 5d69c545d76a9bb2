package crdt

import "testing"

// Limit cuts what is above, and nothing else.
func TestContextLimit(t *testing.T) {
	var c Context
	c.Raise(Dot{Stamp: 5, Origin: Origin{Node: 1, Epoch: 1}})
	c.Raise(Dot{Stamp: 9, Origin: Origin{Node: 2, Epoch: 1}})
	c.Limit(7)
	if at := c.Dots(); len(at) != 2 || at[0].Stamp != 5 || at[1].Stamp != 7 {
		t.Errorf("the context is %v", c.String())
	}
}
