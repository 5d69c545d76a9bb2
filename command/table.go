package command

// table holds the rows in the order of the documentation.
var table = []*Command{ // immutable: nothing writes a row, and Table hands out a copy of the list
	{
		Name: "get", Arity: 2, Keys: OneKey, Group: "strings", run: get,
		Syntax:  "GET key",
		Summary: "Gives the value of a string.",
	},
	{
		Name: "set", Arity: -3, Keys: OneKey, Write: true, Grows: true, Group: "strings", run: set,
		Syntax:  "SET key value [NX | XX] [GET] [EX seconds | PX milliseconds | EXAT unix-seconds | PXAT unix-milliseconds | KEEPTTL]",
		Summary: "Sets a key to a string, whatever it held before.",
		Differs: "NX and XX judge what this node sees: two regions can both succeed, and the later value stays, so SET NX is no lock. A deadline that has passed, or lies beyond the year 10889, is refused.",
	},
	{
		Name: "strlen", Arity: 2, Keys: OneKey, Group: "strings", run: strlen,
		Syntax:  "STRLEN key",
		Summary: "Gives the length of a string in bytes.",
	},
	{
		Name: "incr", Arity: 2, Keys: OneKey, Write: true, Grows: true, Group: "strings", run: incr,
		Syntax:  "INCR key",
		Summary: "Adds one to an integer.",
		Differs: counted,
	},
	{
		Name: "decr", Arity: 2, Keys: OneKey, Write: true, Grows: true, Group: "strings", run: decr,
		Syntax:  "DECR key",
		Summary: "Takes one from an integer.",
		Differs: counted,
	},
	{
		Name: "incrby", Arity: 3, Keys: OneKey, Write: true, Grows: true, Group: "strings", run: incrBy,
		Syntax:  "INCRBY key increment",
		Summary: "Adds to an integer.",
		Differs: counted,
	},
	{
		Name: "decrby", Arity: 3, Keys: OneKey, Write: true, Grows: true, Group: "strings", run: decrBy,
		Syntax:  "DECRBY key decrement",
		Summary: "Takes from an integer.",
		Differs: counted,
	},

	{
		Name: "del", Arity: -2, Keys: EachKey, Write: true, Group: "keys", run: del,
		Syntax:  "DEL key [key ...]",
		Summary: "Removes keys and gives how many there were.",
		Differs: "Removes what this node sees; a write that it has not seen survives. Several keys are removed one by one, not at once.",
	},
	{
		Name: "exists", Arity: -2, Keys: EachKey, Group: "keys", run: exists,
		Syntax:  "EXISTS key [key ...]",
		Summary: "Gives how many of the keys exist.",
	},
	{
		Name: "type", Arity: 2, Keys: OneKey, Group: "keys", run: typeOf,
		Syntax:  "TYPE key",
		Summary: "Gives what a key holds: string, hash, set, zset or none.",
	},
	{
		Name: "expire", Arity: -3, Keys: OneKey, Write: true, Group: "keys", run: expire(expiryOption{unit: 1000}),
		Syntax:  "EXPIRE key seconds [NX | XX | GT | LT]",
		Summary: "Gives a key so many seconds to live.",
		Differs: expires,
	},
	{
		Name: "pexpire", Arity: -3, Keys: OneKey, Write: true, Group: "keys", run: expire(expiryOption{unit: 1}),
		Syntax:  "PEXPIRE key milliseconds [NX | XX | GT | LT]",
		Summary: "Gives a key so many milliseconds to live.",
		Differs: expires,
	},
	{
		Name: "expireat", Arity: -3, Keys: OneKey, Write: true, Group: "keys", run: expire(expiryOption{unit: 1000, absolute: true}),
		Syntax:  "EXPIREAT key unix-seconds [NX | XX | GT | LT]",
		Summary: "Lets a key live until a second.",
		Differs: expires,
	},
	{
		Name: "pexpireat", Arity: -3, Keys: OneKey, Write: true, Group: "keys", run: expire(expiryOption{unit: 1, absolute: true}),
		Syntax:  "PEXPIREAT key unix-milliseconds [NX | XX | GT | LT]",
		Summary: "Lets a key live until a millisecond.",
		Differs: expires,
	},
	{
		Name: "ttl", Arity: 2, Keys: OneKey, Group: "keys", run: remaining(expiryOption{unit: 1000}),
		Syntax:  "TTL key",
		Summary: "Gives the seconds that a key has left, -1 if it has no deadline, -2 if it does not exist.",
	},
	{
		Name: "pttl", Arity: 2, Keys: OneKey, Group: "keys", run: remaining(expiryOption{unit: 1}),
		Syntax:  "PTTL key",
		Summary: "Gives the milliseconds that a key has left, -1 if it has no deadline, -2 if it does not exist.",
	},
	{
		Name: "expiretime", Arity: 2, Keys: OneKey, Group: "keys", run: remaining(expiryOption{unit: 1000, absolute: true}),
		Syntax:  "EXPIRETIME key",
		Summary: "Gives the unix second until which a key lives, -1 if it has no deadline, -2 if it does not exist.",
	},
	{
		Name: "persist", Arity: 2, Keys: OneKey, Write: true, Group: "keys", run: persist,
		Syntax:  "PERSIST key",
		Summary: "Takes the deadline of a key away.",
		Differs: "Wins over an EXPIRE of another region at the same time.",
	},
	{
		Name: "scan", Arity: -2, Keys: AllKeys, Group: "keys",
		Syntax:  "SCAN cursor [MATCH pattern] [COUNT count]",
		Summary: "Walks over the keys, a piece at a time; the cursor 0 begins, and ends.",
	},

	{
		Name: "hset", Arity: -4, Keys: OneKey, Write: true, Grows: true, Group: "hashes", run: hset,
		Syntax:  "HSET key field value [field value ...]",
		Summary: "Sets fields of a hash and gives how many are new.",
		Differs: added,
	},
	{
		Name: "hget", Arity: 3, Keys: OneKey, Group: "hashes", run: hget,
		Syntax:  "HGET key field",
		Summary: "Gives the value of a field.",
	},
	{
		Name: "hmget", Arity: -3, Keys: OneKey, Group: "hashes", run: hmget,
		Syntax:  "HMGET key field [field ...]",
		Summary: "Gives the values of fields.",
	},
	{
		Name: "hgetall", Arity: 2, Keys: OneKey, Group: "hashes", run: hgetall,
		Syntax:  "HGETALL key",
		Summary: "Gives all fields and their values.",
		Differs: ordered,
	},
	{
		Name: "hkeys", Arity: 2, Keys: OneKey, Group: "hashes", run: hkeys,
		Syntax:  "HKEYS key",
		Summary: "Gives all fields.",
		Differs: ordered,
	},
	{
		Name: "hvals", Arity: 2, Keys: OneKey, Group: "hashes", run: hvals,
		Syntax:  "HVALS key",
		Summary: "Gives the values of all fields.",
		Differs: ordered,
	},
	{
		Name: "hdel", Arity: -3, Keys: OneKey, Write: true, Group: "hashes", run: hdel,
		Syntax:  "HDEL key field [field ...]",
		Summary: "Removes fields and gives how many there were.",
		Differs: removed,
	},
	{
		Name: "hlen", Arity: 2, Keys: OneKey, Group: "hashes", run: hlen,
		Syntax:  "HLEN key",
		Summary: "Gives the number of fields.",
	},
	{
		Name: "hexists", Arity: 3, Keys: OneKey, Group: "hashes", run: hexists,
		Syntax:  "HEXISTS key field",
		Summary: "Tells whether a hash has a field.",
	},
	{
		Name: "hincrby", Arity: 4, Keys: OneKey, Write: true, Grows: true, Group: "hashes", run: hincrBy,
		Syntax:  "HINCRBY key field increment",
		Summary: "Adds to an integer in a field.",
		Differs: counted,
	},

	{
		Name: "sadd", Arity: -3, Keys: OneKey, Write: true, Grows: true, Group: "sets", run: sadd,
		Syntax:  "SADD key member [member ...]",
		Summary: "Adds members to a set and gives how many are new.",
		Differs: added,
	},
	{
		Name: "srem", Arity: -3, Keys: OneKey, Write: true, Group: "sets", run: srem,
		Syntax:  "SREM key member [member ...]",
		Summary: "Removes members and gives how many there were.",
		Differs: removed,
	},
	{
		Name: "smembers", Arity: 2, Keys: OneKey, Group: "sets", run: smembers,
		Syntax:  "SMEMBERS key",
		Summary: "Gives all members.",
		Differs: ordered,
	},
	{
		Name: "sismember", Arity: 3, Keys: OneKey, Group: "sets", run: sismember,
		Syntax:  "SISMEMBER key member",
		Summary: "Tells whether a set has a member.",
	},
	{
		Name: "scard", Arity: 2, Keys: OneKey, Group: "sets", run: scard,
		Syntax:  "SCARD key",
		Summary: "Gives the number of members.",
	},

	{
		Name: "zadd", Arity: -4, Keys: OneKey, Write: true, Grows: true, Group: "sorted sets", run: zadd,
		Syntax:  "ZADD key [NX | XX] [GT | LT] [CH] [INCR] score member [score member ...]",
		Summary: "Sets the scores of members and gives how many are new, or with CH have changed; with INCR gives the new score.",
		Differs: added + " " + floats,
	},
	{
		Name: "zincrby", Arity: 4, Keys: OneKey, Write: true, Grows: true, Group: "sorted sets", run: zincrBy,
		Syntax:  "ZINCRBY key increment member",
		Summary: "Adds to the score of a member.",
		Differs: "Increments of several regions add up. " + floats,
	},
	{
		Name: "zrange", Arity: -4, Keys: OneKey, Group: "sorted sets", run: zrange,
		Syntax:  "ZRANGE key start stop [BYSCORE] [REV] [LIMIT offset count] [WITHSCORES]",
		Summary: "Gives the members between two ranks or scores, in the order of their scores.",
		Differs: "There is no BYLEX.",
	},
	{
		Name: "zrem", Arity: -3, Keys: OneKey, Write: true, Group: "sorted sets", run: zrem,
		Syntax:  "ZREM key member [member ...]",
		Summary: "Removes members and gives how many there were.",
		Differs: removed,
	},
	{
		Name: "zscore", Arity: 3, Keys: OneKey, Group: "sorted sets", run: zscore,
		Syntax:  "ZSCORE key member",
		Summary: "Gives the score of a member.",
	},
	{
		Name: "zcard", Arity: 2, Keys: OneKey, Group: "sorted sets", run: zcard,
		Syntax:  "ZCARD key",
		Summary: "Gives the number of members.",
	},

	{
		Name: "ping", Arity: -1, Keys: NoKey, Group: "connection", run: ping,
		Syntax:  "PING [message]",
		Summary: "Answers PONG, or with the message.",
	},
	{
		Name: "echo", Arity: 2, Keys: NoKey, Group: "connection", run: echo,
		Syntax:  "ECHO message",
		Summary: "Answers with the message.",
	},
}

// What several commands have to say on how they differ from Redis.
const (
	counted = "Increments of several regions add up. Overflow is refused by what this node sees; regions that cross the limit together wrap around."
	expires = "A deadline that has passed is refused, use DEL; so is one beyond the year 10889. Of two regions that set deadlines at the same time, the longer stays."
	ordered = "The order is by name, on every node."
	added   = "Wins over a removal that has not seen it."
	removed = "Removes what this node sees; what another region wrote meanwhile survives."
	floats  = "The increments of each origin are summed before they are added to the score, so the last bit may differ; minus zero is zero; hexadecimal is not read."
)

// byName finds a command.
var byName = places(table) // immutable: nothing writes it

// places also tells every command where it stands.
func places(rows []*Command) map[string]*Command {
	m := make(map[string]*Command, len(rows))
	for i, row := range rows {
		row.place = i
		m[row.Name] = row
	}
	return m
}
