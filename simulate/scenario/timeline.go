package scenario

import (
	"cmp"
	"slices"
	"strings"
	"time"

	"go.yaml.in/yaml/v3"
)

// clockKey is the key of all faults of the clock, whose parameter tells them
// apart: {clock: us/2, skew: +900ms}.
const clockKey = "clock"

// maxSteps bounds a timeline, each step of which is held against all others.
const maxSteps = 1000

// A placed step remembers where in the file it stands.
type placed struct {
	Step
	fault   Fault
	node    *yaml.Node
	entries []entry
}

// at gives the value of a key of the step, or the step.
func (s *placed) at(key string) *yaml.Node { return orNode(find(s.entries, key), s.node) }

// key is what the step's kind is called in a file.
func (f Fault) key() string {
	if f.Group == Clock {
		return clockKey
	}
	return string(f.Kind)
}

// timeline reads all steps, in the order of their times.
func (p *parser) timeline(n *yaml.Node) {
	if n.Kind != yaml.SequenceNode {
		p.fail(n, "timeline takes a list of steps, such as - {at: 2m, cut: us | eu, for: 10m}")
		return
	}
	if len(n.Content) > maxSteps {
		p.fail(n, "a timeline of %d steps is too long; write %d at most", len(n.Content), maxSteps)
		return
	}
	for _, item := range n.Content {
		if step, ok := p.step(item); ok {
			p.steps = append(p.steps, step)
		}
	}
	slices.SortStableFunc(p.steps, func(a, b placed) int { return cmp.Compare(a.At, b.At) })
	for _, step := range p.steps {
		p.s.Timeline = append(p.s.Timeline, step.Step)
	}
}

// step reads one step; if it has a mistake, nothing is built on it.
func (p *parser) step(n *yaml.Node) (placed, bool) {
	before := len(p.errs)
	entries := p.mapping(n, "a step")
	if len(p.errs) > before {
		return placed{}, false
	}
	fault, ok := p.kindOf(n, entries)
	if !ok {
		return placed{}, false
	}

	s := placed{Step: Step{Kind: fault.Kind}, fault: fault, node: n, entries: entries}
	for _, e := range entries {
		p.stepKey(&s, e)
	}
	if find(entries, "at") == nil {
		p.fail(n, "%s has no time; add at: 2m", fault.Kind)
	}
	for _, param := range fault.Params {
		if param.Required && find(entries, param.Name) == nil {
			p.fail(n, "%s needs %s (%s); add it", fault.Kind, param.Name, param.About)
		}
	}
	s.complete(fault)
	return s, len(p.errs) == before
}

func (p *parser) stepKey(s *placed, e entry) {
	switch e.name {
	case s.fault.key():
		s.Target = p.target(e.value, s.fault)
		return
	case "at":
		bind("at", "", aTime(), func(s *Step) *time.Duration { return &s.At }).read(&p.reader, e.value, &s.Step)
		return
	case "for":
		p.stepFor(s, e)
		return
	case "why":
		if text, ok := p.scalar(e.value, "why"); ok {
			s.Why = p.line(e.value, "why", text)
		}
		return
	}
	if _, field, ok := s.fault.param(e.name); ok {
		field.read(&p.reader, e.value, &s.Step)
		return
	}
	p.unknown(e, string(s.fault.Kind), append([]string{s.fault.key()}, s.fault.names()...))
}

func (p *parser) stepFor(s *placed, e entry) {
	if !s.fault.Lasts {
		hint := ""
		if _, _, ok := s.fault.param("restart"); ok {
			hint = "; say with restart when it is back"
		}
		p.fail(e.key, "%s does not last, so it takes no for%s", s.fault.Kind, hint)
		return
	}
	bind("for", "", aDuration(), func(s *Step) *time.Duration { return &s.For }).read(&p.reader, e.value, &s.Step)
}

// kindOf finds the one key of a step that is a fault.
func (p *parser) kindOf(n *yaml.Node, entries []entry) (Fault, bool) {
	var kinds []Kind
	for _, e := range entries {
		if _, ok := FaultOf(Kind(e.name)); ok {
			kinds = append(kinds, Kind(e.name))
		}
	}
	clock := find(entries, clockKey) != nil
	kinds = slices.DeleteFunc(kinds, func(kind Kind) bool {
		f, _ := FaultOf(kind)
		switch {
		case f.Group == Clock:
			return !clock // skew: without clock: is told below
		case kind == Restart:
			return len(kinds) > 1 // then it is the parameter of a crash
		default:
			return false
		}
	})

	switch {
	case len(kinds) == 1:
		return p.known(n, kinds[0])
	case len(kinds) > 1:
		p.fail(n, "a step does one thing, not %s; write a step for each", joinKinds(kinds))
	case clock:
		p.fail(n, "clock needs one of skew, drift, jump, strobe or poison, such as {clock: us/2, skew: +900ms}")
	default:
		p.noKind(n, entries)
	}
	return Fault{}, false
}

// known refuses what the product cannot do yet.
func (p *parser) known(n *yaml.Node, kind Kind) (Fault, bool) {
	fault, _ := FaultOf(kind)
	if fault.Group == Disk {
		p.fail(n, "%s %s; take the step out", kind, NeedsSnapshots)
		return Fault{}, false
	}
	return fault, true
}

// noKind tells what a step without a fault might have meant.
func (p *parser) noKind(n *yaml.Node, entries []entry) {
	for _, e := range entries {
		switch {
		case e.name == "at" || e.name == "for" || e.name == "why":
			continue
		case isClockFault(e.name):
			p.fail(e.key, "%s is a fault of the clock; write {clock: us/2, %s: …}", e.name, e.name)
			return
		case isParam(e.name):
			continue
		}
		p.fail(e.key, "no fault %s%s; `atoll simulate list faults` shows them all", quoted(e.name), strings.TrimSuffix(suggest(e.name, faultKeys()), "?"))
		return
	}
	p.fail(n, "the step does nothing; name a fault and what it strikes, such as cut: us | eu")
}

func isClockFault(name string) bool {
	f, ok := FaultOf(Kind(name))
	return ok && f.Group == Clock
}

func isParam(name string) bool {
	return slices.Contains(namesOf(stepFields()), name)
}

func faultKeys() []string {
	var keys []string
	for _, f := range Faults() {
		if !slices.Contains(keys, f.key()) {
			keys = append(keys, f.key())
		}
	}
	return keys
}

func joinKinds(kinds []Kind) string {
	names := make([]string, len(kinds))
	for i, kind := range kinds {
		names[i] = string(kind)
	}
	return strings.Join(names, " and ")
}

// writeStep is a step on one line.
func writeStep(s *Step) *yaml.Node {
	fault, _ := FaultOf(s.Kind)
	n := flow(yaml.MappingNode)
	put(n, "at", word(formatDuration(s.At)))
	put(n, fault.key(), word(s.Target.String()))
	for _, param := range fault.Params {
		_, field, _ := fault.param(param.Name)
		if !fault.usual(param, field, s) {
			put(n, param.Name, field.write(s))
		}
	}
	if s.For > 0 {
		put(n, "for", word(formatDuration(s.For)))
	}
	if s.Why != "" {
		put(n, "why", prose(s.Why))
	}
	return n
}
