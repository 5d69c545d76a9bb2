package scenario

import (
	"fmt"
	"slices"
	"time"
)

// Dense is a profile for planted bugs, and none of those that a swarm takes in
// turn: small clusters with small buffers and short waits, in which in a few
// seconds everything happens that the rules of links, rounds and ownership are
// about. Only what must hold at every moment is judged.
const Dense Profile = "dense"

// moments is how many steps a dense scenario is offered; those that contradict
// others are left out.
const moments = 14

// dense draws one. Half of them are slow between the regions, so that partitions
// move while a round is under way; the others have room for hardly anything in
// their buffers.
func dense(seed uint64, able func(Kind) bool) *Scenario {
	d := dice{seed: seed, purpose: string(Dense)}
	s := &Scenario{
		Version: Version, Name: fmt.Sprintf("%s %d", Dense, seed), Seed: seed, SafetyOnly: true,
		Phases: Phases{WarmUp: time.Second, Chaos: 18 * time.Second, Heal: 4 * time.Second, Quiesce: 24 * time.Second},
	}
	if d.one("slow", 2) {
		s.slow(d)
	} else {
		s.narrow(d)
	}
	s.brisk(d)
	s.crowd(d, able)
	return s
}

// brisk makes waits short.
func (s *Scenario) brisk(d dice) {
	c := &s.Config
	c.Partitions = 4
	c.Heartbeat, c.Announce, c.Watermark = 200*time.Millisecond, 200*time.Millisecond, 50*time.Millisecond
	c.Resend, c.HoldDown, c.RoundEvery = 50*time.Millisecond, 300*time.Millisecond, time.Second
	c.HandOff, c.Settle, c.CloseAfter = d.time("hand-off", 50*time.Millisecond, 100*time.Millisecond), 50*time.Millisecond, 4*time.Second
}

// slow has few bytes in flight on long ways.
func (s *Scenario) slow(d dice) {
	s.Config = Config{
		PullTimeout: 3 * time.Second, Window: 400, Outbox: int64(d.between("outbox", 400, 1400)), Ask: int64(d.between("ask", 400, 3400)),
	}
	s.Topology = s.near(d, 3, d.between("eu", 1, 2), 0, d.time("rtt", 100*time.Millisecond, 400*time.Millisecond))
	s.Load = []Load{denseLoad(d, d.between("keys", 20, 320), d.between("ops", 10, 50), []Weight{{"set", 4}, {"get", 2}}, []Weight{{"set", 3}, {"del", 2}, {"get", 1}}, []Weight{{"hset", 4}, {"del", 1}, {"get", 1}})}
	s.Load[0].Until = 14 * time.Second
}

// narrow has all nodes write to a few keys, through small outboxes and batches.
func (s *Scenario) narrow(d dice) {
	s.Config = Config{PullTimeout: 400 * time.Millisecond, Forward: 300 * time.Millisecond, Ack: time.Second}
	size := func(place *int64, what string, least, most int) {
		if !d.one(what+" as usual", 2) {
			*place = int64(d.between(what, least, most))
		}
	}
	size(&s.Config.Outbox, "outbox", 300, 1200)
	size(&s.Config.Batch, "batch", 60, 160)
	size(&s.Config.Window, "window", 100, 500)
	size(&s.Config.Ask, "ask", 300, 1200)
	each := d.between("each", 2, 3)
	third := 0
	if d.one("third region", 3) {
		third = each
	}
	s.Topology = s.near(d, each, each, third, d.time("rtt", 10*time.Millisecond, 120*time.Millisecond))
	if d.one("lossy", 2) {
		s.Topology.Loss = []PathLoss{{Path{A: Default}, PPM(d.between("loss", 0, 15) * 10_000)}, {Path{A: Local}, PPM(d.between("local loss", 0, 10) * 10_000)}}
	}
	s.Load = []Load{denseLoad(
		d, d.between("keys", 1, 4), d.between("ops", 10, 40),
		[]Weight{{"hset", 6}, {"hdel", 2}, {"del", 1}, {"set", 4}, {"incr", 6}, {"sadd", 2}, {"srem", 2}, {"get", 3}},
		[]Weight{{"hset", 6}, {"del", 3}, {"hgetall", 2}}, []Weight{{"set", 4}, {"del", 2}, {"get", 4}, {"incr", 4}},
		[]Weight{{"sadd", 5}, {"srem", 5}, {"smembers", 2}}, []Weight{{"incr", 8}, {"del", 2}, {"get", 3}, {"hincrby", 4}},
	)}
	s.Load[0].Level, s.Load[0].Shared = pick(d, "level", AtNode, AtNode, AtRegion, 2), d.one("shared", 2)
}

