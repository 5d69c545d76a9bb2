package world

import (
	"strconv"

	"github.com/atollcache/atoll/command"
	"github.com/atollcache/atoll/simulate/scenario"
)

// The families of keys. Each type has keys of its own unless a load shares them.
const (
	texts    = "string"
	counters = "counter"
	hashes   = "hash"
	sets     = "set"
	sorted   = "zset"
	shared   = "key"
)

// classMix is how often a load touches each family, for commands that work on
// any.
type classMix struct {
	families []string
	weights  []int
	sum      int
}

// familyOf gives the family that a command works on, "" for any.
func familyOf(name string) string {
	switch name {
	case "set", "get":
		return texts
	case "incr", "decr", "incrby", "decrby":
		return counters
	case "hset", "hget", "hgetall", "hdel", "hincrby":
		return hashes
	case "sadd", "srem", "smembers":
		return sets
	case "zadd", "zincrby", "zrem", "zrange":
		return sorted
	}
	return ""
}

// classesOf weighs the families by the commands of a load that write them.
func classesOf(load *scenario.Load) classMix {
	m := classMix{families: []string{texts, counters, hashes, sets, sorted}, weights: make([]int, 5)}
	for _, x := range load.Mix {
		for i, family := range m.families {
			if familyOf(x.Op) == family && x.Op != "get" {
				m.weights[i] += x.Weight
				m.sum += x.Weight
			}
		}
	}
	if m.sum == 0 {
		m.weights[0], m.sum = 1, 1
	}
	return m
}

// draw gives a family.
func (m *classMix) draw(r draw) string {
	at := int(r.below(uint64(m.sum)))
	for i, weight := range m.weights {
		if at -= weight; at < 0 {
			return m.families[i]
		}
	}
	return texts
}

// drawString gives a family that GET reads.
func (m *classMix) drawString(r draw) string {
	text, counts := m.weights[0], m.weights[1]
	if text+counts > 0 && int(r.below(uint64(text+counts))) >= text {
		return counters
	}
	return texts
}

// command fills in what an operation does.
func (c *client) command(op *Op, number uint64) {
	w := c.w
	name := c.pick(w.seed.draw(forOp, c.id, number))
	family := familyOf(name)
	switch {
	case family == "":
		family = c.classes.draw(w.seed.draw(forOp, c.id+1, number))
	case name == "get":
		family = c.classes.drawString(w.seed.draw(forOp, c.id+1, number))
	}
	if c.load.Shared && family != counters {
		family = shared
	}
	index := c.keys.draw(w.seed.draw(forKey, c.id, number), w.seed.draw(forKey, c.id+1, number))
	name = c.recreate(name, number, &index)
	if c.hot {
		family, index = "hot", 0
	}
	op.Args = c.args(op.ID, name, w.keys.name(family, index), number)
	cmd, _ := command.Lookup(string(op.Args[0]))
	op.Write = cmd.Write
	if s := c.session(number); s != nil {
		op.Session, op.Token, op.session = s.number, s.token, s
		s.busy = true
	}
}

// recreate has half of the writes of its pattern preceded by a removal of their
// key: the removal takes the place of the operation, and the next one writes.
func (c *client) recreate(name string, number uint64, index *int64) string {
	if c.load.Pattern != scenario.DeleteAndRecreate {
		return name
	}
	if number%2 == 0 && c.w.seed.draw(forOp, c.id+2, number)&1 == 0 {
		return "del"
	}
	if number%2 == 1 && c.w.seed.draw(forOp, c.id+2, number-1)&1 == 0 {
		*index = c.keys.draw(c.w.seed.draw(forKey, c.id, number-1), c.w.seed.draw(forKey, c.id+1, number-1))
	}
	return name
}

// pick draws a command from the mix.
func (c *client) pick(r draw) string {
	at := int(r.below(uint64(c.weights)))
	for _, m := range c.load.Mix {
		if at -= m.Weight; at < 0 {
			return m.Op
		}
	}
	return c.load.Mix[0].Op
}

// args gives the arguments of a command.
func (c *client) args(id uint64, name string, key []byte, number uint64) [][]byte {
	args := [][]byte{[]byte(name), key}
	add := func(more ...[]byte) { args = append(args, more...) }
	switch name {
	case "set":
		add(c.value(id, number))
		if at, ok := c.deadline(number); ok {
			add([]byte("pxat"), decimal(at))
		}
	case "expire":
		at, ok := c.deadline(number)
		if !ok {
			at = c.wall() + 10_000
		}
		args[0] = []byte("pexpireat")
		add(decimal(at))
	case "incrby", "decrby":
		add(c.amount(number))
	case "hset":
		add(c.member("f", number), c.value(id, number))
	case "hget", "hdel":
		add(c.member("f", number))
	case "hincrby":
		add(c.member("n", number), c.amount(number))
	case "sadd", "srem", "zrem":
		add(c.member("m", number))
	case "zadd", "zincrby":
		add(c.amount(number), c.member("m", number))
	case "zrange":
		add([]byte("0"), []byte("-1"))
	case "scan":
		args[1] = []byte("0")
		add([]byte("count"), []byte("100"))
	}
	return args
}

func (c *client) wall() int64 { return WallStart + c.w.now.Milliseconds() }

// deadline gives when a value that is written expires, as a right clock shows
// it. Under a stampede all deadlines fall on the multiples of the period.
func (c *client) deadline(number uint64) (int64, bool) {
	if c.load.Pattern == scenario.ExpiryStampede && c.load.Every > 0 {
		return WallStart + (c.w.now - c.w.now%c.load.Every + c.load.Every).Milliseconds(), true
	}
	if c.load.TTL.Most <= 0 {
		return 0, false
	}
	ttl := c.w.seed.draw(forTTL, c.id, number).between(c.load.TTL.Least, c.load.TTL.Most)
	return c.wall() + max(ttl.Milliseconds(), 1), true
}

func (c *client) value(id, number uint64) []byte {
	least, most := max(c.load.Value.Least, 1), max(c.load.Value.Most, 1)
	size := least + int64(c.w.seed.draw(forValue, c.id, number).below(uint64(max(most-least, 0)+1)))
	return c.w.keys.value(id, size, c.w.seed.draw(forValue, c.id+1, number))
}

func (c *client) member(prefix string, number uint64) []byte {
	i := c.w.seed.draw(forField, c.id, number).below(uint64(max(c.load.Fields, 1)))
	return strconv.AppendUint([]byte(prefix), i, 10)
}

func (c *client) amount(number uint64) []byte {
	return decimal(1 + int64(c.w.seed.draw(forNumber, c.id, number).below(100)))
}

func decimal(n int64) []byte { return strconv.AppendInt(nil, n, 10) }
