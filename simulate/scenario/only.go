package scenario

import (
	"slices"
	"strconv"

	"go.yaml.in/yaml/v3"
)

// Kept are the operations of one client that a run makes. The client is named as
// the run names it, "load 1 in us" or "hot-key in eu", and its operations are
// numbered from zero.
type Kept struct {
	Client string
	Ops    []uint64 // ascending
}

// maxOps bounds the number of an operation, which a run packs with its client.
const maxOps = 1 << 24

// Keeps tells whether a run makes an operation: all of them, unless Only lists
// some.
func (s *Scenario) Keeps(client string, op uint64) bool {
	if len(s.Only) == 0 {
		return true
	}
	for i := range s.Only {
		if s.Only[i].Client == client {
			_, found := slices.BinarySearch(s.Only[i].Ops, op)
			return found
		}
	}
	return false
}

// only reads the section of that name.
func (p *parser) only(n *yaml.Node) {
	entries := p.mapping(n, "only")
	if n.Kind == yaml.MappingNode && len(entries) == 0 {
		p.fail(n, "only names no client; write only: {load 1 in us: [3, 17]}, or leave it out for all operations")
	}
	for _, e := range entries {
		kept := Kept{Client: e.name}
		for _, item := range p.list(e.value, "only") {
			if op, ok := p.opNumber(item); ok {
				kept.Ops = append(kept.Ops, op)
			}
		}
		slices.Sort(kept.Ops)
		kept.Ops = slices.Compact(kept.Ops)
		p.s.Only = append(p.s.Only, kept)
	}
}

func (p *parser) opNumber(n *yaml.Node) (uint64, bool) {
	text, ok := p.scalar(n, "only")
	if !ok {
		return 0, false
	}
	op, err := strconv.ParseUint(text, 10, 64)
	if err != nil || op >= maxOps {
		p.fail(n, "only: %s is no number of an operation; write a whole number from 0 to %d", quoted(text), maxOps-1)
		return 0, false
	}
	return op, true
}

func writeOnly(only []Kept) *yaml.Node {
	if len(only) == 0 {
		return nil
	}
	n := &yaml.Node{Kind: yaml.MappingNode}
	for _, kept := range only {
		list := flow(yaml.SequenceNode)
		for _, op := range kept.Ops {
			list.Content = append(list.Content, word(strconv.FormatUint(op, 10)))
		}
		n.Content = append(n.Content, prose(kept.Client), list)
	}
	return n
}
