package simulate

import (
	"context"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"time"

	"github.com/atollcache/atoll/simulate/judge"
	"github.com/atollcache/atoll/simulate/scenario"
	"github.com/atollcache/atoll/simulate/world"
)

// ErrHolds tells that there is nothing to shrink.
var ErrHolds = errors.New("the run breaks no promise")

// ShrinkConfig says what is made smaller.
type ShrinkConfig struct {
	Source   *Source
	Oracle   string        // whose violation is kept; the first one's if empty
	For      time.Duration // real time after which what was reached is good enough; zero is without end
	Progress func(items Items, runs int)
}

// Items counts what a reader of a scenario has to think about.
type Items struct {
	Ops   int `json:"operations"`
	Steps int `json:"faults"`
	Nodes int `json:"nodes"`
}

// ShrinkResult is a smaller scenario that breaks the same promise in the same
// way.
type ShrinkResult struct {
	Scenario  *scenario.Scenario `json:"-"`
	Violation Violation          `json:"violation"`
	Trace     Hash               `json:"trace"`
	Before    Items              `json:"before"`
	After     Items              `json:"after"`
	Runs      int                `json:"runs"`
	Real      time.Duration      `json:"real_ns"`
	Minimal   bool               `json:"minimal"` // no operation and no fault can be taken away
}

// made is an operation that a client made.
type made struct {
	client string
	number uint64
}

// shrinker makes one scenario smaller.
type shrinker struct {
	ctx    context.Context //nolint:containedctx // it lives as long as one call of Shrink
	cfg    *ShrinkConfig
	seed   uint64
	sc     *scenario.Scenario // the smallest that fails, without its operations
	ops    []made             // that it needs
	target Violation
	way    string
	until  time.Time
	runs   int
}

// Shrink takes away faults, operations, nodes and settings as long as the run
// breaks the same promise in the same way.
func Shrink(ctx context.Context, cfg ShrinkConfig) (*ShrinkResult, error) {
	began := time.Now()
	s := &shrinker{ctx: ctx, cfg: &cfg, seed: cfg.Source.Seed, sc: cfg.Source.Scenario}
	if cfg.For > 0 {
		s.until = began.Add(cfg.For)
	}
	if err := s.reproduce(); err != nil {
		return nil, err
	}
	before := s.items()
	for changed := true; changed && !s.out(); {
		changed = s.pass()
	}
	small, err := s.whole().Resolve()
	if err != nil {
		return nil, fmt.Errorf("the shrunk scenario cannot be read back: %w", err)
	}
	r, err := Run(context.WithoutCancel(ctx), Config{Scenario: small, Seed: s.seed, Brief: true})
	if err != nil {
		return nil, err
	}
	result := &ShrinkResult{
		Scenario: small, Violation: s.target, Trace: r.Trace, Before: before, After: s.items(), Runs: s.runs,
		Real: time.Since(began), Minimal: !s.out(),
	}
	for _, v := range r.Violations {
		if s.same(v) {
			result.Violation = v
			return result, nil
		}
	}
	return nil, fmt.Errorf("the shrunk scenario does not fail in the same way any more: %v was %v", r.Violations, s.target)
}

// reproduce runs the scenario as it is, to learn what is to be kept and which
// operations there are.
func (s *shrinker) reproduce() error {
	log := &opLog{}
	r, err := Run(s.ctx, Config{Scenario: s.sc, Seed: s.seed, Observer: log, Brief: true})
	if err != nil {
		return err
	}
	for _, v := range r.Violations {
		if s.cfg.Oracle == "" || v.Oracle == s.cfg.Oracle {
			s.target, s.way, s.ops = v, wayOf(v, s.sc), log.ops
			return nil
		}
	}
	if s.cfg.Oracle != "" && len(r.Violations) > 0 {
		return fmt.Errorf("%w of %s; it breaks those of %s", ErrHolds, s.cfg.Oracle, r.Oracles())
	}
	return ErrHolds
}

// opLog notes which operations clients make.
type opLog struct {
	world.Nobody
	ops []made
}

// Asked notes one.
func (l *opLog) Asked(op *world.Op) { l.ops = append(l.ops, made{op.Client, op.Number}) }

// pass tries everything once, what helps most first, and says whether anything
// went.
func (s *shrinker) pass() bool {
	before, size := s.items(), string(scenario.Marshal(s.sc))
	s.fewerSteps()
	s.fewerOps()
	s.fewerNodes()
	s.simpler()
	return s.items() != before || string(scenario.Marshal(s.sc)) != size
}

func (s *shrinker) fewerSteps() {
	steps := minimize(s.sc.Timeline, func(steps []scenario.Step) bool {
		c := *s.sc
		c.Timeline = steps
		return s.valid(&c) && s.fails(&c, s.ops)
	}, s.out)
	c := *s.sc
	c.Timeline = steps
	s.sc = &c
	s.tell()
}

