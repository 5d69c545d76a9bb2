package world

import (
	"slices"
	"time"

	"github.com/atollcache/atoll/simulate/scenario"
)

// newcomer sets a node up that was not there before.
func (w *World) newcomer(p *place) *Node {
	last := 0
	for _, n := range p.nodes {
		last = max(last, n.Number)
	}
	r, _ := w.sc.Topology.Region(p.name)
	return w.add(p, last+1, r.Weight(last+1))
}

func join(f *fault) {
	for _, p := range f.places() {
		for range f.step.Nodes {
			f.w.newcomer(p).begin()
		}
	}
}

// joinStorm has nodes join in quick succession, and leave when it ends.
func joinStorm(f *fault) {
	var came []*Node
	over := false
	for _, p := range f.places() {
		for i := range f.step.Nodes {
			f.w.after(time.Duration(i)*f.step.Every, pair(f.id, uint64(i)), func() {
				if over {
					return
				}
				n := f.w.newcomer(p)
				came = append(came, n)
				n.begin()
			})
		}
	}
	f.end = func() {
		over = true
		for _, n := range came {
			n.stays = true
			n.drain(func() {})
		}
	}
}

// leaveStorm has nodes leave in quick succession, the last first; one of each
// region stays.
func leaveStorm(f *fault) {
	var left []*Node
	over := false
	for _, p := range f.places() {
		some := min(f.step.Nodes, len(p.nodes)-1)
		for i := range some {
			n := p.nodes[len(p.nodes)-1-i]
			f.w.after(time.Duration(i)*f.step.Every, pair(f.id, n.id), func() {
				if !over && n.Up() {
					left = append(left, n)
					n.drain(func() { n.back(&over) })
				}
			})
		}
	}
	f.end = func() {
		over = true
		for _, n := range left {
			n.back(&over)
		}
	}
}

// back starts a node that has left, once it may come back.
func (n *Node) back(may *bool) {
	if *may && n.stage == down {
		n.begin()
	}
}

// drainNodes has nodes hand over and leave, and come back after a while.
func drainNodes(f *fault) {
	for _, n := range f.targets() {
		n.stays = f.step.Restart == scenario.Never
		n.drain(func() { f.revive(n, f.step.Restart) })
	}
}

// denounce has nodes believe what a fault of membership says, as soon as gossip
// has brought it.
func (f *fault) denounce() {
	for _, p := range f.w.regions {
		for _, n := range p.nodes {
			for _, o := range p.nodes {
				if n != o && f.estranges(n, o) {
					in := f.w.seed.draw(forGossip, pair(n.id, o.id), uint64(f.w.now)).between(gossipLeast, gossipMost)
					f.w.after(in, pair(n.id, o.id), func() {
						if f.w.estranged(n, o) && n.stage != down {
							n.miss(o)
						}
					})
				}
			}
		}
	}
}

// refute has the others hear that those who were denounced live.
func (f *fault) refute() {
	for _, o := range f.targets() {
		for _, n := range o.region.nodes {
			if n != o && n.stage != down && o.stage != down {
				n.gossip(o, n.meet)
			}
		}
	}
}

// falseDeath has the others of a region believe nodes dead, though they live.
func falseDeath(f *fault) {
	f.estranges = func(n, of *Node) bool { return n != of && f.step.Target.Has(of.Place()) }
	f.denounce()
	f.end = f.refute
}

// flapSuspicion has nodes believed dead and alive by turns.
func flapSuspicion(f *fault) {
	dead := false
	f.estranges = func(n, of *Node) bool { return dead && n != of && f.step.Target.Has(of.Place()) }
	f.end = func() {
		dead = false
		f.refute()
	}
	f.alternate(func(uint64) time.Duration {
		dead = !dead
		if dead {
			f.w.after(0, f.id+4, f.denounce) // when the fault is on
		} else {
			f.refute()
		}
		return max(f.step.Every, time.Millisecond)
	})
}

// splitBrain parts the membership of a region. Only the rejoin loop mends it.
func splitBrain(f *fault) {
	side := func(n *Node) int {
		return slices.IndexFunc(f.step.Target.Sides, func(places []scenario.Place) bool {
			return slices.ContainsFunc(places, func(p scenario.Place) bool { return p.Has(n.Place()) })
		})
	}
	f.estranges = func(n, of *Node) bool {
		a, b := side(n), side(of)
		return n.Region == of.Region && a != b && a >= 0 && b >= 0
	}
}

// ringDisagreement has nodes keep the view of their region that they have.
func ringDisagreement(f *fault) {
	nodes := f.targets()
	for _, n := range nodes {
		n.frozen++
	}
	f.end = func() {
		for _, n := range nodes {
			n.frozen--
			n.view()
		}
	}
}
