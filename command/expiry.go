package command

import "github.com/atollcache/atoll/crdt"

// expiryOption is how an argument names a deadline.
type expiryOption struct {
	unit     int64 // milliseconds
	absolute bool
}

// parseExpiryOption reads the word that SET has for it.
func parseExpiryOption(arg []byte) (o expiryOption, ok bool) {
	switch {
	case is(arg, "ex"):
		return expiryOption{unit: 1000}, true
	case is(arg, "px"):
		return expiryOption{unit: 1}, true
	case is(arg, "exat"):
		return expiryOption{unit: 1000, absolute: true}, true
	case is(arg, "pxat"):
		return expiryOption{unit: 1, absolute: true}, true
	}
	return expiryOption{}, false
}

// maxDeadline is the last millisecond that a stamp can show; a deadline beyond
// it would never come.
const maxDeadline = 1<<48 - 1

// deadline reads a deadline, in unix milliseconds. One that has passed is
// refused: a write that removes is spelled DEL.
func (c *Call) deadline(arg []byte, o expiryOption) (at int64, refusal Reply, ok bool) {
	n, ok := parseInt(arg)
	if !ok {
		return 0, notInteger(), false
	}
	now, base := c.Op.Stamp.Millis(), int64(0)
	if !o.absolute {
		base = now
	}
	switch most := (maxDeadline - base) / o.unit; {
	case n > most:
		return 0, Fail("ERR", "invalid expire time in '%s' command", c.command.Name), false
	case n <= 0 || base+n*o.unit <= now:
		return 0, c.passed(), false
	}
	return base + n*o.unit, Reply{}, true
}

// passed refuses a deadline that is not in the future. What SET says of it is
// the text of Redis.
func (c *Call) passed() Reply {
	hint := ": it has passed; use DEL to remove a key"
	if c.command.Name == "set" {
		hint = ""
	}
	return Fail("ERR", "invalid expire time in '%s' command%s", c.command.Name, hint)
}

// expire gives the command that reads its deadline in this way.
func expire(o expiryOption) func(*Call) Reply {
	return func(c *Call) Reply {
		when, refusal, ok := expireCondition(c.Args[2:])
		if !ok {
			return refusal
		}
		at, refusal, ok := c.deadline(c.Args[1], o)
		if !ok {
			return refusal
		}
		if c.kind == crdt.None || !when.holds(c.Entry.Deadline(), at) {
			return integer(0)
		}
		c.settle()
		c.Delta.Extend(c.Entry, at, c.Op)
		return integer(1)
	}
}

// condition is what the options of the EXPIRE family ask for.
type condition struct{ none, some, longer, shorter bool } // NX, XX, GT, LT

func expireCondition(args [][]byte) (o condition, refusal Reply, ok bool) {
	for _, arg := range args {
		switch {
		case is(arg, "nx"):
			o.none = true
		case is(arg, "xx"):
			o.some = true
		case is(arg, "gt"):
			o.longer = true
		case is(arg, "lt"):
			o.shorter = true
		default:
			return o, Fail("ERR", "Unsupported option %s", printable(string(arg))), false
		}
	}
	switch {
	case o.none && (o.some || o.longer || o.shorter):
		return o, Fail("ERR", "NX and XX, GT or LT options at the same time are not compatible"), false
	case o.longer && o.shorter:
		return o, Fail("ERR", "GT and LT options at the same time are not compatible"), false
	}
	return o, Reply{}, true
}

// holds says whether a key with deadline was, 0 for none, may get another.
func (o condition) holds(was, at int64) bool {
	switch {
	case o.none && was != 0, o.some && was == 0:
		return false
	case o.longer && (was == 0 || at <= was):
		return false
	case o.shorter && was != 0 && at >= was:
		return false
	}
	return true
}

func persist(c *Call) Reply {
	if c.kind == crdt.None || c.Entry.Deadline() == 0 {
		return integer(0)
	}
	c.settle()
	c.Delta.Extend(c.Entry, 0, c.Op)
	return integer(1)
}

// What TTL and its like say of keys without a deadline.
const (
	noDeadline = -1
	noKey      = -2
)

// remaining gives the command that tells how long the key has, or, if absolute,
// until when.
func remaining(o expiryOption) func(*Call) Reply {
	return func(c *Call) Reply {
		if c.kind == crdt.None {
			return integer(noKey)
		}
		deadline := c.Entry.Deadline()
		if deadline == 0 {
			return integer(noDeadline)
		}
		if !o.absolute {
			deadline -= c.Now
		}
		return integer((deadline + o.unit/2) / o.unit)
	}
}
