package client

import (
	"context"
	"errors"
	"strconv"
	"sync"
	"time"
)

// A Batch collects commands that are sent together: one request for each node that owns keys of them. Each command
// succeeds or fails alone; there is no transaction. In a session it is one request.
//
//	b := c.Batch()
//	name := b.Get("user:1")
//	views := b.Add("views", 1)
//	if err := b.Run(ctx); err != nil { … }
//	fmt.Println(string(name.Bytes()), views.Int())
//
// A batch is used by one goroutine, and once.
type Batch struct {
	c     Commands
	calls []*Call
	items []*Pending
}

// Pending is what a command of a batch will give. It may be asked after Run.
type Pending struct {
	answer Answer
	err    error
}

// errNotRun is the result of a command whose batch was not run.
var errNotRun = errors.New("the batch has not been run")

// Err gives the error of the command. What is not there is [ErrNotFound], for commands that give a value.
func (p *Pending) Err() error { return p.err }

// Reply gives the whole reply.
func (p *Pending) Reply() Reply { return p.answer.Reply }

// Bytes gives the value, nil if there is none.
func (p *Pending) Bytes() []byte { return p.answer.Reply.Bytes }

// Int gives the integer, 0 if there is none.
func (p *Pending) Int() int64 { return p.answer.Reply.Int }

// Batch begins a batch.
func (c Commands) Batch() *Batch { return &Batch{c: c} }

// Do adds any command, its name first, in lower case.
func (b *Batch) Do(args ...[]byte) *Pending {
	p := &Pending{err: errNotRun}
	if len(args) == 0 {
		args = [][]byte{nil}
	}
	b.calls = append(b.calls, &Call{Args: named(args), Ack: b.c.ack})
	b.items = append(b.items, p)
	return p
}

func (b *Batch) words(args ...string) *Pending {
	raw := make([][]byte, len(args))
	for i, arg := range args {
		raw[i] = []byte(arg)
	}
	return b.Do(raw...)
}

// Get adds a read of a string.
func (b *Batch) Get(key string) *Pending { return b.words("get", key) }

// Set adds a write of a string, as [Commands.Set].
func (b *Batch) Set(key string, value []byte, ttl time.Duration) *Pending {
	return b.Do(append([][]byte{[]byte("set"), []byte(key), value}, lifetime(ttl)...)...)
}

// Del adds the removal of a key.
func (b *Batch) Del(key string) *Pending { return b.words("del", key) }

// Expire adds a time to live.
func (b *Batch) Expire(key string, ttl time.Duration) *Pending {
	return b.words("pexpire", key, string(millis(ttl)))
}

// Add adds to a counter.
func (b *Batch) Add(key string, n int64) *Pending {
	return b.words("incrby", key, strconv.FormatInt(n, 10))
}

// Len gives how many commands there are.
func (b *Batch) Len() int { return len(b.calls) }

const (
	// maxItems and maxBytes bound one request. Nodes take a thousand commands and 8 MiB.
	maxItems = 500
	maxBytes = 1 << 20
)

// Run sends everything and waits for all. The error is the first of a command, in their order, that is not
// [ErrNotFound]; each command has its own with it.
func (b *Batch) Run(ctx context.Context) error {
	if len(b.calls) == 0 {
		return nil
	}
	var running sync.WaitGroup
	if b.c.session != nil {
		for _, part := range b.parts(func(*Call) uint16 { return 0 }) {
			b.send(ctx, part)
		}
	} else {
		for _, part := range b.parts(b.c.c.group) {
			running.Go(func() { b.send(ctx, part) })
		}
		running.Wait()
	}
	for _, p := range b.items {
		if p.err != nil && !errors.Is(p.err, ErrNotFound) {
			return p.err
		}
	}
	return nil
}

// group tells apart the commands that go to different nodes. Without a ring all go to one.
func (c *Client) group(call *Call) uint16 {
	if c.mesh == nil || call.Key() == "" {
		return 0
	}
	return c.mesh.group(partitionOf(call.Args[1]))
}

// group gives the number of the first owner of a partition in the region that is asked first, from 1.
func (m *mesh) group(part uint16) uint16 {
	for _, p := range *m.places.Load() {
		if p.state() != Closed {
			continue
		}
		v := p.view.Load()
		if v == nil || len(v.names) == 0 {
			return 0
		}
		return uint16(v.ring.Owners(part)[0]) + 1
	}
	return 0
}

// parts splits the places of the commands by groups, none larger than a request may be.
func (b *Batch) parts(group func(*Call) uint16) [][]int {
	type open struct{ part, bytes int }
	var parts [][]int
	at := map[uint16]*open{}
	for i, call := range b.calls {
		size := 0
		for _, arg := range call.Args {
			size += len(arg) + 5
		}
		g := group(call)
		o := at[g]
		if o == nil || len(parts[o.part]) == maxItems || o.bytes+size > maxBytes {
			parts = append(parts, nil)
			o = &open{part: len(parts) - 1}
			at[g] = o
		}
		o.bytes += size
		parts[o.part] = append(parts[o.part], i)
	}
	return parts
}

// send runs one part.
func (b *Batch) send(ctx context.Context, part []int) {
	calls := make([]*Call, len(part))
	for i, place := range part {
		calls[i] = b.calls[place]
	}
	var all []Answer
	var err error
	if b.c.session != nil {
		all, err = b.c.session.runBatch(ctx, calls)
	} else {
		all, err = b.c.c.runBatch(ctx, calls)
	}
	for i, place := range part {
		p := b.items[place]
		if p.err = err; err != nil {
			continue
		}
		p.answer = all[i]
		p.err = b.judge(calls[i], &p.answer)
	}
}

// judge gives the error of one command.
func (b *Batch) judge(call *Call, a *Answer) error {
	switch {
	case a.Err != nil:
		return a.Err
	case a.Reply.Kind == Nil && givesValue(call.Op()):
		return about(&Error{Code: CodeNotFound, Message: "nothing is there"}, call, a.Region)
	}
	return b.c.fallShort(call, a)
}

func givesValue(op string) bool { return op == "get" || op == "hget" || op == "zscore" }
