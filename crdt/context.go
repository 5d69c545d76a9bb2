package crdt

import (
	"slices"
	"strings"
)

// Context maps origins to stamps. As the context of a partition it promises:
// everything that the origin wrote here up to the stamp has been merged here.
// The zero value covers nothing.
type Context struct {
	dots []Dot // ascending by origin, one per origin, no zero stamps
}

// find gives the place of o, and whether it is there.
func (c *Context) find(o Origin) (int, bool) {
	if len(c.dots) > 16 {
		return slices.BinarySearchFunc(c.dots, o, func(d Dot, o Origin) int { return d.Origin.Compare(o) })
	}
	for i := range c.dots {
		at := &c.dots[i].Origin
		if at.Node < o.Node || at.Node == o.Node && at.Epoch < o.Epoch {
			continue
		}
		return i, *at == o
	}
	return len(c.dots), false
}

// At gives the stamp of o, zero if there is none.
func (c *Context) At(o Origin) Stamp {
	if i, ok := c.find(o); ok {
		return c.dots[i].Stamp
	}
	return 0
}

// Covers says whether d lies within the context.
func (c *Context) Covers(d Dot) bool { return d.Stamp <= c.At(d.Origin) }

// CoversAll says whether everything within o lies within c.
func (c *Context) CoversAll(o *Context) bool {
	for _, d := range o.dots {
		if !c.Covers(d) {
			return false
		}
	}
	return true
}

// Raise lifts the stamp of d's origin to that of d, and says whether it rose.
func (c *Context) Raise(d Dot) bool {
	i, ok := c.find(d.Origin)
	switch {
	case d.Stamp == 0:
		return false
	case !ok:
		c.dots = slices.Insert(c.dots, i, d)
		return true
	case c.dots[i].Stamp >= d.Stamp:
		return false
	}
	c.dots[i].Stamp = d.Stamp
	return true
}

// Join lifts every origin to its stamp in o, and says whether any rose.
func (c *Context) Join(o *Context) bool {
	rose := false
	for _, d := range o.dots {
		if c.Raise(d) {
			rose = true
		}
	}
	return rose
}

// Lower cuts the stamp of d's origin to just below d, for what was skipped.
func (c *Context) Lower(d Dot) {
	i, ok := c.find(d.Origin)
	if !ok || c.dots[i].Stamp < d.Stamp {
		return
	}
	if d.Stamp <= 1 {
		c.dots = slices.Delete(c.dots, i, i+1)
		return
	}
	c.dots[i].Stamp = d.Stamp - 1
}

// Grow makes room for n more origins.
func (c *Context) Grow(n int) { c.dots = slices.Grow(c.dots, n) }

// Limit cuts every stamp to the highest that is given.
func (c *Context) Limit(most Stamp) {
	for i := range c.dots {
		c.dots[i].Stamp = min(c.dots[i].Stamp, most)
	}
}

// Reset empties the context and keeps its memory.
func (c *Context) Reset() { c.dots = c.dots[:0] }

// Set makes the context a copy of o, in the memory that it has.
func (c *Context) Set(o *Context) { c.dots = append(c.dots[:0], o.dots...) }

// Clone gives a copy that shares nothing with c.
func (c *Context) Clone() Context { return Context{dots: slices.Clone(c.dots)} }

// Equal says whether both hold the same origins at the same stamps.
func (c *Context) Equal(o *Context) bool { return slices.Equal(c.dots, o.dots) }

// Dots gives the stamp of every origin, ascending by origin. The slice belongs
// to the context and is valid until its next change.
func (c *Context) Dots() []Dot { return c.dots }

// Len gives the number of origins.
func (c *Context) Len() int { return len(c.dots) }

// String shows the context for people.
func (c *Context) String() string {
	var b strings.Builder
	for i, d := range c.dots {
		if i > 0 {
			b.WriteByte(' ')
		}
		b.WriteString(d.Origin.String() + "@" + d.Stamp.String())
	}
	return b.String()
}
