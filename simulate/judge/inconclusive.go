package judge

import (
	"fmt"
	"slices"

	"github.com/atollcache/atoll/simulate/scenario"
)

// Inconclusive says why a run without violations says nothing: it had faults, and
// none struck anything, or it could not judge a promise that the scenario is
// about. It is empty if the run counts.
func (j *Judge) Inconclusive() (why []string) {
	if j.traffic.writes == 0 && len(j.sc.Load) > 0 {
		why = append(why, "no write changed anything")
	}
	if j.faulty(scenario.Net) && j.struck == 0 {
		why = append(why, "no fault of the network stopped a message")
	}
	for _, p := range j.sc.Expect.Never {
		if !j.judged(p) {
			why = append(why, fmt.Sprintf("%s could not be judged", p))
		}
	}
	return why
}

// faulty says whether all that a scenario does are faults of one group that stop
// messages.
func (j *Judge) faulty(group scenario.Group) bool {
	stops := []scenario.Kind{
		scenario.Cut, scenario.CutOneWay, scenario.Bridge, scenario.Isolate, scenario.Swizzle, scenario.Drop, scenario.BurstLoss,
		scenario.FrameLimit, scenario.Flap, scenario.Gray, scenario.BlackHole, scenario.Away,
	}
	for _, step := range j.sc.Timeline {
		if f, _ := scenario.FaultOf(step.Kind); f.Group != group || !slices.Contains(stops, step.Kind) || step.Mode != "" && step.Mode != scenario.Stop {
			return false
		}
	}
	return len(j.sc.Timeline) > 0
}

// judged says whether the oracle of a promise had what it needs.
func (j *Judge) judged(p scenario.Promise) bool {
	for _, o := range oracles {
		if o.Promise != p {
			continue
		}
		for _, e := range j.excuses {
			if e.Oracle == o.ID && (e.Why == excuseShort || e.Why == excuseSafety || e.Why == excuseFaults) {
				return false
			}
		}
		return true
	}
	return false
}
