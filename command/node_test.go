package command

import (
	"fmt"
	"strconv"
	"strings"
	"testing"

	"github.com/atollcache/atoll/crdt"
)

// startMillis is when the nodes of the tests begin.
const startMillis = 1_700_000_000_000

// node holds some keys and runs commands on them, as a replica would: one call,
// used again and again, and every byte that may be aliased is spoilt as soon as
// the contract allows.
type node struct {
	t      testing.TB
	now    int64
	origin crdt.Origin
	clock  crdt.Clock
	ctx    crdt.Context
	keys   map[string]*crdt.Entry
	call   Call
	delta  crdt.Delta
	sent   []message
}

// message is a delta as it travels.
type message struct {
	key   string
	delta crdt.Delta
}

func newNode(t testing.TB, id uint64) *node {
	return &node{t: t, now: startMillis, origin: crdt.Origin{Node: id, Epoch: 1}, keys: map[string]*crdt.Entry{}}
}

func (n *node) entry(key string) *crdt.Entry {
	if n.keys[key] == nil {
		n.keys[key] = &crdt.Entry{}
	}
	return n.keys[key]
}

// do runs a command and shows its reply.
func (n *node) do(words ...string) string { return show(n.exec(words...)) }

func (n *node) exec(words ...string) Reply {
	n.t.Helper()
	cmd, ok := Lookup(words[0])
	if !ok {
		return Unknown(words[0])
	}
	args := words[1:]
	if refusal, ok := cmd.Check(bytesOf(args), n.call.Limits); !ok {
		return refusal
	}
	switch cmd.Keys {
	case EachKey:
		sum := Reply{Type: Int}
		for _, key := range args {
			sum.Int += n.run(cmd, []string{key}).Int
		}
		return sum
	case AllKeys:
		_, refusal, _ := ParseScan(bytesOf(args), n.call.Limits)
		return refusal
	default:
		return n.run(cmd, args)
	}
}

func (n *node) run(cmd *Command, words []string) Reply {
	n.t.Helper()
	c := &n.call
	c.Args, c.Now, c.Context, c.Delta = bytesOf(words), n.now, &n.ctx, &n.delta
	c.Entry = nil
	if cmd.Keys != NoKey {
		c.Entry = n.entry(words[0])
	}
	if cmd.Write {
		c.Op = crdt.Dot{Stamp: n.clock.Tick(n.now), Origin: n.origin}
	}

	reply := cmd.Exec(c).Clone()
	if cmd.Write {
		n.apply(words[0], reply)
	}
	for _, arg := range c.Args {
		for i := range arg {
			arg[i] = '!'
		}
	}
	for i := range c.scratch {
		c.scratch[i] = '!'
	}
	return reply
}

func (n *node) apply(key string, reply Reply) {
	n.t.Helper()
	if reply.Type == Error && !n.delta.Empty() {
		n.t.Fatalf("%s, and yet the delta holds something", show(reply))
	}
	if n.delta.Empty() {
		return
	}
	// An outbox is the join of deltas, with values of its own.
	var m message
	m.key = key
	m.delta.Coalesce(&n.delta)
	for i := range m.delta.Cells() {
		for j := range m.delta.Cells()[i].Slots {
			s := &m.delta.Cells()[i].Slots[j]
			s.Value = append([]byte(nil), s.Value...)
		}
	}
	n.sent = append(n.sent, m)

	var tally crdt.Tally
	n.ctx.Raise(n.call.Op)
	n.entry(key).Write(&m.delta.Entry, &n.ctx, &tally)
}

// receive merges what another node has sent so far. That certifies what the
// other wrote itself, and nothing that it only heard of.
func (n *node) receive(from *node) {
	for i := range from.sent {
		m := &from.sent[i]
		var tally crdt.Tally
		n.entry(m.key).Merge(&m.delta.Entry, &n.ctx, &tally)
		for _, op := range m.delta.Ops {
			n.clock.Observe(op.Stamp)
		}
	}
	n.ctx.Raise(crdt.Dot{Stamp: from.ctx.At(from.origin), Origin: from.origin})
	for _, e := range n.keys { // order-free: each entry is stripped alone
		var tally crdt.Tally
		e.Strip(&n.ctx, &tally)
	}
}

// exchange lets all nodes see everything.
func exchange(nodes ...*node) {
	for _, to := range nodes {
		for _, from := range nodes {
			if to != from {
				to.receive(from)
			}
		}
	}
}

func bytesOf(words []string) [][]byte {
	args := make([][]byte, len(words))
	for i, w := range words {
		args[i] = []byte(w)
	}
	return args
}

// show writes a reply as redis-cli would, on one line.
func show(r Reply) string {
	switch r.Type {
	case Nil:
		return "(nil)"
	case Status:
		return r.Code
	case Int:
		return "(integer) " + strconv.FormatInt(r.Int, 10)
	case Bytes, Float:
		return strconv.Quote(string(r.Bytes))
	case Array, Map:
		parts := make([]string, len(r.List))
		for i := range r.List {
			parts[i] = show(r.List[i])
		}
		return "[" + strings.Join(parts, " ") + "]"
	case Error:
		return "(error) " + r.Code + " " + string(r.Bytes)
	}
	return fmt.Sprintf("reply of type %d", r.Type)
}
