package replica

import (
	"slices"

	"github.com/atollcache/atoll/antientropy"
	"github.com/atollcache/atoll/crdt"
)

// session is what a client has seen: per partition, the highest operation of
// each origin whose effect it may have been shown, removals included. A node
// whose context covers all of that shows nothing older, since an origin's
// context covers everything that the origin wrote up to it. The stamps are those
// of operations, not of closed timestamps: the last timestamp of a node that
// died may have reached one replica alone, and nobody else could ever cover it.
//
// It travels as a token, see encode. The zero value has seen nothing.
type session struct {
	parts  []seenPart  // ascending by partition
	coarse []coarseDot // ascending by origin, what there was no room for in parts
	blind  bool        // has forgotten what it saw, so nobody can ever show it covered
}

// seenPart is what a client has seen of one partition.
type seenPart struct {
	partition uint16
	shown     crdt.Origin // the tenure that has all of dots, whatever its context says; zero if there is none
	dots      crdt.Context
}

// coarseDot stands for the operations of one origin in several partitions, by
// the highest of them: whoever covers that one covers the others. It asks for
// more than was seen, never for less.
type coarseDot struct {
	crdt.Dot
	where antientropy.Scope
}

// find gives the place of a partition, and whether it is there.
func (s *session) find(part uint16) (int, bool) {
	return slices.BinarySearchFunc(s.parts, part, func(p seenPart, part uint16) int { return int(p.partition) - int(part) })
}

// covered says whether a partition shows nothing older than what was seen of
// it. What its own tenure has stamped or shown before it still has.
func (s *session) covered(part uint16, tenure crdt.Origin, ctx *crdt.Context) bool {
	if s.blind {
		return false
	}
	if i, ok := s.find(part); ok && s.parts[i].shown != tenure {
		for _, d := range s.parts[i].dots.Dots() {
			if d.Origin != tenure && !ctx.Covers(d) {
				return false
			}
		}
	}
	for i := range s.coarse {
		c := &s.coarse[i]
		if c.where.Has(part) && c.Origin != tenure && !ctx.Covers(c.Dot) {
			return false
		}
	}
	return true
}

// top is the highest stamp that was seen of a partition.
func (s *session) top(part uint16) (top crdt.Stamp) {
	if i, ok := s.find(part); ok {
		top = highest(&s.parts[i].dots)
	}
	for i := range s.coarse {
		if s.coarse[i].where.Has(part) {
			top = max(top, s.coarse[i].Stamp)
		}
	}
	return top
}

func highest(c *crdt.Context) (top crdt.Stamp) {
	for _, d := range c.Dots() {
		top = max(top, d.Stamp)
	}
	return top
}

// shownBy gives the tenure that has all that was seen of a partition, zero if
// there is none.
func (s *session) shownBy(part uint16) crdt.Origin {
	if i, ok := s.find(part); ok {
		return s.parts[i].shown
	}
	return crdt.Origin{}
}

// see adds what a tenure has shown of a partition. Unless it lagged it has what
// was seen before, too.
func (s *session) see(part uint16, tenure crdt.Origin, dots *crdt.Context, lagged bool) {
	i, ok := s.find(part)
	if !ok {
		s.parts = slices.Insert(s.parts, i, seenPart{partition: part})
	}
	p := &s.parts[i]
	all := p.dots.Clone() // which may be another session's, see shallow
	all.Join(dots)
	p.dots, p.shown = all, tenure
	if lagged {
		p.shown = crdt.Origin{}
	}
}

// shallow gives a copy to which see may add, and nothing else.
func (s *session) shallow() session {
	return session{parts: slices.Clone(s.parts), coarse: slices.Clone(s.coarse), blind: s.blind}
}

// join adds what another part of the same session has seen.
func (s *session) join(o *session) {
	s.blind = s.blind || o.blind
	for i := range o.parts {
		s.joinPart(&o.parts[i])
	}
	for i := range o.coarse {
		s.joinCoarse(&o.coarse[i])
	}
}

func (s *session) joinPart(p *seenPart) {
	i, ok := s.find(p.partition)
	if !ok {
		s.parts = slices.Insert(s.parts, i, seenPart{partition: p.partition, shown: p.shown, dots: p.dots.Clone()})
		return
	}
	mine := &s.parts[i]
	switch {
	case mine.shown == p.shown, p.dots.Len() == 0:
	case mine.dots.Len() == 0:
		mine.shown = p.shown
	default: // a tenure that has shown the higher stamps need not have those below
		mine.shown = crdt.Origin{}
	}
	mine.dots.Join(&p.dots)
}

func (s *session) joinCoarse(c *coarseDot) {
	i, ok := slices.BinarySearchFunc(s.coarse, c.Origin, func(c coarseDot, o crdt.Origin) int { return c.Origin.Compare(o) })
	if !ok {
		s.coarse = slices.Insert(s.coarse, i, *c)
		return
	}
	mine := &s.coarse[i]
	mine.Stamp = max(mine.Stamp, c.Stamp)
	for part := range c.where.All() {
		mine.where.Add(part)
	}
}

// coarsen makes a session that is too large smaller: the older half of the
// partitions is kept by origin alone. When there are none left it goes blind,
// which is honest, and its next answers say that they may be stale.
func (s *session) coarsen() {
	if len(s.parts) == 0 {
		*s = session{blind: true}
		return
	}
	tops := make([]crdt.Stamp, len(s.parts))
	for i := range s.parts {
		tops[i] = highest(&s.parts[i].dots)
	}
	slices.Sort(tops)
	middle := tops[(len(tops)-1)/2]
	s.parts = slices.DeleteFunc(s.parts, func(p seenPart) bool {
		if highest(&p.dots) > middle {
			return false
		}
		for _, d := range p.dots.Dots() {
			c := coarseDot{Dot: d}
			c.where.Add(p.partition)
			s.joinCoarse(&c)
		}
		return true
	})
}
