package client

import (
	"context"
	"errors"
	"iter"
	"strconv"
	"time"
)

// Commands are the commands of the table on keys that hold strings, and on keys of any type. [Client] and [Session] have
// them; the handles for other types are made here, too.
//
// Errors are an *[Error]; what is not there is [ErrNotFound].
type Commands struct {
	c       *Client
	session *Session // nil outside of sessions
	ack     Ack
}

// KeepTTL as the TTL of Set leaves the deadline of the key as it is.
const KeepTTL time.Duration = -1

// NoTTL is what TTL gives for a key without a deadline.
const NoTTL time.Duration = -1

// Do runs any command of the table, its name first, in lower case. It is for what has no method here.
func (c Commands) Do(ctx context.Context, args ...[]byte) (Reply, error) {
	call := &Call{Args: named(args), Ack: c.ack}
	if len(args) == 0 {
		return Reply{}, &Error{Code: "ERR", Message: "no command is given"}
	}
	a, err := c.call(ctx, call)
	return a.Reply, err
}

// call runs a command in the session, if there is one, and makes errors of what fell short.
func (c Commands) call(ctx context.Context, call *Call) (Answer, error) {
	var a Answer
	var err error
	if c.session != nil {
		a, err = c.session.run(ctx, call)
	} else {
		a, err = c.c.run(ctx, call)
	}
	if err == nil {
		err = c.fallShort(call, &a)
	}
	return a, err
}

// fallShort makes errors of a level that was not reached, and of what may be stale.
func (c Commands) fallShort(call *Call, a *Answer) error {
	switch {
	case a.Short:
		reached := a.Reached
		if reached == "" {
			reached = "local"
		}
		return about(&Error{Code: CodeShort, Message: "the write was applied but only reached the level " + reached}, call, a.Region)
	case a.Stale && c.session != nil && !c.session.options.AllowStale:
		return about(&Error{Code: CodeStale, Message: ErrStale.Error()}, call, a.Region)
	}
	return nil
}

// do runs a command of words.
func (c Commands) do(ctx context.Context, args ...string) (Reply, error) {
	raw := make([][]byte, len(args))
	for i, arg := range args {
		raw[i] = []byte(arg)
	}
	return c.Do(ctx, raw...)
}

// result reads the reply of a command, also when it comes with ErrShort or ErrStale. What is wrong with the reply is
// told with the command.
func result[T any](read func(Reply) (T, error), r Reply, err error, op, key string) (T, error) {
	if err != nil && !soft(err) {
		var none T
		return none, err
	}
	v, wrong := read(r)
	if wrong != nil {
		return v, about(wrong, &Call{Args: [][]byte{[]byte(op), []byte(key)}}, "")
	}
	return v, err
}

// soft says whether an error stands beside a reply that counts.
func soft(err error) bool {
	e, ok := errors.AsType[*Error](err)
	return ok && (e.Code == CodeShort || e.Code == CodeStale)
}

// Get gives the value of a string, from the near cache if there is one and it has it.
func (c Commands) Get(ctx context.Context, key string) ([]byte, error) {
	if c.session == nil && c.c.near != nil {
		return c.c.near.get(ctx, c, key)
	}
	return c.fetch(ctx, key)
}

// fetch gets the value from a node.
func (c Commands) fetch(ctx context.Context, key string) ([]byte, error) {
	if c.c.getter != nil && c.session == nil && !c.c.closed.Load() {
		if r, ok, err := c.c.getter.Get(key); ok {
			return result(Reply.value, r, err, "get", key)
		}
	}
	a, err := c.get(ctx, key)
	return result(Reply.value, a.Reply, err, "get", key)
}

// get runs the commonest command, with a call that is used again.
func (c Commands) get(ctx context.Context, key string) (Answer, error) {
	g, ok := c.c.gets.Get().(*getCall)
	if !ok {
		g = &getCall{}
		g.args[0] = []byte("get")
	}
	g.args[1] = append(g.room[:0], key...)
	g.Call = Call{Args: g.args[:], Ack: c.ack}
	a, err := c.call(ctx, &g.Call)
	c.c.gets.Put(g)
	return a, err
}

// getCall is a call with room for its arguments.
type getCall struct {
	Call
	args [2][]byte
	room [64]byte
}

// Set sets a key to a string, whatever it held before. It lives for ttl, for ever if that is 0; [KeepTTL] leaves the
// deadline as it is.
func (c Commands) Set(ctx context.Context, key string, value []byte, ttl time.Duration) error {
	_, err := c.Do(ctx, append([][]byte{[]byte("set"), []byte(key), value}, lifetime(ttl)...)...)
	return err
}

// SetNX sets a key that does not exist, and says whether it did. Two regions can both succeed, and the later value
// stays: it is no lock. It is not sent twice: when no answer comes, it may have been set.
func (c Commands) SetNX(ctx context.Context, key string, value []byte, ttl time.Duration) (bool, error) {
	return c.setIf(ctx, "NX", key, value, ttl)
}

