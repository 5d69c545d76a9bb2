package client

import "strings"

// writes tells the commands that change something from those that read, and of each whether running it twice is the
// same as once. What is not listed here is a read.
var writes = map[string]func(args [][]byte) bool{ // immutable: nothing writes it
	"set":    func(args [][]byte) bool { return !has(args[3:], "NX", "XX", "GET") },
	"zadd":   func(args [][]byte) bool { return !has(args[2:], "INCR") },
	"expire": plain, "pexpire": plain, "expireat": always, "pexpireat": always, "persist": always,
	"del": always, "hset": always, "hdel": always, "sadd": always, "srem": always, "zrem": always,
	"incr": never, "decr": never, "incrby": never, "decrby": never, "hincrby": never, "zincrby": never,
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
	_, write := writes[c.Op()]
	return !write
}

// repeatable says whether a command may be sent again when nobody knows whether it was run. The counts that it answers
// with then tell what the second run has changed.
func repeatable(c *Call) bool {
	twice, write := writes[c.Op()]
	switch {
	case !write:
		return true
	case c.Op() == "set" && len(c.Args) < 3, c.Op() == "zadd" && len(c.Args) < 2:
		return false // of too few arguments: it is refused anyway
	}
	return twice(c.Args)
}
