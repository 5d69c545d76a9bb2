package simulate

import (
	"fmt"
	"io"
	"strconv"
	"time"

	"github.com/atollcache/atoll/crdt"
	"github.com/atollcache/atoll/replica"
	"github.com/atollcache/atoll/simulate/world"
)

// maxShown bounds what a line shows of a value.
const maxShown = 60

// follower writes down what happens to one key.
type follower struct {
	world.Nobody
	key string
	out io.Writer
	w   *world.World
}

// Follow gives an observer that writes a line about everything that happens to a
// key: what clients ask and get, which commands run where, and which deltas
// arrive. Faults and phases stand between. It is meant for Observe.
func Follow(key string, out io.Writer) func(*world.World) world.Observer {
	return func(w *world.World) world.Observer { return &follower{key: key, out: out, w: w} }
}

func (f *follower) say(at time.Duration, where fmt.Stringer, format string, args ...any) {
	fmt.Fprintf(f.out, "%12v  %-8v  %s\n", at.Truncate(time.Microsecond), where, fmt.Sprintf(format, args...))
}

// Asked tells of a client's operation on the key.
func (f *follower) Asked(op *world.Op) {
	if f.concerns(op) {
		f.say(op.Asked, nodeOf(op), "%s asks %s", op.Client, shown(op.Args))
	}
}

// Answered tells what the client got.
func (f *follower) Answered(op *world.Op) {
	if f.concerns(op) {
		f.say(op.Done, nodeOf(op), "%s is %v: %s", op.Client, op.Outcome, clip(op.Answer.Reply.Bytes))
	}
}

func (f *follower) concerns(op *world.Op) bool {
	return len(op.Args) > 1 && string(op.Args[1]) == f.key
}

// nobody stands where no node does.
type nobody struct{}

func (nobody) String() string { return "-" }

func nodeOf(op *world.Op) fmt.Stringer {
	if op.Node == nil {
		return nobody{}
	}
	return op.Node
}

// Executed tells of a command where it runs.
func (f *follower) Executed(n *world.Node, x *replica.Execution) {
	if len(x.Args) < 2 || string(x.Args[1]) != f.key {
		return
	}
	effect := "changes nothing"
	if x.Delta != nil {
		effect = "is " + name(x.Op)
	}
	f.say(f.w.Now(), n, "runs %s, which %s", shown(x.Args), effect)
}

// Merged tells of a delta where it arrives.
func (f *follower) Merged(n *world.Node, m *replica.Merging) {
	if string(m.Key) != f.key {
		return
	}
	how, effect := "a link", "no news"
	if m.Repair {
		how = "repair"
	}
	if m.Changed {
		effect = "news"
	}
	dots := ""
	m.Delta.Dots(func(d crdt.Dot) { dots += " " + name(d) })
	f.say(f.w.Now(), n, "gets from %s/%s by %s, %s:%s", m.From.Region, m.From.Name, how, effect, dots)
}

// Happened tells of faults and phases.
func (f *follower) Happened(at time.Duration, text string) { f.say(at, nobody{}, "%s", text) }

// name writes a dot in a form that people can compare.
func name(d crdt.Dot) string {
	return fmt.Sprintf("%v@%04x/%d", d.Stamp, d.Origin.Node>>48, d.Origin.Epoch)
}

func shown(args [][]byte) (text string) {
	for i, arg := range args {
		if i > 0 {
			text += " "
		}
		text += clip(arg)
	}
	return text
}

// clip shows bytes of any kind on one line.
func clip(text []byte) string {
	shown := strconv.Quote(string(text[:min(len(text), maxShown)]))
	shown = shown[1 : len(shown)-1]
	if len(text) > maxShown {
		shown += fmt.Sprintf("… (%d bytes)", len(text))
	}
	return shown
}
