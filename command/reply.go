package command

import (
	"fmt"
	"slices"
	"strconv"
)

// ReplyType tells what a reply is, and which of its fields count.
type ReplyType uint8

// The types of replies.
const (
	Nil    ReplyType = iota // nothing there
	Status                  // Code: a word such as OK or PONG
	Int                     // Int
	Bytes                   // Bytes
	Float                   // Bytes: the shortest decimal that reads back as the same number, or inf
	Array                   // List
	Map                     // List: keys and values in turn
	Error                   // Code: a stable word; Bytes: a text for people
)

// Reply is the answer to a command.
//
// Its bytes may alias the arguments, the entry and the call. They are valid
// until the entry changes, which applying the delta does, and until the
// arguments or the call are used again; whoever needs them longer takes a Clone
// or encodes the reply first.
type Reply struct {
	_ struct{} `cbor:",toarray"`

	Type  ReplyType
	Int   int64
	Bytes []byte
	Code  string
	List  []Reply
}

// Clone gives a copy that shares nothing with r.
func (r Reply) Clone() Reply {
	if r.Bytes != nil {
		own := make([]byte, len(r.Bytes))
		copy(own, r.Bytes)
		r.Bytes = own
	}
	if r.List == nil {
		return r
	}
	r.List = slices.Clone(r.List)
	for i := range r.List {
		r.List[i] = r.List[i].Clone()
	}
	return r
}

// Fail gives an error reply with a stable code and a text for people.
func Fail(code, format string, args ...any) Reply {
	return Reply{Type: Error, Code: code, Bytes: fmt.Appendf(nil, format, args...)}
}

// Unknown refuses a command that is not in the table.
func Unknown(name string) Reply {
	return Fail("ERR", "unknown command '%s'", printable(name))
}

// OutOfMemory refuses a command that Grows while memory is full.
func OutOfMemory() Reply {
	return Fail("OOM", "command not allowed when used memory > 'maxmemory'.")
}

func status(word string) Reply  { return Reply{Type: Status, Code: word} }
func integer(n int64) Reply     { return Reply{Type: Int, Int: n} }
func bulk(b []byte) Reply       { return Reply{Type: Bytes, Bytes: b} }
func array(list []Reply) Reply  { return Reply{Type: Array, List: list} }
func mapped(list []Reply) Reply { return Reply{Type: Map, List: list} }

func truth(yes bool) Reply {
	if yes {
		return integer(1)
	}
	return integer(0)
}

func wrongArity(name string) Reply {
	return Fail("ERR", "wrong number of arguments for '%s' command", name)
}

func wrongType() Reply {
	return Fail("WRONGTYPE", "Operation against a key holding the wrong kind of value")
}

func tooLong(what string, n, limit int) Reply {
	return Fail("TOOLARGE", "%s of %d bytes is over the limit of %d", what, n, limit)
}

func syntaxError() Reply { return Fail("ERR", "syntax error") }
func notInteger() Reply  { return Fail("ERR", "value is not an integer or out of range") }
func notFloat() Reply    { return Fail("ERR", "value is not a valid float") }
func overflow() Reply    { return Fail("ERR", "increment or decrement would overflow") }

// printable shortens and escapes what a client sent, for the text of an error.
func printable(arg string) string {
	const most = 64
	quoted := strconv.Quote(arg[:min(len(arg), most)])
	return quoted[1 : len(quoted)-1]
}
