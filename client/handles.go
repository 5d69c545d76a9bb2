package client

import (
	"context"
	"strconv"
)

// Counter is a key that holds an integer. What regions add at the same time adds up.
type Counter struct {
	c   Commands
	key string
}

// Counter gives the handle of a counter.
func (c Commands) Counter(key string) Counter { return Counter{c, key} }

// Add adds n, which may be negative, and gives the new value as its node sees it. It is not sent twice: when no answer
// comes, it may have been added.
func (c Counter) Add(ctx context.Context, n int64) (int64, error) {
	r, err := c.c.do(ctx, "incrby", c.key, strconv.FormatInt(n, 10))
	return result(Reply.integer, r, err, "incrby", c.key)
}

// Get gives the value, 0 if there is none.
func (c Counter) Get(ctx context.Context) (int64, error) {
	r, err := c.c.do(ctx, "get", c.key)
	return result(func(r Reply) (int64, error) {
		if r.Kind == Nil {
			return 0, nil
		}
		n, err := strconv.ParseInt(string(r.Bytes), 10, 64)
		if err != nil {
			return 0, &Error{Code: CodeWrongType, Message: "the value is no integer"}
		}
		return n, nil
	}, r, err, "get", c.key)
}

// Reset sets the counter to n. It takes away the increments that its node has seen, and no others.
func (c Counter) Reset(ctx context.Context, n int64) error {
	_, err := c.c.do(ctx, "set", c.key, strconv.FormatInt(n, 10))
	return err
}

// Map is a key that holds a hash: names with values. Regions that set different fields keep both.
type Map struct {
	c   Commands
	key string
}

// Map gives the handle of a hash.
func (c Commands) Map(key string) Map { return Map{c, key} }

// Get gives the value of a field.
func (m Map) Get(ctx context.Context, field string) ([]byte, error) {
	r, err := m.c.do(ctx, "hget", m.key, field)
	return result(Reply.value, r, err, "hget", m.key)
}

// Has says whether there is a field.
func (m Map) Has(ctx context.Context, field string) (bool, error) {
	r, err := m.c.do(ctx, "hexists", m.key, field)
	return result(Reply.truth, r, err, "hexists", m.key)
}

// Set sets a field.
func (m Map) Set(ctx context.Context, field string, value []byte) error {
	_, err := m.c.Do(ctx, []byte("hset"), []byte(m.key), []byte(field), value)
	return err
}

// SetAll sets several fields. Without any it does nothing.
func (m Map) SetAll(ctx context.Context, fields map[string][]byte) error {
	if len(fields) == 0 {
		return nil
	}
	args := [][]byte{[]byte("hset"), []byte(m.key)}
	for field, value := range fields { // order-free: each sets its own field
		args = append(args, []byte(field), value)
	}
	_, err := m.c.Do(ctx, args...)
	return err
}

// Add adds n to an integer in a field and gives the new value. It is not sent twice.
func (m Map) Add(ctx context.Context, field string, n int64) (int64, error) {
	r, err := m.c.do(ctx, "hincrby", m.key, field, strconv.FormatInt(n, 10))
	return result(Reply.integer, r, err, "hincrby", m.key)
}

// Del removes fields and gives how many there were.
func (m Map) Del(ctx context.Context, fields ...string) (int64, error) {
	return m.c.members(ctx, "hdel", m.key, fields)
}

// All gives all fields and their values.
func (m Map) All(ctx context.Context) (map[string][]byte, error) {
	r, err := m.c.do(ctx, "hgetall", m.key)
	return result(Reply.fields, r, err, "hgetall", m.key)
}

// Fields gives the names of all fields.
func (m Map) Fields(ctx context.Context) ([]string, error) {
	r, err := m.c.do(ctx, "hkeys", m.key)
	return result(Reply.strings, r, err, "hkeys", m.key)
}

// Len gives the number of fields.
func (m Map) Len(ctx context.Context) (int64, error) {
	r, err := m.c.do(ctx, "hlen", m.key)
	return result(Reply.integer, r, err, "hlen", m.key)
}

// members runs a command on a key and some of its members. Without any it does nothing.
func (c Commands) members(ctx context.Context, op, key string, members []string) (int64, error) {
	if len(members) == 0 {
		return 0, nil
	}
	r, err := c.do(ctx, append([]string{op, key}, members...)...)
	return result(Reply.integer, r, err, op, key)
}

// Set is a key that holds a set. Adding wins over a removal that has not seen it.
type Set struct {
	c   Commands
	key string
}

