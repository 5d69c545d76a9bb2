package e2e_test

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/atollcache/atoll/cmd/atoll/remote"
)

// A conflict is a row of the table in docs/consistency.md: what regions do to one key while they are cut from each
// other. K stands for the key; commands are parted by a semicolon.
type conflict struct {
	name    string
	before  string // done in eu and known everywhere before the cut
	a, b, c string // done in eu, us and ap during it, c never last
	read    string // what is asked everywhere afterwards
	want    string // what all regions answer when b was later than a
	swapped string // when a was later than b; the same as want if empty
}

var conflicts = []conflict{
	{name: "SET SET", a: "set K a", b: "set K b", c: "set K c", read: "get K", want: "b", swapped: "a"},
	{name: "SET SET with deadline", a: "set K a ex 5000", b: "set K b", read: "get K; ttl K", want: "b -1", swapped: "a 5000"},
	{name: "SET SET causal", before: "set K a; set K b", read: "get K", want: "b"},
	{name: "SET DEL", before: "set K old", a: "set K new", b: "del K", read: "get K", want: "new"},
	{name: "DEL alone", before: "set K old", b: "del K", read: "exists K", want: "0"},

	{name: "INCRBY INCRBY", a: "incrby K 5", b: "incrby K 7", c: "decrby K 2", read: "get K", want: "10"},
	{name: "INCRBY INCRBY on a string", before: "set K 100", a: "incrby K 5", b: "incrby K 7", c: "incr K", read: "get K", want: "113"},
	{name: "INCRBY SET", a: "incrby K 5", b: "set K 7", read: "get K", want: "12"},
	{name: "INCRBY SET, more seen", before: "incrby K 100", a: "incrby K 5", b: "set K 7", read: "get K", want: "12"},
	{name: "INCRBY SET, both often", before: "incrby K 100", a: "incrby K 2; incrby K 3", b: "set K 1; set K 7; incrby K 1", c: "incrby K 10", read: "get K", want: "23"},
	{name: "INCRBY SET of no integer", before: "incrby K 100", a: "incrby K 5", b: "set K text", read: "get K; type K", want: "text string"},
	{name: "INCRBY DEL", before: "incrby K 100", a: "incrby K 5", b: "del K", read: "get K", want: "5"},
	{name: "INCRBY DEL, nothing unseen", before: "set K 7; incrby K 100", b: "del K", read: "exists K; get K", want: "0 nil"},
	{name: "SET then INCRBY", before: "set K 7", a: "incrby K 1", read: "get K", want: "8"},

	{name: "HSET HSET of one field", a: "hset K f a", b: "hset K f b", c: "hset K f c", read: "hgetall K", want: "{f:b}", swapped: "{f:a}"},
	{name: "HSET HSET of two fields", a: "hset K f a", b: "hset K g b", c: "hset K h c", read: "hgetall K", want: "{f:a g:b h:c}"},
	{name: "HSET HDEL", before: "hset K f old", a: "hset K f new", b: "hdel K f", read: "hgetall K", want: "{f:new}"},
	{name: "HDEL saw one of two HSET", a: "hset K f unseen", b: "hset K f seen; hdel K f", read: "hgetall K", want: "{f:unseen}"},
	{name: "HINCRBY HINCRBY", before: "hset K f 100", a: "hincrby K f 5", b: "hincrby K f 7", c: "hincrby K f -2", read: "hget K f", want: "110"},
	{name: "HINCRBY HDEL", before: "hincrby K f 100", a: "hincrby K f 5", b: "hdel K f", read: "hgetall K", want: "{f:5}"},
	{name: "HINCRBY HSET", before: "hincrby K f 100", a: "hincrby K f 5", b: "hset K f 7", read: "hget K f", want: "12"},
	{name: "HSET DEL", before: "hset K f old g old", a: "hset K f new", b: "del K", read: "hgetall K", want: "{f:new}"},

	{name: "SADD SADD", a: "sadd K x", b: "sadd K y", c: "sadd K x z", read: "smembers K", want: "[x y z]"},
	{name: "SADD SREM", before: "sadd K x y", a: "sadd K x", b: "srem K x", read: "smembers K", want: "[x y]"},
	{name: "SADD SREM, seen", before: "sadd K x y", a: "sadd K z", b: "srem K x", read: "smembers K", want: "[y z]"},
	{name: "SADD DEL", before: "sadd K x y", a: "sadd K x", b: "del K", read: "smembers K", want: "[x]"},

	{name: "ZADD ZADD", a: "zadd K 1 x", b: "zadd K 2 x", read: "zscore K x", want: "2", swapped: "1"},
	{name: "ZINCRBY ZINCRBY", before: "zadd K 10 x", a: "zincrby K 1 x", b: "zincrby K 1 x", c: "zincrby K 0.5 x", read: "zscore K x", want: "12.5"},
	{name: "ZADD ZINCRBY", a: "zadd K 5 x", b: "zincrby K 1 x", read: "zscore K x", want: "6"},
	{name: "ZADD ZINCRBY, more seen", before: "zadd K 100 x", a: "zadd K 5 x", b: "zincrby K 1 x", read: "zscore K x", want: "6"},
	{name: "ZREM ZINCRBY", before: "zadd K 100 x", a: "zrem K x", b: "zincrby K 2 x", read: "zscore K x", want: "2"},
	{name: "ZREM ZADD", before: "zadd K 100 x 1 y", a: "zrem K x", b: "zadd K 3 x", read: "zrange K 0 -1", want: "[y x]"},
	{name: "ZREM alone", before: "zadd K 100 x 1 y", a: "zrem K x", read: "zrange K 0 -1", want: "[y]"},
	{name: "ZINCRBY of fractions", a: "zincrby K 0.1 x", b: "zincrby K 0.2 x", c: "zincrby K 0.3 x", read: "zscore K x", want: anything},

	{name: "EXPIRE EXPIRE", before: "set K v", a: "expire K 1000", b: "expire K 5000", read: "get K; ttl K", want: "v 5000"},
	{name: "EXPIRE then EXPIRE", before: "set K v; expire K 5000", a: "expire K 1000", read: "ttl K", want: "1000"},
	{name: "EXPIRE PERSIST", before: "set K v ex 5000", a: "expire K 1000", b: "persist K", read: "get K; ttl K", want: "v -1"},
	{name: "EXPIRE SET", before: "set K v", a: "expire K 1000", b: "set K new", read: "get K; ttl K", want: "new -1"},
	{name: "EXPIRE SET with deadline", before: "set K v", a: "expire K 1000", b: "set K new ex 5000", read: "get K; ttl K", want: "new 5000"},
	{name: "EXPIRE of a hash", before: "hset K f 1", a: "expire K 1000", b: "expire K 5000", c: "hset K g 1", read: "hgetall K; ttl K", want: "{f:1 g:1} 5000"},
	{name: "EXPIRE of a set", before: "sadd K x", a: "expire K 1000", b: "sadd K y", read: "smembers K; ttl K", want: "[x y] 1000"},
	{name: "EXPIRE of a sorted set", before: "zadd K 1 x", a: "expire K 5000", b: "expire K 1000", read: "zscore K x; ttl K", want: "1 5000"},
	{name: "EXPIRE of a counter", before: "incrby K 1", a: "expire K 1000", b: "incrby K 1", c: "expire K 5000", read: "get K; ttl K", want: "2 5000"},
	{name: "DEL EXPIRE", before: "set K v", a: "del K", b: "expire K 1000", read: "exists K", want: "0"},
	{name: "DEL EXPIRE of a hash", before: "hset K f v", a: "del K", b: "expire K 1000", read: "exists K", want: "0"},
	{name: "expiry SET", before: "set K v", a: "pexpire K 500", b: "set K new", read: "get K; ttl K", want: "new -1"},
	{name: "expiry of the newer", a: "set K a", b: "set K b px 500", read: "exists K; get K", want: "0 nil", swapped: "1 a"},

	{name: "SET HSET", a: "set K a", b: "hset K f b", read: "type K", want: "hash", swapped: "string"},
	{name: "SADD ZADD", a: "sadd K x", b: "zadd K 1 x", c: "hset K f 1", read: "type K; exists K", want: "zset 1", swapped: "set 1"},
}

