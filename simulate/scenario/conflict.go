package scenario

import "time"

// checkCompany refuses a step that contradicts an earlier one: a node can die
// once at a time, and a clock has one fault.
func (p *parser) checkCompany(i int) {
	s := &p.steps[i]
	if s.Kind == Restart {
		p.checkRestart(i)
		return
	}
	if j := p.conflict(i); j >= 0 {
		other := &p.steps[j]
		p.fail(s.node, "%s of %s strikes at %s, while %s of %s (line %d) lasts; part them in time, or strike other nodes",
			s.Kind, s.Target, formatDuration(s.At), other.Kind, other.Target, other.node.Line)
	}
}

// conflict finds an earlier step that goes on when step i begins and excludes
// it, or -1.
func (p *parser) conflict(i int) int {
	s := &p.steps[i]
	for j := range p.steps[:i] {
		if s.At < p.over(j, s.Target) && s.excludes(&p.steps[j]) {
			return j
		}
	}
	return -1
}

// excludes tells whether two steps cannot go on at the same time.
func (s *placed) excludes(other *placed) bool {
	switch {
	case s.fault.Life && other.fault.Life:
		return s.Target.meets(other.Target)
	case s.Kind != other.Kind:
		return false
	case s.fault.Group == Net:
		return s.Target.String() == other.Target.String()
	default:
		return s.Target.meets(other.Target)
	}
}

// over is when a step is over for a target: nodes that went for ever are back
// when a restart step says so.
func (p *parser) over(j int, target Target) time.Duration {
	s := &p.steps[j]
	if s.Restart != Never {
		return s.Until(p.s.Phases)
	}
	for k := j + 1; k < len(p.steps); k++ {
		if later := &p.steps[k]; later.Kind == Restart && later.Target.meets(s.Target) && later.Target.meets(target) {
			return later.At
		}
	}
	return p.s.Phases.End()
}

// checkRestart wants every place that is started again to be down for good.
func (p *parser) checkRestart(i int) {
	s := &p.steps[i]
	down := false
	for j := range p.steps[:i] {
		earlier := &p.steps[j]
		switch {
		case !earlier.Target.meets(s.Target):
		case earlier.Kind == Restart:
			down = false
		case earlier.fault.Life && earlier.Restart == Never:
			down = true
		}
	}
	if !down {
		p.fail(s.node, "restart of %s, which is not down for good; crash it before with restart: never, or take the step out", s.Target)
	}
}
