package world

import (
	"time"

	"github.com/atollcache/atoll/wire"
)

// classes is the number of kinds of messages, with zero for those that are none.
const classes = int(wire.KindHandedOff) + 1

// Totals is what a run has come to so far.
type Totals struct {
	Events     uint64
	Ops        uint64 // operations of clients
	OpsFailed  uint64 // of those, answered with an error, or not at all
	Writes     uint64
	Refused    uint64 // messages that their receiver said were wrong
	Crashes    uint64
	MaxOutput  int // messages of one step
	MaxLetters int // on their way at once
	Phases     []PhaseStart
	Traffic    []Traffic // by pair of regions, see Pair
	regions    int
}

// PhaseStart says when a phase began.
type PhaseStart struct {
	Phase Phase
	At    time.Duration
}

// Traffic counts what went from one region to another, by class of message.
type Traffic struct {
	Sent, Delivered, Lost [classes]Count
}

// Count is messages and their bytes.
type Count struct{ Messages, Bytes uint64 }

func (c *Count) add(size int) {
	c.Messages++
	c.Bytes += uint64(size)
}

func (t *Totals) init(regions int) {
	t.regions = regions
	t.Traffic = make([]Traffic, regions*regions)
	t.Phases = []PhaseStart{{Warmup, 0}}
}

// Pair gives the traffic between two regions, by their place in the scenario.
func (t *Totals) Pair(from, to int) *Traffic { return &t.Traffic[from*t.regions+to] }

// Sum adds up all pairs and classes.
func (t *Totals) Sum() (sent, delivered, lost Count) {
	for i := range t.Traffic {
		for class := range classes {
			sent.join(t.Traffic[i].Sent[class])
			delivered.join(t.Traffic[i].Delivered[class])
			lost.join(t.Traffic[i].Lost[class])
		}
	}
	return sent, delivered, lost
}

func (c *Count) join(o Count) {
	c.Messages += o.Messages
	c.Bytes += o.Bytes
}

// Totals gives what the run has come to. It changes while the run goes on.
func (w *World) Totals() *Totals { return &w.totals }

func (w *World) traffic(m *Message) *Traffic {
	return w.totals.Pair(m.From.region.index, m.To.region.index)
}

// classOf is where a kind of message is counted.
func classOf(k wire.Kind) int {
	if int(k) < classes {
		return int(k)
	}
	return 0
}
