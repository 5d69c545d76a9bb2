package scenario

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v3"
)

// Set gives a copy of a scenario in which one thing is different. The path names
// it by the keys of the format: config.linger, phases.heal, load.2.ops for the
// second load, load.ops for all of them, timeline.1.for. What is below topology
// needs no topology in front (rtt.us-eu, loss.us-ap, bandwidth.us-eu), nodes.us
// is how many nodes a region has, and the name of a fault stands for all steps
// that it makes: cut.for. Phases that the scenario left open follow.
func (s *Scenario) Set(path, value string) (*Scenario, error) {
	var doc yaml.Node
	if err := yaml.Unmarshal(Marshal(s), &doc); err != nil || len(doc.Content) != 1 {
		panic(fmt.Sprintf("a marshalled scenario cannot be read back: %v", err))
	}
	keys := strings.Split(path, ".")
	if len(keys) < 2 || slices.Contains(keys, "") {
		return nil, fmt.Errorf("%s names nothing in a scenario; write it as rtt.us-eu, load.ops, cut.for or config.linger", quoted(path))
	}
	switch keys[0] {
	case "rtt", "loss", "bandwidth":
		keys = append([]string{"topology"}, keys...)
	case "nodes":
		keys = []string{"topology", "regions", strings.Join(keys[1:], "."), "nodes"}
	case "timeline", "load", "config", "phases", "topology":
	default:
		return s.setSteps(&doc, keys, path, value)
	}
	if err := set(doc.Content[0], keys, value); err != nil {
		return nil, fmt.Errorf("%s: %w", quoted(path), err)
	}
	return s.reread(&doc, path, value)
}

// setSteps changes all steps of one fault.
func (s *Scenario) setSteps(doc *yaml.Node, keys []string, path, value string) (*Scenario, error) {
	found := false
	for i := range s.Timeline {
		if string(s.Timeline[i].Kind) != keys[0] || len(keys) != 2 {
			continue
		}
		found = true
		if err := set(doc.Content[0], []string{"timeline", strconv.Itoa(i + 1), keys[1]}, value); err != nil {
			return nil, fmt.Errorf("%s: %w", quoted(path), err)
		}
	}
	if !found {
		return nil, fmt.Errorf("%s names nothing in this scenario; write it as rtt.us-eu, load.ops, cut.for or config.linger", quoted(path))
	}
	return s.reread(doc, path, value)
}

func (s *Scenario) reread(doc *yaml.Node, path, value string) (*Scenario, error) {
	changed, err := Parse(path+"="+value, encode(doc))
	if err != nil {
		return nil, fmt.Errorf("with %s=%s the scenario is not right: %w", path, value, err)
	}
	return changed, nil
}

// set walks down to a key, of every item where a list is not numbered, and gives
// it a value.
func set(n *yaml.Node, keys []string, value string) error {
	if len(keys) == 0 {
		*n = *word(value)
		return nil
	}
	if n.Kind == yaml.SequenceNode {
		return setItem(n, keys, value)
	}
	if n.Kind != yaml.MappingNode {
		return fmt.Errorf("there is nothing below %s", quoted(n.Value))
	}
	for i := 0; i+1 < len(n.Content); i += 2 {
		if n.Content[i].Value == keys[0] {
			return set(n.Content[i+1], keys[1:], value)
		}
	}
	child := flow(yaml.MappingNode)
	put(n, keys[0], child)
	return set(child, keys[1:], value)
}

func setItem(n *yaml.Node, keys []string, value string) error {
	number, err := strconv.Atoi(keys[0])
	if err != nil {
		for _, item := range n.Content {
			if err := set(item, keys, value); err != nil {
				return err
			}
		}
		return nil
	}
	if number < 1 || number > len(n.Content) || len(keys) == 1 {
		return fmt.Errorf("there is no %s; they are numbered from 1 to %d", quoted(keys[0]), len(n.Content))
	}
	return set(n.Content[number-1], keys[1:], value)
}
