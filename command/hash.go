package command

import (
	"slices"
	"strings"

	"github.com/atollcache/atoll/crdt"
)

// A field of a hash is a cell: a register, increments, or both.

func hset(c *Call) Reply {
	pairs := c.Args[1:]
	if len(pairs)%2 != 0 {
		return wrongArity(c.command.Name)
	}
	if c.clash(crdt.Hash) {
		return wrongType()
	}
	c.settle()
	created := 0
	for ; len(pairs) > 0; pairs = pairs[2:] {
		field := pairs[0]
		if refusal, ok := c.checkName(field); !ok {
			return refusal
		}
		if c.cell(crdt.Hash, field) == nil && c.written(crdt.Hash, field) == nil {
			created++
		}
		c.put(crdt.Hash, field, pairs[1])
	}
	if refusal, ok := c.checkLen(crdt.Hash, created); !ok {
		return refusal
	}
	return integer(int64(created))
}

func hget(c *Call) Reply {
	if c.clash(crdt.Hash) {
		return wrongType()
	}
	return c.value(c.cell(crdt.Hash, c.Args[1]))
}

func hmget(c *Call) Reply {
	if c.clash(crdt.Hash) {
		return wrongType()
	}
	list := make([]Reply, 0, len(c.Args)-1)
	for _, field := range c.Args[1:] {
		list = append(list, c.value(c.cell(crdt.Hash, field)))
	}
	return array(list)
}

func hgetall(c *Call) Reply {
	if c.clash(crdt.Hash) {
		return wrongType()
	}
	cells := c.sorted(crdt.Hash)
	names := newNames(cells)
	list := make([]Reply, 0, 2*len(cells))
	for _, cell := range cells {
		list = append(list, names.bulk(cell.Name), bulk(c.shown(cell)))
	}
	return mapped(list)
}

func hkeys(c *Call) Reply { return c.names(crdt.Hash) }

func hvals(c *Call) Reply {
	if c.clash(crdt.Hash) {
		return wrongType()
	}
	cells := c.sorted(crdt.Hash)
	list := make([]Reply, 0, len(cells))
	for _, cell := range cells {
		list = append(list, bulk(c.shown(cell)))
	}
	return array(list)
}

func hdel(c *Call) Reply { return c.removeCells(crdt.Hash, c.Args[1:]) }

func hlen(c *Call) Reply { return c.card(crdt.Hash) }

func hexists(c *Call) Reply { return c.has(crdt.Hash) }

func hincrBy(c *Call) Reply {
	field := c.Args[1]
	by, ok := parseInt(c.Args[2])
	if !ok {
		return notInteger()
	}
	if c.clash(crdt.Hash) {
		return wrongType()
	}
	if refusal, ok := c.checkName(field); !ok {
		return refusal
	}

	var was int64
	cell := c.cell(crdt.Hash, field)
	if cell != nil {
		if was, ok = shownInt(cell); !ok {
			return Fail("ERR", "hash value is not an integer")
		}
	} else if refusal, ok := c.checkLen(crdt.Hash, 1); !ok {
		return refusal
	}
	sum, exact := addInt(was, by)
	if !exact {
		return overflow()
	}
	c.settle()
	c.Delta.Add(c.Entry, crdt.Hash, string(field), crdt.Sum{Int: by}, c.Op)
	return integer(sum)
}

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