// SetOf gives the handle of a set.
func (c Commands) SetOf(key string) Set { return Set{c, key} }

// Add adds members and gives how many are new.
func (s Set) Add(ctx context.Context, members ...string) (int64, error) {
	return s.c.members(ctx, "sadd", s.key, members)
}

// Remove removes members and gives how many there were.
func (s Set) Remove(ctx context.Context, members ...string) (int64, error) {
	return s.c.members(ctx, "srem", s.key, members)
}

// Has says whether there is a member.
func (s Set) Has(ctx context.Context, member string) (bool, error) {
	r, err := s.c.do(ctx, "sismember", s.key, member)
	return result(Reply.truth, r, err, "sismember", s.key)
}

// All gives all members.
func (s Set) All(ctx context.Context) ([]string, error) {
	r, err := s.c.do(ctx, "smembers", s.key)
	return result(Reply.strings, r, err, "smembers", s.key)
}

// Len gives the number of members.
func (s Set) Len(ctx context.Context) (int64, error) {
	r, err := s.c.do(ctx, "scard", s.key)
	return result(Reply.integer, r, err, "scard", s.key)
}

// SortedSet is a key that holds members in the order of their scores.
type SortedSet struct {
	c   Commands
	key string
}

// Scored is a member with its score.
type Scored struct {
	Member string
	Score  float64
}

// SortedSet gives the handle of a sorted set.
func (c Commands) SortedSet(key string) SortedSet { return SortedSet{c, key} }

// Add sets the scores of members and gives how many are new.
func (s SortedSet) Add(ctx context.Context, members ...Scored) (int64, error) {
	if len(members) == 0 {
		return 0, nil
	}
	args := []string{"zadd", s.key}
	for _, m := range members {
		args = append(args, score(m.Score), m.Member)
	}
	r, err := s.c.do(ctx, args...)
	return result(Reply.integer, r, err, "zadd", s.key)
}

func score(f float64) string { return strconv.FormatFloat(f, 'g', -1, 64) }

// Incr adds to the score of a member and gives the new one. It is not sent twice.
func (s SortedSet) Incr(ctx context.Context, member string, by float64) (float64, error) {
	r, err := s.c.do(ctx, "zincrby", s.key, score(by), member)
	return result(Reply.float, r, err, "zincrby", s.key)
}

// Score gives the score of a member.
func (s SortedSet) Score(ctx context.Context, member string) (float64, error) {
	r, err := s.c.do(ctx, "zscore", s.key, member)
	return result(Reply.float, r, err, "zscore", s.key)
}

// Remove removes members and gives how many there were.
func (s SortedSet) Remove(ctx context.Context, members ...string) (int64, error) {
	return s.c.members(ctx, "zrem", s.key, members)
}

// Len gives the number of members.
func (s SortedSet) Len(ctx context.Context) (int64, error) {
	r, err := s.c.do(ctx, "zcard", s.key)
	return result(Reply.integer, r, err, "zcard", s.key)
}

// Range gives the members between two ranks, the lowest score first; negative ranks count from the end.
func (s SortedSet) Range(ctx context.Context, start, stop int64) ([]Scored, error) {
	return s.span(ctx, strconv.FormatInt(start, 10), strconv.FormatInt(stop, 10))
}

// Top gives the n members with the highest scores, the highest first.
func (s SortedSet) Top(ctx context.Context, n int64) ([]Scored, error) {
	if n <= 0 {
		return nil, nil
	}
	return s.span(ctx, "0", strconv.FormatInt(n-1, 10), "REV")
}

// RangeByScore gives the members with scores from least to most.
func (s SortedSet) RangeByScore(ctx context.Context, least, most float64) ([]Scored, error) {
	return s.span(ctx, score(least), score(most), "BYSCORE")
}

func (s SortedSet) span(ctx context.Context, args ...string) ([]Scored, error) {
	args = append(append([]string{"zrange", s.key}, args...), "WITHSCORES")
	r, err := s.c.do(ctx, args...)
	return result(Reply.scored, r, err, "zrange", s.key)
}

// scored reads members and their scores in turn.
func (r Reply) scored() ([]Scored, error) {
	if r.Kind != Nil && r.Kind != Array {
		return nil, errReply(r)
	}
	all := make([]Scored, 0, len(r.List)/2)
	for i := 0; i+1 < len(r.List); i += 2 {
		f, err := r.List[i+1].float()
		if err != nil {
			return nil, err
		}
		all = append(all, Scored{string(r.List[i].Bytes), f})
	}
	return all, nil
}
