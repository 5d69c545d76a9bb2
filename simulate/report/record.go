package report

import (
	"context"
	"slices"
	"strings"
	"time"

	"github.com/atollcache/atoll/replica"
	"github.com/atollcache/atoll/simulate"
	"github.com/atollcache/atoll/simulate/scenario"
	"github.com/atollcache/atoll/simulate/world"
)

// Bounds on what a page holds of a run. The diagram shows what led to one moment:
// messages that carry its key are kept longer than others.
const (
	maxKeyed    = 500 // messages with the key of the violation, before it
	maxAny      = 700 // other messages before it
	maxAfter    = 250 // messages after it
	maxOps      = 300
	maxKeys     = 6 // that are told of one message
	clockPoints = 300
)

// Focus is the moment that a page looks at closely.
type Focus struct {
	At   time.Duration
	Key  string
	Node string
	What string
}

// focusOf is the first violation. Without one it is the end of the first fault,
// for what follows it is what a healthy run has to show.
func focusOf(sc *scenario.Scenario, r *simulate.Result) Focus {
	if v, ok := r.First(); ok {
		return Focus{At: v.At, Key: v.Key, Node: v.Node, What: "first violation: " + v.String()}
	}
	if len(sc.Timeline) == 0 {
		return Focus{At: sc.Phases.WarmUp, What: "the end of the warm-up"}
	}
	step := &sc.Timeline[0]
	return Focus{At: step.Until(sc.Phases), What: "the end of the first fault: " + string(step.Kind) + " " + step.Target.String()}
}

// Record plays a run again, and makes a page of what it sees and of its result.
func Record(ctx context.Context, cfg simulate.Config, r *simulate.Result) (*Page, error) {
	rec := &recorder{focus: focusOf(cfg.Scenario, r), step: max(cfg.Scenario.Phases.End()/clockPoints, time.Millisecond)}
	again := simulate.Config{Scenario: cfg.Scenario, Seed: cfg.Seed, Until: cfg.Until, Omit: cfg.Omit}
	err := simulate.Observe(ctx, again, func(w *world.World) world.Observer {
		rec.begin(w)
		return rec
	})
	if err != nil {
		return nil, err
	}
	return rec.page(cfg.Scenario, r), nil
}

// recorder looks at a run that is played again.
type recorder struct {
	world.Nobody
	w     *world.World
	focus Focus
	step  time.Duration // between two looks at the clocks
	next  time.Duration

	nodes   map[*world.Node]int // place among lanes
	lanes   []lane
	keyed   []message
	any     []message
	after   []message
	ops     []operation
	omitted int
}

// lane is the life of one node.
type lane struct {
	Region string     `json:"region"`
	Name   string     `json:"name"`
	Down   []interval `json:"down"`
	Clock  [][2]int64 `json:"clock"` // microseconds of the run, milliseconds of offset
	node   *world.Node
}

// interval is a stretch of time in microseconds. To is -1 if it is open.
type interval struct {
	From int64  `json:"from"`
	To   int64  `json:"to"`
	Why  string `json:"why,omitempty"`
}

// message is one copy on its way.
type message struct {
	From  int      `json:"f"`
	To    int      `json:"t"`
	Class string   `json:"c"`
	Size  int      `json:"s"`
	Sent  int64    `json:"a"`
	Until int64    `json:"b"` // when it arrived, or was lost
	Lost  string   `json:"l,omitempty"`
	Keys  []string `json:"k,omitempty"`
	More  int      `json:"m,omitempty"` // keys that are not listed
}

// operation is a command where it ran.
type operation struct {
	Node int    `json:"n"`
	At   int64  `json:"a"`
	Key  string `json:"k"`
	Text string `json:"x"`
	Op   string `json:"o,omitempty"` // the stamp of a write
}

func micros(d time.Duration) int64 { return d.Microseconds() }

func (r *recorder) begin(w *world.World) {
	r.w, r.nodes = w, map[*world.Node]int{}
	for _, n := range w.Nodes() {
		r.laneOf(n)
	}
}

// laneOf gives the lane of a node, which may have joined just now.
func (r *recorder) laneOf(n *world.Node) int {
	i, ok := r.nodes[n]
	if !ok {
		i = len(r.lanes)
		r.nodes[n] = i
		r.lanes = append(r.lanes, lane{Region: n.Region, Name: n.String(), Down: []interval{}, Clock: [][2]int64{}, node: n})
		if r.w.Now() > 0 {
			r.down(n, 0, "not there yet")
		}
	}
	return i
}

// Delivered notes a message, and looks at the clocks now and then.
func (r *recorder) Delivered(m *world.Message) {
	r.note(m, damage(m))
	if r.w.Now() < r.next {
		return
	}
	r.next = r.w.Now() + r.step
	for i := range r.lanes {
		r.lanes[i].look(r.w.Now())
	}
}

