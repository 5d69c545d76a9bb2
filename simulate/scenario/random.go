package scenario

import (
	"cmp"
	"fmt"
	"slices"
	"time"
)

// Profile says how hard random scenarios are.
type Profile string

// The profiles.
const (
	Calm           Profile = "calm"            // an ordinary bad day
	Stormy         Profile = "stormy"          // everything that the promises cover
	BeyondContract Profile = "beyond-contract" // also what they do not, or what is rarer still: wrong clocks, twins, damaged messages, loss of whole regions
)

// Profiles lists them, mildest first.
func Profiles() []Profile { return []Profile{Calm, Stormy, BeyondContract} }

// leastSteps is how many faults a random scenario has at least.
const leastSteps = 5

// maxAttempts bounds the search for steps that do not contradict one another.
const maxAttempts = 400

// Random draws a scenario for a swarm: three regions, five to nine nodes, at
// least five steps and a minute of load and faults, and so few keys that writes
// meet. It takes only kinds of steps that the simulated world is able to do.
// The same profile and seed give the same scenario on every machine, as long as
// it is able to do the same.
func Random(profile Profile, seed uint64, able func(Kind) bool) *Scenario {
	if profile == Dense {
		return dense(seed, able)
	}
	d := dice{seed: seed, purpose: string(profile)}
	s := &Scenario{
		Version:    Version,
		Name:       fmt.Sprintf("%s %d", profile, seed),
		Seed:       seed,
		SafetyOnly: d.one("safety only", 2),
		Topology:   drawTopology(d),
		Phases: Phases{
			WarmUp:  5 * time.Second,
			Chaos:   d.time("chaos", 60*time.Second, 80*time.Second),
			Heal:    d.time("heal", 10*time.Second, 20*time.Second),
			Quiesce: 30 * time.Second,
		},
	}
	s.Config = Config{Partitions: pick(d, "partitions", 4, 8, 16), Shrink: profile != Calm && d.one("shrink", 2)}
	if profile != Calm && d.one("little memory", 12) {
		s.Config.Memory = pick(d, "memory", int64(16<<10), 64<<10, 256<<10)
	}
	for i := range d.between("loads", 1, 3) {
		s.Load = append(s.Load, drawLoad(d.of("load", i)))
	}
	if profile != Calm && d.one("archive", 60) {
		s.Load = append(s.Load, archive())
	}
	s.drawTimeline(d, profile, able)
	return s
}

func drawTopology(d dice) Topology {
	nodes := []int{d.between("us", 1, 3), d.between("eu", 1, 3), d.between("ap", 1, 3)}
	for i := 0; nodes[0]+nodes[1]+nodes[2] < 5; i = (i + 1) % 3 {
		nodes[i]++
	}
	t := Topology{Regions: []Region{{Name: "us", Nodes: nodes[0]}, {Name: "eu", Nodes: nodes[1]}, {Name: "ap", Nodes: nodes[2]}}}
	for i, pair := range []Path{{A: "us", B: "eu"}, {A: "us", B: "ap"}, {A: "eu", B: "ap"}} {
		t.RTT = append(t.RTT, PathDelay{pair, drawDelay(d.of("rtt", i))})
		if d.of("loss", i).one("lossy", 4) {
			t.Loss = append(t.Loss, PathLoss{pair, PPM(d.of("loss", i).between("share", 1, 20) * 500)})
		}
	}
	t.RTT = append(t.RTT, PathDelay{Path{A: Local}, Delay{Kind: Const, Base: usualLocalRTT}})
	return t
}

func drawDelay(d dice) Delay {
	base := d.time("base", 5*time.Millisecond, 250*time.Millisecond)
	switch pick(d, "kind", Const, Uniform, Uniform, Exponential, Lognormal, Bimodal) {
	case Uniform:
		return Delay{Kind: Uniform, Base: base, Spread: base / time.Duration(d.between("spread", 2, 10))}
	case Exponential:
		return Delay{Kind: Exponential, Base: base, Spread: base / 4}
	case Lognormal:
		return Delay{Kind: Lognormal, Base: base, Spread: base / 5}
	case Bimodal:
		return Delay{Kind: Bimodal, Base: base, Spread: 4 * base, Share: 20_000}
	default:
		return Delay{Kind: Const, Base: base}
	}
}

func drawLoad(d dice) Load {
	l := Load{
		Ops:     Rate(d.between("ops", 5, 30)) * 1000,
		Keys:    Keys{Choice: KeysUniform, Count: int64(d.between("keys", 3, 60))},
		Fields:  d.between("fields", 2, 12),
		Value:   Sizes{8, int64(d.between("value", 16, 2048))},
		Level:   pick(d, "level", AtNode, AtNode, AtRegion, 2),
		Pattern: pick(d, "pattern", Steady, Steady, Steady, Burst, CounterStorm, ExpiryStampede, DeleteAndRecreate),
		Shared:  d.one("shared", 4),
	}
	if d.one("zipf", 2) {
		l.Keys = Keys{Choice: KeysZipf, Count: l.Keys.Count, Skew: d.between("skew", 600, 1400)}
	}
	if d.one("ttl", 3) {
		l.TTL = Span{time.Second, d.time("ttl length", time.Second, 20*time.Second)}
	}
	if d.one("sessions", 3) {
		l.Sessions = d.between("session count", 1, 8)
	}
	l.complete()
	return l
}

