package simulate

import (
	"context"
	"fmt"
	"os"
	"runtime"
	"sync"
	"time"

	"github.com/atollcache/atoll/simulate/scenario"
	"github.com/atollcache/atoll/simulate/world"
)

// Question asks what a cut would do to a cluster.
type Question struct {
	Scenario *scenario.Scenario // topology and load; its timeline and expectations are not looked at
	Cut      scenario.Step      // see scenario.ParseCut
	From     uint64             // the first seed
	Seeds    int                // that the answer is drawn from
	Cores    int                // runs at a time; as many as there are if zero
	For      time.Duration      // real time after which no seed begins; zero is without end
	Ops      int64              // operations that a run simulates at most; zero is DefaultOps

	// Progress is told now and then how far a seed is, by several goroutines;
	// nobody if nil.
	Progress func(seed uint64, p Progress)
}

// DefaultOps is how many operations a run of a question simulates at most, which
// a core does in about a second.
const DefaultOps = 4000

// Answer is what a question came to. Its JSON form is a contract: fields are
// added, never renamed.
type Answer struct {
	Name       string        `json:"name"`
	Cut        string        `json:"cut"`
	CutFor     time.Duration `json:"cut_ns"`
	Seeds      int           `json:"seeds"`
	Scale      int64         `json:"scale"` // one of so many keys and operations was run
	Regions    []RegionReads `json:"regions"`
	Figures    []Estimate    `json:"figures"`
	Modelled   []string      `json:"modelled"` // what of it was computed and not run
	Violated   int           `json:"violated"` // seeds that broke a promise of the product
	Violations []Failure     `json:"violations"`
	Real       time.Duration `json:"real_ns"`

	Ran *scenario.Scenario `json:"-"` // what the seeds ran
}

// Topology gives what a question is asked about: a file with a topology and a
// load, or a built-in scenario without its faults.
func Topology(name string) (*scenario.Scenario, error) {
	if sc, err := Scenario(name); err == nil && !looksLikeFile(name) {
		calm := *sc
		calm.Timeline, calm.Phases, calm.Expect = nil, scenario.Phases{}, scenario.Expect{}
		return &calm, nil
	} else if _, missing := os.Stat(name); missing != nil && !looksLikeFile(name) {
		return nil, err
	}
	text, err := readBounded(name)
	if err != nil {
		return nil, err
	}
	return scenario.ParseTopology(name, text)
}

// RegionReads is how stale what clients read in a region gets during the cut.
type RegionReads struct {
	Region  string    `json:"region"`
	Reads   int       `json:"reads"` // that were simulated, in all seeds
	P50     Quantiles `json:"p50_ns"`
	P95     Quantiles `json:"p95_ns"`
	Worst   Quantiles `json:"worst_ns"`
	Refused Quantiles `json:"refused"` // operations
}

// Estimate is a figure over all seeds.
type Estimate struct {
	Name  string        `json:"name"`
	Unit  scenario.Unit `json:"unit"` // time is in nanoseconds
	About string        `json:"about"`
	Quantiles
}

// leadIn is how long a cluster runs before the cut that is asked about.
const leadIn = 30 * time.Second

// WhatIf answers a question by running a smaller cluster of the same shape.
func WhatIf(ctx context.Context, q Question) (*Answer, error) {
	began := time.Now()
	q.Cut.At = leadIn
	scaled, scale, err := q.scaled()
	if err != nil {
		return nil, err
	}
	a := &Answer{
		Name: q.Scenario.Name, Cut: q.Cut.Target.String(), CutFor: q.Cut.For, Scale: scale, Violations: []Failure{}, Ran: scaled,
		Modelled: modelled(&q, scaled, scale),
	}
	outcomes, err := q.run(ctx, scaled)
	if err != nil && len(outcomes) == 0 {
		return nil, err
	}
	a.Seeds = len(outcomes)
	a.sum(&q, outcomes)
	a.Real = time.Since(began)
	return a, err
}

