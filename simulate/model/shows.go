package model

import (
	"cmp"
	"slices"
	"strconv"

	"github.com/atollcache/atoll/command"
	"github.com/atollcache/atoll/crdt"
)

// Shows gives what a client reads from an entry, by the production commands, in
// the form in which the model says what it should be.
func Shows(e *crdt.Entry, now int64) Value {
	v := Value{Kind: e.Type()}
	if !e.Alive(now) {
		return Value{}
	}
	if left := ask(e, now, "pttl").Int; left >= 0 {
		v.Until = now + left
	}
	switch v.Kind {
	case crdt.String:
		v.Cells = []Shown{{Text: string(ask(e, now, "get").Bytes)}}
	case crdt.Hash:
		for pair := range slices.Chunk(ask(e, now, "hgetall").List, 2) {
			v.Cells = append(v.Cells, Shown{Name: string(pair[0].Bytes), Text: string(pair[1].Bytes)})
		}
	case crdt.Set:
		for _, member := range ask(e, now, "smembers").List {
			v.Cells = append(v.Cells, Shown{Name: string(member.Bytes)})
		}
	case crdt.SortedSet:
		for pair := range slices.Chunk(ask(e, now, "zrange", "0", "-1", "WITHSCORES").List, 2) {
			score, _ := strconv.ParseFloat(string(pair[1].Bytes), 64)
			v.Cells = append(v.Cells, Shown{Name: string(pair[0].Bytes), Score: score})
		}
	}
	return v
}

func ask(e *crdt.Entry, now int64, name string, args ...string) command.Reply {
	cmd, _ := command.Lookup(name)
	call := command.Call{Args: [][]byte{nil}, Entry: e, Now: now}
	for _, a := range args {
		call.Args = append(call.Args, []byte(a))
	}
	return cmd.Exec(&call)
}

// Equal says whether a reader could not tell two values apart.
func (v Value) Equal(o Value) bool {
	return v.Kind == o.Kind && v.Until == o.Until && slices.EqualFunc(v.sorted(), o.sorted(), func(a, b Shown) bool {
		same := a.Name == b.Name
		switch v.Kind {
		case crdt.String, crdt.Hash:
			return same && a.Text == b.Text
		case crdt.SortedSet:
			return same && a.Score == b.Score
		}
		return same
	})
}

func (v Value) sorted() []Shown {
	cells := slices.Clone(v.Cells)
	slices.SortFunc(cells, func(a, b Shown) int { return cmp.Compare(a.Name, b.Name) })
	return cells
}