func (s *shrinker) fewerOps() {
	s.ops = minimize(s.ops, func(ops []made) bool { return s.fails(s.sc, ops) }, s.out)
	s.tell()
}

// try takes a change over if the run still fails with it.
func (s *shrinker) try(change func(c *scenario.Scenario)) bool {
	if s.out() {
		return false
	}
	c := *s.sc
	c.Load, c.Timeline = slices.Clone(c.Load), slices.Clone(c.Timeline)
	c.Topology.Regions, c.Topology.RTT = slices.Clone(c.Topology.Regions), slices.Clone(c.Topology.RTT)
	change(&c)
	if string(scenario.Marshal(&c)) == string(scenario.Marshal(s.sc)) || !s.valid(&c) || !s.fails(&c, s.ops) {
		return false
	}
	s.sc = &c
	s.tell()
	return true
}

// valid says whether a scenario can be written and read.
func (s *shrinker) valid(c *scenario.Scenario) bool {
	plain := *c
	plain.Only = nil
	_, err := plain.Resolve()
	return err == nil
}

// fails runs a scenario with these operations and says whether it breaks the
// same promise in the same way. It looks no further than that.
func (s *shrinker) fails(sc *scenario.Scenario, ops []made) (yes bool) {
	s.runs++
	defer func() {
		if recover() != nil { // what the judge cannot bear fails in another way
			yes = false
		}
	}()
	c := withOps(sc, ops)
	if s.target.Oracle == Expected {
		r, err := Run(s.ctx, Config{Scenario: c, Seed: s.seed, Brief: true})
		return err == nil && slices.ContainsFunc(r.Violations, s.same)
	}
	j := judge.New(c)
	w, err := world.New(world.Config{Scenario: c, Seed: s.seed, Observer: j})
	if err != nil {
		return false
	}
	j.Watch(w)
	seen := 0
	for i := 1; w.Step(); i++ {
		if i%looksUp == 0 && s.out() {
			return false
		}
		if all := j.Violations(); len(all) > seen {
			if s.anySame(all[seen:]) {
				return true
			}
			seen = len(all)
		}
	}
	j.Final(w)
	return s.anySame(j.Violations()[seen:])
}

func (s *shrinker) anySame(all []judge.Violation) bool {
	return slices.ContainsFunc(all, func(v judge.Violation) bool { return s.same(violationOf(v)) })
}

func (s *shrinker) same(v Violation) bool {
	return v.Oracle == s.target.Oracle && wayOf(v, s.cfg.Source.Scenario) == s.way
}

// out says that it is time to end.
func (s *shrinker) out() bool {
	return s.ctx.Err() != nil || !s.until.IsZero() && time.Now().After(s.until)
}

func (s *shrinker) tell() {
	if s.cfg.Progress != nil {
		s.cfg.Progress(s.items(), s.runs)
	}
}

func (s *shrinker) items() Items {
	n := Items{Ops: len(s.ops), Steps: len(s.sc.Timeline)}
	for _, r := range s.sc.Topology.Regions {
		n.Nodes += r.Nodes
	}
	return n
}

func (s *shrinker) whole() *scenario.Scenario {
	c := withOps(s.sc, s.ops)
	c.Seed = s.seed
	return c
}

// withOps gives a scenario that makes these operations only.
func withOps(sc *scenario.Scenario, ops []made) *scenario.Scenario {
	c := *sc
	c.Only = nil
	if len(ops) == 0 {
		c.Load = nil
		return &c
	}
	for _, op := range ops {
		i := slices.IndexFunc(c.Only, func(k scenario.Kept) bool { return k.Client == op.client })
		if i < 0 {
			i = len(c.Only)
			c.Only = append(c.Only, scenario.Kept{Client: op.client})
		}
		c.Only[i].Ops = append(c.Only[i].Ops, op.number)
	}
	for i := range c.Only {
		slices.Sort(c.Only[i].Ops)
		c.Only[i].Ops = slices.Compact(c.Only[i].Ops)
	}
	return &c
}

var (
	quotedText = regexp.MustCompile(`"[^"]*"`)           // immutable: compiled once, and safe to share
	numbered   = regexp.MustCompile(`[\p{L}/_.-]*\d\S*`) // immutable: as above
)

// wayOf is what a violation says without names and numbers: two violations of an
// oracle with the same one went wrong in the same way.
func wayOf(v Violation, sc *scenario.Scenario) string {
	text := quotedText.ReplaceAllString(v.What, `""`)
	text = numbered.ReplaceAllString(text, "#")
	for _, r := range sc.Topology.Regions {
		text = regexp.MustCompile(`\b`+regexp.QuoteMeta(r.Name)+`\b`).ReplaceAllString(text, "@")
	}
	return text
}
