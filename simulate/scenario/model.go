package scenario

import "time"

// A Scenario is one run of a simulated cluster: who takes part, who writes
// what, which faults strike when, and what must hold.
type Scenario struct {
	Version    int      // of the format: 1
	Name       string   // in lower case: "us-eu cut ten minutes"
	Story      []string // what it shows, a line each
	Seed       uint64   // of the run; zero leaves the choice to the caller
	SafetyOnly bool     // the oracles of convergence are not judged
	Config     Config
	Topology   Topology
	Load       []Load
	Only       []Kept // the operations that are made; all if empty
	Timeline   []Step // by Step.At, ascending
	Phases     Phases
	Expect     Expect
}

// Phases are the lengths of the parts of a run, which follow one another. Step
// times count from the start of the warm-up. In a scenario built in Go, a length
// of zero is filled in by Resolve; that of the warm-up only if the chaos has
// none either, for a run may begin without.
type Phases struct {
	WarmUp  time.Duration // load without faults
	Chaos   time.Duration // load and faults
	Heal    time.Duration // load goes on; faults are off, clocks sane, nodes up
	Quiesce time.Duration // the load is off as well
}

// Healed is when the chaos ends and every fault is lifted.
func (p Phases) Healed() time.Duration { return p.WarmUp + p.Chaos }

// Quiet is when the load ends.
func (p Phases) Quiet() time.Duration { return p.Healed() + p.Heal }

// End is when the run ends and the final checks are made.
func (p Phases) End() time.Duration { return p.Quiet() + p.Quiesce }

// Config holds the settings of the nodes. Zero means what production takes by
// default (replica.Timing), so that a scenario states only what it is about.
type Config struct {
	Linger      time.Duration // how long a delta waits for company under load
	Watermark   time.Duration // between closed timestamps under load
	Heartbeat   time.Duration // between signs of life on an idle link
	Resend      time.Duration // least wait for an acknowledgement
	HoldDown    time.Duration // before a node that went silent loses its partitions
	Announce    time.Duration // between announcements of a region's view
	RoundEvery  time.Duration // between checks of a healthy peer
	PullTimeout time.Duration // for one answer of a repair round
	HandOff     time.Duration // between offers of a partition to its new owners
	Forward     time.Duration // for the answer of an owner
	Ack         time.Duration // for the acknowledgements of a write
	Settle      time.Duration // that a node alone waits for others at its start
	Foreign     time.Duration // that a second claim to a region's name may last
	CloseAfter  time.Duration // without a change of views, before the gaps of dead origins are closed
	MaxSkew     time.Duration // how far ahead a stamp may be
	Session     time.Duration // that a command waits for what its session has seen

	Outbox int64 // bytes of one link's outbox
	Batch  int64 // bytes of one batch
	Window int64 // bytes sent and not acknowledged
	Ask    int64 // bytes of one answer in a repair round
	Repair int64 // bytes of repair answers in a second
	Memory int64 // bytes that a node may hold; zero is no limit

	Replicas   int // owners of a partition in a region
	Partitions int // how many of the 1024 partitions hold keys; zero is chosen by Scenario.Partitions

	Shrink bool // buffers, batches and timeouts not set here are made small at random, by the seed
}

// Expect says what the run must show beside the promises of the product, all
// of which are always judged.
type Expect struct {
	Never  []Promise // promises the scenario is about: a run that could not judge one of them is inconclusive
	Bounds []Bound
}

// A Bound compares a measured figure with a limit.
type Bound struct {
	Metric Metric
	Op     string // "<", "<=", ">", ">=" or "="
	Limit  int64  // in the unit of the metric: nanoseconds, bytes or a count
}

// Holds tells whether a measured value keeps to the bound.
func (b Bound) Holds(measured int64) bool {
	switch b.Op {
	case "<":
		return measured < b.Limit
	case "<=":
		return measured <= b.Limit
	case ">":
		return measured > b.Limit
	case ">=":
		return measured >= b.Limit
	default:
		return measured == b.Limit
	}
}

// PPM is a share in parts per million.
type PPM int64

// Rate is a frequency in thousandths per second.
type Rate int64

// Span is a range of durations, both ends included.
type Span struct{ Least, Most time.Duration }

// Sizes is a range of sizes in bytes, both ends included.
type Sizes struct{ Least, Most int64 }
