package scenario

import "time"

// drawStep draws one step, or fails if the cluster is too small for it.
func (s *Scenario) drawStep(d dice, profile Profile, menu []Fault) (placed, bool) {
	fault := menu[d.between("kind", 0, len(menu)-1)]
	step := Step{
		Kind: fault.Kind,
		At:   d.time("at", s.Phases.WarmUp, s.Phases.Healed()-10*time.Second),
	}
	if fault.Lasts {
		step.For = min(d.time("for", 2*time.Second, 25*time.Second), s.Phases.Healed()-step.At)
	}

	var ok bool
	if step.Target, ok = s.Topology.drawTarget(d, fault.Shape); !ok {
		return placed{}, false
	}
	if !s.tune(d, profile, &step) {
		return placed{}, false
	}
	step.complete(fault)
	return placed{Step: step, fault: fault}, true
}

// drawTarget draws something that a fault may strike.
func (t *Topology) drawTarget(d dice, shape Shape) (Target, bool) {
	a := d.between("first", 0, len(t.Regions)-1)
	b := (a + d.between("second", 1, len(t.Regions)-1)) % len(t.Regions)
	one, other := t.Regions[a], t.Regions[b]

	switch shape {
	case Sides, Arrow:
		return t.drawSides(d, one, other, shape == Arrow), true
	case Links:
		return t.drawLinks(d, one, other), true
	case Nodes:
		if d.one("whole region", 6) {
			return only(Place{Region: one.Name}), true
		}
		return only(one.drawNode(d)), true
	case OneNode:
		return only(one.drawNode(d)), true
	case Regions:
		return only(Place{Region: one.Name}), true
	default:
		return one.drawSplit(d)
	}
}

func only(place Place) Target { return Target{Sides: [][]Place{{place}}} }

func (r Region) drawNode(d dice) Place { return Place{r.Name, d.between("node", 1, r.Nodes)} }

// drawSides parts regions, or nodes of one region if it has enough.
func (t *Topology) drawSides(d dice, one, other Region, oneWay bool) Target {
	if d.one("within a region", 4) {
		if split, ok := one.drawSplit(d); ok {
			split.Sides = split.Sides[:2]
			split.OneWay = oneWay
			return split
		}
	}
	if d.one("a node from a region", 4) {
		return Target{Sides: [][]Place{{one.drawNode(d)}, {{Region: other.Name}}}, OneWay: oneWay}
	}
	return Target{Sides: [][]Place{{{Region: one.Name}}, {{Region: other.Name}}}, OneWay: oneWay}
}

func (t *Topology) drawLinks(d dice, one, other Region) Target {
	switch d.between("links", 1, 5) {
	case 1:
		return Target{}
	case 2:
		return Target{Sides: [][]Place{{{Region: one.Name}}}, Inside: true}
	case 3:
		return only(one.drawNode(d))
	case 4:
		return Target{Sides: [][]Place{{{Region: one.Name}}, {{Region: other.Name}}}, OneWay: true}
	default:
		return Target{Sides: [][]Place{{{Region: one.Name}}, {{Region: other.Name}}}}
	}
}

// drawSplit parts one node of a region from its others.
func (r Region) drawSplit(d dice) (Target, bool) {
	if r.Nodes < 2 {
		return Target{}, false
	}
	alone := r.drawNode(d)
	var others []Place
	for node := 1; node <= r.Nodes; node++ {
		if node != alone.Node {
			others = append(others, Place{r.Name, node})
		}
	}
	return Target{Sides: [][]Place{{alone}, others}}, true
}

// tune draws the parameters that a fault has no good default for, or fails if
// the fault makes no sense here.
func (s *Scenario) tune(d dice, profile Profile, step *Step) bool {
	beyond := profile == BeyondContract
	switch step.Kind {
	case Cut:
		step.Mode = pick(d, "mode", Stop, Stop, Stop, Jam, Slow)
		step.Add = Delay{Kind: Const, Base: d.time("add", 500*time.Millisecond, 5*time.Second)}
	case Bridge:
		return s.drawVia(d, step)
	case Drop:
		step.Chance = PPM(d.between("chance", 1, 30) * 10_000)
		if profile == Calm {
			step.Chance /= 10
		}
	case Throttle:
		step.Bits = int64(d.between("rate", 1, 50)) * 100_000
		step.Queue = int64(d.between("queue", 16, 512)) << 10
	case FrameLimit:
		step.Size = int64(d.between("size", 1, 32)) << 10
	case Gray:
		step.Class = pick(d, "class", classes...)
		step.Chance = pick(d, "chance", PPM(200_000), 500_000, 1_000_000)
	case Crash, Wipe, Drain:
		tuneDeath(d, beyond, step)
	case ClockSkew, ClockJump, ClockStrobe, ClockPoison, ClockDrift:
		tuneClock(d, beyond, step)
	case LeaveStorm:
		region, _ := s.Topology.Region(step.Target.Sides[0][0].Region)
		return region.Nodes > 1
	case LoadHugeMaps:
		step.Fields = d.between("fields", 100, 1000)
	case LoadHugeValues:
		step.Value = Sizes{16 << 10, 128 << 10}
	case LoadHotKey, LoadStampede, LoadCounterStorm, LoadRecreate:
		step.Ops = Rate(d.between("ops", 10, 60)) * 1000
	case RollingUpgrade:
		step.Every = d.time("every", time.Second, 4*time.Second)
	case Unequal:
		step.Set = drawSettings(d)
	}
	return true
}

// drawVia takes the third region as the go-between, if the sides are regions.
func (s *Scenario) drawVia(d dice, step *Step) bool {
	for _, r := range s.Topology.Regions {
		if place := (Place{Region: r.Name}); !step.Target.meets(only(place)) {
			step.Via = []Place{place}
			return true
		}
	}
	return false
}

func tuneDeath(d dice, beyond bool, step *Step) {
	step.Restart = d.time("restart", time.Second, 20*time.Second)
	if beyond && d.one("never back", 6) {
		step.Restart = Never
	}
	if step.Kind == Crash {
		step.Between = d.one("between", 3)
	}
}

// tuneClock keeps a clock within what nodes tolerate of one another, half of
// the usual 500 ms, unless the profile goes beyond. A jump is at home beyond:
// the guard of the clock judges it.
func tuneClock(d dice, beyond bool, step *Step) {
	limit := 240 * time.Millisecond
	switch {
	case step.Kind == ClockPoison:
		step.Offset = d.time("offset", 10*time.Second, 48*time.Hour)
		return
	case step.Kind == ClockDrift:
		step.Drift = PPM(d.between("drift", 10, 500) * pick(d, "sign", -1, 1))
		return
	case step.Kind == ClockJump:
		limit = time.Hour
	case beyond:
		limit = 5 * time.Second
	}
	step.Offset = d.time("offset", time.Millisecond, limit)
	if d.one("backwards", 2) {
		step.Offset = -step.Offset
	}
}

func drawSettings(d dice) Config {
	return Config{
		Heartbeat:  d.time("heartbeat", 200*time.Millisecond, 3*time.Second),
		RoundEvery: d.time("round", time.Second, 20*time.Second),
		Batch:      int64(d.between("batch", 1, 64)) << 10,
	}
}
