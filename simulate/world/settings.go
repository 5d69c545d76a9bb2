package world

import (
	"time"

	"github.com/atollcache/atoll/replica"
	"github.com/atollcache/atoll/simulate/scenario"
)

// timing takes the settings of a scenario over.
func (w *World) timing(c *scenario.Config) replica.Timing {
	t := replica.Timing{
		Linger: c.Linger, Watermark: c.Watermark, Heartbeat: c.Heartbeat, Resend: c.Resend, HoldDown: c.HoldDown,
		RoundEvery: c.RoundEvery, PullTimeout: c.PullTimeout, HandOff: c.HandOff, Forward: c.Forward, Ack: c.Ack,
		Announce: c.Announce, Settle: c.Settle, Foreign: c.Foreign, CloseAfter: c.CloseAfter, MaxSkew: c.MaxSkew, Session: c.Session,
		OutboxBytes: int(c.Outbox), BatchBytes: int(c.Batch), WindowBytes: int(c.Window), AskBytes: int(c.Ask),
		RepairBytes: int(c.Repair),
	}
	if c.Shrink {
		w.shrink(&t)
	}
	return t
}

// shrink makes what is not set small, at random but the same for all nodes: what
// takes a busy day to overflow then does in seconds.
func (w *World) shrink(t *replica.Timing) {
	size := func(place *int, turn uint64, least, most int) {
		if *place == 0 {
			*place = least + int(w.seed.draw(forShrink, turn, 0).below(uint64(most-least+1)))
		}
	}
	wait := func(place *time.Duration, turn uint64, least, most time.Duration) {
		if *place == 0 {
			*place = w.seed.draw(forShrink, turn, 0).between(least, most)
		}
	}
	size(&t.OutboxBytes, 1, 2<<10, 64<<10)
	size(&t.BatchBytes, 2, 200, 8<<10)
	size(&t.WindowBytes, 3, 4<<10, 64<<10)
	size(&t.AskBytes, 4, 4<<10, 64<<10)
	size(&t.RepairBytes, 5, 64<<10, 4<<20)
	wait(&t.Watermark, 6, 20*time.Millisecond, 200*time.Millisecond)
	wait(&t.Heartbeat, 7, 200*time.Millisecond, time.Second)
	wait(&t.Resend, 8, 50*time.Millisecond, 300*time.Millisecond)
	wait(&t.HoldDown, 9, 300*time.Millisecond, 2*time.Second)
	wait(&t.RoundEvery, 10, time.Second, 10*time.Second)
	wait(&t.PullTimeout, 11, 500*time.Millisecond, 2*time.Second)
	wait(&t.HandOff, 12, 100*time.Millisecond, 500*time.Millisecond)
	wait(&t.Forward, 13, 500*time.Millisecond, 2*time.Second)
	wait(&t.CloseAfter, 14, 10*time.Second, time.Minute)
}
