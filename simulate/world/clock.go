package world

import (
	"time"

	"github.com/atollcache/atoll/replica"
)

// clock is the wall clock of a machine. It survives the process.
type clock struct {
	natural time.Duration // that NTP leaves
	faults  []*clockFault
	poison  int64 // milliseconds by which peers seem ahead, too
}

// clockFault is one reason why a clock is wrong.
type clockFault struct {
	offset time.Duration
	drift  int64 // parts per million
	since  time.Duration
	strobe time.Duration // period; zero does not come and go
}

// naturalSkew is by how much a clock that is kept right is off.
const naturalSkew = 2 * time.Millisecond

// off is how far the clock is ahead.
func (c *clock) off(now time.Duration) time.Duration {
	off := c.natural
	for _, f := range c.faults {
		if f.strobe > 0 && (now-f.since)/f.strobe%2 == 1 {
			continue
		}
		off += f.offset + time.Duration(int64(now-f.since)/1_000_000*f.drift)
	}
	return off
}

// Wall gives what the wall clock of the node shows, in unix milliseconds.
func (n *Node) Wall() int64 {
	return WallStart + (n.w.now + n.clock.off(n.w.now)).Milliseconds()
}

// Mono gives what the monotonic clock of the process shows.
func (n *Node) Mono() time.Duration { return n.w.now - n.since }

// Time gives both.
func (n *Node) Time() replica.Time { return replica.Time{Wall: n.Wall(), Mono: n.Mono()} }