// damage says what is wrong with a message that arrives, and so why it is as good
// as lost.
func damage(m *world.Message) string {
	if m.Whole != nil {
		return "damaged"
	}
	return ""
}

// Lost notes a message that did not arrive.
func (r *recorder) Lost(m *world.Message, why string) { r.note(m, why) }

// note keeps the messages nearest to the focus.
func (r *recorder) note(m *world.Message, why string) {
	x := message{
		From: r.laneOf(m.From), To: r.laneOf(m.To), Class: m.Class.String(), Size: m.Size,
		Sent: micros(m.At), Until: micros(r.w.Now()), Lost: why,
	}
	if r.w.Now() > r.focus.At {
		if len(r.after) < maxAfter {
			x.carry(m, r.focus.Key)
			r.after = append(r.after, x)
		}
		return
	}
	if r.w.Now() < r.focus.At-lookBack {
		return
	}
	if x.carry(m, r.focus.Key) {
		r.keyed = push(r.keyed, x, maxKeyed)
		return
	}
	r.any = push(r.any, x, maxAny)
}

// lookBack is how long before the focus messages are looked into.
const lookBack = 10 * time.Minute

// push appends, and forgets the oldest half when there are twice too many.
func push[T any](list []T, x T, limit int) []T {
	if len(list) >= 2*limit {
		list = append(list[:0], list[limit:]...)
	}
	return append(list, x)
}

func last[T any](list []T, limit int) []T { return list[max(0, len(list)-limit):] }

// look notes the offset of a clock when it has changed.
func (l *lane) look(now time.Duration) {
	off := l.node.Wall() - world.WallStart - now.Milliseconds()
	if n := len(l.Clock); n > 1 && l.Clock[n-1][1] == off && l.Clock[n-2][1] == off {
		l.Clock[n-1][0] = micros(now)
		return
	}
	l.Clock = append(l.Clock, [2]int64{micros(now), off})
}

// Executed notes commands on the key of the focus, and writes near it.
func (r *recorder) Executed(n *world.Node, x *replica.Execution) {
	key := string(x.Args[1])
	near := r.w.Now() >= r.focus.At-time.Second && r.w.Now() <= r.focus.At+time.Second
	if key != r.focus.Key && !(near && x.Delta != nil && r.focus.Key == "") {
		return
	}
	op := operation{Node: r.laneOf(n), At: micros(r.w.Now()), Key: shorten(key, 60), Text: commandText(x.Args)}
	if x.Delta != nil {
		op.Op = x.Op.Stamp.String()
	}
	if r.w.Now() > r.focus.At && len(r.ops) >= maxOps {
		r.omitted++
		return
	}
	r.ops = push(r.ops, op, maxOps)
}

// commandText writes a command on one short line.
func commandText(args [][]byte) string {
	words := make([]string, 0, len(args))
	for _, a := range args[:min(len(args), 6)] {
		words = append(words, shorten(printable(string(a)), 40))
	}
	return strings.Join(words, " ")
}

func printable(s string) string {
	return strings.Map(func(c rune) rune {
		if c < ' ' || c == 0x7f {
			return '.'
		}
		return c
	}, strings.ToValidUTF8(s, "."))
}

func shorten(s string, most int) string {
	letters := []rune(s)
	if len(letters) <= most {
		return s
	}
	return string(letters[:most-1]) + "…"
}

func (r *recorder) down(n *world.Node, from time.Duration, why string) {
	l := &r.lanes[r.laneOf(n)]
	if k := len(l.Down); k > 0 && l.Down[k-1].To < 0 {
		return
	}
	l.Down = append(l.Down, interval{From: micros(from), To: -1, Why: why})
}

// Crashing notes the end of a process.
func (r *recorder) Crashing(n *world.Node) { r.down(n, r.w.Now(), "crashed") }

// Leaving notes the end of a process.
func (r *recorder) Leaving(n *world.Node, why string) { r.down(n, r.w.Now(), why) }

// Started notes that a node is back.
func (r *recorder) Started(n *world.Node) {
	l := &r.lanes[r.laneOf(n)]
	if k := len(l.Down); k > 0 && l.Down[k-1].To < 0 {
		l.Down[k-1].To = micros(r.w.Now())
	}
}

// messages gives what was kept, in the order of sending.
func (r *recorder) messages() []message {
	all := slices.Concat(last(r.keyed, maxKeyed), last(r.any, maxAny), r.after)
	slices.SortStableFunc(all, func(a, b message) int { return int(a.Sent - b.Sent) })
	return all
}
