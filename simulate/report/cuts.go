package report

import (
	"time"

	"github.com/atollcache/atoll/simulate/scenario"
)

// severs says whether a fault keeps messages from arriving at all.
func severs(step *scenario.Step) bool {
	switch step.Kind {
	case scenario.Cut, scenario.CutOneWay, scenario.Bridge, scenario.Isolate, scenario.Swizzle, scenario.Flap, scenario.BlackHole,
		scenario.Away, scenario.Apart:
		return step.Mode != scenario.Slow
	}
	return false
}

// Link is how a path between two regions stands, as far as the timeline tells.
type Link string

// The states of a link.
const (
	Whole  Link = "up"
	Marred Link = "impaired" // some nodes are cut off, or messages suffer
	OneWay Link = "one way"  // nothing passes in one direction
	Parted Link = "cut"
)

// LinkAt says how the path between two regions stands at a time.
func LinkAt(sc *scenario.Scenario, a, b scenario.Region, at time.Duration) Link {
	state, there, back := Whole, false, false
	for i := range sc.Timeline {
		step := &sc.Timeline[i]
		if row, _ := scenario.FaultOf(step.Kind); row.Group != scenario.Net || at < step.At || at >= step.Until(sc.Phases) {
			continue
		}
		some, all := struck(step, a, b)
		someBack, allBack := struck(step, b, a)
		if some || someBack {
			state = Marred
		}
		there, back = there || all && severs(step), back || allBack && severs(step)
	}
	switch {
	case there && back:
		return Parted
	case there || back:
		return OneWay
	}
	return state
}

// struck says whether a fault strikes the messages of some nodes of a region to
// some of another, and whether it strikes all of them.
func struck(step *scenario.Step, from, to scenario.Region) (some, all bool) {
	all = true
	for i := 1; i <= from.Nodes; i++ {
		for k := 1; k <= to.Nodes; k++ {
			hit := step.Target.Hits(scenario.Place{Region: from.Name, Node: i}, scenario.Place{Region: to.Name, Node: k}) &&
				!passes(step, from.Name, i) && !passes(step, to.Name, k)
			some, all = some || hit, all && hit
		}
	}
	return some, all && some
}

// passes says whether a node is a go-between, which a bridge leaves alone.
func passes(step *scenario.Step, region string, node int) bool {
	for _, p := range step.Via {
		if p.Has(scenario.Place{Region: region, Node: node}) {
			return true
		}
	}
	return false
}