// anything stands for a result of which only that it is the same everywhere is judged.
const anything = "anything"

// TestConflicts cuts all three regions from each other, has them write the same keys, heals, and judges every region by
// the table. Each row is played twice, so that each side is once the later.
func TestConflicts(t *testing.T) {
	c := startCluster(t, 2, "eu", "us", "ap")
	rows := func(do func(r *conflict, key, swapped string)) {
		for i := range conflicts {
			do(&conflicts[i], fmt.Sprintf("row-%d", i), fmt.Sprintf("swapped-%d", i))
		}
	}

	rows(func(r *conflict, key, swapped string) {
		c.play(t, "eu", r.before, key)
		c.play(t, "eu", r.before, swapped)
	})
	eventually(t, patience, c.differ)

	c.cutAll(t)
	rows(func(r *conflict, key, swapped string) {
		c.play(t, "eu", r.a, key)
		c.play(t, "us", r.b, swapped)
	})
	tick(t)
	rows(func(r *conflict, key, swapped string) {
		c.play(t, "ap", r.c, key)
		c.play(t, "ap", r.c, swapped)
	})
	tick(t)
	rows(func(r *conflict, key, swapped string) {
		c.play(t, "us", r.b, key)
		c.play(t, "eu", r.a, swapped)
	})
	if c.differ() == "" {
		t.Fatal("the regions are equal although they are cut from each other")
	}
	expired := time.Now().Add(500 * time.Millisecond)
	eventually(t, patience, func() string { return unless(time.Now().After(expired), "keys have not expired yet") })

	c.wan.HealAll()
	t.Logf("equal %v after the heal", eventually(t, patience, c.differ))
	rows(func(r *conflict, key, swapped string) {
		t.Run(r.name, func(t *testing.T) {
			c.judge(t, r, key, r.want)
			if r.swapped == "" {
				r.swapped = r.want
			}
			c.judge(t, r, swapped, r.swapped)
		})
	})
}

