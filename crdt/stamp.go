package crdt

import (
	"cmp"
	"fmt"
	"sync/atomic"

	"github.com/atollcache/atoll/planted"
)

// Stamp is a hybrid logical clock reading (Kulkarni et al. 2014): 48 bits of
// unix milliseconds, 16 bits of counter. Stamps of one origin are unique and
// ascending.
type Stamp uint64

const counterBits = 16

// StampAt gives the first stamp of a millisecond.
func StampAt(millis int64) Stamp { return Stamp(millis) << counterBits }

// Millis gives the unix milliseconds of s.
func (s Stamp) Millis() int64 { return int64(s >> counterBits) }

// String shows s as milliseconds and counter.
func (s Stamp) String() string { return fmt.Sprintf("%d.%d", s.Millis(), uint16(s)) }

// Origin names who stamps: a node and one of its epochs. An origin is never
// used again after its memory is lost, so a node that forgot everything cannot
// mint an old name.
type Origin struct {
	Node  uint64 // hash of region and node name
	Epoch uint64 // of the boot, or of the tenure of one partition
}

// Compare orders origins by node, then epoch.
func (o Origin) Compare(p Origin) int {
	if c := cmp.Compare(o.Node, p.Node); c != 0 {
		return c
	}
	return cmp.Compare(o.Epoch, p.Epoch)
}

// String shows o in hexadecimal, short enough for a log line.
func (o Origin) String() string { return fmt.Sprintf("%x/%d", o.Node, o.Epoch) }

// Dot is the unique name of one write: its stamp and who stamped it.
type Dot struct {
	Stamp  Stamp
	Origin Origin
}

// Compare orders dots by stamp, ties by origin: the order in which the last
// writer wins, whoever asks.
func (d Dot) Compare(e Dot) int {
	if c := cmp.Compare(d.Stamp, e.Stamp); c != 0 {
		return c
	}
	return d.Origin.Compare(e.Origin)
}

// Clock is a hybrid logical clock. Its reading never goes back; the zero value
// is ready. It is safe for concurrent use.
type Clock struct {
	last atomic.Uint64
}

// Tick gives a stamp above every stamp that the clock gave or observed.
func (c *Clock) Tick(wallMillis int64) Stamp {
	wall := uint64(StampAt(wallMillis))
	for {
		last := c.last.Load()
		next := max(last+1, wall)
		if c.last.CompareAndSwap(last, next) {
			return Stamp(next)
		}
	}
}

// Observe moves the clock to s if it is behind, so that what is written next
// is above what was seen.
func (c *Clock) Observe(s Stamp) {
	if planted.Is(planted.HLCNotMerged) {
		return
	}
	for {
		last := c.last.Load()
		if uint64(s) <= last || c.last.CompareAndSwap(last, uint64(s)) {
			return
		}
	}
}

// Last gives the highest stamp that the clock gave or observed.
func (c *Clock) Last() Stamp { return Stamp(c.last.Load()) }
