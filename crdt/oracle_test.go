package crdt

import (
	"cmp"
	"fmt"
	"math/bits"
	"slices"
	"strings"
)

// The oracle is the naive model beside the clever code: it remembers every
// event that ever was, and which of them an operation took away because it saw
// them. It shares no code with what it judges; it reads an entry only through
// what the entry shows.

// event names one write: a register slot, an extension, or one increment.
type event struct {
	sort sort
	kind Kind
	name string
	dot  Dot
	of   Dot // of extensions: the slot that they extend
}

type sort byte

const (
	register  sort = 'r'
	extension sort = 'x'
	increment sort = 'i'
)

func (v event) String() string {
	return fmt.Sprintf("%c %v/%d %q %v@%v", v.sort, v.kind, v.kind, v.name, v.dot.Origin, v.dot.Stamp)
}

// fact is what the oracle remembers of an event.
type fact struct {
	dead     bool // some operation saw it and took it away
	deadline int64
	value    string
	bit      int // of increments: its own bit in the sum of its cell
}

type events map[event]bool

func (s events) addAll(o events) {
	for v := range o {
		s[v] = true
	}
}

// oracle is everything that happened in a world.
type oracle struct {
	facts map[event]*fact
	bits  map[cellName][]event // increments of a cell, by bit
}

func newOracle() oracle {
	return oracle{facts: map[event]*fact{}, bits: map[cellName][]event{}}
}

// parent gives the slot that an extension extends.
func (v event) parent() event { return event{sort: register, kind: v.kind, name: v.name, dot: v.of} }

// dead says whether an operation that saw v, or the value under it, took it
// away. What was never written anywhere is not dead but a mistake.
func (o *oracle) dead(v event) bool {
	f := o.facts[v]
	if f == nil {
		return false
	}
	return f.dead || v.sort == extension && o.dead(v.parent())
}

// live gives all events that nothing took away.
func (o *oracle) live() events {
	live := events{}
	for v := range o.facts {
		if !o.dead(v) {
			live[v] = true
		}
	}
	return live
}

// shown gives the events that an entry shows.
func (o *oracle) shown(e *Entry) (events, error) {
	shown := events{}
	for i := range e.Cells() {
		c := &e.Cells()[i]
		for _, s := range c.Slots {
			if !s.Dead {
				shown[event{sort: register, kind: c.Kind, name: c.Name, dot: s.Dot}] = true
			}
		}
		for _, x := range c.Extensions {
			if !x.Dead {
				shown[event{sort: extension, kind: c.Kind, name: c.Name, dot: x.Dot, of: x.Of}] = true
			}
		}
		total, known := c.Total(), o.bits[cellName{c.Kind, c.Name}]
		for rest := uint64(total.Int); rest != 0; rest &= rest - 1 {
			bit := bits.TrailingZeros64(rest)
			if bit >= len(known) {
				return nil, fmt.Errorf("cell %v %q sums up to %x, of which bit %d was never added", c.Kind, c.Name, total.Int, bit)
			}
			shown[known[bit]] = true
		}
	}
	return shown, nil
}

// view is what a client sees of a set of live events.
type view struct {
	kind     Kind
	deadline int64
	count    [kinds]int
	cells    string
}

// view works out from first principles what a client sees, of stubs that they
// are some.
func (o *oracle) view(live, stubs events) view {
	var v view
	var top Dot
	cells := map[cellName]map[event]bool{}
	for ev := range live {
		if ev.sort == extension {
			continue
		}
		n := cellName{ev.kind, ev.name}
		if cells[n] == nil {
			cells[n] = events{}
			v.count[ev.kind]++
		}
		cells[n][ev] = true
		if ev.kind != Expiry && ev.dot.Compare(top) > 0 {
			top, v.kind = ev.dot, ev.kind
		}
	}
	v.deadline = o.deadline(live, v.kind)

	var lines []string
	for n, evs := range cells {
		value, sum := "-", int64(0)
		if top, ok := newest(evs, n); ok {
			value = o.facts[top].value
			if stubs[top] {
				value = aStub
			}
		}
		for ev := range evs {
			if ev.sort == increment {
				sum += 1 << o.facts[ev].bit
			}
		}
		lines = append(lines, fmt.Sprintf("%d %q %s %d", n.kind, n.name, value, sum))
	}
	slices.Sort(lines)
	v.cells = strings.Join(lines, "\n")
	return v
}

// newest gives the live register slot of a cell with the highest dot.
func newest(live events, n cellName) (top event, ok bool) {
	for ev := range live {
		if ev.sort == register && ev.kind == n.kind && ev.name == n.name && (!ok || ev.dot.Compare(top.dot) > 0) {
			top, ok = ev, true
		}
	}
	return top, ok
}

// deadline is the longest of those that count.
func (o *oracle) deadline(live events, kind Kind) int64 {
	var all []int64
	if top, ok := newest(live, cellName{String, ""}); ok && kind == String {
		for ev := range live {
			if ev.sort == extension && ev.kind == String && ev.of == top.dot {
				all = append(all, o.facts[ev].deadline)
			}
		}
		if len(all) == 0 {
			return o.facts[top].deadline
		}
	} else {
		for ev := range live {
			if ev.sort == register && ev.kind == Expiry && ev.name == "" {
				all = append(all, o.facts[ev].deadline)
			}
		}
	}
	if len(all) == 0 || slices.Contains(all, 0) {
		return 0
	}
	return slices.Max(all)
}

// viewOf is what the entry itself says it shows.
func viewOf(e *Entry) view {
	v := view{kind: e.Type(), deadline: e.Deadline()}
	var lines []string
	for k := None; k < kinds; k++ {
		v.count[k] = e.live[k]
	}
	for i := range e.Cells() {
		c := &e.Cells()[i]
		if !c.live() {
			continue
		}
		value := "-"
		if s := c.Value(); s != nil {
			value = string(s.Value)
			if s.Freed != 0 {
				value = aStub
			}
		}
		lines = append(lines, fmt.Sprintf("%d %q %s %d", c.Kind, c.Name, value, c.Total().Int))
	}
	slices.Sort(lines)
	v.cells = strings.Join(lines, "\n")
	return v
}

// dump is everything an entry holds, in an order that does not depend on its
// history, and floats by their bits.
func dump(e *Entry) string {
	cells := slices.Clone(e.cells)
	slices.SortFunc(cells, func(a, b Cell) int {
		return cmp.Or(cmp.Compare(a.Kind, b.Kind), cmp.Compare(a.Name, b.Name))
	})
	var b strings.Builder
	for i := range cells {
		c := &cells[i]
		fmt.Fprintf(&b, "cell %d %q", c.Kind, c.Name)
		for _, s := range c.Slots {
			fmt.Fprintf(&b, " slot{%v %v %d %q %d}", s.Dot, s.Dead, s.Deadline, s.Value, s.Freed)
		}
		for _, x := range c.Extensions {
			fmt.Fprintf(&b, " ext{%v}", x)
		}
		for _, n := range c.Counts {
			fmt.Fprintf(&b, " count{%v %v %d %x %v}", n.Dot, n.Birth, n.Sum.Int, n.Sum.Float, n.Dead)
		}
		for _, x := range c.Bases {
			fmt.Fprintf(&b, " base{%v %v %v %d %x}", x.Origin, x.Seen, x.Reset, x.Sum.Int, x.Sum.Float)
		}
		b.WriteByte('\n')
	}
	fmt.Fprintf(&b, "cleared %v", e.cleared)
	return b.String()
}