func denseLoad(d dice, keys, ops int, mixes ...[]Weight) Load {
	l := Load{
		Ops: Rate(ops) * 1000, Mix: pick(d, "mix", mixes...), Keys: Keys{Choice: KeysUniform, Count: int64(keys)},
		Value: Sizes{8, 8}, Fields: d.between("fields", 1, 4),
	}
	l.complete()
	return l
}

// near gives two regions, or three.
func (s *Scenario) near(d dice, us, eu, ap int, rtt time.Duration) Topology {
	t := Topology{Regions: []Region{{Name: "us", Nodes: us}, {Name: "eu", Nodes: eu}}}
	if ap > 0 {
		t.Regions = append(t.Regions, Region{Name: "ap", Nodes: ap})
	}
	t.RTT = []PathDelay{
		{Path{A: Default}, Delay{Kind: Uniform, Base: rtt, Spread: max(rtt*time.Duration(d.between("spread", 1, 40))/100, time.Millisecond)}},
		{Path{A: Local}, Delay{Kind: Const, Base: d.time("local rtt", time.Millisecond, 15*time.Millisecond)}},
	}
	return t
}

// crowd draws the steps.
func (s *Scenario) crowd(d dice, able func(Kind) bool) {
	menu := slices.DeleteFunc([]Kind{
		Cut, Cut, Cut, CutOneWay, Flap, Crash, Crash, Crash, FalseDeath, FalseDeath, FalseDeath, FalseDeath, FlapSuspicion, Drain, Join, Pause, Duplicate, Reorder,
	}, func(k Kind) bool { return !able(k) })
	p := parser{s: s}
	for i := range moments {
		if step, ok := s.drawMoment(d.of("moment", i), menu); ok {
			p.take(step)
		}
	}
	s.append(p.steps)
}

func (s *Scenario) drawMoment(d dice, menu []Kind) (placed, bool) {
	fault, _ := FaultOf(pick(d, "kind", menu...))
	step := Step{Kind: fault.Kind, At: d.time("at", 1500*time.Millisecond, s.Phases.Healed()-3*time.Second)}
	if fault.Lasts {
		step.For = min(d.time("for", 400*time.Millisecond, 5*time.Second), s.Phases.Healed()-step.At)
	}
	var ok bool
	if step.Target, ok = s.Topology.drawTarget(d, fault.Shape); !ok {
		return placed{}, false
	}
	switch step.Kind {
	case Flap:
		step.Up, step.Down = d.time("up", 100*time.Millisecond, 1500*time.Millisecond), d.time("down", 100*time.Millisecond, 1500*time.Millisecond)
	case Crash, Drain:
		step.Restart, step.Between = d.time("restart", 100*time.Millisecond, 4*time.Second), step.Kind == Crash && d.one("between", 3)
	case FlapSuspicion:
		step.Every = d.time("every", 400*time.Millisecond, 1500*time.Millisecond)
	case Reorder:
		step.Within = d.time("within", 100*time.Millisecond, 1500*time.Millisecond)
	}
	step.complete(fault)
	return placed{Step: step, fault: fault}, true
}
