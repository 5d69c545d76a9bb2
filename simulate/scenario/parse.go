package scenario

import (
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode"

	"go.yaml.in/yaml/v3"
)

// Version is that of the format.
const Version = 1

// Limits on prose.
const (
	maxLine  = 300
	maxLines = 60
)

// Parse reads a scenario from YAML. Either it is whole and without
// contradiction, and everything it left open has its default, or the error is
// of type Errors and lists every mistake that can be told.
func Parse(file string, text []byte) (*Scenario, error) {
	return parse(file, text, scenarioKeys)
}

// ParseTopology reads the same format without a timeline: what a user runs,
// and asks a question about. A cut is then added with ParseCut.
func ParseTopology(file string, text []byte) (*Scenario, error) {
	keys := slices.DeleteFunc(slices.Clone(scenarioKeys), func(key string) bool { return key == "timeline" || key == "phases" })
	return parse(file, text, keys)
}

// Resolve fills in what a scenario built in Go leaves at zero, and checks it by
// the rules of Parse. The lines of its errors are those of Marshal.
func (s *Scenario) Resolve() (*Scenario, error) { return Parse(s.Name, Marshal(s)) }

var scenarioKeys = []string{ // immutable: never written
	"version", "name", "story", "seed", "safety-only", "config", "topology", "load", "only", "timeline", "phases", "expect",
}

// A parser is on its way through one scenario.
type parser struct {
	reader
	s     *Scenario
	steps []placed
}

func parse(file string, text []byte, keys []string) (*Scenario, error) {
	p := &parser{reader: reader{file: file}, s: &Scenario{}}
	p.reader.topology = &p.s.Topology
	if root := p.document(text); root != nil {
		p.scenario(root, keys)
	}
	if len(p.errs) > 0 {
		return nil, p.errs.sorted()
	}
	return p.s, nil
}

// scenario reads the sections: the topology first, for the others name it.
func (p *parser) scenario(root *yaml.Node, keys []string) {
	entries := p.mapping(root, "a scenario")
	for _, e := range entries {
		if !slices.Contains(keys, e.name) {
			p.unknown(e, "the file", keys)
		}
	}

	p.version(root, find(entries, "version"))
	if n := find(entries, "topology"); n != nil {
		p.readTopology(n)
	} else if root.Kind == yaml.MappingNode {
		p.fail(root, "there is no topology; add topology: {regions: {us: {nodes: 3}, eu: {nodes: 3}}, rtt: {us-eu: 80ms}}")
	}

	for _, e := range entries {
		switch {
		case !slices.Contains(keys, e.name):
		case e.name == "phases":
			readAll(&p.reader, e.value, "phases", phaseFields(), &p.s.Phases)
		default:
			p.section(e)
		}
	}
	if p.s.Name == "" && find(entries, "name") == nil && root.Kind == yaml.MappingNode {
		p.fail(root, "the scenario has no name; add name: us-eu cut ten minutes")
	}
	p.finish(entries)
}

func (p *parser) section(e entry) {
	switch e.name {
	case "name":
		if text, ok := p.scalar(e.value, "name"); ok {
			p.s.Name = p.line(e.value, "name", text)
		}
	case "story":
		p.story(e.value)
	case "seed":
		p.seed(e.value)
	case "safety-only":
		bind(e.name, "", aSwitch(), func(s *Scenario) *bool { return &s.SafetyOnly }).read(&p.reader, e.value, p.s)
	case "config":
		readAll(&p.reader, e.value, "config", configFields(), &p.s.Config)
	case "load":
		if e.value.Kind != yaml.SequenceNode {
			p.fail(e.value, "load takes a list, such as - {in: [us, eu], ops: 500/s}")
			return
		}
		for _, item := range e.value.Content {
			p.load(item)
		}
	case "only":
		p.only(e.value)
	case "timeline":
		p.timeline(e.value)
	case "expect":
		p.expect(e.value)
	}
}

func (p *parser) version(root, n *yaml.Node) {
	if n == nil {
		if root.Kind == yaml.MappingNode {
			p.fail(root, "the scenario has no version; begin with version: %d", Version)
		}
		return
	}
	text, ok := p.scalar(n, "version")
	if ok && text != strconv.Itoa(Version) {
		p.fail(n, "version %s is unknown; this build reads version %d", quoted(text), Version)
	}
	p.s.Version = Version
}

