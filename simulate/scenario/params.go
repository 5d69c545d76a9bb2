package scenario

import (
	"time"

	"go.yaml.in/yaml/v3"
)

// stepFields are all parameters that a fault may have. The table of faults says
// which has which, and what it means there.
func stepFields() []field[Step] {
	offset := func(kind Kind) field[Step] {
		return bind(string(kind), "", anOffset(), func(s *Step) *time.Duration { return &s.Offset })
	}
	return []field[Step]{
		bind("mode", "", aWord(Stop, Slow, Jam), func(s *Step) *CutMode { return &s.Mode }),
		{name: "via", read: readVia, write: writeVia},
		bind("chance", "", aShare(), func(s *Step) *PPM { return &s.Chance }),
		bind("add", "", aDelay(), func(s *Step) *Delay { return &s.Add }),
		bind("every", "", aDuration(), func(s *Step) *time.Duration { return &s.Every }),
		bind("length", "", aDuration(), func(s *Step) *time.Duration { return &s.Length }),
		bind("within", "", aDuration(), func(s *Step) *time.Duration { return &s.Within }),
		bind("up", "", aDuration(), func(s *Step) *time.Duration { return &s.Up }),
		bind("down", "", aDuration(), func(s *Step) *time.Duration { return &s.Down }),
		bind("rate", "", aBandwidth(), func(s *Step) *int64 { return &s.Bits }),
		bind("queue", "", aSize(), func(s *Step) *int64 { return &s.Queue }),
		bind("size", "", aSize(), func(s *Step) *int64 { return &s.Size }),
		bind("class", "", aWord(Classes()...), func(s *Step) *Class { return &s.Class }),
		bind("lose", "", aWord(LoseMemory, LoseNothing), func(s *Step) *Loss { return &s.Lose }),
		bind("restart", "", aRestart(), func(s *Step) *time.Duration { return &s.Restart }),
		bind("between", "", aSwitch(), func(s *Step) *bool { return &s.Between }),
		bind("factor", "", aNumber(), func(s *Step) *int { return &s.Factor }),
		offset(ClockSkew), offset(ClockJump), offset(ClockStrobe), offset(ClockPoison),
		bind("drift", "", aDrift(), func(s *Step) *PPM { return &s.Drift }),
		bind("nodes", "", aNumber(), func(s *Step) *int { return &s.Nodes }),
		bind("ops", "", aRate(), func(s *Step) *Rate { return &s.Ops }),
		bind("keys", "", aCount(), func(s *Step) *int64 { return &s.Keys }),
		bind("ttl", "", aDuration(), func(s *Step) *time.Duration { return &s.TTL }),
		bind("value", "", someSizes(), func(s *Step) *Sizes { return &s.Value }),
		bind("fields", "", aNumber(), func(s *Step) *int { return &s.Fields }),
		{name: "set", read: readSet, write: writeSet},
	}
}

// param finds a parameter of a fault, and how it is read.
func (f Fault) param(name string) (Param, field[Step], bool) {
	for _, param := range f.Params {
		if param.Name != name {
			continue
		}
		for _, field := range stepFields() {
			if field.name == name {
				return param, field, true
			}
		}
	}
	return Param{}, field[Step]{}, false
}

// names lists what a step of this kind may say beside its kind.
func (f Fault) names() []string {
	names := []string{"at", "why"}
	if f.Lasts {
		names = append(names, "for")
	}
	for _, param := range f.Params {
		names = append(names, param.Name)
	}
	return names
}

// complete fills in the parameters that a step leaves open.
func (s *Step) complete(f Fault) {
	for _, param := range f.Params {
		_, field, _ := f.param(param.Name)
		if param.Default != "" && field.write(s) == nil {
			field.read(&reader{}, constant(param.Default), s)
		}
	}
}

// usual tells whether a parameter has its default.
func (f Fault) usual(param Param, field field[Step], s *Step) bool {
	if param.Default == "" {
		return false
	}
	var fresh Step
	field.read(&reader{}, constant(param.Default), &fresh)
	mine, usually := field.write(s), field.write(&fresh)
	return mine != nil && usually != nil && mine.Value == usually.Value
}

// readVia reads places; whether they exist is checked with the others.
func readVia(r *reader, n *yaml.Node, into *Step) {
	for _, item := range r.list(n, "via") {
		text, ok := r.scalar(item, "via")
		if !ok {
			continue
		}
		place, err := r.topology.place(text)
		if err != nil {
			r.fail(item, "via: %v", err)
			continue
		}
		into.Via = append(into.Via, place)
	}
}

func writeVia(from *Step) *yaml.Node {
	if len(from.Via) == 0 {
		return nil
	}
	names := make([]string, len(from.Via))
	for i, place := range from.Via {
		names[i] = place.String()
	}
	return words(names)
}

func readSet(r *reader, n *yaml.Node, into *Step) {
	readAll(r, n, "set", configFields(), &into.Set)
	if into.Set == (Config{}) && n.Kind == yaml.MappingNode && len(n.Content) == 0 {
		r.fail(n, "set changes nothing; write {heartbeat: 5s}")
	}
}

func writeSet(from *Step) *yaml.Node {
	if from.Set == (Config{}) {
		return nil
	}
	n := flow(yaml.MappingNode)
	putAll(n, configFields(), &from.Set)
	return n
}
