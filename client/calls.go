package client

import (
	"bytes"
	"slices"
	"strings"
)

// writes tells the commands that change something from those that read, and of each whether running it twice is the
// same as once.
var writes = map[string]func(args [][]byte) bool{ // immutable: nothing writes it
	"set":    func(args [][]byte) bool { return !has(args[3:], "NX", "XX", "GET") },
	"zadd":   func(args [][]byte) bool { return !has(args[2:], "INCR") },
	"expire": plain, "pexpire": plain, "expireat": always, "pexpireat": always, "persist": always,
	"del": always, "hset": always, "hdel": always, "sadd": always, "srem": always, "zrem": always,
	"incr": never, "decr": never, "incrby": never, "decrby": never, "hincrby": never, "zincrby": never,
}

// readOnly tells the commands that change nothing. What is neither here nor in writes may be a write of a newer node.
var readOnly = map[string]bool{ // immutable: nothing writes it
	"get": true, "strlen": true, "exists": true, "type": true, "scan": true, "ping": true, "echo": true,
	"ttl": true, "pttl": true, "expiretime": true,
	"hget": true, "hmget": true, "hgetall": true, "hkeys": true, "hvals": true, "hlen": true, "hexists": true,
	"smembers": true, "sismember": true, "scard": true,
	"zrange": true, "zscore": true, "zcard": true,
}

// known says whether every node serves a name.
func known(op string) bool {
	_, write := writes[op]
	return write || readOnly[op] || op == "batch"
}

// named gives a command its name in lower case, as it is on the wire and in the tables above.
func named(args [][]byte) [][]byte {
	if len(args) == 0 || bytes.Equal(args[0], bytes.ToLower(args[0])) {
		return args
	}
	args = slices.Clone(args)
	args[0] = bytes.ToLower(args[0])
	return args
}

func always([][]byte) bool { return true }

func never([][]byte) bool { return false }

// plain says whether a command has no condition.
func plain(args [][]byte) bool { return len(args) <= 3 }

// has looks for a word among options, whatever its case. A value that looks like one costs a retry and nothing else.
func has(options [][]byte, words ...string) bool {
	for _, o := range options {
		for _, w := range words {
			if strings.EqualFold(string(o), w) {
				return true
			}
		}
	}
	return false
}

func reads(c *Call) bool {
	return readOnly[c.Op()]
}

// repeatable says whether a command may be sent again when nobody knows whether it was run. The counts that it answers
// with then tell what the second run has changed.
func repeatable(c *Call) bool {
	twice, write := writes[c.Op()]
	switch {
	case !write:
		return readOnly[c.Op()]
	case c.Op() == "set" && len(c.Args) < 3, c.Op() == "zadd" && len(c.Args) < 2:
		return false // of too few arguments: it is refused anyway
	}
	return twice(c.Args)
}