// play runs the commands of one side. Each is waited for until every owner of the region has it, so that the next is
// after it at whichever node it runs.
func (c *cluster) play(t *testing.T, region, script, key string) {
	t.Helper()
	for _, args := range commands(script, key) {
		reply, err := c.clients[region].ask("region", patience, args...)
		if err != nil || reply.Short {
			t.Fatalf("%s: %v: short %v, %v", region, args, reply.Short, err)
		}
	}
}

// judge asks all regions.
func (c *cluster) judge(t *testing.T, r *conflict, key, want string) {
	t.Helper()
	for _, region := range c.regions {
		var answers []string
		for _, args := range commands(r.read, key) {
			answer := c.clients[region].do(t, args...)
			if args[0] == "ttl" {
				answer = thousands(answer)
			}
			answers = append(answers, answer)
		}
		got := strings.Join(answers, " ")
		if want == anything {
			want = got
		}
		if got != want {
			t.Errorf("%s in %s: (%s) || (%s) || (%s) after (%s) is %s, want %s", key, region, r.a, r.b, r.c, r.before, got, want)
		}
	}
}

// commands parts a script into commands, and these into words.
func commands(script, key string) [][]string {
	var all [][]string
	for _, line := range strings.Split(script, ";") {
		words := strings.Fields(line)
		if len(words) == 0 {
			continue
		}
		for i := range words {
			if words[i] == "K" {
				words[i] = key
			}
		}
		all = append(all, words)
	}
	return all
}

// thousands rounds a time to live up, since some of it has passed.
func thousands(ttl string) string {
	n, err := strconv.Atoi(ttl)
	if err != nil || n < 0 {
		return ttl
	}
	return strconv.Itoa((n + 999) / 1000 * 1000)
}

// tick lets the clock of stamps move on, so that what follows is later everywhere.
func tick(t *testing.T) {
	t.Helper()
	next := time.Now().Add(10 * time.Millisecond)
	eventually(t, patience, func() string { return unless(time.Now().After(next), "the clock stands still") })
}

// unless complains if something does not hold.
func unless(holds bool, complaint string) string {
	if holds {
		return ""
	}
	return complaint
}

// TestHiddenTypeIsCleared goes on from two types on one key: the next local write clears what was hidden.
func TestHiddenTypeIsCleared(t *testing.T) {
	c := startCluster(t, 1, "eu", "us")
	c.cutAll(t)
	c.play(t, "eu", "set K text", "key")
	tick(t)
	c.play(t, "us", "hset K f v", "key")
	c.wan.HealAll()
	eventually(t, patience, c.differ)

	if _, err := c.clients["eu"].ask("", 0, "incr", "key"); !isRefusal(err, "WRONGTYPE") {
		t.Errorf("INCR of what reads show as a hash gave %v", err)
	}
	c.play(t, "eu", "hset K g w; del K", "key")
	eventually(t, patience, c.differ)
	for _, region := range c.regions {
		if got := c.clients[region].do(t, "type", "key"); got != "none" {
			t.Errorf("%s shows %s after DEL: what was hidden is back", region, got)
		}
	}
}

func isRefusal(err error, code string) bool {
	refusal, ok := errors.AsType[*remote.CommandError](err)
	return ok && refusal.Code == code
}
