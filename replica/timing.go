package replica

import (
	"cmp"
	"time"
)

// Timing holds the durations and sizes by which a replica acts. Zero fields
// take the defaults given.
type Timing struct {
	Linger      time.Duration // how long a delta waits for company under load: 1 ms
	Watermark   time.Duration // between closed timestamps under load: 100 ms
	Heartbeat   time.Duration // between signs of life on an idle link: 1 s
	Resend      time.Duration // least wait for an acknowledgement: 200 ms
	HoldDown    time.Duration // before a node that went silent loses its partitions: 2 s
	Announce    time.Duration // between announcements of the region's view: 1 s
	RoundEvery  time.Duration // between checks of a healthy peer: 10 s
	PullTimeout time.Duration // for one answer of a repair round, which is asked for four times: 2 s
	HandOff     time.Duration // between offers of a partition to its new owners: 500 ms
	Forward     time.Duration // for the answer of an owner: 2 s
	Ack         time.Duration // for acknowledgements of a write, unless it says otherwise: 2 s
	Settle      time.Duration // that a node alone waits for others to speak up at its start: 500 ms
	Foreign     time.Duration // that a second claim to this region's name may last: 10 s
	CloseAfter  time.Duration // without any change of views, before the gaps of dead origins are closed: 1 min
	Session     time.Duration // that a command waits for what its session has seen: 500 ms
	MaxSkew     time.Duration // how far ahead a stamp may be: 500 ms
	OutboxBytes int           // of one link: 64 MiB
	BatchBytes  int           // of one batch: 32 KiB
	WindowBytes int           // sent and not acknowledged: 4 MiB
	AskBytes    int           // of one answer in a repair round: 256 KiB
	RepairBytes int           // of repair answers in a second: 64 MiB
}

func (t Timing) withDefaults() Timing {
	or := func(d, otherwise time.Duration) time.Duration { return cmp.Or(d, otherwise) }
	t.Linger = or(t.Linger, time.Millisecond)
	t.Watermark = or(t.Watermark, 100*time.Millisecond)
	t.Heartbeat = or(t.Heartbeat, time.Second)
	t.Resend = or(t.Resend, 200*time.Millisecond)
	t.HoldDown = or(t.HoldDown, 2*time.Second)
	t.Announce = or(t.Announce, time.Second)
	t.RoundEvery = or(t.RoundEvery, 10*time.Second)
	t.PullTimeout = or(t.PullTimeout, 2*time.Second)
	t.HandOff = or(t.HandOff, 500*time.Millisecond)
	t.Forward = or(t.Forward, 2*time.Second)
	t.Ack = or(t.Ack, 2*time.Second)
	t.Settle = or(t.Settle, 500*time.Millisecond)
	t.Foreign = or(t.Foreign, 10*time.Second)
	t.CloseAfter = or(t.CloseAfter, time.Minute)
	t.Session = or(t.Session, 500*time.Millisecond)
	t.MaxSkew = or(t.MaxSkew, 500*time.Millisecond)
	t.OutboxBytes = cmp.Or(t.OutboxBytes, 64<<20)
	t.BatchBytes = cmp.Or(t.BatchBytes, 32<<10)
	t.WindowBytes = cmp.Or(t.WindowBytes, 4<<20)
	t.AskBytes = cmp.Or(t.AskBytes, 256<<10)
	t.RepairBytes = cmp.Or(t.RepairBytes, 64<<20)
	return t
}
