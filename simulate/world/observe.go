package world

import (
	"time"

	"github.com/atollcache/atoll/replica"
	"github.com/atollcache/atoll/wire"
)

// An Observer sees everything that happens in a world. What it is shown is
// valid during the call, and must not be changed; it must not call the world or
// its replicas, except where it says so.
type Observer interface {
	// Executed tells of a command that ran at a node on one key, just before
	// what it changes is applied. Locks of the replica are held.
	Executed(n *Node, x *replica.Execution)

	// Merged tells of a delta of a peer that a node took in. Locks of the
	// replica are held.
	Merged(n *Node, m *replica.Merging)

	// Asked and Answered tell of an operation as its client sees it. An Op may
	// be kept; Answered completes the one that Asked has shown.
	Asked(op *Op)
	Answered(op *Op)

	// Sent tells of every message that a node gives to the carrier, once for
	// each receiver. Delivered or Lost follows, for a copy of a message more than
	// once. Refused follows Delivered where the receiver says that the message is
	// not right; a node that still learns its epoch says nothing.
	Sent(m *Message)
	Delivered(m *Message)
	Lost(m *Message, why string)
	Refused(m *Message, err error)

	// Crashing is called just before the memory of a node is lost, and Leaving
	// before a node that has handed over, or must stop, ends. Its replica may be
	// inspected. Started is called when it has a replica again.
	Crashing(n *Node)
	Leaving(n *Node, why string)
	Started(n *Node)

	// Happened tells people what begins and ends: faults and phases.
	Happened(at time.Duration, text string)
	Phase(p Phase)

	// Broke tells of a panic in a replica, or of a step without bound. The world
	// ends there.
	Broke(n *Node, what string)
}

// Nobody observes nothing. Embed it to observe a part.
type Nobody struct{}

var _ Observer = Nobody{}

// Executed does nothing.
func (Nobody) Executed(*Node, *replica.Execution) {}

// Merged does nothing.
func (Nobody) Merged(*Node, *replica.Merging) {}

// Asked does nothing.
func (Nobody) Asked(*Op) {}

// Answered does nothing.
func (Nobody) Answered(*Op) {}

// Sent does nothing.
func (Nobody) Sent(*Message) {}

// Delivered does nothing.
func (Nobody) Delivered(*Message) {}

// Lost does nothing.
func (Nobody) Lost(*Message, string) {}

// Refused does nothing.
func (Nobody) Refused(*Message, error) {}

// Crashing does nothing.
func (Nobody) Crashing(*Node) {}

// Leaving does nothing.
func (Nobody) Leaving(*Node, string) {}

// Started does nothing.
func (Nobody) Started(*Node) {}

// Happened does nothing.
func (Nobody) Happened(time.Duration, string) {}

// Phase does nothing.
func (Nobody) Phase(Phase) {}

// Broke does nothing.
func (Nobody) Broke(*Node, string) {}

// A Message is one copy of a message on its way from one node to another.
type Message struct {
	ID       uint64 // copies of a duplicated message share it
	From, To *Node
	Class    wire.Kind
	Size     int
	At       time.Duration // sent
	Payload  []byte
	Whole    []byte // what was sent, if the payload was damaged on its way
}

// Outcome is how an operation ended for its client.
type Outcome uint8

// The outcomes.
const (
	Pending     Outcome = iota // not answered yet
	Answered                   // by the node; the answer may be an error
	Unreachable                // no node of the region served: nothing was done
	Abandoned                  // the node died before it answered: a write may live or not
)

// String names the outcome.
func (o Outcome) String() string {
	return [...]string{"pending", "answered", "unreachable", "abandoned"}[o]
}

// An Op is one command of a client.
type Op struct {
	ID      uint64 // the same in every run of the scenario in which the operation is made
	Client  string // what makes it: "load 1 in us", "hot-key in eu"
	Number  uint64 // which of that client's, from zero
	Node    *Node  // asked; nil if none could be
	Region  string
	Args    [][]byte // name first
	Write   bool
	Level   replica.Level
	Regions int           // for level Regions
	Session int           // counted from one; zero is none
	Token   []byte        // of the session, as it was shown to the node
	Asked   time.Duration // virtual
	Done    time.Duration
	Answer  replica.Answer
	Outcome Outcome

	taken   bool // by the process: it does not wait for one that is paused
	session *session
}

// OK tells whether a write was acknowledged, or a read answered.
func (op *Op) OK() bool { return op.Outcome == Answered && !failed(&op.Answer) }
