package client

import (
	"bytes"
	"context"
	"sync/atomic"
	"time"

	"github.com/cespare/xxhash/v2"
	"github.com/maypok86/otter/v2"

	"github.com/atollcache/atoll/ring"
)

// near keeps values in this process. Whatever may have changed one of a partition first counts up the moves of that
// partition, then drops what is kept; whoever reads notes the moves before, and keeps what was read only if there were
// none, and drops it again if there was one meanwhile. So no value stays that was read before an event and kept after.
type near struct {
	c     *Client
	kept  *otter.Cache[string, *nearValue]
	moves [partitions]atomic.Uint32
	ages  [partitions]atomic.Uint32 // what was kept in an earlier age of its partition does not count
	heard atomic.Pointer[string]    // the region whose events are heard; nil if there is none
	now   atomic.Int64              // milliseconds since the client began, coarse

	maxAge int64 // milliseconds
}

// nearValue is what is kept of a key. It is never changed.
type nearValue struct {
	value []byte
	none  bool // the key does not exist
	at    int64
	age   uint32
	part  uint16
}

const (
	// nearClock is how exact the ages are.
	nearClock = 50 * time.Millisecond
	// nearOverhead is what an entry takes beside key and value, in bytes, about.
	nearOverhead = 128
	// nearRetry is the pause before it is tried again to listen.
	nearRetry = time.Second
)

func newNear(c *Client) *near {
	return &near{c: c, maxAge: c.options.NearMaxAge.Milliseconds(), kept: otter.Must(&otter.Options[string, *nearValue]{
		MaximumWeight: uint64(c.options.NearCache),
		Weigher:       func(key string, v *nearValue) uint32 { return uint32(len(key) + len(v.value) + nearOverhead) },
	})}
}

// listen has events heard, and turns the clock, until the client is closed.
func (n *near) listen(ctx context.Context) {
	defer n.kept.StopAllGoroutines()
	began, heard := time.Now(), time.Time{}
	tick := time.NewTicker(nearClock)
	defer tick.Stop()
	opened := false
	for {
		if !opened && time.Since(heard) > nearRetry {
			opened = n.c.hub.open(ctx) == nil
			heard = time.Now()
		}
		select {
		case <-tick.C:
			n.now.Store(time.Since(began).Milliseconds())
		case <-ctx.Done():
			return
		}
	}
}

// get gives a value that is kept, or reads it and keeps it.
func (n *near) get(ctx context.Context, c Commands, key string) ([]byte, error) {
	if v, ok := n.kept.GetIfPresent(key); ok && n.good(v) {
		n.c.stats.nearHits.Add(1)
		return v.result(key)
	}
	return n.read(ctx, c, key)
}

// good says whether what is kept may still be given.
func (n *near) good(v *nearValue) bool {
	return v.age == n.ages[v.part].Load() && n.heard.Load() != nil && n.now.Load()-v.at < n.maxAge
}

// result gives the caller a copy of its own.
func (v *nearValue) result(key string) ([]byte, error) {
	if v.none {
		return nil, &Error{Code: CodeNotFound, Op: "get", Key: key, Message: "nothing is there"}
	}
	value := make([]byte, len(v.value))
	copy(value, v.value)
	return value, nil
}

// read reads a value and keeps it.
func (n *near) read(ctx context.Context, c Commands, key string) ([]byte, error) {
	n.c.stats.nearMisses.Add(1)
	part := ring.Partition(xxhash.Sum64String(key))
	v := nearValue{at: n.now.Load(), age: n.ages[part].Load(), part: part}
	before := n.moves[part].Load()
	a, err := c.get(ctx, key)
	v.value, v.none = a.Reply.Bytes, a.Reply.Kind == Nil
	if err == nil && a.First && n.hears(a.Region) && n.moves[part].Load() == before {
		n.keep(key, before, v)
	}
	return result(Reply.value, a.Reply, err, "get", key)
}

// hears says whether the changes of a region are heard. What another one gives is not kept: the event that would drop it
// may have come already.
func (n *near) hears(region string) bool {
	heard := n.heard.Load()
	return heard != nil && *heard == region
}

// keep keeps what was read, unless the partition has moved.
func (n *near) keep(key string, before uint32, v nearValue) {
	v.value = bytes.Clone(v.value) // the message that it came in is larger
	n.kept.Set(key, &v)
	if n.moves[v.part].Load() != before {
		n.kept.Invalidate(key)
	}
}

// hear drops what an event says has changed.
func (n *near) hear(e *Event) {
	switch {
	case e.Kind == deaf:
		n.heard.Store(nil)
	case e.Kind != Gap:
		n.drop(e.Key)
	case e.Partition >= 0:
		n.forget(e.Partition)
	default:
		for p := range n.moves {
			n.forget(p)
		}
		region := e.Region
		n.heard.Store(&region)
	}
}

// forget drops what is kept of a partition.
func (n *near) forget(part int) {
	n.moves[part].Add(1)
	n.ages[part].Add(1)
}

func (n *near) drop(key string) {
	n.moves[partitionOf([]byte(key))].Add(1)
	n.kept.Invalidate(key)
}

// wrote drops what this client has changed itself.
func (n *near) wrote(calls ...*Call) {
	for _, c := range calls {
		switch {
		case reads(c) || len(c.Args) < 2:
		case c.Op() == "del":
			for _, key := range c.Args[1:] {
				n.drop(string(key))
			}
		default:
			n.drop(c.Key())
		}
	}
}
