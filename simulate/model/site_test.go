package model

import (
	"slices"
	"strings"

	"github.com/atollcache/atoll/command"
	"github.com/atollcache/atoll/crdt"
)

// start is when the sites of the tests begin.
const start = 1_700_000_000_000

// failer is a test, of the library or of rapid.
type failer interface {
	Helper()
	Fatal(...any)
	Fatalf(string, ...any)
}

// site is a replica of a few keys, of crdt entries and nothing else: it runs
// commands, and the model learns each of them.
type site struct {
	t       failer
	m       *Model
	origin  crdt.Origin
	clock   crdt.Clock
	now     int64
	context crdt.Context
	keys    map[string]*crdt.Entry
	sent    []message
}

type message struct {
	key   string
	delta *crdt.Delta
}

func newSite(t failer, m *Model, node uint64) *site {
	return &site{t: t, m: m, origin: crdt.Origin{Node: node, Epoch: 1}, now: start, keys: map[string]*crdt.Entry{}}
}

func (s *site) entry(key string) *crdt.Entry {
	if s.keys[key] == nil {
		s.keys[key] = &crdt.Entry{}
	}
	return s.keys[key]
}

// do runs a command on one key and gives its reply.
func (s *site) do(words ...string) command.Reply {
	s.t.Helper()
	cmd, ok := command.Lookup(words[0])
	if !ok {
		s.t.Fatalf("no command %s", words[0])
	}
	args := make([][]byte, len(words))
	for i, w := range words {
		args[i] = []byte(w)
	}
	e, d := s.entry(words[1]), &crdt.Delta{}
	call := command.Call{Args: args[1:], Entry: e, Context: &s.context, Now: s.now, Delta: d}
	if cmd.Write {
		call.Op = crdt.Dot{Stamp: s.clock.Tick(s.now), Origin: s.origin}
	}
	reply := cmd.Exec(&call).Clone()
	if !cmd.Write {
		return reply
	}
	changed, err := s.m.Run(args, call.Op, e, reply)
	if err != nil {
		s.t.Fatal(err)
	}
	if changed == d.Empty() {
		s.t.Fatalf("%v: the model says changed %v, the delta is empty %v", words, changed, d.Empty())
	}
	if strange := s.m.Strange(); len(strange) > 0 {
		s.t.Fatalf("%v: the model does not know %v", words, strange)
	}
	if d.Empty() {
		return reply
	}
	kept := copied(d)
	s.context.Raise(call.Op)
	var t crdt.Tally
	e.Write(&d.Entry, &s.context, &t)
	s.sent = append(s.sent, message{words[1], kept})
	return reply
}

func copied(d *crdt.Delta) *crdt.Delta {
	c := &crdt.Delta{}
	c.Coalesce(d)
	for i := range c.Cells() {
		for j := range c.Cells()[i].Slots {
			slot := &c.Cells()[i].Slots[j]
			slot.Value = slices.Clone(slot.Value)
		}
	}
	return c
}

// hear merges a delta, which alone raises no context.
func (s *site) hear(m message) {
	d := copied(m.delta)
	d.Dots(func(dot crdt.Dot) { s.clock.Observe(dot.Stamp) })
	var t crdt.Tally
	s.entry(m.key).Merge(&d.Entry, &s.context, &t)
}

// pull takes everything over from another site, as a repair round does.
func (s *site) pull(from *site) {
	seen := from.context.Clone()
	for key := range from.keys { // order-free: keys do not touch one another
		s.entry(key)
	}
	for key, e := range s.keys { // order-free: keys do not touch one another
		d := &crdt.Delta{}
		d.Join(e, from.entry(key), &seen)
		s.hear(message{key, d})
	}
	s.context.Join(&seen)
	for _, e := range s.keys { // order-free: keys do not touch one another
		var t crdt.Tally
		e.Strip(&s.context, &t)
	}
}

// level lets every site pull from every other until nothing can differ.
func level(sites ...*site) {
	for range 2 {
		for _, a := range sites {
			for _, b := range sites {
				if a != b {
					a.pull(b)
				}
			}
		}
	}
}

// all runs commands that are parted by semicolons.
func (s *site) all(commands string) {
	s.t.Helper()
	for one := range strings.SplitSeq(commands, ";") {
		if words := strings.Fields(one); len(words) > 0 {
			if reply := s.do(words...); reply.Type == command.Error {
				s.t.Fatalf("%s: %s", one, reply.Bytes)
			}
		}
	}
}
