package simulate

import (
	"reflect"
	"slices"
	"time"

	"github.com/atollcache/atoll/simulate/scenario"
)

// fewerNodes takes regions away, and nodes of those that stay.
func (s *shrinker) fewerNodes() {
	for _, r := range slices.Clone(s.sc.Topology.Regions) {
		s.try(func(c *scenario.Scenario) { dropRegion(c, r.Name) })
	}
	for i := range s.sc.Topology.Regions {
		for s.sc.Topology.Regions[i].Nodes > 1 && s.try(func(c *scenario.Scenario) { dropNode(&c.Topology.Regions[i]) }) {
		}
	}
}

func dropNode(r *scenario.Region) {
	r.Nodes--
	if len(r.Weights) > r.Nodes {
		r.Weights = r.Weights[:r.Nodes]
	}
}

// dropRegion takes a region away, and from everything that names it.
func dropRegion(c *scenario.Scenario, name string) {
	t := &c.Topology
	t.Regions = filter(t.Regions, func(r scenario.Region) bool { return r.Name != name })
	t.RTT = filter(t.RTT, func(d scenario.PathDelay) bool { return d.Path.A != name && d.Path.B != name })
	t.Loss = filter(t.Loss, func(d scenario.PathLoss) bool { return d.Path.A != name && d.Path.B != name })
	t.Bandwidth = filter(t.Bandwidth, func(d scenario.PathRate) bool { return d.Path.A != name && d.Path.B != name })
	for i := range c.Load {
		if in := c.Load[i].In; len(in) > 1 {
			c.Load[i].In = filter(in, func(r string) bool { return r != name })
		}
	}
	c.Timeline = filter(c.Timeline, func(x scenario.Step) bool { return len(x.Target.Sides) == 0 || narrow(x, name) != nil })
	for i, step := range c.Timeline {
		if small := narrow(step, name); small != nil {
			c.Timeline[i] = *small
		}
	}
}

// narrow takes a region out of what a step strikes, nothing if a side of it would
// be empty.
func narrow(step scenario.Step, name string) *scenario.Step {
	outside := func(p scenario.Place) bool { return p.Region != name }
	var sides [][]scenario.Place
	for _, side := range step.Target.Sides {
		if side = filter(side, outside); len(side) > 0 {
			sides = append(sides, side)
		}
	}
	if len(sides) == 0 || len(step.Target.Sides) > 1 && len(sides) < 2 {
		return nil
	}
	step.Target.Sides, step.Via = sides, filter(step.Via, outside)
	return &step
}

func filter[T any](from []T, keep func(T) bool) []T {
	var out []T
	for _, x := range from {
		if keep(x) {
			out = append(out, x)
		}
	}
	return out
}

// simpler takes away what a reader would have to think about for nothing.
func (s *shrinker) simpler() {
	s.try(func(c *scenario.Scenario) { c.Story = nil })
	if s.target.Oracle != Expected {
		s.try(func(c *scenario.Scenario) { c.Expect = scenario.Expect{} })
	}
	s.plainConfig()
	s.plainTopology()
	s.plainLoad()
	s.plainSteps()
	s.shorter()
}

// plainConfig tries the default of every setting.
func (s *shrinker) plainConfig() {
	for i := range reflect.TypeFor[scenario.Config]().NumField() {
		s.try(func(c *scenario.Scenario) { reflect.ValueOf(&c.Config).Elem().Field(i).SetZero() })
	}
}

func (s *shrinker) plainTopology() {
	s.try(func(c *scenario.Scenario) { c.Topology.Loss = nil })
	s.try(func(c *scenario.Scenario) { c.Topology.Bandwidth = nil })
	for i := range s.sc.Topology.RTT {
		s.try(func(c *scenario.Scenario) {
			d := &c.Topology.RTT[i].Delay
			*d = scenario.Delay{Kind: scenario.Const, Base: d.Base}
		})
	}
}

func (s *shrinker) plainLoad() {
	for len(s.sc.Load) > 0 && s.try(func(c *scenario.Scenario) { c.Load = c.Load[:len(c.Load)-1] }) {
	}
	for i := range s.sc.Load {
		for _, change := range []func(l *scenario.Load){
			func(l *scenario.Load) { l.Sessions = 0 },
			func(l *scenario.Load) { l.Level = scenario.AtNode },
			func(l *scenario.Load) { l.TTL = scenario.Span{} },
			func(l *scenario.Load) { l.Shared = false },
			func(l *scenario.Load) { l.Value.Most = l.Value.Least },
			func(l *scenario.Load) { l.Keys = scenario.Keys{Choice: scenario.KeysUniform, Count: 1} },
		} {
			s.try(func(c *scenario.Scenario) { change(&c.Load[i]) })
		}
	}
}

func (s *shrinker) plainSteps() {
	for i := range s.sc.Timeline {
		s.try(func(c *scenario.Scenario) { c.Timeline[i].Why = "" })
		for s.sc.Timeline[i].For > 2*time.Second && s.try(func(c *scenario.Scenario) { c.Timeline[i].For = half(c.Timeline[i].For) }) {
		}
	}
}

// half rounds to seconds, which read better.
func half(d time.Duration) time.Duration { return max((d / 2).Truncate(time.Second), time.Second) }

// shorter makes the phases shorter, those that nothing happens in first.
func (s *shrinker) shorter() {
	for _, phase := range []func(p *scenario.Phases) *time.Duration{
		func(p *scenario.Phases) *time.Duration { return &p.Quiesce },
		func(p *scenario.Phases) *time.Duration { return &p.Heal },
		func(p *scenario.Phases) *time.Duration { return &p.Chaos },
	} {
		for *phase(&s.sc.Phases) > 2*time.Second && s.try(func(c *scenario.Scenario) {
			length := phase(&c.Phases)
			*length = half(*length)
		}) {
		}
	}
}
