package client

import (
	"fmt"
	"strconv"
	"time"
)

// Kind tells what a reply is, and which of its fields count.
type Kind uint8

// The kinds of replies.
const (
	Nil   Kind = iota // nothing there
	Text              // Bytes: a word such as OK, or a number with a fraction
	Int               // Int
	Bytes             // Bytes: what somebody stored
	Array             // List
	Pairs             // List: names and values in turn
)

// Reply is the answer to a command.
type Reply struct {
	Kind  Kind
	Int   int64
	Bytes []byte
	List  []Reply
}

// Level is how far a write has to come before it is answered.
type Level uint8

// The levels.
const (
	Local   Level = iota // the node that ran it has it
	Region               // every owner of the key in the region has it
	Regions              // and an owner in so many regions, the own included
)

// Ack is the level that is asked for. The zero value is Local.
type Ack struct {
	Level   Level
	Regions int           // for Regions
	Within  time.Duration // two seconds if 0, at most a minute
}

// String writes the level as it goes over the wire; "" is Local.
func (a Ack) String() string {
	switch a.Level {
	case Region:
		return "region"
	case Regions:
		return "regions:" + strconv.Itoa(a.Regions)
	}
	return ""
}

// defaultWithin is how long a node waits for a level if nothing is said.
const defaultWithin = 2 * time.Second

// within gives how much longer than usual the answer may take.
func (a Ack) within() time.Duration {
	switch {
	case a.Level == Local:
		return 0
	case a.Within == 0:
		return defaultWithin
	}
	return a.Within
}

// Call is one command on its way to a [Backend].
type Call struct {
	Args [][]byte // the name first, in lower case
	Ack  Ack

	// Session is the token of the session, not nil but empty for its first command; nil outside of sessions. Wait is
	// how long the command may wait for what the session has seen: 500 ms if 0, not at all if negative.
	Session []byte
	Wait    time.Duration
}

// Op gives the name of the command.
func (c *Call) Op() string {
	if len(c.Args) == 0 {
		return ""
	}
	return string(c.Args[0])
}

// Key gives the first key of the command, "" if it has none.
func (c *Call) Key() string {
	if len(c.Args) < 2 || c.Op() == "scan" || c.Op() == "ping" || c.Op() == "echo" {
		return ""
	}
	return string(c.Args[1])
}

// Answer is what became of a command.
type Answer struct {
	Reply Reply
	Err   *Error // in an answer to a batch: of this command alone

	Reached string // the level that was reached, as Ack.String writes it
	Short   bool   // it is less than what was asked for
	Session []byte // the token for the next command; nil outside of sessions
	Stale   bool   // it may be older than what the session has seen
	Region  string // that answered
	First   bool   // the first owner of the key answered, who also publishes its changes
}

// errReply says that an answer has another form than the command gives.
func errReply(r Reply) error {
	return &Error{Code: CodeBadAnswer, Message: fmt.Sprintf("the answer has an unexpected form (%d); are client and server of the same release?", r.Kind)}
}

func (r Reply) integer() (int64, error) {
	if r.Kind != Int {
		return 0, errReply(r)
	}
	return r.Int, nil
}

func (r Reply) truth() (bool, error) {
	n, err := r.integer()
	return n != 0, err
}

// value gives bytes; what is not there is ErrNotFound.
func (r Reply) value() ([]byte, error) {
	switch r.Kind {
	case Bytes, Text:
		return r.Bytes, nil
	case Nil:
		return nil, &Error{Code: CodeNotFound, Message: "nothing is there"}
	}
	return nil, errReply(r)
}

func (r Reply) float() (float64, error) {
	text, err := r.value()
	if err != nil {
		return 0, err
	}
	f, err := strconv.ParseFloat(string(text), 64)
	if err != nil {
		return 0, errReply(r)
	}
	return f, nil
}

// strings gives a list; what is not there is an empty one.
func (r Reply) strings() ([]string, error) {
	if r.Kind == Nil {
		return nil, nil
	}
	if r.Kind != Array {
		return nil, errReply(r)
	}
	all := make([]string, len(r.List))
	for i := range r.List {
		all[i] = string(r.List[i].Bytes)
	}
	return all, nil
}

// fields gives names and values.
func (r Reply) fields() (map[string][]byte, error) {
	if r.Kind == Nil {
		return map[string][]byte{}, nil
	}
	if r.Kind != Pairs {
		return nil, errReply(r)
	}
	all := make(map[string][]byte, len(r.List)/2)
	for i := 0; i+1 < len(r.List); i += 2 {
		all[string(r.List[i].Bytes)] = r.List[i+1].Bytes
	}
	return all, nil
}
