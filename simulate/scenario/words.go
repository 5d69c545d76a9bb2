package scenario

// A Row explains a word of the format.
type Row struct{ Name, About string }

// Ops lists the commands that a mix may name: what the simulated clients send.
func Ops() []Row { return append([]Row(nil), ops...) }

var ops = []Row{ // immutable: nothing writes a row, and callers get a copy
	{"get", "reads a string"},
	{"set", "writes a string, with the load's ttl"},
	{"del", "removes a key of any type"},
	{"incr", "adds one to a counter"},
	{"decr", "takes one from a counter"},
	{"incrby", "adds up to 100 to a counter"},
	{"decrby", "takes up to 100 from a counter"},
	{"exists", "asks for a key of any type"},
	{"ttl", "asks how long a key lives"},
	{"expire", "gives a key the load's ttl, or 10 s"},
	{"persist", "takes the deadline of a key away"},
	{"scan", "walks over a page of keys"},
	{"hset", "sets a field of a hash"},
	{"hget", "reads a field"},
	{"hgetall", "reads a hash"},
	{"hdel", "removes a field"},
	{"hincrby", "adds up to 100 to a field"},
	{"sadd", "adds a member to a set"},
	{"srem", "removes a member"},
	{"smembers", "reads a set"},
	{"zadd", "gives a member a score"},
	{"zincrby", "adds to a score"},
	{"zrem", "removes a member"},
	{"zrange", "reads a sorted set"},
}

// Classes lists the kinds of messages that a gray failure may single out, by
// their names in package wire.
func Classes() []Class { return append([]Class(nil), classes...) }

var classes = []Class{AnyClass, "batch", "ack", "ask", "answer", "forward", "forwarded", "announce", "handoff", "handedoff"} // immutable: callers get a copy

// A PatternRow explains a pattern and says what it changes where a load leaves
// it open.
type PatternRow struct {
	Pattern Pattern
	About   string
	Mix     string // default
	Keys    string // default
	Value   string // default
	Fields  string // default
	Every   string // default
}

// Patterns lists the patterns of a load.
func Patterns() []PatternRow { return append([]PatternRow(nil), patterns...) }

const usualMix = "{get: 60, set: 20, del: 2, incr: 4, hset: 4, hget: 2, hdel: 1, sadd: 2, srem: 1, zadd: 2, zincrby: 1, expire: 1}"

var patterns = []PatternRow{ // immutable: nothing writes a row, and callers get a copy
	{Steady, "Commands come at random moments, at the rate.", usualMix, "1000 uniform", "256B", "16", "10s"},
	{Burst, "All commands of a period come in its first tenth.", usualMix, "1000 uniform", "256B", "16", "10s"},
	{
		CounterStorm, "Counters are counted up and down, and now and then reset.",
		"{incr: 50, decr: 10, incrby: 20, hincrby: 15, del: 1, get: 4}", "3 uniform", "256B", "16", "10s",
	},
	{
		ExpiryStampede, "All deadlines fall on the multiples of the period.",
		"{set: 70, get: 20, expire: 5, persist: 5}", "100 uniform", "256B", "16", "10s",
	},
	{
		DeleteAndRecreate, "Half of the writes are preceded by a removal of their key.",
		"{set: 40, hset: 20, sadd: 10, zadd: 10, del: 10, get: 10}", "20 uniform", "256B", "16", "10s",
	},
	{HugeValues, "As steady, with large values.", "{set: 80, get: 20}", "10 uniform", "256KiB..1MiB", "16", "10s"},
	{
		HugeMaps, "As steady, with large hashes, sets and sorted sets.",
		"{hset: 40, sadd: 20, zadd: 20, hdel: 5, srem: 5, zrem: 5, hget: 5}", "3 uniform", "256B", "10000", "10s",
	},
}

// A Promise is something the product promises; an oracle judges it.
type Promise string

// The promises.
const (
	Divergence        Promise = "divergence"
	DigestMismatch    Promise = "digest-mismatch"
	WrongValue        Promise = "wrong-value"
	LostAckedWrite    Promise = "lost-acked-write"
	Resurrection      Promise = "resurrection"
	UnseenRemoval     Promise = "unseen-removal"
	CounterOff        Promise = "counter-off"
	SessionBroken     Promise = "session-broken"
	StampRegress      Promise = "stamp-regress"
	StaleRead         Promise = "stale-read"
	SlowHeal          Promise = "slow-heal"
	ExcessRepair      Promise = "excess-repair"
	Noise             Promise = "noise"
	Amplification     Promise = "amplification"
	Leak              Promise = "leak"
	MissedDeadline    Promise = "missed-deadline"
	PoisonAccepted    Promise = "poison-accepted"
	MembershipStuck   Promise = "membership-stuck"
	DuplicateEffect   Promise = "duplicate-effect"
	SnapshotDiffers   Promise = "snapshot-differs"
	OldDecoderRefuses Promise = "old-decoder-refuses"
	Breakdown         Promise = "breakdown"
)

