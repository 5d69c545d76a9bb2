package command

import (
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"
)

// dialect is what the random commands are made of.
type dialect struct {
	now    int64
	own    bool // with deadlines that Atoll refuses: passed, or beyond what a stamp can show
	sloppy bool // with arguments missing and options that clash
}

func pick(t *rapid.T, what string, words ...string) string {
	return rapid.SampledFrom(words).Draw(t, what)
}

func (d dialect) key(t *rapid.T) string { return pick(t, "key", "a", "b", "c") }

func (d dialect) name(t *rapid.T) string { return pick(t, "name", "", "f", "g", "h\x00\n") }

func (d dialect) value(t *rapid.T) string {
	return pick(t, "value", "", "x", "7", "-3", "007", "9223372036854775807", "-9223372036854775808", "1.5", " 1", "-0")
}

func (d dialect) integer(t *rapid.T) string {
	return pick(t, "integer", "0", "1", "-1", "41", "-5", "9223372036854775807", "-9223372036854775808", "1.5", "x", "")
}

func (d dialect) score(t *rapid.T) string {
	return pick(t, "score", "0", "1", "2", "-1.25", "2.5", "1e3", "inf", "-inf", "+Inf", "nan", "x")
}

func (d dialect) bound(t *rapid.T) string {
	return pick(t, "open", "", "(") + d.score(t)
}

// amount gives a deadline for a command of that unit. Relative ones are a
// minute or more apart, so that two clocks agree which is the longer.
func (d dialect) amount(t *rapid.T, seconds, absolute bool) string {
	minutes := rapid.SampledFrom([]int64{10, 20, 30}).Draw(t, "minutes")
	if d.own && rapid.Bool().Draw(t, "near") {
		minutes = rapid.SampledFrom([]int64{-1, 0, 1}).Draw(t, "minutes")
	}
	n := minutes * 60_000
	if absolute {
		n += d.now + 3_600_000
		if d.own {
			n -= 3_600_000
		}
	}
	if seconds {
		n /= 1000
	}
	if rapid.IntRange(0, 15).Draw(t, "odd") == 0 {
		if absolute && !seconds && !d.own {
			return pick(t, "amount", "x", "1.5")
		}
		return pick(t, "amount", "x", "9223372036854775807", "1.5")
	}
	return strconv.FormatInt(n, 10)
}

// some draws a few of the options.
func some(t *rapid.T, options ...string) []string {
	return slices.DeleteFunc(slices.Clone(options), func(string) bool { return rapid.IntRange(0, 3).Draw(t, "option") > 0 })
}

// many draws one to three pieces.
func many(t *rapid.T, piece func() []string) []string {
	var all []string
	for range rapid.IntRange(1, 3).Draw(t, "pieces") {
		all = append(all, piece()...)
	}
	return all
}

func join(pieces ...[]string) []string { return slices.Concat(pieces...) }

// command draws one.
func (d dialect) command(t *rapid.T) []string {
	words := d.whole(t, pick(t, "command",
		"get", "set", "set", "strlen", "incr", "decr", "incrby", "decrby",
		"del", "exists", "type", "persist", "ttl", "pttl", "expiretime", "expire", "pexpire", "expireat", "pexpireat",
		"hset", "hset", "hget", "hmget", "hgetall", "hkeys", "hvals", "hdel", "hlen", "hexists", "hincrby",
		"sadd", "sadd", "srem", "smembers", "sismember", "scard",
		"zadd", "zadd", "zincrby", "zrange", "zrange", "zrem", "zscore", "zcard", "ping", "echo"))
	if d.sloppy && len(words) > 1 && rapid.IntRange(0, 15).Draw(t, "cut") == 0 {
		words = words[:rapid.IntRange(1, len(words)-1).Draw(t, "words")]
	}
	if rapid.IntRange(0, 7).Draw(t, "case") == 0 {
		words[0] = strings.ToUpper(words[0])
	}
	return words
}

