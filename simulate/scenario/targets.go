package scenario

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v3"
)

// target reads what a step strikes: a text, or a list of places.
func (p *parser) target(n *yaml.Node, fault Fault) Target {
	texts := []string{}
	for _, item := range p.list(n, string(fault.Kind)) {
		if text, ok := p.scalar(item, string(fault.Kind)); ok {
			texts = append(texts, text)
		}
	}
	if len(texts) == 0 {
		p.fail(n, "%s says nothing to strike; write it as %s", fault.Kind, fault.Shape)
		return Target{}
	}

	t, err := p.s.Topology.target(strings.Join(texts, ", "))
	if err == nil {
		err = t.overlaps()
	}
	if err == nil {
		err = t.fits(fault)
	}
	if err != nil {
		p.fail(n, "%s: %v", fault.Kind, err)
		return Target{}
	}
	return t
}

// target reads the text of a target.
func (t *Topology) target(text string) (Target, error) {
	text = strings.TrimSpace(text)
	if text == everything {
		return Target{}, nil
	}
	if path, ok := t.asPair(text); ok {
		return Target{Sides: [][]Place{{{Region: path.A}}, {{Region: path.B}}}}, nil
	}
	if region, ok := strings.CutPrefix(text, insideWord+" "); ok {
		side, err := t.places(region)
		if err == nil && (len(side) != 1 || side[0].Node != 0) {
			err = fmt.Errorf("inside takes one region, such as inside us")
		}
		return Target{Sides: [][]Place{side}, Inside: true}, err
	}

	target := Target{OneWay: strings.Contains(text, ">")}
	sign := "|"
	if target.OneWay {
		sign = ">"
	}
	for part := range strings.SplitSeq(text, sign) {
		side, err := t.places(part)
		if err != nil {
			return Target{}, err
		}
		target.Sides = append(target.Sides, side)
	}
	if target.OneWay && len(target.Sides) != 2 {
		return Target{}, fmt.Errorf("%s has %d sides; one way leads from one side to one other, as in us > eu", quoted(text), len(target.Sides))
	}
	return target, nil
}

// asPair reads us-eu, unless a region has that name.
func (t *Topology) asPair(text string) (Path, bool) {
	if t.has(text) {
		return Path{}, false
	}
	path, found := t.split(text)
	return path, found == 1 && !path.OneWay
}

// maxPlaces bounds one side of a target, each place of which is held against
// all others.
const maxPlaces = 1000

// places reads names parted by commas or spaces.
func (t *Topology) places(text string) ([]Place, error) {
	names := strings.FieldsFunc(text, func(c rune) bool { return c == ',' || c == ' ' })
	if len(names) == 0 {
		return nil, fmt.Errorf("a side is empty; name regions or nodes, such as us or us/2")
	}
	if len(names) > maxPlaces {
		return nil, fmt.Errorf("a side of %d places is too long; write %d at most, or name whole regions", len(names), maxPlaces)
	}
	places := make([]Place, len(names))
	for i, name := range names {
		place, err := t.place(name)
		if err != nil {
			return nil, err
		}
		places[i] = place
	}
	return places, nil
}

// place reads us, or us/2.
func (t *Topology) place(name string) (Place, error) {
	region, number, hasNode := strings.Cut(name, "/")
	if !t.has(region) {
		known := make([]string, len(t.Regions))
		for i, r := range t.Regions {
			known[i] = r.Name
		}
		return Place{}, fmt.Errorf("unknown region %s%s; the regions are %s", quoted(region), strings.TrimSuffix(suggest(region, known), "?"), t.names())
	}
	if !hasNode {
		return Place{Region: region}, nil
	}
	node, err := strconv.Atoi(number)
	if err != nil || node < 1 {
		return Place{}, fmt.Errorf("%s is no node; nodes are numbered from one, such as %s/1", quoted(name), region)
	}
	return Place{region, node}, nil
}

// overlaps refuses a target that names a node twice.
func (t Target) overlaps() error {
	type seen struct {
		Place
		side int
	}
	var before []seen
	for i, side := range t.Sides {
		for _, place := range side {
			j := slices.IndexFunc(before, func(earlier seen) bool { return place.meets(earlier.Place) })
			switch {
			case j < 0:
				before = append(before, seen{place, i})
			case before[j].side == i:
				return fmt.Errorf("%s is named twice on one side; name it once", place)
			default:
				return fmt.Errorf("%s is on both sides, and nothing parts a place from itself; take it off one side", place)
			}
		}
	}
	return nil
}

// meets tells whether two places have a node in common.
func (p Place) meets(other Place) bool {
	return p.Region == other.Region && (p.Node == 0 || other.Node == 0 || p.Node == other.Node)
}

// meets tells whether two targets have a node in common.
func (t Target) meets(other Target) bool {
	if len(t.Sides) == 0 || len(other.Sides) == 0 {
		return true
	}
	for _, mine := range slices.Concat(t.Sides...) {
		if slices.ContainsFunc(slices.Concat(other.Sides...), mine.meets) {
			return true
		}
	}
	return false
}

// fits tells what is wrong with a target for a fault.
func (t Target) fits(fault Fault) error {
	places := slices.Concat(t.Sides...)
	whole := func(place Place) bool { return place.Node == 0 }
	ok := true
	switch fault.Shape {
	case Sides:
		ok = len(t.Sides) > 1 && !t.OneWay
	case Arrow:
		ok = t.OneWay
	case Links:
	case Nodes:
		ok = len(t.Sides) < 2 && !t.Inside
	case OneNode:
		ok = len(places) == 1 && !whole(places[0])
	case Regions:
		ok = len(t.Sides) < 2 && !t.Inside && !slices.ContainsFunc(places, func(p Place) bool { return !whole(p) })
	case Split:
		ok = len(t.Sides) > 1 && !t.OneWay && !slices.ContainsFunc(places, func(p Place) bool {
			return whole(p) || p.Region != places[0].Region
		})
	}
	if !ok {
		return fmt.Errorf("%s is not what it strikes; write it as %s", quoted(t.String()), fault.Shape)
	}
	return nil
}
