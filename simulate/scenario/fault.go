package scenario

import "slices"

// Kind names a fault, or another change that a step makes.
type Kind string

// The kinds of steps, by group. Faults tells what each does.
const (
	Cut         Kind = "cut"
	CutOneWay   Kind = "cut-one-way"
	Bridge      Kind = "bridge"
	Isolate     Kind = "isolate"
	Swizzle     Kind = "swizzle"
	Drop        Kind = "drop"
	BurstLoss   Kind = "burst-loss"
	Duplicate   Kind = "dup"
	Reorder     Kind = "reorder"
	Delayed     Kind = "delay"
	Throttle    Kind = "bandwidth"
	FrameLimit  Kind = "frame-limit"
	Flap        Kind = "flap"
	Gray        Kind = "gray"
	Corrupt     Kind = "corrupt"
	BlackHole   Kind = "black-hole"
	Away        Kind = "away"
	Apart       Kind = "apart"
	Crash       Kind = "crash"
	Restart     Kind = "restart"
	Pause       Kind = "pause"
	SlowNode    Kind = "slow"
	Twin        Kind = "twin"
	Wipe        Kind = "wipe"
	Overload    Kind = "overload"
	ClockSkew   Kind = "skew"
	ClockDrift  Kind = "drift"
	ClockJump   Kind = "jump"
	ClockStrobe Kind = "strobe"
	ClockPoison Kind = "poison"

	Join             Kind = "join"
	JoinStorm        Kind = "join-storm"
	LeaveStorm       Kind = "leave-storm"
	Drain            Kind = "drain"
	FalseDeath       Kind = "false-death"
	FlapSuspicion    Kind = "flap-suspicion"
	SplitBrain       Kind = "split-brain"
	RingDisagreement Kind = "ring-disagreement"

	LoadBurst        Kind = "burst"
	LoadHotKey       Kind = "hot-key"
	LoadStampede     Kind = "expiry-stampede"
	LoadCounterStorm Kind = "counter-storm"
	LoadRecreate     Kind = "delete-and-recreate"
	LoadHugeValues   Kind = "huge-values"
	LoadHugeMaps     Kind = "huge-maps"

	RollingUpgrade Kind = "rolling-upgrade"
	Unequal        Kind = "unequal"

	TornWrite   Kind = "torn-write"
	BitFlip     Kind = "bit-flip"
	Truncation  Kind = "truncation"
	DiskFull    Kind = "disk-full"
	FsyncError  Kind = "fsync-error"
	DiskStall   Kind = "disk-stall"
	OldSnapshot Kind = "old-snapshot"
)

// A Group is a family of faults.
type Group string

// The groups, in the order of the documentation.
const (
	Net        Group = "net"
	Node       Group = "node"
	Clock      Group = "clock"
	Membership Group = "membership"
	Work       Group = "load"
	Settings   Group = "config"
	Disk       Group = "disk"
)

// Shape says what a fault may strike, by an example of how it is written.
type Shape string

// The shapes of targets.
const (
	Sides   Shape = "us | eu"           // two or more sides, of regions and nodes
	Arrow   Shape = "us > eu"           // from one side to another
	Links   Shape = "all, us, us-eu, …" // any set of links
	Nodes   Shape = "us/1, us/2, eu"    // nodes, or all nodes of regions
	OneNode Shape = "us/1"              // one node
	Regions Shape = "us, eu"            // regions
	Split   Shape = "us/1 | us/2, us/3" // parts of one region
)

// A Fault is a row of the table of faults.
type Fault struct {
	Kind   Kind
	Group  Group
	About  string // what it does, one sentence
	Shape  Shape
	Lasts  bool // it takes "for", and lasts until the heal without
	Params []Param

	// Life is set if the fault decides whether a node runs: two of those may
	// not overlap on a node.
	Life bool
}

// A Param is a parameter of a fault.
type Param struct {
	Name     string // the key in the file
	Default  string // as it would be written; empty is none
	Required bool
	About    string
}

// NeedsSnapshots is why the faults of the disk cannot be run.
const NeedsSnapshots = "needs snapshots, which do not exist yet"

// groups are the tables of faults.
func groups() [7][]Fault {
	return [...][]Fault{netFaults, nodeFaults, clockFaults, membershipFaults, workFaults, settingsFaults, diskFaults}
}

// Faults lists all kinds of steps, by group.
func Faults() []Fault {
	tables := groups()
	return slices.Concat(tables[:]...)
}

// FaultOf finds the row of a kind.
func FaultOf(kind Kind) (Fault, bool) {
	for _, table := range groups() {
		for i := range table {
			if table[i].Kind == kind {
				return table[i], true
			}
		}
	}
	return Fault{}, false
}
