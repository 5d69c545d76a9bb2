package command

import (
	"cmp"
	"math"
	"slices"
	"strings"

	"github.com/atollcache/atoll/crdt"
)

// zrangeOptions are those of ZRANGE.
type zrangeOptions struct {
	byScore, reverse, withScores bool
	offset, count                int64 // of LIMIT; a negative count is no limit
}

// scored is a member and its score.
type scored struct {
	score float64
	cell  *crdt.Cell
}

func (a scored) compare(b scored) int {
	if c := cmp.Compare(a.score, b.score); c != 0 {
		return c
	}
	return strings.Compare(a.cell.Name, b.cell.Name)
}

func zrange(c *Call) Reply {
	from, to := c.Args[1], c.Args[2]
	o, refusal, ok := parseZrangeOptions(c.Args[3:])
	if !ok {
		return refusal
	}
	if o.byScore {
		return c.zrangeByScore(&o, from, to)
	}
	return c.zrangeByRank(&o, from, to)
}

func parseZrangeOptions(args [][]byte) (o zrangeOptions, refusal Reply, ok bool) {
	o.count = -1
	for i := 0; i < len(args); i++ {
		switch arg := args[i]; {
		case is(arg, "byscore"):
			o.byScore = true
		case is(arg, "rev"):
			o.reverse = true
		case is(arg, "withscores"):
			o.withScores = true
		case is(arg, "limit") && i+2 < len(args):
			var okOffset, okCount bool
			o.offset, okOffset = parseInt(args[i+1])
			o.count, okCount = parseInt(args[i+2])
			if !okOffset || !okCount {
				return o, notInteger(), false
			}
			i += 2
		default:
			return o, syntaxError(), false
		}
	}
	if o.count != -1 && !o.byScore {
		return o, Fail("ERR", "syntax error, LIMIT is only supported in combination with either BYSCORE or BYLEX"), false
	}
	return o, Reply{}, true
}

func (c *Call) zrangeByRank(o *zrangeOptions, from, to []byte) Reply {
	start, okStart := parseInt(from)
	stop, okStop := parseInt(to)
	switch {
	case !okStart || !okStop:
		return notInteger()
	case c.clash(crdt.SortedSet):
		return wrongType()
	}
	members := c.scoredWithin(math.Inf(-1), math.Inf(1), nil)
	o.order(members)

	n := int64(len(members))
	if start < 0 {
		start = max(start+n, 0)
	}
	if stop < 0 {
		stop += n
	}
	stop = min(stop, n-1)
	if start > stop {
		return array(nil)
	}
	return c.zrangeReply(o, members[start:stop+1])
}

func (c *Call) zrangeByScore(o *zrangeOptions, from, to []byte) Reply {
	if o.reverse {
		from, to = to, from
	}
	low, openLow, okLow := parseBound(from)
	high, openHigh, okHigh := parseBound(to)
	switch {
	case !okLow || !okHigh:
		return Fail("ERR", "min or max is not a float")
	case c.clash(crdt.SortedSet):
		return wrongType()
	}
	members := c.scoredWithin(low, high, func(score float64) bool {
		return openLow && score == low || openHigh && score == high
	})
	o.order(members)

	n := int64(len(members))
	if o.offset < 0 || o.offset >= n {
		return array(nil)
	}
	members = members[o.offset:]
	if o.count >= 0 && o.count < int64(len(members)) {
		members = members[:o.count]
	}
	return c.zrangeReply(o, members)
}

// parseBound reads a score that is a bound; with a bracket in front it is not
// part of the range.
func parseBound(arg []byte) (bound float64, open, ok bool) {
	if len(arg) > 0 && arg[0] == '(' {
		open, arg = true, arg[1:]
	}
	bound, ok = parseFloat(arg)
	return bound, open, ok
}

// scoredWithin gives the members from low to high but those left out, in no
// order.
func (c *Call) scoredWithin(low, high float64, out func(score float64) bool) []scored {
	var members []scored
	for _, cell := range c.visible(crdt.SortedSet) {
		s := score(cell)
		if s >= low && s <= high && (out == nil || !out(s)) {
			members = append(members, scored{s, cell})
		}
	}
	return members
}

// order sorts by score, then member, or the other way round.
func (o *zrangeOptions) order(members []scored) {
	if o.reverse {
		slices.SortFunc(members, func(a, b scored) int { return b.compare(a) })
		return
	}
	slices.SortFunc(members, scored.compare)
}

func (c *Call) zrangeReply(o *zrangeOptions, members []scored) Reply {
	cells := make([]*crdt.Cell, len(members))
	for i := range members {
		cells[i] = members[i].cell
	}
	names := newNames(cells)
	list := make([]Reply, 0, 2*len(members))
	for i := range members {
		list = append(list, names.bulk(cells[i].Name))
		if o.withScores {
			list = append(list, c.float(members[i].score))
		}
	}
	return array(list)
}
