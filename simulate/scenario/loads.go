package scenario

import (
	"cmp"
	"slices"
	"strconv"
	"strings"
	"time"

	"go.yaml.in/yaml/v3"
)

// Limits of one load, to keep a slip of the pen from filling the memory.
const (
	maxRate     = Rate(10_000_000 * 1000)
	maxFields   = 1_000_000
	maxSessions = 100_000
	maxValue    = 64 << 20
)

// loadFields are the keys of a load, in the order of the reference.
func loadFields() []field[Load] {
	return []field[Load]{
		{name: "in", value: "regions", about: "regions at which the commands enter; without, all", read: readIn, write: writeIn},
		bind("ops", "commands in each of these regions", aRate(), func(l *Load) *Rate { return &l.Ops }),
		{name: "mix", value: "weights", about: "what is done, each command with its weight", read: readMix, write: writeMix},
		bind("keys", "how many keys, and how they are chosen: "+keysExample, someKeys(), func(l *Load) *Keys { return &l.Keys }),
		bind("value", "size of what is written", someSizes(), func(l *Load) *Sizes { return &l.Value }),
		bind("ttl", "how long what is written lives; without, for ever", aSpan(), func(l *Load) *Span { return &l.TTL }),
		bind("fields", "members of a hash, set or sorted set at most", aNumber(), func(l *Load) *int { return &l.Fields }),
		bind("level", "copies that a write waits for: local, region, regions:2", aLevel(), func(l *Load) *Level { return &l.Level }),
		bind("pattern", "how the commands are spread", aWord(patternNames()...), func(l *Load) *Pattern { return &l.Pattern }),
		bind("every", "period of the pattern", aDuration(), func(l *Load) *time.Duration { return &l.Every }),
		bind("sessions", "clients that keep a session token and move between regions; without, none", aNumber(), func(l *Load) *int { return &l.Sessions }),
		bind("shared", "yes: commands on all types meet at the same keys", aSwitch(), func(l *Load) *bool { return &l.Shared }),
		bind("from", "when it begins", aTime(), func(l *Load) *time.Duration { return &l.From }),
		bind("until", "when it ends; without, with the heal", aDuration(), func(l *Load) *time.Duration { return &l.Until }),
	}
}

func patternNames() []Pattern {
	names := make([]Pattern, len(patterns))
	for i, row := range patterns {
		names[i] = row.Pattern
	}
	return names
}

// row finds what a pattern means.
func (p Pattern) row() PatternRow {
	for _, row := range patterns {
		if row.Pattern == p {
			return row
		}
	}
	return patterns[0]
}

func readIn(r *reader, n *yaml.Node, into *Load) {
	for _, item := range r.list(n, "in") {
		text, ok := r.scalar(item, "in")
		if !ok || text == everything {
			continue
		}
		into.In = append(into.In, text)
	}
}

func writeIn(from *Load) *yaml.Node {
	if len(from.In) == 0 {
		return nil
	}
	return words(from.In)
}

func readMix(r *reader, n *yaml.Node, into *Load) {
	known := make([]string, len(ops))
	for i, op := range ops {
		known[i] = op.Name
	}
	before := len(r.errs)
	for _, e := range r.mapping(n, "mix") {
		text, ok := r.scalar(e.value, e.name)
		weight, err := strconv.Atoi(text)
		switch {
		case !ok:
		case !slices.Contains(known, e.name):
			r.fail(e.key, "no command %s in a mix%s", quoted(e.name), cmp.Or(suggest(e.name, known), "; the commands are "+strings.Join(known, ", ")))
		case err != nil || weight < 0 || weight > 1_000_000:
			r.fail(e.value, "the weight of %s is %s; write a whole number from 0 up, without a unit", e.name, quoted(text))
		case weight > 0:
			into.Mix = append(into.Mix, Weight{e.name, weight})
		}
	}
	if len(into.Mix) == 0 && len(r.errs) == before {
		r.fail(n, "the mix does nothing; give a command a weight, such as {get: 80, set: 20}")
	}
}

func writeMix(from *Load) *yaml.Node {
	if len(from.Mix) == 0 {
		return nil
	}
	n := flow(yaml.MappingNode)
	for _, w := range from.Mix {
		put(n, w.Op, word(strconv.Itoa(w.Weight)))
	}
	return n
}

// load reads one entry of the load and fills in what it leaves open.
func (p *parser) load(n *yaml.Node) {
	var l Load
	before := len(p.errs)
	readAll(&p.reader, n, "a load", loadFields(), &l)
	if len(p.errs) == before {
		p.checkLoad(n, &l)
	}
	l.complete()
	p.s.Load = append(p.s.Load, l)
}

// complete takes what a load leaves open from its pattern.
func (l *Load) complete() {
	if l.Pattern == "" {
		l.Pattern = Steady
	}
	row := l.Pattern.row()
	usual := map[string]string{"mix": row.Mix, "keys": row.Keys, "value": row.Value, "fields": row.Fields, "every": row.Every}
	for _, f := range loadFields() {
		if text, open := usual[f.name]; open && f.write(l) == nil {
			f.read(&reader{}, constant(text), l)
		}
	}
}

// checkLoad refuses what a single value does not show.
func (p *parser) checkLoad(n *yaml.Node, l *Load) {
	entries := p.mapping(n, "a load")
	at := func(key string) *yaml.Node { return orNode(find(entries, key), n) }
	regions := len(p.s.Topology.Regions)

	for _, name := range l.In {
		if regions > 0 && !p.s.Topology.has(name) {
			p.fail(at("in"), "unknown region %s; the regions are %s", quoted(name), p.s.Topology.names())
		}
	}
	switch {
	case l.Ops == 0:
		p.fail(n, "a load needs a rate; add ops: 100/s")
	case l.Ops > maxRate:
		p.fail(at("ops"), "ops: %s is more than a simulation can bear; write 10M/s at most", formatRate(l.Ops))
	case l.Until > 0 && l.Until <= l.From:
		p.fail(at("until"), "until %s is not after from %s; give the load some time", formatDuration(l.Until), formatDuration(l.From))
	case int(l.Level) > regions && l.Level > AtRegion && regions > 0:
		p.fail(at("level"), "level %s asks for more regions than there are; write regions:%d at most", l.Level, regions)
	case l.Value.Most > maxValue:
		p.fail(at("value"), "a value of %s is too large; write 64MiB at most", formatBytes(l.Value.Most))
	case l.Fields > maxFields:
		p.fail(at("fields"), "%d fields are too many; write 1M at most", l.Fields)
	case l.Sessions > maxSessions:
		p.fail(at("sessions"), "%d sessions are too many; write 100k at most", l.Sessions)
	case l.TTL.Most > 0 && l.TTL.Least == 0:
		p.fail(at("ttl"), "a ttl of nothing cannot be written; begin the range above 0s")
	}
}
