package command

import "github.com/atollcache/atoll/crdt"

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