func (p *parser) seed(n *yaml.Node) {
	text, ok := p.scalar(n, "seed")
	if !ok {
		return
	}
	seed, err := strconv.ParseUint(text, 10, 64)
	if err != nil {
		p.fail(n, "seed %s is no seed; write a whole number from 0 to 18446744073709551615", quoted(text))
	}
	p.s.Seed = seed
}

// story reads lines of prose, from a list or from one text.
func (p *parser) story(n *yaml.Node) {
	for _, item := range p.list(n, "story") {
		text, ok := p.scalar(item, "story")
		if !ok {
			continue
		}
		for line := range strings.SplitSeq(text, "\n") {
			if line = p.line(item, "story", line); line != "" {
				p.s.Story = append(p.s.Story, line)
			}
		}
	}
	if len(p.s.Story) > maxLines {
		p.fail(n, "a story of %d lines is too long; tell it in %d", len(p.s.Story), maxLines)
	}
}

// line reads one line of prose.
func (p *parser) line(n *yaml.Node, what, text string) string {
	text = strings.TrimSpace(text)
	unprintable := func(c rune) bool { return !unicode.IsPrint(c) }
	switch {
	case len(text) > maxLine:
		p.fail(n, "%s is %d bytes long; write %d at most on a line", what, len(text), maxLine)
	case strings.ContainsFunc(text, unprintable) || strings.ContainsRune(text, unicode.ReplacementChar):
		p.fail(n, "%s has a sign that cannot be printed; take it out", what)
	case text == "" && what != "story":
		p.fail(n, "%s is empty; write a few words", what)
	default:
		return text
	}
	return ""
}

// phaseFields are the lengths of the phases.
func phaseFields() []field[Phases] {
	phase := func(name, about string, place func(*Phases) *time.Duration) field[Phases] {
		return bind(name, about, aDuration(), place)
	}
	return []field[Phases]{
		bind("warm-up", "load without faults, or 0s; without, until the first step, 10s at most", aTime(), func(p *Phases) *time.Duration { return &p.WarmUp }),
		phase("chaos", "load and faults; without, until the last step is over, and a minute from the start at least", func(p *Phases) *time.Duration { return &p.Chaos }),
		phase("heal", "load; faults off, clocks sane, nodes up; without, 30s", func(p *Phases) *time.Duration { return &p.Heal }),
		phase("quiesce", "load off; without, 1m, or as long as converge.within", func(p *Phases) *time.Duration { return &p.Quiesce }),
	}
}

// The phases of a scenario that gives none.
const (
	usualWarmUp  = 10 * time.Second
	usualHeal    = 30 * time.Second
	usualQuiesce = time.Minute
	leastHealed  = time.Minute
	openEnded    = 30 * time.Second // what a step lasts at least that lasts until the heal
)

// complete fills in the phases that are zero, but a warm-up of zero that is
// meant stays.
func (p Phases) complete(s *Scenario, warmUpMeant bool) Phases {
	if p.WarmUp == 0 && !warmUpMeant {
		p.WarmUp = usualWarmUp
		if len(s.Timeline) > 0 {
			p.WarmUp = min(p.WarmUp, s.Timeline[0].At)
		}
	}
	if p.Chaos == 0 {
		p.Chaos = max(s.lastEnd(), leastHealed, p.WarmUp+openEnded) - p.WarmUp
	}
	if p.Heal == 0 {
		p.Heal = usualHeal
	}
	if p.Quiesce == 0 {
		p.Quiesce = usualQuiesce
		for _, b := range s.Expect.Bounds {
			if b.Metric == ConvergeWithin {
				p.Quiesce = max(p.Quiesce, time.Duration(b.Limit))
			}
		}
	}
	return p
}

// lastEnd is when the last step is over, if nothing cuts it short.
func (s *Scenario) lastEnd() time.Duration {
	end := time.Duration(0)
	for _, step := range s.Timeline {
		fault, _ := FaultOf(step.Kind)
		switch {
		case step.For > 0:
			end = max(end, step.At+step.For)
		case fault.Lasts:
			end = max(end, step.At+openEnded)
		default:
			end = max(end, step.At+max(step.Restart, 0))
		}
	}
	return end
}