// A PromiseRow names the oracle that judges a promise, and says when it is broken.
type PromiseRow struct {
	Promise Promise
	Oracle  string
	About   string
}

// Promises lists what "never" may name, in the order of the oracles.
func Promises() []PromiseRow { return append([]PromiseRow(nil), promises...) }

var promises = []PromiseRow{ // immutable: nothing writes a row, and callers get a copy
	{Divergence, "O1", "replicas of a partition differ at the end"},
	{DigestMismatch, "O2", "a digest kept up to date differs from one computed anew"},
	{WrongValue, "O3", "a visible value is not what the model says"},
	{LostAckedWrite, "O4", "an acknowledged write is gone, and nothing that came later replaced it"},
	{Resurrection, "O5", "what was removed or has expired is back"},
	{UnseenRemoval, "O6", "a removal took what it had not observed"},
	{CounterOff, "O7", "a counter is not the sum of its increments"},
	{SessionBroken, "O8", "a session does not see its own writes, or goes back in time"},
	{StampRegress, "O9", "a write is stamped below what its node has shown for the key"},
	{StaleRead, "O10", "on healthy links a read is older than half a round trip, the linger and a budget"},
	{SlowHeal, "O11", "the heal takes longer than what differs explains"},
	{ExcessRepair, "O12", "anti-entropy changes more entries than the network lost"},
	{Noise, "O13", "there is more than heartbeats after convergence"},
	{Amplification, "O14", "one write makes more messages or bytes than its audience explains"},
	{Leak, "O15", "removals, stubs, bases or outboxes do not return to nothing"},
	{MissedDeadline, "O16", "a key lives beyond its deadline, or dies before it, by more than the skew"},
	{PoisonAccepted, "O17", "a stamp from the far future is taken over"},
	{MembershipStuck, "O18", "membership does not heal"},
	{DuplicateEffect, "O19", "a duplicated or swapped frame changes something"},
	{SnapshotDiffers, "O20", "a node behaves differently once saved and loaded"},
	{OldDecoderRefuses, "O21", "the release before cannot read a frame of this one"},
	{Breakdown, "O22", "a panic, a logged error, or a step without bound"},
}

// Metric is a figure that a run measures and an expectation may bound.
type Metric string

// The metrics.
const (
	ConvergeWithin  Metric = "converge.within"
	HealBytes       Metric = "heal.bytes"
	WireBytes       Metric = "wire.bytes"
	StalenessP50    Metric = "staleness.p50"
	StalenessP95    Metric = "staleness.p95"
	StalenessMax    Metric = "staleness.max"
	OutboxBytes     Metric = "outbox.bytes"
	MemoryBytes     Metric = "memory.bytes"
	WritesFailed    Metric = "writes.failed"
	WritesLost      Metric = "writes.lost"
	WritesReplaced  Metric = "writes.replaced"
	RepairEntries   Metric = "repair.entries"
	RepairRounds    Metric = "repair.rounds"
	Refused         Metric = "refused"
	OverflowedLinks Metric = "overflows"
)

// Unit is what a metric is measured in.
type Unit string

// The units, and what they are in a Bound.
const (
	Time  Unit = "time"  // nanoseconds
	Bytes Unit = "bytes" // bytes
	Count Unit = "count" // a number
)

// A MetricRow explains a metric.
type MetricRow struct {
	Metric Metric
	Unit   Unit
	About  string
}

// Metrics lists what an expectation may bound.
func Metrics() []MetricRow { return append([]MetricRow(nil), metrics...) }

var metrics = []MetricRow{ // immutable: nothing writes a row, and callers get a copy
	{ConvergeWithin, Time, "from the start of the heal until every replica has all that was acknowledged before it"},
	{HealBytes, Bytes, "on the wire for repair, from the start of the heal to convergence"},
	{WireBytes, Bytes, "on the wire in the whole run"},
	{StalenessP50, Time, "age of what a read misses, median"},
	{StalenessP95, Time, "age of what a read misses, 95th percentile"},
	{StalenessMax, Time, "age of what a read misses, worst"},
	{OutboxBytes, Bytes, "in one outbox at most"},
	{MemoryBytes, Bytes, "in one node at most"},
	{WritesFailed, Count, "writes that were refused or not acknowledged"},
	{WritesLost, Count, "acknowledged writes that only lost memory held"},
	{WritesReplaced, Count, "acknowledged writes that a concurrent one replaced unseen"},
	{RepairEntries, Count, "entries that anti-entropy changed"},
	{RepairRounds, Count, "rounds of anti-entropy that found a difference"},
	{Refused, Count, "messages that a node refused"},
	{OverflowedLinks, Count, "outboxes that overflowed"},
}
