package scenario

import (
	"strings"
	"time"
)

// A Step is one fault, or one change of the load or the cluster, at a time.
// Kind tells which of the parameters mean something; those are filled in.
type Step struct {
	At     time.Duration // since the start of the run
	For    time.Duration // zero: it is over at once, or lasts until the heal (Fault.Lasts)
	Kind   Kind
	Target Target
	Why    string // one line of prose

	Mode    CutMode       // cut
	Via     []Place       // bridge: who still reaches both sides
	Chance  PPM           // drop, burst-loss, dup, reorder, gray, corrupt
	Add     Delay         // delay, cut in mode slow
	Every   time.Duration // the period of what recurs
	Length  time.Duration // burst-loss: of a burst, on average
	Within  time.Duration // reorder: how long a message is held back at most
	Up      time.Duration // flap: how long the link works
	Down    time.Duration // flap: how long it does not
	Bits    int64         // bandwidth: per second and direction
	Queue   int64         // bandwidth: bytes that wait before the tail is dropped
	Size    int64         // frame-limit: the largest message; gray: the smallest that suffers
	Class   Class         // gray: which messages suffer
	Lose    Loss          // crash
	Restart time.Duration // crash, wipe, drain: after how long, or Never
	Between bool          // crash: between two effects of one step of the node
	Factor  int           // slow, burst: how many times
	Offset  time.Duration // skew, jump, strobe, poison: may be negative
	Drift   PPM           // drift: may be negative
	Nodes   int           // join, join-storm, leave-storm: how many
	Ops     Rate          // load steps; overload: messages that the node handles
	Keys    int64         // load steps
	TTL     time.Duration // expiry-stampede
	Value   Sizes         // huge-values
	Fields  int           // huge-maps
	Set     Config        // unequal
}

// Never is the Restart of a node that does not come back by itself. A restart
// step may bring it back; the heal does not.
const Never time.Duration = -1

// Until is when a step is over, in a run with the given phases. Whatever ends
// on its own beyond the heal, such as a restart, ends with the heal.
func (s *Step) Until(p Phases) time.Duration {
	fault, _ := FaultOf(s.Kind)
	switch {
	case s.For > 0:
		return min(s.At+s.For, p.Healed())
	case fault.Lasts:
		return p.Healed()
	case s.Restart > 0:
		return min(s.At+s.Restart, p.Healed())
	default:
		return s.At
	}
}

// CutMode says what becomes of the messages on a cut link.
type CutMode string

// The modes of a cut.
const (
	Stop CutMode = "stop" // they are lost
	Slow CutMode = "slow" // they arrive, each later by Step.Add
	Jam  CutMode = "jam"  // they wait, and arrive all at once when the cut ends
)

// Loss says what a crashed node forgets.
type Loss string

// What a crash takes.
const (
	LoseMemory  Loss = "memory"  // everything
	LoseNothing Loss = "nothing" // what came after its last snapshot
)

// Class is a kind of message between nodes, by its name in package wire.
type Class string

// AnyClass means messages of every kind.
const AnyClass Class = "any"

// A Target is what a step strikes.
//
// One side is a set of nodes: a fault of the network then strikes the messages
// that enter or leave it. Two or more sides strike the messages between any
// two of them. No side at all is everything.
type Target struct {
	Sides  [][]Place
	OneWay bool // from the first side to the second only
	Inside bool // the messages between nodes of the one region named, instead of those that cross its border
}

// Has tells whether a node is in any side of the target.
func (t Target) Has(node Place) bool {
	return len(t.Sides) == 0 || t.side(node) >= 0
}

// Hits tells whether a message from one node to another is struck.
func (t Target) Hits(from, to Place) bool {
	if from == to {
		return false
	}
	a, b := t.side(from), t.side(to)
	switch {
	case len(t.Sides) == 0:
		return true
	case t.Inside:
		return a >= 0 && b >= 0
	case len(t.Sides) == 1:
		return a != b
	case t.OneWay:
		return a == 0 && b == 1
	default:
		return a >= 0 && b >= 0 && a != b
	}
}

// side is the index of the side that has the node, or -1.
func (t Target) side(node Place) int {
	for i, side := range t.Sides {
		for _, place := range side {
			if place.Has(node) {
				return i
			}
		}
	}
	return -1
}

// String writes a target as a scenario does: "us | eu", "us > eu", "us/1",
// "inside us", "all".
func (t Target) String() string {
	sides := make([]string, len(t.Sides))
	for i, side := range t.Sides {
		sides[i] = joinPlaces(side)
	}
	switch {
	case len(sides) == 0:
		return everything
	case t.Inside:
		return insideWord + " " + sides[0]
	case t.OneWay:
		return strings.Join(sides, " > ")
	default:
		return strings.Join(sides, " | ")
	}
}

const (
	everything = "all"
	insideWord = "inside"
)

func joinPlaces(places []Place) string {
	names := make([]string, len(places))
	for i, place := range places {
		names[i] = place.String()
	}
	return strings.Join(names, ", ")
}
