package scenario

import "time"

// A Load is a stream of commands that enters at the nodes of some regions.
type Load struct {
	In      []string // regions; empty is all of them
	Ops     Rate     // in each of these regions
	Mix     []Weight // what is done, by weight
	Keys    Keys
	Value   Sizes // of values that are written
	TTL     Span  // of values that are written; zero is none
	Fields  int   // members of a hash, set or sorted set at most
	Level   Level // asked of every write
	Pattern Pattern
	Every   time.Duration // period of the pattern

	// Sessions is how many clients keep a session token and move from region to
	// region with it. With none, each command stands for itself.
	Sessions int

	// Shared lets commands on strings, hashes, sets and sorted sets meet at the
	// same keys. Else each type has keys of its own.
	Shared bool

	From  time.Duration // since the start of the run
	Until time.Duration // zero is until the run quiesces
}

// A Weight says how often a command occurs, relative to the others of its mix.
type Weight struct {
	Op     string // a name in Ops
	Weight int
}

// KeyChoice is how keys are chosen.
type KeyChoice string

// The ways to choose a key. Key i is as likely as key j under uniform and hot;
// under zipf it is (j/i)^s times as likely, counted from one.
const (
	KeysUniform KeyChoice = "uniform"
	KeysZipf    KeyChoice = "zipf"
	KeysHot     KeyChoice = "hot" // half of all commands go to Count keys, the others to 1000 times as many
)

// Keys says which keys a load uses.
type Keys struct {
	Choice KeyChoice
	Count  int64
	Skew   int // of zipf, in thousandths: 1100 is s = 1.1
}

// A Level is how many copies a write waits for.
type Level int

// The levels. A number of two or more is that many regions.
const (
	AtNode   Level = 0 // the node that takes it ("local")
	AtRegion Level = 1 // every owner of the region
)

// Pattern is how the commands of a load are spread over time and keys.
type Pattern string

// The patterns. See Patterns for what each does.
const (
	Steady            Pattern = "steady"
	Burst             Pattern = "burst"
	CounterStorm      Pattern = "counter-storm"
	ExpiryStampede    Pattern = "expiry-stampede"
	DeleteAndRecreate Pattern = "delete-and-recreate"
	HugeValues        Pattern = "huge-values"
	HugeMaps          Pattern = "huge-maps"
)
