// Package model says what every key must show, by the meaning of the commands
// alone: a write lives until an operation that observed it takes it away.
//
//	m := model.New()
//	m.Run(args, op, observed)  // at the node where it ran
//	shown := m.Key("k").Value(now)
//
// It is written to judge package crdt, and shares nothing with its merge: of an
// entry it reads only which dots a node observed, and looks up itself what they
// stand for. It knows of no replica, no delta and no message, and nothing is ever
// merged: there is one model of the whole cluster. What was lost with the memory
// of a node, its caller takes away.
package model

import (
	"slices"
	"strconv"

	"github.com/atollcache/atoll/crdt"
)

// Model is everything that was ever written.
type Model struct {
	Keys    []*Key // in the order of their first writes
	keys    map[string]*Key
	writes  map[crdt.Dot]*Write
	made    int
	strange []crdt.Dot // observed since the last Run, and never written
}

// Key is what was written to one key.
type Key struct {
	Name   string
	ID     int      // its place in Keys
	Cells  []*Cell  // in the order of their first writes
	Writes []*Write // in the order in which they were made
	timed  []*Write
	cells  map[name]*Cell
}

type name struct {
	kind crdt.Kind
	name string
}

// Cell is a string, a field, a member, or the deadlines of a key.
type Cell struct {
	Key    *Key
	Kind   crdt.Kind
	Name   string
	Live   []*Write
	Counts []*Count // ascending by origin
}

// Write is a value or a deadline that one operation wrote into one cell.
type Write struct {
	Dot   crdt.Dot
	Cell  *Cell
	ID    int // counted from zero
	Text  string
	Score float64
	Until int64      // unix milliseconds; 0 is for ever
	Of    crdt.Dot   // of the deadline of a string: its value
	Value *Write     // the same
	Gone  []crdt.Dot // the operations that observed it and took it away
	Past  bool       // it has expired and was let go
	next  *Write     // by the same operation
}

// Count is what one origin added to one cell.
type Count struct {
	Cell   *Cell
	Origin crdt.Origin
	Adds   []Add
	Resets []Reset
}

// Add is one increment, and the running sum that its origin showed after it.
type Add struct {
	Stamp, Birth crdt.Stamp // Birth: of the first in the running sum
	Int, sum     int64
	Float, total float64
}

// Reset took away what an origin had added up to a stamp.
type Reset struct {
	Seen crdt.Stamp
	By   crdt.Dot
}

// New gives a model in which nothing was written.
func New() *Model {
	return &Model{keys: map[string]*Key{}, writes: map[crdt.Dot]*Write{}}
}

// Key gives what was written to a key, nil if nothing was.
func (m *Model) Key(key string) *Key { return m.keys[key] }

// Deadlines gives every write of the key that has a deadline, or takes one away.
func (k *Key) Deadlines() []*Write { return k.timed }

// Wrote calls f with everything that an operation wrote.
func (m *Model) Wrote(op crdt.Dot, f func(*Write)) {
	for w := m.writes[op]; w != nil; w = w.next {
		f(w)
	}
}

// Strange gives the dots that an operation observed since Strange was last
// called although nobody wrote them there.
func (m *Model) Strange() []crdt.Dot {
	s := m.strange
	m.strange = nil
	return s
}

// Cell gives a cell, nil if nothing was written to it.
func (k *Key) Cell(kind crdt.Kind, n string) *Cell { return k.cells[name{kind, n}] }

// Write gives what an operation wrote into a cell, nil if it wrote nothing.
func (m *Model) Write(kind crdt.Kind, n, key string, dot crdt.Dot) *Write {
	w := m.writes[dot]
	for w != nil && (w.Cell.Kind != kind || w.Cell.Name != n || w.Cell.Key.Name != key) {
		w = w.next
	}
	return w
}

func (m *Model) cell(key string, kind crdt.Kind, n string) *Cell {
	k := m.keys[key]
	if k == nil {
		k = &Key{Name: key, ID: len(m.Keys), cells: map[name]*Cell{}}
		m.keys[key], m.Keys = k, append(m.Keys, k)
	}
	c := k.cells[name{kind, n}]
	if c == nil {
		c = &Cell{Key: k, Kind: kind, Name: n}
		k.cells[name{kind, n}], k.Cells = c, append(k.Cells, c)
	}
	return c
}

// Take takes a write away, as the operation with that dot does.
func (w *Write) Take(by crdt.Dot) {
	w.end()
	w.Gone = append(w.Gone, by)
}

// Expire takes a write away for good whose deadline has passed: a node has let it
// go, which only the judge can see.
func (w *Write) Expire() {
	w.end()
	w.Past = true
}

func (w *Write) end() {
	if i := slices.Index(w.Cell.Live, w); i >= 0 {
		w.Cell.Live = slices.Delete(w.Cell.Live, i, i+1)
	}
}

// Lives says whether a write was neither taken away nor let go.
func (w *Write) Lives() bool { return len(w.Gone) == 0 && !w.Past }

// Count gives what an origin added to the cell, nil if nothing.
func (c *Cell) Count(o crdt.Origin) *Count {
	i, ok := slices.BinarySearchFunc(c.Counts, o, func(n *Count, o crdt.Origin) int { return n.Origin.Compare(o) })
	if !ok {
		return nil
	}
	return c.Counts[i]
}