// archive is a load of one hash that comes to be larger than a message: who asks
// for all of it at a node that does not own it gets no answer.
func archive() Load {
	l := Load{
		Ops: 2000, Mix: []Weight{{"hset", 2}, {"hgetall", 1}}, Keys: Keys{Choice: KeysUniform, Count: 1},
		Value: Sizes{1 << 20, 1 << 20}, Fields: 12, Until: 30 * time.Second,
	}
	l.complete()
	return l
}

// drawTimeline adds steps until there are enough, and takes none that
// contradicts those it has.
func (s *Scenario) drawTimeline(d dice, profile Profile, able func(Kind) bool) {
	menu := menuOf(profile, able)
	if len(menu) == 0 {
		return
	}
	want := d.between("steps", leastSteps, 9)
	p := parser{s: s}
	for i := 0; i < maxAttempts && len(p.steps) < want; i++ {
		step, ok := s.drawStep(d.of("step", i), profile, menu)
		if ok {
			p.take(step)
		}
	}
	s.append(p.steps)
}

// take adds a step unless it contradicts those that are there.
func (p *parser) take(step placed) {
	before := p.steps
	p.steps = append(slices.Clone(before), step)
	slices.SortStableFunc(p.steps, func(a, b placed) int { return cmp.Compare(a.At, b.At) })
	if p.contradicts() {
		p.steps = before
	}
}

func (s *Scenario) append(steps []placed) {
	for _, step := range steps {
		s.Timeline = append(s.Timeline, step.Step)
	}
}

func (p *parser) contradicts() bool {
	for i := range p.steps {
		if p.conflict(i) >= 0 {
			return true
		}
	}
	return false
}

// menuOf lists what a profile may do, the usual things several times.
func menuOf(profile Profile, able func(Kind) bool) []Fault {
	var menu []Fault
	for _, dish := range dishes {
		fault, _ := FaultOf(dish.kind)
		weight := dish.weights[slices.Index(Profiles(), profile)]
		if able(fault.Kind) && weight > 0 {
			menu = append(menu, slices.Repeat([]Fault{fault}, weight)...)
		}
	}
	return menu
}

// dishes gives the weight of each kind in the profiles. A restart is not drawn,
// for crashes end by themselves, nor apart, which needs a start of its own.
var dishes = []struct {
	kind    Kind
	weights [3]int // calm, stormy, beyond the contract
}{ // immutable: never written
	{Cut, [3]int{6, 6, 6}},
	{CutOneWay, [3]int{0, 3, 3}},
	{Bridge, [3]int{0, 2, 2}},
	{Isolate, [3]int{1, 2, 2}},
	{Swizzle, [3]int{0, 2, 2}},
	{Drop, [3]int{3, 3, 3}},
	{BurstLoss, [3]int{1, 2, 2}},
	{Duplicate, [3]int{3, 3, 3}},
	{Reorder, [3]int{3, 3, 3}},
	{Delayed, [3]int{3, 2, 2}},
	{Throttle, [3]int{1, 2, 2}},
	{FrameLimit, [3]int{0, 1, 1}},
	{Flap, [3]int{1, 3, 3}},
	{Gray, [3]int{0, 3, 3}},
	{Corrupt, [3]int{0, 0, 2}},
	{BlackHole, [3]int{0, 2, 2}},
	{Away, [3]int{0, 2, 2}},
	{Crash, [3]int{3, 6, 8}},
	{Pause, [3]int{2, 3, 3}},
	{SlowNode, [3]int{1, 2, 2}},
	{Twin, [3]int{0, 0, 2}},
	{Wipe, [3]int{0, 3, 4}},
	{Overload, [3]int{0, 2, 2}},
	{ClockSkew, [3]int{2, 2, 3}},
	{ClockDrift, [3]int{1, 1, 1}},
	{ClockJump, [3]int{0, 1, 2}},
	{ClockStrobe, [3]int{0, 2, 2}},
	{ClockPoison, [3]int{0, 0, 2}},
	{Join, [3]int{1, 2, 2}},
	{JoinStorm, [3]int{0, 1, 1}},
	{LeaveStorm, [3]int{0, 1, 1}},
	{Drain, [3]int{1, 2, 2}},
	{FalseDeath, [3]int{0, 3, 3}},
	{FlapSuspicion, [3]int{0, 2, 2}},
	{SplitBrain, [3]int{0, 2, 2}},
	{RingDisagreement, [3]int{0, 2, 2}},
	{LoadBurst, [3]int{2, 1, 1}},
	{LoadHotKey, [3]int{2, 1, 1}},
	{LoadStampede, [3]int{2, 2, 2}},
	{LoadCounterStorm, [3]int{2, 2, 2}},
	{LoadRecreate, [3]int{2, 2, 2}},
	{LoadHugeValues, [3]int{0, 1, 1}},
	{LoadHugeMaps, [3]int{0, 1, 1}},
	{RollingUpgrade, [3]int{0, 1, 1}},
	{Unequal, [3]int{0, 1, 1}},
}
