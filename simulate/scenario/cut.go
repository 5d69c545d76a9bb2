package scenario

import (
	"fmt"
	"strings"
	"time"
)

// cutAt is when a cut that is asked about begins, so that the figures before
// it show the cluster in its usual state.
const cutAt = 2 * time.Minute

// ParseCut reads a cut as it is asked about on a command line, us-eu=10m or
// us|eu,ap=10m, for the regions of a topology.
func ParseCut(text string, t *Topology) (Step, error) {
	what, length, ok := strings.Cut(text, "=")
	if !ok {
		return Step{}, fmt.Errorf("cut %s has no length; write it as us-eu=10m", quoted(text))
	}
	duration, err := parseDuration(length)
	if err == nil && duration == 0 {
		err = fmt.Errorf("%s is no time; write it as us-eu=10m", quoted(length))
	}
	if err != nil {
		return Step{}, fmt.Errorf("cut %s: %w", quoted(text), err)
	}

	kind := Cut
	if strings.Contains(strings.ReplaceAll(what, "<>", ""), ">") {
		kind = CutOneWay
	}
	fault, _ := FaultOf(kind)
	target, err := t.target(what)
	if err == nil {
		err = target.overlaps()
	}
	if err == nil {
		err = target.fits(fault)
	}
	if err != nil {
		return Step{}, fmt.Errorf("cut %s: %w", quoted(text), err)
	}

	step := Step{At: cutAt, For: duration, Kind: kind, Target: target}
	step.complete(fault)
	return step, nil
}

// With gives a copy of a scenario that has these steps as well, with phases
// that fit them.
func (s *Scenario) With(steps ...Step) (*Scenario, error) {
	longer := *s
	longer.Timeline = append(append([]Step(nil), s.Timeline...), steps...)
	longer.Phases = Phases{}
	return longer.Resolve()
}
