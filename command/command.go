// Package command is the one table of commands: what they are called, how many
// arguments they take, which of them are keys, and what they do to a key.
//
// Every door (NATS, the Redis protocol, HTTP) translates the same table, and
// the documentation is generated from it. To run a command, look it up, check
// its arguments, and execute it on what the node holds of the key:
//
//	cmd, ok := command.Lookup("incr")
//	if refusal, ok := cmd.Check(args, limits); !ok { … }
//	call := command.Call{Args: args, Entry: entry, Context: context, Op: dot, Delta: &delta}
//	reply := cmd.Exec(&call)
//
// A read answers from the entry. A write changes nothing itself: it answers,
// and leaves in the delta what the caller must apply and send on. A reply that
// is an error leaves the delta empty, and so does a write that had nothing to
// do.
//
// What a command means is what it means in Redis, down to the texts of the
// errors; where regions that write at the same time make that impossible, the
// field Differs of the command says so. The package takes no lock, reads no
// clock and knows nothing of partitions: SCAN, which walks over many keys, is
// only parsed here.
package command

import (
	"slices"
	"strings"
)

// Command is a row of the table. It belongs to the package and must not be
// changed.
type Command struct {
	Name  string // in lower case
	Arity int    // as in Redis: the name counts, and -n is at least n
	Keys  KeyClass
	Write bool // builds a delta
	Grows bool // refused while memory is full; other writes make room

	Group   string // the chapter of the documentation
	Syntax  string // in the notation of the Redis documentation
	Summary string // one sentence
	Differs string // from Redis, and why; empty if it does not

	place int
	run   func(*Call) Reply
}

// KeyClass tells which arguments of a command are keys, and hence who runs it.
type KeyClass uint8

// The classes of keys.
const (
	NoKey   KeyClass = iota // any node answers, without an entry
	OneKey                  // the first argument; the rest belongs to it
	EachKey                 // every argument: run once for each, with Args of that key alone, and the integers summed
	AllKeys                 // walks over partitions: the caller runs it, not Exec
)

// Lookup finds a command by its name, in whatever case.
func Lookup(name string) (*Command, bool) {
	if c, ok := byName[name]; ok { // most are in lower case
		return c, true
	}
	var lower [maxName]byte
	if len(name) > len(lower) {
		return nil, false
	}
	for i := range len(name) {
		lower[i] = lowerByte(name[i])
	}
	c, ok := byName[string(lower[:len(name)])]
	return c, ok
}

// Place is where the command stands in a list of all, from 0. It is for whoever
// keeps something of each command: it may differ between releases.
func (c *Command) Place() int { return c.place }

// Places is how many there are.
func Places() int { return len(table) }

// maxName is longer than any name in the table.
const maxName = 16

// Table lists all commands by name.
func Table() []*Command {
	all := slices.Clone(table)
	slices.SortFunc(all, func(a, b *Command) int { return strings.Compare(a.Name, b.Name) })
	return all
}

// Check says whether a command may be executed with these arguments, and if
// not, what to answer. It judges what needs no entry: their number, and the
// length of each.
func (c *Command) Check(args [][]byte, limits Limits) (refusal Reply, ok bool) {
	n := len(args) + 1
	if n != c.Arity && (c.Arity > 0 || n < -c.Arity) {
		return wrongArity(c.Name), false
	}
	limits = limits.orDefaults()
	if most := limits.maxArgs(); len(args) > most {
		return Fail("TOOLARGE", "too many arguments for '%s' command: %d, the limit is %d; send several commands", c.Name, len(args), most), false
	}

	keys := 0
	switch c.Keys {
	case OneKey:
		keys = 1
	case EachKey:
		keys = len(args)
	}
	for i, arg := range args {
		switch {
		case i < keys && len(arg) > limits.MaxKey:
			return tooLong("key", len(arg), limits.MaxKey), false
		case len(arg) > limits.MaxValue:
			return tooLong("value", len(arg), limits.MaxValue), false
		}
	}
	return Reply{}, true
}

// Exec runs a command on one key.
func (c *Command) Exec(call *Call) Reply {
	if refusal, ok := c.Check(call.Args, call.Limits); !ok {
		if c.Write {
			call.Delta.Reset()
		}
		return refusal
	}
	return c.Perform(call)
}

// Perform is Exec for arguments that Check has accepted.
func (c *Command) Perform(call *Call) Reply {
	if c.Write {
		call.Delta.Reset()
	}
	if c.run == nil {
		return Fail("ERR", "'%s' walks over partitions and does not run on one key", c.Name)
	}

	call.begin(c)
	reply := c.run(call)
	if c.Write && reply.Type == Error {
		call.Delta.Reset()
	}
	return reply
}
