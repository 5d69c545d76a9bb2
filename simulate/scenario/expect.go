package scenario

import (
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"
)

// expect reads the section of that name.
func (p *parser) expect(n *yaml.Node) {
	for _, e := range p.mapping(n, "expect") {
		if e.name == "never" {
			p.never(e.value)
			continue
		}
		p.bound(e)
	}
}

func (p *parser) never(n *yaml.Node) {
	known := make([]string, len(promises))
	for i, row := range promises {
		known[i] = string(row.Promise)
	}
	for _, item := range p.list(n, "never") {
		text, ok := p.scalar(item, "never")
		promise := Promise(text)
		switch {
		case !ok:
		case !slices.Contains(known, text):
			p.fail(item, "no promise %s%s; `atoll simulate list oracles` shows them all", quoted(text), strings.TrimSuffix(suggest(text, known), "?"))
		case slices.Contains(p.s.Expect.Never, promise):
			p.fail(item, "%s is named twice; name it once", text)
		default:
			p.s.Expect.Never = append(p.s.Expect.Never, promise)
		}
	}
}

func (p *parser) bound(e entry) {
	known := []string{"never"}
	for _, row := range metrics {
		known = append(known, string(row.Metric))
		if string(row.Metric) != e.name {
			continue
		}
		text, ok := p.scalar(e.value, e.name)
		if !ok {
			return
		}
		bound, err := parseBound(row, text)
		if err != nil {
			p.fail(e.value, "%s: %v", e.name, err)
			return
		}
		p.s.Expect.Bounds = append(p.s.Expect.Bounds, bound)
		return
	}
	p.unknown(e, "expect", known)
}

func writeExpect(e *Expect) *yaml.Node {
	if len(e.Never) == 0 && len(e.Bounds) == 0 {
		return nil
	}
	n := flow(yaml.MappingNode)
	for _, b := range e.Bounds {
		put(n, string(b.Metric), word(formatBound(b)))
	}
	if len(e.Never) > 0 {
		names := make([]string, len(e.Never))
		for i, promise := range e.Never {
			names[i] = string(promise)
		}
		put(n, "never", words(names))
	}
	return n
}
