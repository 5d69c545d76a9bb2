package command

import (
	"slices"
	"strings"

	"github.com/atollcache/atoll/crdt"
)

// Fields of a hash and members of a set or a sorted set are cells of one key,
// and much of what is done with them is the same.

// card answers with the number of fields or members.
func (c *Call) card(kind crdt.Kind) Reply {
	if c.clash(kind) {
		return wrongType()
	}
	return integer(int64(c.len(kind)))
}

// has answers whether the field or member of the second argument is there.
func (c *Call) has(kind crdt.Kind) Reply {
	if c.clash(kind) {
		return wrongType()
	}
	return truth(c.cell(kind, c.Args[1]) != nil)
}

// names answers with all fields or members.
func (c *Call) names(kind crdt.Kind) Reply {
	if c.clash(kind) {
		return wrongType()
	}
	cells := c.sorted(kind)
	names := newNames(cells)
	list := make([]Reply, 0, len(cells))
	for _, cell := range cells {
		list = append(list, names.bulk(cell.Name))
	}
	return array(list)
}

// sorted gives the cells that a reader sees, by name, so that every replica
// answers in the same order.
func (c *Call) sorted(kind crdt.Kind) []*crdt.Cell {
	cells := c.visible(kind)
	slices.SortFunc(cells, func(a, b *crdt.Cell) int { return strings.Compare(a.Name, b.Name) })
	return cells
}

// visible gives the cells that a reader sees, in no order.
func (c *Call) visible(kind crdt.Kind) []*crdt.Cell {
	if c.kind != kind {
		return nil
	}
	cells := make([]*crdt.Cell, 0, c.Entry.Len(kind))
	all := c.Entry.Cells()
	for i := range all {
		if cell := &all[i]; cell.Kind == kind && cell.Visible() {
			cells = append(cells, cell)
		}
	}
	return cells
}

// names copies the names of many cells into one piece of memory.
type names []byte

func newNames(cells []*crdt.Cell) names {
	n := 0
	for _, cell := range cells {
		n += len(cell.Name)
	}
	return make(names, 0, n)
}

func (n *names) bulk(name string) Reply {
	from := len(*n)
	*n = append(*n, name...)
	return bulk((*n)[from:len(*n):len(*n)])
}

// removeCells takes away the named fields or members. The last one takes the
// key with it, deadline and all.
func (c *Call) removeCells(kind crdt.Kind, names [][]byte) Reply {
	if c.clash(kind) {
		return wrongType()
	}
	removed := 0
	for _, name := range names {
		if c.cell(kind, name) == nil || c.Delta.Cell(kind, string(name)) != nil {
			continue
		}
		if removed == 0 {
			c.settle()
		}
		c.Delta.Remove(c.Entry, kind, string(name), c.Op)
		removed++
	}
	if removed > 0 && removed == c.len(kind) {
		c.Delta.Remove(c.Entry, crdt.Expiry, "", c.Op)
	}
	return integer(int64(removed))
}

// checkName refuses a field or member that is too long.
func (c *Call) checkName(name []byte) (refusal Reply, ok bool) {
	if len(name) > c.limits.MaxName {
		return tooLong("field or member", len(name), c.limits.MaxName), false
	}
	return Reply{}, true
}

// checkLen refuses to let a key grow over the limit.
func (c *Call) checkLen(kind crdt.Kind, created int) (refusal Reply, ok bool) {
	if n := c.len(kind) + created; created > 0 && n > c.limits.MaxFields {
		return Fail("TOOLARGE", "too many fields: the key would have %d, the limit is %d; spread them over several keys", n, c.limits.MaxFields), false
	}
	return Reply{}, true
}