// Reset is the stamp up to which increments were taken away.
func (n *Count) Reset() (up crdt.Stamp) {
	for _, r := range n.Resets {
		up = max(up, r.Seen)
	}
	return up
}

// Expire takes the increments up to a stamp away for good, as Write.Expire does.
func (n *Count) Expire(upTo crdt.Stamp) { n.Resets = append(n.Resets, Reset{Seen: upTo}) }

// Last is the stamp of the last increment, zero if there is none.
func (n *Count) Last() crdt.Stamp {
	if len(n.Adds) == 0 {
		return 0
	}
	return n.Adds[len(n.Adds)-1].Stamp
}

// Has says whether there is an increment with that stamp.
func (n *Count) Has(s crdt.Stamp) bool { return s != 0 && n.upTo(s).Stamp == s }

// upTo gives the last increment at or below a stamp.
func (n *Count) upTo(s crdt.Stamp) (a Add) {
	i, found := slices.BinarySearchFunc(n.Adds, s, func(a Add, s crdt.Stamp) int { return cmpStamp(a.Stamp, s) })
	switch {
	case found:
		return n.Adds[i]
	case i > 0:
		return n.Adds[i-1]
	}
	return Add{}
}

func cmpStamp(a, b crdt.Stamp) int { return crdt.Dot{Stamp: a}.Compare(crdt.Dot{Stamp: b}) }

// Sum adds the increments above one stamp up to another. Floats are taken from
// the running sum, as every reader must, so that all reach the same bits.
func (n *Count) Sum(above, upTo crdt.Stamp) (int64, float64) {
	last, first := n.upTo(upTo), n.upTo(above)
	if first.Stamp < last.Birth {
		first = Add{}
	}
	return last.sum - first.sum, last.total - first.total
}

// Value is what a reader sees of a key.
type Value struct {
	Kind  crdt.Kind
	Until int64 // 0 is for ever
	Cells []Shown
}

// Shown is a string, field or member as a reader sees it.
type Shown struct {
	Name, Text string
	Score      float64 // of a member of a sorted set
}

// Value gives what a key shows at a unix millisecond.
func (k *Key) Value(now int64) Value {
	var top crdt.Dot
	v := Value{}
	for _, c := range k.Cells {
		if d := c.top(); c.Kind != crdt.Expiry && d.Compare(top) > 0 {
			top, v.Kind = d, c.Kind
		}
	}
	if v.Until = k.until(v.Kind); v.Kind == crdt.None || v.Until != 0 && v.Until <= now {
		return Value{}
	}
	for _, c := range k.Cells {
		if c.Kind == v.Kind && c.top() != (crdt.Dot{}) {
			v.Cells = append(v.Cells, c.shown())
		}
	}
	return v
}

func (c *Cell) top() (top crdt.Dot) {
	if w := highest(c.Live); w != nil {
		top = w.Dot
	}
	for _, n := range c.Counts {
		if d := (crdt.Dot{Stamp: n.Last(), Origin: n.Origin}); d.Stamp > n.Reset() && d.Compare(top) > 0 {
			top = d
		}
	}
	return top
}

func highest(all []*Write) (top *Write) {
	for _, w := range all {
		if top == nil || w.Dot.Compare(top.Dot) > 0 {
			top = w
		}
	}
	return top
}

// until is the deadline of a key of that kind: of the value that is shown, if it
// is a string, else of the key.
func (k *Key) until(kind crdt.Kind) int64 {
	var value *Write
	if c := k.Cell(crdt.String, ""); kind == crdt.String && c != nil {
		value = highest(c.Live)
	}
	var deadlines []*Write
	if c := k.Cell(crdt.Expiry, ""); c != nil {
		deadlines = c.Live
	}
	return longest(value, deadlines)
}

// longest is the longest of the deadlines of a value, or of the key if there is
// no value: concurrent ones, for any other has been taken away.
func longest(value *Write, deadlines []*Write) (until int64) {
	var of crdt.Dot
	if value != nil {
		of = value.Dot
	}
	found, forever := false, false
	for _, d := range deadlines {
		if d.Of == of {
			found, forever, until = true, forever || d.Until == 0, max(until, d.Until)
		}
	}
	switch {
	case forever:
		return 0
	case !found && value != nil:
		return value.Until
	}
	return until
}

// shown gives a cell as a reader sees it: the last value, and the increments on
// top. A text hides its increments.
func (c *Cell) shown() Shown {
	var whole int64
	var score float64
	for _, n := range c.Counts {
		i, f := n.Sum(n.Reset(), n.Last())
		whole, score = whole+i, score+f
	}
	s, w := Shown{Name: c.Name, Text: strconv.FormatInt(whole, 10), Score: score}, highest(c.Live)
	if w == nil {
		return s
	}
	s.Text, s.Score = w.Text, w.Score
	if n, err := strconv.ParseInt(w.Text, 10, 64); err == nil && strconv.FormatInt(n, 10) == w.Text {
		s.Text = strconv.FormatInt(n+whole, 10)
	}
	if sum := w.Score + score; sum == sum { // else opposite infinities met, and the value stands
		s.Score = sum
	}
	return s
}
