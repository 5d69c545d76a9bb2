package scenario

import (
	"bytes"
	"fmt"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v3"
)

// Marshal writes a scenario in its canonical form, a step and a load to the
// line, without what has its default anyway. Parse reads it back as the same.
func Marshal(s *Scenario) []byte {
	n := &yaml.Node{Kind: yaml.MappingNode}
	put(n, "version", word(strconv.Itoa(Version)))
	put(n, "name", prose(s.Name))
	if len(s.Story) > 0 {
		put(n, "story", prose(strings.Join(s.Story, "\n")))
	}
	if s.Seed != 0 {
		put(n, "seed", word(strconv.FormatUint(s.Seed, 10)))
	}
	if s.SafetyOnly {
		put(n, "safety-only", word("yes"))
	}
	if s.Config != (Config{}) {
		config := flow(yaml.MappingNode)
		putAll(config, configFields(), &s.Config)
		put(n, "config", config)
	}
	put(n, "topology", writeTopology(&s.Topology))
	put(n, "load", writeLoad(s.Load))
	put(n, "only", writeOnly(s.Only))
	put(n, "timeline", writeTimeline(s.Timeline))
	put(n, "phases", writePhases(s))
	put(n, "expect", writeExpect(&s.Expect))
	return encode(n)
}

func encode(n *yaml.Node) []byte {
	var out bytes.Buffer
	encoder := yaml.NewEncoder(&out)
	encoder.SetIndent(2)
	if err := encoder.Encode(n); err != nil {
		panic(fmt.Sprintf("a tree of plain values cannot be written: %v", err))
	}
	return out.Bytes()
}

func writeLoad(loads []Load) *yaml.Node {
	if len(loads) == 0 {
		return nil
	}
	n := &yaml.Node{Kind: yaml.SequenceNode}
	for i := range loads {
		item := flow(yaml.MappingNode)
		usual := Load{Pattern: loads[i].Pattern}
		usual.complete()
		for _, f := range loadFields() {
			value := f.write(&loads[i])
			if f.name == "pattern" && loads[i].Pattern == Steady || sameNode(value, f.write(&usual)) && f.name != "pattern" {
				continue
			}
			put(item, f.name, value)
		}
		n.Content = append(n.Content, item)
	}
	return n
}

// sameNode tells whether two values would be written alike.
func sameNode(a, b *yaml.Node) bool {
	return a != nil && b != nil && bytes.Equal(encode(a), encode(b))
}

func writeTimeline(steps []Step) *yaml.Node {
	if len(steps) == 0 {
		return nil
	}
	n := &yaml.Node{Kind: yaml.SequenceNode}
	for i := range steps {
		n.Content = append(n.Content, writeStep(&steps[i]))
	}
	return n
}

// writePhases writes the lengths that would not come out by themselves.
func writePhases(s *Scenario) *yaml.Node {
	n := flow(yaml.MappingNode)
	meant := s.Phases.Chaos > 0
	if meant && s.Phases.WarmUp == 0 && s.Phases.complete(s, false).WarmUp > 0 {
		put(n, "warm-up", word(formatDuration(0)))
	}
	for _, f := range phaseFields() {
		open := s.Phases
		f.clear(&open)
		open = open.complete(s, meant && f.name != "warm-up")
		if value := f.write(&s.Phases); value != nil && !sameNode(value, f.write(&open)) {
			put(n, f.name, value)
		}
	}
	if len(n.Content) == 0 {
		return nil
	}
	return n
}
