package simulate

import (
	"cmp"
	"fmt"
	"slices"
	"time"

	"github.com/atollcache/atoll/crdt"
	"github.com/atollcache/atoll/replica"
	"github.com/atollcache/atoll/simulate/scenario"
	"github.com/atollcache/atoll/simulate/world"
)

// causes remembers what happened to the key of a violation, and to the nodes that
// had a part in it.
type causes struct {
	world.Nobody
	w      *world.World
	target Violation

	asked  []askedOp
	events []event
}

// askedOp is an operation on the key.
type askedOp struct {
	id    uint64
	at    time.Duration
	text  string
	write bool
}

// event is something that may have led to the violation.
type event struct {
	Cause
	dots  []crdt.Dot // operations that it made or brought
	write bool
	life  bool // of a node, not of the key
}

// maxEvents bounds what is remembered of a hot key: the last ones.
const maxEvents = 4000

func (c *causes) past() bool { return c.w.Now() <= c.target.At }

func (c *causes) add(e event) {
	e.At = c.w.Now()
	if len(c.events) >= 2*maxEvents {
		c.events = append(c.events[:0], c.events[maxEvents:]...)
	}
	c.events = append(c.events, e)
}

// Asked notes the operations of clients.
func (c *causes) Asked(op *world.Op) {
	if !c.past() || c.target.Key == "" || len(op.Args) < 2 || string(op.Args[1]) != c.target.Key {
		return
	}
	if len(c.asked) >= 2*maxEvents {
		c.asked = append(c.asked[:0], c.asked[maxEvents:]...)
	}
	c.asked = append(c.asked, askedOp{op.ID, op.Asked, fmt.Sprintf("%s of %s", brief(op.Args), op.Client), op.Write})
}

// Executed notes where they ran.
func (c *causes) Executed(n *world.Node, x *replica.Execution) {
	if !c.past() || len(x.Args) < 2 || string(x.Args[1]) != c.target.Key {
		return
	}
	e := event{Cause: Cause{Node: n.String(), Text: "runs " + brief(x.Args)}}
	if x.Delta != nil {
		e.dots, e.write = []crdt.Dot{x.Op}, true
	} else if n.String() != c.target.Node {
		return
	}
	c.add(e)
}

// Merged notes where they arrived.
func (c *causes) Merged(n *world.Node, m *replica.Merging) {
	if !c.past() || !m.Changed || string(m.Key) != c.target.Key {
		return
	}
	how := "by their link"
	if m.Repair {
		how = "in a repair round"
	}
	e := event{Cause: Cause{Node: n.String(), Text: fmt.Sprintf("takes a change of it over from %s/%s %s", m.From.Region, m.From.Name, how)}}
	m.Delta.Dots(func(d crdt.Dot) { e.dots = append(e.dots, d) })
	e.dots = append(e.dots, m.Delta.Ops...)
	c.add(e)
}

func (c *causes) life(n *world.Node, text string) {
	if c.past() && c.w.Now() > 0 {
		c.add(event{Cause: Cause{Node: n.String(), Text: text}, life: true})
	}
}

// Crashing notes what takes memory away.
func (c *causes) Crashing(n *world.Node) { c.life(n, "crashes, and what only it knew is gone") }

// Leaving notes what ends a node.
func (c *causes) Leaving(n *world.Node, why string) { c.life(n, "ends: "+why) }

// Started notes a new life.
func (c *causes) Started(n *world.Node) { c.life(n, "starts") }

// candidates are the operations that the violation may need: writes first, the
// last ones first.
func (c *causes) candidates() []askedOp {
	all := slices.Clone(c.asked)
	slices.SortStableFunc(all, func(a, b askedOp) int {
		if a.write != b.write {
			return cmp.Compare(boolInt(b.write), boolInt(a.write))
		}
		return cmp.Compare(b.at, a.at)
	})
	return all
}

func boolInt(b bool) int {
	if b {
		return 1
	}
	return 0
}

// Bounds on what is told.
const (
	maxCauses   = 16
	lastWrites  = 3
	maxKeyLines = 10
)

// slice gives what led to the violation: the operations that it names, or else
// the last ones on its key, where they ran and arrived, the faults before it, and
// what became of the nodes concerned.
func (c *causes) slice(sc *scenario.Scenario) []Cause {
	matter := c.matter()
	var told []event
	nodes := map[string]bool{c.target.Node: true}
	seen := map[string]bool{}
	for _, e := range c.events {
		if e.life || !concerns(e.dots, matter) {
			continue
		}
		if what := fmt.Sprint(e.Node, e.Text, e.write, e.dots); !seen[what] {
			seen[what], nodes[e.Node] = true, true
			told = append(told, e)
		}
	}
	told = told[max(0, len(told)-maxKeyLines):]
	if last, ok := c.lastRead(); ok {
		told = append(told, last)
	}
	for _, e := range c.events {
		if e.life && nodes[e.Node] {
			told = append(told, e)
		}
	}
	var out []Cause
	for _, e := range told {
		out = append(out, e.Cause)
	}
	for i := range sc.Timeline {
		if step := &sc.Timeline[i]; step.At <= c.target.At {
			out = append(out, Cause{At: step.At, Text: "begins " + stepText(step)})
		}
	}
	slices.SortStableFunc(out, func(a, b Cause) int { return cmp.Compare(a.At, b.At) })
	return out[max(0, len(out)-maxCauses):]
}

// matter gives the operations that a violation is about.
func (c *causes) matter() []crdt.Dot {
	if len(c.target.Ops) > 0 {
		return c.target.Ops
	}
	var dots []crdt.Dot
	for i := len(c.events) - 1; i >= 0 && len(dots) < lastWrites; i-- {
		if c.events[i].write {
			dots = append(dots, c.events[i].dots...)
		}
	}
	return dots
}

func concerns(dots, matter []crdt.Dot) bool {
	return slices.ContainsFunc(dots, func(d crdt.Dot) bool { return slices.Contains(matter, d) })
}

// lastRead is what showed the violation, if a read did.
func (c *causes) lastRead() (event, bool) {
	for i := len(c.events) - 1; i >= 0; i-- {
		e := c.events[i]
		if e.At < c.target.At {
			break
		}
		if !e.life && len(e.dots) == 0 && e.Node == c.target.Node {
			return e, true
		}
	}
	return event{}, false
}

// stepText names a fault, as in "cut us | eu for 10m0s".
func stepText(s *scenario.Step) string {
	text := string(s.Kind) + " " + s.Target.String()
	switch {
	case s.For > 0:
		text += fmt.Sprintf(" for %v", s.For)
	case s.Restart > 0:
		text += fmt.Sprintf(", back after %v", s.Restart)
	}
	return text
}

// maxArg is how much of an argument a sentence shows.
const maxArg = 24

// brief writes a command so that it fits into a sentence.
func brief(args [][]byte) string {
	short := make([][]byte, 0, len(args))
	for _, arg := range args[:min(len(args), 6)] {
		if len(arg) > maxArg {
			arg = append(append([]byte(nil), arg[:maxArg-3]...), "..."...)
		}
		short = append(short, arg)
	}
	return shown(short)
}
