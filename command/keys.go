package command

import (
	"strconv"

	"github.com/atollcache/atoll/crdt"
)

func del(c *Call) Reply {
	if c.kind == crdt.None {
		return integer(0)
	}
	c.Delta.Clear(c.Entry, c.Context, c.Op)
	return integer(1)
}

func exists(c *Call) Reply { return truth(c.kind != crdt.None) }

func typeOf(c *Call) Reply { return status(c.kind.String()) }

func ping(c *Call) Reply {
	switch len(c.Args) {
	case 0:
		return status("PONG")
	case 1:
		return bulk(c.Args[0])
	}
	return wrongArity(c.command.Name)
}

func echo(c *Call) Reply { return bulk(c.Args[0]) }

// Scan is what SCAN asks for.
type Scan struct {
	Cursor  uint64 // 0 begins
	Pattern []byte // for Match; nil for every key
	Count   int    // how many keys to look at, 10 if not given
}

// The bounds of SCAN. A pattern of that size can still escape every byte of the
// longest key.
const (
	scanCount    = 10
	maxScanCount = 10_000
)

// ParseScan reads the arguments of SCAN: a cursor, and the options MATCH and
// COUNT. A COUNT above 10,000, which is a hint only, is taken as that.
func ParseScan(args [][]byte, limits Limits) (s Scan, refusal Reply, ok bool) {
	s.Count = scanCount
	if len(args) == 0 {
		return s, wrongArity("scan"), false
	}
	cursor, err := strconv.ParseUint(string(args[0]), 10, 64)
	if err != nil {
		return s, Fail("ERR", "invalid cursor"), false
	}
	s.Cursor = cursor

	options := args[1:]
	for len(options) > 0 {
		if len(options) == 1 {
			return s, syntaxError(), false
		}
		if refusal, ok := s.option(options[0], options[1], limits.orDefaults()); !ok {
			return s, refusal, false
		}
		options = options[2:]
	}
	return s, Reply{}, true
}

func (s *Scan) option(name, value []byte, limits Limits) (refusal Reply, ok bool) {
	switch {
	case is(name, "match"):
		if most := 2 * limits.MaxKey; len(value) > most {
			return tooLong("pattern", len(value), most), false
		}
		s.Pattern = value
	case is(name, "count"):
		n, ok := parseInt(value)
		switch {
		case !ok:
			return notInteger(), false
		case n < 1:
			return syntaxError(), false
		}
		s.Count = int(min(n, maxScanCount))
	default:
		return syntaxError(), false
	}
	return Reply{}, true
}
