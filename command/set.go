package command

import "github.com/atollcache/atoll/crdt"

// A member of a set is a cell with a register that holds nothing.

// sadd writes members that are there already, too: whoever removes them at the
// same time has not seen this addition, and they stay.
func sadd(c *Call) Reply {
	if c.clash(crdt.Set) {
		return wrongType()
	}
	c.settle()
	created := 0
	for _, member := range c.Args[1:] {
		if refusal, ok := c.checkName(member); !ok {
			return refusal
		}
		if c.cell(crdt.Set, member) == nil && c.written(crdt.Set, member) == nil {
			created++
		}
		c.put(crdt.Set, member, nil)
	}
	if refusal, ok := c.checkLen(crdt.Set, created); !ok {
		return refusal
	}
	return integer(int64(created))
}

func srem(c *Call) Reply { return c.removeCells(crdt.Set, c.Args[1:]) }

func smembers(c *Call) Reply { return c.names(crdt.Set) }

func sismember(c *Call) Reply { return c.has(crdt.Set) }

func scard(c *Call) Reply { return c.card(crdt.Set) }
