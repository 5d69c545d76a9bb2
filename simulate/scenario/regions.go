package scenario

import (
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"go.yaml.in/yaml/v3"
)

// Limits of a topology, beyond which a world would not fit in memory.
const (
	maxRegions = 16
	maxNodes   = 500 // in one region
)

// usualLocalRTT is that of two racks of one site.
const usualLocalRTT = 500 * time.Microsecond

var regionName = regexp.MustCompile(`^[a-z]([a-z0-9-]{0,30}[a-z0-9])?$`) // immutable: compiled once, and safe to share

var reservedNames = []string{Local, Default, everything, insideWord} // immutable: never written

var topologyKeys = []string{"regions", "rtt", "loss", "bandwidth"} // immutable: never written

// topology reads the section of that name.
func (p *parser) readTopology(n *yaml.Node) {
	entries := p.mapping(n, "topology")
	regions := find(entries, "regions")
	if regions == nil {
		p.fail(n, "topology has no regions; add regions: {us: {nodes: 3}, eu: {nodes: 3}}")
		return
	}
	p.regions(regions)

	t := &p.s.Topology
	for _, e := range entries {
		switch e.name {
		case "regions":
		case "rtt":
			p.paths(e, func(path Path, text string) error {
				delay, err := parseDelay(text)
				t.RTT = append(t.RTT, PathDelay{path, delay})
				return err
			})
		case "loss":
			p.paths(e, func(path Path, text string) error {
				share, err := parseShare(text)
				t.Loss = append(t.Loss, PathLoss{path, share})
				return err
			})
		case "bandwidth":
			p.paths(e, func(path Path, text string) error {
				rate, err := parseBits(text)
				if err == nil && rate == 0 {
					err = fmt.Errorf("%s carries nothing; write more, or cut the path in the timeline", quoted(text))
				}
				t.Bandwidth = append(t.Bandwidth, PathRate{path, rate})
				return err
			})
		default:
			p.unknown(e, "topology", topologyKeys)
		}
	}
	p.completePaths(n, find(entries, "rtt"))
}

func (p *parser) regions(n *yaml.Node) {
	for _, e := range p.mapping(n, "regions") {
		switch {
		case slices.Contains(reservedNames, e.name):
			p.fail(e.key, "a region cannot be called %s, which has a meaning of its own; choose another name", e.name)
		case !regionName.MatchString(e.name):
			p.fail(e.key, "%s is no name of a region; write up to 32 lower-case letters, digits and dashes, such as us-east", quoted(e.name))
		case len(p.s.Topology.Regions) == maxRegions:
			p.fail(e.key, "more than %d regions; take some out", maxRegions)
		default:
			p.region(e)
		}
	}
	if len(p.s.Topology.Regions) == 0 {
		p.fail(n, "topology has no region; write {us: {nodes: 3}}")
	}
}

// region reads us: 3, or us: {nodes: 3, weight: [1, 1, 2]}.
func (p *parser) region(e entry) {
	r := Region{Name: e.name}
	if e.value.Kind == yaml.ScalarNode {
		r.Nodes = p.number(e.value, "nodes", maxNodes)
	} else {
		for _, key := range p.mapping(e.value, "a region") {
			switch key.name {
			case "nodes":
				r.Nodes = p.number(key.value, "nodes", maxNodes)
			case "weight":
				for _, item := range p.list(key.value, "weight") {
					r.Weights = append(r.Weights, p.number(item, "weight", 1000))
				}
			default:
				p.unknown(key, "a region", []string{"nodes", "weight"})
			}
		}
		if find(p.mapping(e.value, "a region"), "nodes") == nil {
			p.fail(e.value, "region %s has no nodes; write %s: {nodes: 3}", e.name, e.name)
		}
	}
	r.Weights = p.weights(e, r)
	p.s.Topology.Regions = append(p.s.Topology.Regions, r)
}

// weights gives each node its weight, or none if all are equal.
func (p *parser) weights(e entry, r Region) []int {
	weights := r.Weights
	if len(weights) == 1 && r.Nodes > 1 {
		return nil // the same for all
	}
	if len(weights) > 0 && len(weights) != r.Nodes {
		p.fail(e.value, "region %s has %d nodes and %d weights; write one weight for each node", e.name, r.Nodes, len(weights))
		return nil
	}
	for _, w := range weights {
		if w != weights[0] {
			return weights
		}
	}
	return nil
}

// number reads a count from one up.
func (p *parser) number(n *yaml.Node, what string, most int) int {
	text, ok := p.scalar(n, what)
	if !ok {
		return 0
	}
	number, err := strconv.Atoi(text)
	if err != nil || number < 1 || number > most {
		p.fail(n, "%s %s is out of range; write a number from 1 to %d", what, quoted(text), most)
		return 0
	}
	return number
}

// paths reads a mapping from paths to values. A path stands for itself however
// it is written, so us-eu and eu-us are given twice.
func (p *parser) paths(e entry, take func(Path, string) error) {
	var seen []Path
	for _, one := range p.mapping(e.value, e.name) {
		path, ok := p.path(one.key)
		if !ok {
			continue
		}
		if slices.ContainsFunc(seen, path.same) {
			p.fail(one.key, "%s is given twice under %s", one.name, e.name)
		}
		seen = append(seen, path)
		if text, ok := p.scalar(one.value, one.name); ok {
			if err := take(path, text); err != nil {
				p.fail(one.value, "%s: %v", one.name, err)
			}
		}
	}
}

