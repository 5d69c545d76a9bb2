package store

import (
	"fmt"

	"github.com/cespare/xxhash/v2"

	"github.com/atollcache/atoll/crdt"
)

// model is a replica of a partition in the plainest form: a map of entries, of
// which all are looked at whenever the context rises.
type model struct {
	origin  crdt.Origin
	context crdt.Context
	entries map[string]*crdt.Entry
}

func newModel(origin crdt.Origin) *model {
	return &model{origin: origin, entries: map[string]*crdt.Entry{}}
}

func (m *model) apply(key string, d *crdt.Delta, own bool) (changed bool) {
	e := m.entries[key]
	if e == nil {
		e = new(crdt.Entry)
	}
	var t crdt.Tally
	if own {
		for _, op := range d.Ops {
			m.context.Raise(op)
		}
		changed = e.Write(&d.Entry, &m.context, &t)
	} else {
		changed = e.Merge(&d.Entry, &m.context, &t)
	}
	m.keep(key, e)
	if own {
		m.strip()
	}
	return changed
}

func (m *model) keep(key string, e *crdt.Entry) {
	if e.Empty() {
		delete(m.entries, key)
		return
	}
	m.entries[key] = e
}

func (m *model) raise(ctx *crdt.Context) bool {
	rose := m.context.Join(ctx)
	m.strip()
	return rose
}

func (m *model) strip() {
	for key, e := range m.entries {
		e.Strip(&m.context, &crdt.Tally{})
		m.keep(key, e)
	}
}

// expired says whether the key may be let go.
func (m *model) expired(key string, now, passed int64) bool {
	e := m.entries[key]
	if e == nil {
		return false
	}
	deadline, covered := e.Deadline(), true
	e.Dots(func(d crdt.Dot) { covered = covered && m.context.Covers(d) })
	return deadline != 0 && deadline <= now && deadline <= passed && covered
}

// freed gives the entry of a key without the values that have expired.
func (m *model) freed(key string, now int64) *crdt.Entry {
	e, t := new(crdt.Entry), crdt.Tally{}
	e.Merge(m.entries[key], nil, &t)
	if crdt.TickOf(e.Deadline()) < crdt.TickOf(now) {
		e.Free(&t)
	}
	return e
}

// shape is an entry in a form that can be compared.
func shape(e *crdt.Entry) map[string]string {
	shape := map[string]string{}
	if e == nil {
		return shape
	}
	for _, c := range e.Cells() {
		var slots []string
		for _, s := range c.Slots {
			slots = append(slots, fmt.Sprint(s.Dot, s.Dead, s.Freed, s.Deadline, len(s.Value), xxhash.Sum64(s.Value)))
		}
		shape[fmt.Sprint(c.Kind, c.Name)] = fmt.Sprint(slots, c.Extensions, c.Counts, c.Bases, c.Visible())
	}
	shape["cleared"] = fmt.Sprint(e.Cleared())
	shape["deadline"] = fmt.Sprint(e.Type(), e.Deadline())
	return shape
}
