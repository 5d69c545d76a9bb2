package command

import (
	"math"
	"strconv"

	"github.com/atollcache/atoll/crdt"
)

// A string is one cell without a name: a register, written by SET, and
// increments on top of it. While the register is no integer it is what readers
// see, and the increments stay hidden.

// shown gives what a reader sees of a string or of a field of a hash.
func (c *Call) shown(cell *crdt.Cell) []byte {
	register := cell.Value()
	if len(cell.Counts) == 0 {
		return register.Value
	}
	n, ok := shownInt(cell)
	if !ok {
		return register.Value
	}
	from := len(c.scratch)
	c.scratch = strconv.AppendInt(c.scratch, n, 10)
	return c.scratch[from:len(c.scratch):len(c.scratch)]
}

// shownInt gives the register and the increments in one number, unless the
// register is no integer. Regions that count at the same time can wrap around.
func shownInt(cell *crdt.Cell) (int64, bool) {
	total := cell.Total().Int
	register := cell.Value()
	if register == nil {
		return total, true
	}
	n, ok := parseInt(register.Value)
	return n + total, ok
}

// value gives the reply to a read of a cell, which may be nil.
func (c *Call) value(cell *crdt.Cell) Reply {
	if cell == nil {
		return Reply{}
	}
	return bulk(c.shown(cell))
}

func get(c *Call) Reply {
	if c.clash(crdt.String) {
		return wrongType()
	}
	return c.value(c.cell(crdt.String, nil))
}

func strlen(c *Call) Reply {
	if c.clash(crdt.String) {
		return wrongType()
	}
	if cell := c.cell(crdt.String, nil); cell != nil {
		return integer(int64(len(c.shown(cell))))
	}
	return integer(0)
}

// setOptions are those of SET.
type setOptions struct {
	absent, present bool // NX, XX
	get, keep       bool // GET, KEEPTTL
	deadline        int64
}

func set(c *Call) Reply {
	o, refusal, ok := c.setOptions(c.Args[2:])
	if !ok {
		return refusal
	}
	var reply Reply
	if o.get {
		if reply = get(c); reply.Type == Error {
			return reply
		}
	}
	if exists := c.kind != crdt.None; exists && o.absent || !exists && o.present {
		return reply
	}

	if o.keep && c.kind != crdt.None {
		o.deadline = c.Entry.Deadline()
	}
	if cells := c.Entry.Cells(); len(cells) > 1 || len(cells) == 1 && cells[0].Kind != crdt.String {
		c.Delta.Clear(c.Entry, c.Context, c.Op)
	}
	c.Delta.Put(c.Entry, crdt.String, "", c.Args[1], o.deadline, c.Op)
	if o.get {
		return reply
	}
	return status("OK")
}

// setOptions reads what follows the value. Options that exclude each other are
// a syntax error, as is anything unknown.
func (c *Call) setOptions(args [][]byte) (o setOptions, refusal Reply, ok bool) {
	var expiry expiryOption // the last one given
	var at []byte
	for i := 0; i < len(args); i++ {
		e, isExpiry := parseExpiryOption(args[i])
		switch arg := args[i]; {
		case is(arg, "nx") && !o.present:
			o.absent = true
		case is(arg, "xx") && !o.absent:
			o.present = true
		case is(arg, "get"):
			o.get = true
		case is(arg, "keepttl") && at == nil:
			o.keep = true
		case isExpiry && !o.keep && (at == nil || e == expiry) && i+1 < len(args):
			expiry, at = e, args[i+1]
			i++
		default:
			return o, syntaxError(), false
		}
	}
	if at == nil {
		return o, Reply{}, true
	}
	o.deadline, refusal, ok = c.deadline(at, expiry)
	return o, refusal, ok
}

func incr(c *Call) Reply { return c.increment(1) }
func decr(c *Call) Reply { return c.increment(-1) }

func incrBy(c *Call) Reply {
	by, ok := parseInt(c.Args[1])
	if !ok {
		return notInteger()
	}
	return c.increment(by)
}

func decrBy(c *Call) Reply {
	by, ok := parseInt(c.Args[1])
	switch {
	case !ok:
		return notInteger()
	case by == math.MinInt64:
		return Fail("ERR", "decrement would overflow")
	}
	return c.increment(-by)
}

func (c *Call) increment(by int64) Reply {
	if c.clash(crdt.String) {
		return wrongType()
	}
	var was int64
	if cell := c.cell(crdt.String, nil); cell != nil {
		n, ok := shownInt(cell)
		if !ok {
			return notInteger()
		}
		was = n
	}
	sum, exact := addInt(was, by)
	if !exact {
		return overflow()
	}
	c.settle()
	c.Delta.Add(c.Entry, crdt.String, "", crdt.Sum{Int: by}, c.Op)
	return integer(sum)
}

// AppendShown appends what a reader sees of a cell: the value of a string or of
// a field, the score of a member, nothing of a member of a set.
func AppendShown(dst []byte, cell *crdt.Cell) []byte {
	switch cell.Kind {
	case crdt.String, crdt.Hash:
		var c Call
		return append(dst, c.shown(cell)...)
	case crdt.SortedSet:
		return appendFloat(dst, score(cell))
	}
	return dst
}