// run gives what came of the seeds, in their order.
func (q *Question) run(ctx context.Context, sc *scenario.Scenario) ([]*outcome, error) {
	began, cores := time.Now(), q.Cores
	if cores == 0 {
		cores = runtime.GOMAXPROCS(0)
	}
	build, err := Build()
	if err != nil {
		return nil, err
	}
	slots := make([]*outcome, q.Seeds)
	var mu sync.Mutex // guards slots
	err = inParallel(ctx, q.Seeds, cores, func(ctx context.Context, i int) error {
		if i >= cores && q.For > 0 && time.Since(began) > q.For {
			return nil // those under way go on
		}
		o, err := q.measure(ctx, sc, q.From+uint64(i), build)
		mu.Lock()
		defer mu.Unlock()
		slots[i] = o
		return err
	})
	var outcomes []*outcome
	for _, o := range slots {
		if o != nil {
			outcomes = append(outcomes, o)
		}
	}
	return outcomes, err
}

// outcome is what one seed came to.
type outcome struct {
	result *Result
	meter  *meter
	token  string
}

func (q *Question) measure(ctx context.Context, sc *scenario.Scenario, seed uint64, build string) (*outcome, error) {
	late := &lateObserver{Observer: world.Nobody{}}
	o := &outcome{token: SourceOf(sc).Token(seed, build).String()}
	cfg := Config{Scenario: sc, Seed: seed, Brief: true, Observer: late, World: func(w *world.World) {
		o.meter = newMeter(w, &q.Cut, sc.Phases)
		late.Observer = o.meter
	}}
	if q.Progress != nil {
		cfg.Progress = func(p Progress) { q.Progress(seed, p) }
	}
	r, err := Run(ctx, cfg)
	if err != nil {
		return nil, err
	}
	o.result = r
	return o, nil
}

// scaled gives the scenario that is run instead: one of so many keys, and one of
// so many operations, so that each key sees what it would see.
func (q *Question) scaled() (*scenario.Scenario, int64, error) {
	sc := *q.Scenario
	sc.Timeline, sc.Expect, sc.Phases, sc.SafetyOnly = nil, scenario.Expect{}, scenario.Phases{}, false
	whole, err := sc.With(q.Cut)
	if err != nil {
		return nil, 0, fmt.Errorf("the cut does not fit the topology: %w", err)
	}
	scale := scaleFor(whole, q.Ops)
	if scale == 1 {
		return whole, 1, nil
	}
	small := *whole
	small.Load = nil
	for _, load := range whole.Load {
		load.Ops = max(load.Ops/scenario.Rate(scale), 1)
		load.Keys.Count = max(load.Keys.Count/scale, 1)
		small.Load = append(small.Load, load)
	}
	if whole.Config.Outbox > 0 || scale > 1 {
		small.Config.Outbox = max(outboxOf(whole)/scale, leastOutbox)
	}
	done, err := small.Resolve()
	return done, scale, err
}

// usualOutbox is what production takes by default; leastOutbox holds some batches.
const (
	usualOutbox = 64 << 20
	leastOutbox = 128 << 10
)

func outboxOf(sc *scenario.Scenario) int64 {
	if sc.Config.Outbox > 0 {
		return sc.Config.Outbox
	}
	return usualOutbox
}

// scaleFor finds by how much a run must be made smaller.
func scaleFor(sc *scenario.Scenario, most int64) int64 {
	if most <= 0 {
		most = DefaultOps
	}
	thousandths := int64(0)
	for i := range sc.Load {
		regions := len(sc.Load[i].In)
		if regions == 0 {
			regions = len(sc.Topology.Regions)
		}
		thousandths += int64(sc.Load[i].Ops) * int64(regions)
	}
	ops := thousandths / 1000 * int64(sc.Phases.Quiet()/time.Second)
	return max(1, (ops+most-1)/most)
}