// SetXX sets a key that exists, and says whether it did.
func (c Commands) SetXX(ctx context.Context, key string, value []byte, ttl time.Duration) (bool, error) {
	return c.setIf(ctx, "XX", key, value, ttl)
}

func (c Commands) setIf(ctx context.Context, condition, key string, value []byte, ttl time.Duration) (bool, error) {
	r, err := c.Do(ctx, append([][]byte{[]byte("set"), []byte(key), value, []byte(condition)}, lifetime(ttl)...)...)
	return r.Kind == Text, err
}

// lifetime writes a TTL as options of SET. Less than a millisecond is one.
func lifetime(ttl time.Duration) [][]byte {
	switch {
	case ttl == 0:
		return nil
	case ttl == KeepTTL:
		return [][]byte{[]byte("KEEPTTL")}
	}
	return [][]byte{[]byte("PX"), millis(ttl)}
}

func millis(d time.Duration) []byte {
	ms := d.Milliseconds()
	if ms == 0 && d > 0 {
		ms = 1
	}
	return strconv.AppendInt(nil, ms, 10)
}

// Del removes keys and gives how many there were.
func (c Commands) Del(ctx context.Context, keys ...string) (int64, error) {
	return c.each(ctx, "del", keys)
}

// Exists gives how many of the keys exist.
func (c Commands) Exists(ctx context.Context, keys ...string) (int64, error) {
	return c.each(ctx, "exists", keys)
}

// each runs a command on several keys and adds up what it answers. Without keys it does nothing.
func (c Commands) each(ctx context.Context, op string, keys []string) (int64, error) {
	if len(keys) == 0 {
		return 0, nil
	}
	r, err := c.do(ctx, append([]string{op}, keys...)...)
	return result(Reply.integer, r, err, op, keys[0])
}

// Expire gives a key so long to live, and says whether there was one. A time that has passed is refused: use Del.
func (c Commands) Expire(ctx context.Context, key string, ttl time.Duration) (bool, error) {
	r, err := c.do(ctx, "pexpire", key, string(millis(ttl)))
	return result(Reply.truth, r, err, "pexpire", key)
}

// ExpireAt lets a key live until a time, and says whether there was one.
func (c Commands) ExpireAt(ctx context.Context, key string, at time.Time) (bool, error) {
	r, err := c.do(ctx, "pexpireat", key, strconv.FormatInt(at.UnixMilli(), 10))
	return result(Reply.truth, r, err, "pexpireat", key)
}

// Persist takes the deadline of a key away, and says whether there was one.
func (c Commands) Persist(ctx context.Context, key string) (bool, error) {
	r, err := c.do(ctx, "persist", key)
	return result(Reply.truth, r, err, "persist", key)
}

// TTL gives how long a key has left to live, NoTTL if it has no deadline.
func (c Commands) TTL(ctx context.Context, key string) (time.Duration, error) {
	r, err := c.do(ctx, "pttl", key)
	ms, err := result(Reply.integer, r, err, "pttl", key)
	switch {
	case ms == -2 && (err == nil || soft(err)):
		return 0, &Error{Code: CodeNotFound, Op: "pttl", Key: key, Message: "nothing is there"}
	case ms == -1:
		return NoTTL, err
	}
	return time.Duration(ms) * time.Millisecond, err
}

// Type gives what a key holds: string, hash, set, zset or none.
func (c Commands) Type(ctx context.Context, key string) (string, error) {
	r, err := c.do(ctx, "type", key)
	word, err := result(Reply.value, r, err, "type", key)
	return string(word), err
}

// scanPiece is how many keys one request of Scan asks for.
const scanPiece = 1000

// Scan walks over the keys of the region that match a pattern such as "user:*"; "" is all of them. Keys that come or go
// meanwhile may be left out, and one may come twice. An error ends the walk.
func (c Commands) Scan(ctx context.Context, pattern string) iter.Seq2[string, error] {
	return func(yield func(string, error) bool) {
		cursor := "0"
		for {
			next, keys, err := c.scan(ctx, cursor, pattern)
			if err != nil {
				yield("", err)
				return
			}
			for i := range keys {
				if !yield(string(keys[i].Bytes), nil) {
					return
				}
			}
			if cursor = next; cursor == "0" {
				return
			}
		}
	}
}

// scan gives one piece of the walk, and the cursor of the next.
func (c Commands) scan(ctx context.Context, cursor, pattern string) (next string, keys []Reply, err error) {
	args := []string{"scan", cursor, "COUNT", strconv.Itoa(scanPiece)}
	if pattern != "" {
		args = append(args, "MATCH", pattern)
	}
	r, err := c.do(ctx, args...)
	if err == nil && (r.Kind != Array || len(r.List) != 2) {
		err = errReply(r)
	}
	if err != nil {
		return "", nil, err
	}
	return string(r.List[0].Bytes), r.List[1].List, nil
}
