package command

import (
	"encoding/binary"
	"math"
	"slices"

	"github.com/atollcache/atoll/crdt"
)

// A member of a sorted set is a cell: a register with the score that ZADD
// wrote, as the eight bytes of a float, and the increments of ZINCRBY on top.

// score gives what a reader sees. Sums that run into opposite infinities, which
// only regions that count at the same time can bring about, show the register.
func score(cell *crdt.Cell) float64 {
	register := 0.0
	if s := cell.Value(); s != nil && len(s.Value) == 8 {
		register = math.Float64frombits(binary.BigEndian.Uint64(s.Value))
	}
	if len(cell.Counts) == 0 {
		return register
	}
	sum := register + cell.Total().Float
	if math.IsNaN(sum) {
		return register
	}
	return sum
}

func (c *Call) putScore(member []byte, score float64) {
	from := len(c.scratch)
	c.scratch = binary.BigEndian.AppendUint64(c.scratch, math.Float64bits(score))
	c.put(crdt.SortedSet, member, c.scratch[from:len(c.scratch):len(c.scratch)])
}

// scoreNow gives the score of a member as this call has left it so far.
func (c *Call) scoreNow(member []byte) (now float64, there bool) {
	if own := c.written(crdt.SortedSet, member); own != nil {
		return math.Float64frombits(binary.BigEndian.Uint64(own.Value)), true
	}
	if cell := c.cell(crdt.SortedSet, member); cell != nil {
		return score(cell), true
	}
	return 0, false
}

// zaddOptions are those of ZADD.
type zaddOptions struct {
	absent, present bool // NX, XX
	greater, less   bool // GT, LT
	changed         bool // CH
	increment       bool // INCR
}

// parseZaddOptions reads the options, and gives the scores and members that
// follow them.
func parseZaddOptions(args [][]byte) (o zaddOptions, pairs [][]byte) {
	for i, arg := range args {
		switch {
		case is(arg, "nx"):
			o.absent = true
		case is(arg, "xx"):
			o.present = true
		case is(arg, "gt"):
			o.greater = true
		case is(arg, "lt"):
			o.less = true
		case is(arg, "ch"):
			o.changed = true
		case is(arg, "incr"):
			o.increment = true
		default:
			return o, args[i:]
		}
	}
	return o, nil
}

// check refuses options that exclude each other.
func (o *zaddOptions) check(pairs [][]byte) (refusal Reply, ok bool) {
	switch {
	case len(pairs) == 0 || len(pairs)%2 != 0:
		return syntaxError(), false
	case o.absent && o.present:
		return Fail("ERR", "XX and NX options at the same time are not compatible"), false
	case o.absent && (o.greater || o.less), o.greater && o.less:
		return Fail("ERR", "GT, LT, and/or NX options at the same time are not compatible"), false
	case o.increment && len(pairs) > 2:
		return Fail("ERR", "INCR option supports a single increment-element pair"), false
	}
	return Reply{}, true
}

// allows says whether a member, with its score if it is there, may get another.
func (o *zaddOptions) allows(was float64, there bool, score float64) bool {
	switch {
	case there && o.absent, !there && o.present:
		return false
	case there && o.greater && score <= was, there && o.less && score >= was:
		return false
	}
	return true
}

func zadd(c *Call) Reply {
	o, pairs := parseZaddOptions(c.Args[1:])
	if refusal, ok := o.check(pairs); !ok {
		return refusal
	}
	scores := make([]float64, 0, len(pairs)/2)
	for i := 0; i < len(pairs); i += 2 {
		score, ok := parseFloat(pairs[i])
		if !ok {
			return notFloat()
		}
		scores = append(scores, score)
	}
	if c.clash(crdt.SortedSet) {
		return wrongType()
	}
	if o.increment {
		return c.incrementScore(&o, pairs[1], scores[0])
	}
	return c.putScores(&o, pairs, scores)
}

// putScores writes the members in turn; one that comes twice meets what its
// first score left.
func (c *Call) putScores(o *zaddOptions, pairs [][]byte, scores []float64) Reply {
	created, changed, settled := 0, 0, false
	for i, score := range scores {
		member := pairs[2*i+1]
		if refusal, ok := c.checkName(member); !ok {
			return refusal
		}
		was, there := c.scoreNow(member)
		if !o.allows(was, there, score) {
			continue
		}
		if !settled {
			c.settle()
			settled = true
		}
		switch {
		case !there:
			created++
		case score != was:
			changed++
		}
		c.putScore(member, score)
	}
	if refusal, ok := c.checkLen(crdt.SortedSet, created); !ok {
		return refusal
	}
	if o.changed {
		return integer(int64(created + changed))
	}
	return integer(int64(created))
}

func zincrBy(c *Call) Reply {
	by, ok := parseFloat(c.Args[1])
	if !ok {
		return notFloat()
	}
	if c.clash(crdt.SortedSet) {
		return wrongType()
	}
	return c.incrementScore(&zaddOptions{}, c.Args[2], by)
}

func (c *Call) incrementScore(o *zaddOptions, member []byte, by float64) Reply {
	if refusal, ok := c.checkName(member); !ok {
		return refusal
	}
	was, there := c.scoreNow(member)
	sum := was + by
	if math.IsNaN(sum) {
		return Fail("ERR", "resulting score is not a number (NaN)")
	}
	if !o.allows(was, there, sum) {
		return Reply{}
	}
	if !there {
		if refusal, ok := c.checkLen(crdt.SortedSet, 1); !ok {
			return refusal
		}
	}

	c.settle()
	cell := c.cell(crdt.SortedSet, member)
	if math.IsInf(sum, 0) || math.IsInf(c.ownSum(cell)+by, 0) {
		// A running sum that is infinite could never be reset, since inf-inf is
		// no number. A score that is infinite swallows increments anyway.
		c.putScore(member, sum)
		return c.float(sum)
	}
	c.Delta.Add(c.Entry, crdt.SortedSet, string(member), crdt.Sum{Float: by}, c.Op)
	return c.float(c.scoreAfter(cell, member))
}

// ownSum gives the running sum of this origin's increments.
func (c *Call) ownSum(cell *crdt.Cell) float64 {
	if cell != nil {
		for i := range cell.Counts {
			if n := &cell.Counts[i]; n.Origin == c.Op.Origin {
				return n.Sum.Float
			}
		}
	}
	return 0
}

// scoreAfter gives what a reader will see once the delta is applied. Sums of
// floats depend on their order, so the answer is computed as readers do it.
func (c *Call) scoreAfter(cell *crdt.Cell, member []byte) float64 {
	var after crdt.Cell
	if cell != nil {
		after = crdt.Cell{Slots: cell.Slots, Bases: cell.Bases, Counts: slices.Clone(cell.Counts)}
	}
	for _, own := range c.Delta.Cell(crdt.SortedSet, string(member)).Counts {
		i, found := slices.BinarySearchFunc(after.Counts, own.Origin, func(n crdt.Count, o crdt.Origin) int { return n.Origin.Compare(o) })
		if found {
			after.Counts[i] = own
		} else {
			after.Counts = slices.Insert(after.Counts, i, own)
		}
	}
	return score(&after)
}

func zrem(c *Call) Reply { return c.removeCells(crdt.SortedSet, c.Args[1:]) }

func zscore(c *Call) Reply {
	if c.clash(crdt.SortedSet) {
		return wrongType()
	}
	cell := c.cell(crdt.SortedSet, c.Args[1])
	if cell == nil {
		return Reply{}
	}
	return c.float(score(cell))
}

func zcard(c *Call) Reply { return c.card(crdt.SortedSet) }