// same tells whether two paths name the same links.
func (p Path) same(other Path) bool {
	return p == other || !p.OneWay && !other.OneWay && p.A == other.B && p.B == other.A
}

const pathExample = "us-eu for both directions, us>eu for one, local for the inside of regions, or default for the rest"

// path reads the name of a path.
func (p *parser) path(n *yaml.Node) (Path, bool) {
	if n.Value == Local || n.Value == Default {
		return Path{A: n.Value}, true
	}
	path, found := p.s.Topology.split(n.Value)
	switch {
	case found == 1 && path.A == path.B:
		p.fail(n, "%s leads from a region to itself; write local for the links inside regions", n.Value)
	case found == 1:
		return path, true
	case found > 1:
		p.fail(n, "%s can be read in %d ways; write us<>eu with the names of the regions", quoted(n.Value), found)
	case len(p.s.Topology.Regions) > 0:
		p.fail(n, "%s is no path between the regions %s; write %s", quoted(n.Value), p.s.Topology.names(), pathExample)
	}
	return Path{}, false
}

// split finds the two regions in a path's name, and in how many ways.
func (t *Topology) split(text string) (path Path, found int) {
	for _, way := range []struct {
		sign   string
		oneWay bool
	}{{"<>", false}, {">", true}} {
		if a, b, ok := strings.Cut(text, way.sign); ok {
			path = Path{strings.TrimSpace(a), strings.TrimSpace(b), way.oneWay}
			if !t.has(path.A) || !t.has(path.B) {
				return Path{}, 0
			}
			return path, 1
		}
	}
	for i, c := range text {
		if c == '-' && t.has(text[:i]) && t.has(text[i+1:]) {
			path, found = Path{A: text[:i], B: text[i+1:]}, found+1
		}
	}
	return path, found
}

// name writes a path so that it can be read in one way only.
func (t *Topology) name(path Path) string {
	switch {
	case path.B == "":
		return path.A
	case path.OneWay:
		return path.A + ">" + path.B
	}
	text := path.A + "-" + path.B
	if _, found := t.split(text); found == 1 {
		return text
	}
	return path.A + "<>" + path.B
}

func (t *Topology) has(name string) bool {
	_, ok := t.Region(name)
	return ok
}

func (t *Topology) names() string {
	names := make([]string, len(t.Regions))
	for i, r := range t.Regions {
		names[i] = r.Name
	}
	return strings.Join(names, ", ")
}

// completePaths wants a delay for every direction, and gives the inside of
// regions a usual one.
func (p *parser) completePaths(n, rtt *yaml.Node) {
	if rtt == nil {
		rtt = n
	}
	t := &p.s.Topology
	for i, a := range t.Regions {
		for _, b := range t.Regions[i+1:] {
			if !t.covers(a.Name, b.Name) || !t.covers(b.Name, a.Name) {
				p.fail(rtt, "%s and %s have no rtt; add %s: 80ms, or default: 80ms for all such pairs, under rtt",
					a.Name, b.Name, t.name(Path{A: a.Name, B: b.Name}))
			}
		}
	}
	if !slices.ContainsFunc(t.RTT, func(d PathDelay) bool { return d.A == Local }) {
		t.RTT = append(t.RTT, PathDelay{Path{A: Local}, Delay{Kind: Const, Base: usualLocalRTT}})
	}
}

func (t *Topology) covers(from, to string) bool {
	return slices.ContainsFunc(t.RTT, func(d PathDelay) bool { return d.rank(from, to) > 0 })
}

// writeTopology is the section in its canonical form.
func writeTopology(t *Topology) *yaml.Node {
	regions := flow(yaml.MappingNode)
	for _, r := range t.Regions {
		region := flow(yaml.MappingNode)
		put(region, "nodes", word(strconv.Itoa(r.Nodes)))
		if len(r.Weights) > 0 {
			weights := flow(yaml.SequenceNode)
			for _, w := range r.Weights {
				weights.Content = append(weights.Content, word(strconv.Itoa(w)))
			}
			put(region, "weight", weights)
		}
		put(regions, r.Name, region)
	}
	rtt, loss, bandwidth := flow(yaml.MappingNode), flow(yaml.MappingNode), flow(yaml.MappingNode)
	for _, d := range t.RTT {
		put(rtt, t.name(d.Path), word(formatDelay(d.Delay)))
	}
	for _, l := range t.Loss {
		put(loss, t.name(l.Path), word(formatShare(l.Loss)))
	}
	for _, b := range t.Bandwidth {
		put(bandwidth, t.name(b.Path), word(formatBits(b.Bits)))
	}

	n := &yaml.Node{Kind: yaml.MappingNode}
	put(n, "regions", regions)
	for _, section := range []entry{{name: "rtt", value: rtt}, {name: "loss", value: loss}, {name: "bandwidth", value: bandwidth}} {
		if len(section.value.Content) > 0 {
			put(n, section.name, section.value)
		}
	}
	return n
}
