package scenario

import (
	"slices"
	"time"

	"go.yaml.in/yaml/v3"
)

// finish fills in the phases and refuses what only the whole shows: times that
// do not fit, nodes that do not exist, steps that contradict one another.
func (p *parser) finish(entries []entry) {
	given := p.s.Phases
	meant := find(entriesOf(find(entries, "phases")), "warm-up") != nil
	p.s.Phases = given.complete(p.s, meant)
	for i := range p.steps {
		p.checkTimes(&p.steps[i], given)
		p.checkNodes(&p.steps[i])
		p.checkSense(&p.steps[i])
		p.checkCompany(i)
	}
	p.checkExpectations(entries)
	p.checkLoadTimes(entries)
}

// checkTimes keeps a step within the chaos.
func (p *parser) checkTimes(s *placed, given Phases) {
	phases := p.s.Phases
	end := phases.Healed()
	switch {
	case s.At < phases.WarmUp:
		p.fail(s.at("at"), "%s strikes at %s, during the warm-up of %s; let it strike later, or shorten the warm-up", s.Kind, formatDuration(s.At), formatDuration(phases.WarmUp))
	case given.Chaos == 0:
	case s.At >= end:
		p.fail(s.at("at"), "%s strikes at %s, but the chaos ends at %s; let it strike earlier, or lengthen chaos", s.Kind, formatDuration(s.At), formatDuration(end))
	case s.At+s.For > end:
		p.fail(s.at("for"), "%s lasts until %s, but the chaos ends at %s; shorten it, or lengthen chaos", s.Kind, formatDuration(s.At+s.For), formatDuration(end))
	}
	if s.Kind == Apart && s.At != 0 {
		p.fail(s.at("at"), "apart is how a cluster starts; write at: 0s")
	}
}

// checkNodes wants every node that a step names to exist by then.
func (p *parser) checkNodes(s *placed) {
	for _, place := range slices.Concat(append(slices.Clone(s.Target.Sides), s.Via)...) {
		if have := p.nodesAt(place.Region, s.At); place.Node > have {
			p.fail(s.at(s.fault.key()), "%s: %s does not exist at %s; region %s has %d nodes then", s.Kind, place, formatDuration(s.At), place.Region, have)
		}
	}
}

// nodesAt is how many nodes a region has had by a time.
func (p *parser) nodesAt(region string, at time.Duration) int {
	r, _ := p.s.Topology.Region(region)
	have := r.Nodes
	for _, s := range p.steps {
		if (s.Kind == Join || s.Kind == JoinStorm) && s.At < at && s.Target.Has(Place{Region: region}) {
			have += s.Nodes
		}
	}
	return have
}

// checkSense refuses steps that say something impossible by themselves.
func (p *parser) checkSense(s *placed) {
	switch {
	case s.Kind == Crash && s.Lose == LoseNothing:
		p.fail(s.at("lose"), "lose: nothing %s; write lose: memory", NeedsSnapshots)
	case s.Kind == Bridge:
		p.checkVia(s)
	case s.Kind == LeaveStorm:
		p.checkLeavers(s)
	case s.Kind == ClockPoison && s.Offset < 0:
		p.fail(s.at("poison"), "poison lies in the future; write it as +24h")
	case s.Nodes > maxNodes:
		p.fail(s.at("nodes"), "%d nodes are too many; write %d at most", s.Nodes, maxNodes)
	case s.Factor > 10_000:
		p.fail(s.at("factor"), "a factor of %d is too large; write 10000 at most", s.Factor)
	case s.Fields > maxFields:
		p.fail(s.at("fields"), "%d fields are too many; write 1M at most", s.Fields)
	case s.Keys > maxKeys:
		p.fail(s.at("keys"), "%d keys are too many; write 100M at most", s.Keys)
	case s.Value.Most > maxValue:
		p.fail(s.at("value"), "a value of %s is too large; write 64MiB at most", formatBytes(s.Value.Most))
	case s.Ops > maxRate:
		p.fail(s.at("ops"), "%s is more than a simulation can bear; write 10M/s at most", formatRate(s.Ops))
	}
}

func (p *parser) checkVia(s *placed) {
	between := Target{Sides: [][]Place{s.Via}}
	if len(s.Via) > 0 && s.Target.meets(between) {
		p.fail(s.at("via"), "the go-between is on one of the sides; name another, or take it off its side")
	}
}

func (p *parser) checkLeavers(s *placed) {
	for _, r := range p.s.Topology.Regions {
		if s.Target.Has(Place{Region: r.Name}) && s.Nodes >= r.Nodes {
			p.fail(s.at("nodes"), "region %s has %d nodes, and one must stay; let fewer than %d leave", r.Name, r.Nodes, s.Nodes)
		}
	}
}

// checkExpectations wants a limit to lie within the run.
func (p *parser) checkExpectations(entries []entry) {
	after := p.s.Phases.Heal + p.s.Phases.Quiesce
	for _, b := range p.s.Expect.Bounds {
		if b.Metric == ConvergeWithin && time.Duration(b.Limit) > after {
			at := find(entriesOf(find(entries, "expect")), string(ConvergeWithin))
			p.fail(at, "converge.within %s is longer than heal and quiesce together (%s); lengthen one of these phases",
				formatDuration(time.Duration(b.Limit)), formatDuration(after))
		}
	}
}

// checkLoadTimes wants every load to begin before the run quiesces.
func (p *parser) checkLoadTimes(entries []entry) {
	load := find(entries, "load")
	for i, l := range p.s.Load {
		quiet := p.s.Phases.Quiet()
		item := load.Content[i]
		at := orNode(find(entriesOf(item), "from"), item)
		switch {
		case l.From >= quiet:
			p.fail(at, "the load begins at %s, but the run quiesces at %s; begin earlier", formatDuration(l.From), formatDuration(quiet))
		case l.Until > quiet:
			p.fail(orNode(find(entriesOf(item), "until"), item), "the load ends at %s, but the run quiesces at %s; leave until out", formatDuration(l.Until), formatDuration(quiet))
		}
	}
}

// entriesOf is the mapping of a node that has been read before.
func entriesOf(n *yaml.Node) []entry {
	if n == nil {
		return nil
	}
	return new(reader).mapping(n, "")
}