func (d dialect) whole(t *rapid.T, name string) []string {
	head := []string{name}
	if name == "ping" {
		return head
	}
	if name == "echo" {
		return append(head, d.value(t))
	}
	head = append(head, d.key(t))
	nameOnly := func() []string { return []string{d.name(t)} }
	switch name {
	case "set":
		return join(head, []string{d.value(t)}, some(t, "NX", "XX", "get"), d.expiry(t))
	case "incrby", "decrby":
		return append(head, d.integer(t))
	case "del", "exists":
		return join(head, some(t, "a", "b", "c", "a"))
	case "expire", "pexpire":
		return join(head, []string{d.amount(t, name == "expire", false)}, some(t, "NX", "xx"))
	case "expireat", "pexpireat":
		return join(head, []string{d.amount(t, name == "expireat", true)}, some(t, "NX", "XX", "GT", "LT"))
	case "hget", "hexists", "sismember", "zscore":
		return append(head, d.name(t))
	case "hset":
		return join(head, many(t, func() []string { return []string{d.name(t), d.value(t)} }))
	case "hmget", "hdel", "sadd", "srem", "zrem":
		return join(head, many(t, nameOnly))
	case "hincrby":
		return append(head, d.name(t), d.integer(t))
	case "zadd":
		pairs := many(t, func() []string { return []string{d.score(t), d.name(t)} })
		return join(head, some(t, "NX", "XX", "GT", "LT", "CH", "incr"), pairs)
	case "zincrby":
		return append(head, d.score(t), d.name(t))
	case "zrange":
		if rapid.Bool().Draw(t, "by score") {
			head = append(head, d.bound(t), d.bound(t), "BYSCORE")
		} else {
			head = append(head, d.integer(t), d.integer(t))
		}
		head = append(head, some(t, "REV", "withscores")...)
		if rapid.IntRange(0, 3).Draw(t, "limit") == 0 {
			head = append(head, "LIMIT", d.integer(t), d.integer(t))
		}
	}
	return head
}

// expiry draws the options of SET that set a deadline.
func (d dialect) expiry(t *rapid.T) []string {
	var words []string
	for _, option := range some(t, "EX", "px", "EXAT", "PXAT", "KEEPTTL") {
		words = append(words, option)
		if option != "KEEPTTL" {
			words = append(words, d.amount(t, strings.HasPrefix(option, "EX"), strings.HasSuffix(option, "AT")))
		}
		if !d.sloppy {
			break
		}
	}
	return words
}

// TestModel plays random commands on a node and on the model, and lets time
// pass in between.
func TestModel(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		n := newNode(t, 1)
		m := &model{keys: map[string]*object{}}
		for range rapid.IntRange(30, 100).Draw(rt, "commands") {
			n.now += rapid.SampledFrom([]int64{0, 0, 0, 1, 60_000, 600_000}).Draw(rt, "passes")
			m.now = n.now
			words := dialect{now: n.now, own: true, sloppy: true}.command(rt)
			if got, want := n.do(words...), m.do(words...); got != want {
				rt.Fatalf("%q\n got %s\nwant %s", words, got, want)
			}
		}
	})
}

// TestRedis plays random commands on a node and on a real Redis. What differs
// by intent is kept out of the dialect: deadlines that have passed, which Redis
// takes for a DEL, and those that no stamp can show. The order of hashes and
// sets is made equal, and what counts down may be a little apart.
func TestRedis(t *testing.T) {
	redis := startRedis(t)
	rapid.Check(t, func(rt *rapid.T) {
		redis.do(t, "FLUSHALL")
		n := newNode(t, 1)
		for range rapid.IntRange(30, 100).Draw(rt, "commands") {
			n.now = time.Now().UnixMilli()
			words := dialect{now: n.now / 60_000 * 60_000, sloppy: true}.command(rt)
			if got, want := n.do(words...), redis.do(t, words...); !alike(words[0], got, want) {
				rt.Fatalf("%q\n got %s\nwant %s", words, got, want)
			}
		}
	})
}

// alike says whether two replies are the same for what the table claims.
func alike(name, got, want string) bool {
	slack := int64(0)
	switch strings.ToLower(name) {
	case "ttl", "expiretime":
		slack = 5
	case "pttl":
		slack = 5000
	case "hgetall":
		return sortedPieces(got, 2) == sortedPieces(want, 2)
	case "hkeys", "hvals", "smembers":
		return sortedPieces(got, 1) == sortedPieces(want, 1)
	}
	if got == want || slack == 0 {
		return got == want
	}
	g, errGot := strconv.ParseInt(strings.TrimPrefix(got, "(integer) "), 10, 64)
	w, errWant := strconv.ParseInt(strings.TrimPrefix(want, "(integer) "), 10, 64)
	return errGot == nil && errWant == nil && g > 0 && w > 0 && max(g-w, w-g) <= slack
}

// sortedPieces sorts a list, in groups of some words.
func sortedPieces(list string, group int) string {
	words := word.FindAllString(strings.Trim(list, "[]"), -1)
	var groups []string
	for i := 0; i+group <= len(words); i += group {
		groups = append(groups, strings.Join(words[i:i+group], " "))
	}
	slices.Sort(groups)
	if len(words)%group != 0 || len(words) == 0 {
		return list
	}
	return strings.Join(groups, " ")
}
