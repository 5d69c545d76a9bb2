package simulate

import (
	"context"
	"errors"
	"runtime"
	"sync/atomic"
	"time"

	"github.com/atollcache/atoll/simulate/scenario"
	"github.com/atollcache/atoll/simulate/world"
)

// ExplainConfig says which violation is explained.
type ExplainConfig struct {
	Source   *Source
	Oracle   string        // whose violation is explained; the first one's if empty
	For      time.Duration // real time after which nothing more is tried; zero is without end
	Cores    int           // runs at a time; as many as there are if zero
	Progress func(runs int)
}

// Explanation tells why a run breaks a promise. Its JSON form is a contract:
// fields are added, never renamed.
type Explanation struct {
	Text       string        `json:"text"` // one paragraph
	Violation  Violation     `json:"violation"`
	Slice      []Cause       `json:"slice"`      // what led to it, in the order of time
	Curve      []Point       `json:"curve"`      // whether it still happens if all is well from a time on
	Inevitable *Window       `json:"inevitable"` // when it became so; null if that is not known
	Without    []Removal     `json:"without"`    // single faults and operations that were left out
	Runs       int           `json:"runs"`
	Complete   bool          `json:"complete"` // nothing was left untried for want of time
	Real       time.Duration `json:"real_ns"`
}

// Cause is an event in the causal past of a violation.
type Cause struct {
	At   time.Duration `json:"at_ns"`
	Node string        `json:"node,omitempty"`
	Text string        `json:"text"`
}

// Point is a run whose faults were all lifted at a time.
type Point struct {
	From   time.Duration `json:"lifted_ns"`
	Broken bool          `json:"broken"`
}

// Window is a time between two others: lifting the faults at Before helps, at
// After it does not. Both are zero if it happens without any fault.
type Window struct {
	Before time.Duration `json:"before_ns"`
	After  time.Duration `json:"after_ns"`
}

// Removal is a run without one fault, or without one operation.
type Removal struct {
	What   string        `json:"what"`
	Kind   string        `json:"kind"` // fault, operation
	At     time.Duration `json:"at_ns"`
	Passes bool          `json:"passes"` // without it the violation does not happen, nor soon after its time
}

// Bounds on what is tried.
const (
	maxFaultsTried = 60
	maxOpsTried    = 40
	maxBisections  = 14
	finest         = 10 * time.Millisecond
)

// explainer tries what a violation needs.
type explainer struct {
	cfg    *ExplainConfig
	sc     *scenario.Scenario
	target Violation
	way    string
	until  time.Time
	runs   atomic.Int64
}

// Explain finds out what led to a violation, when nothing could prevent it any
// more, and which single faults and operations it needs. When the context ends
// it gives what it has.
func Explain(ctx context.Context, cfg ExplainConfig) (*Explanation, error) {
	began := time.Now()
	x := &explainer{cfg: &cfg, sc: cfg.Source.Scenario}
	if cfg.For > 0 {
		x.until = began.Add(cfg.For)
	}
	if err := x.reproduce(ctx); err != nil {
		return nil, err
	}
	e := &Explanation{Violation: x.target, Curve: []Point{}, Without: []Removal{}, Slice: []Cause{}}
	past := &causes{target: x.target}
	observe := func(w *world.World) world.Observer { past.w = w; return past }
	if err := Observe(ctx, Config{Scenario: x.sc, Seed: cfg.Source.Seed}, observe); err != nil {
		return nil, err
	}
	e.Slice = past.slice(x.sc)
	err := x.removals(ctx, e, past)
	if err == nil {
		err = x.curve(ctx, e)
	}
	e.Complete, e.Runs = err == nil, int(x.runs.Load())
	if errors.Is(err, errOutOfTime) {
		err = nil
	}
	e.Text = paragraph(e, x.sc)
	e.Real = time.Since(began)
	return e, err
}

// errOutOfTime ends the trials when the time that was given is up.
var errOutOfTime = errors.New("the time for the explanation is up")

// reproduce runs the scenario as it is.
func (x *explainer) reproduce(ctx context.Context) error {
	x.runs.Add(1)
	r, err := Run(ctx, Config{Scenario: x.sc, Seed: x.cfg.Source.Seed, Brief: true})
	if err != nil {
		return err
	}
	for _, v := range r.Violations {
		if x.cfg.Oracle == "" || v.Oracle == x.cfg.Oracle {
			x.target, x.way = v, wayOf(v, x.sc)
			return nil
		}
	}
	return ErrHolds
}

// broken says whether a run breaks the same promise in the same way, on the same
// key if that is known, not much later than it was broken.
func (x *explainer) broken(ctx context.Context, sc *scenario.Scenario, omit func(uint64) bool, grace time.Duration) (bool, error) {
	if !x.until.IsZero() && time.Now().After(x.until) {
		return false, errOutOfTime
	}
	r, err := Run(ctx, Config{Scenario: sc, Seed: x.cfg.Source.Seed, Brief: true, Omit: omit, Until: x.enough(grace)})
	if err != nil {
		return false, err
	}
	if n := x.runs.Add(1); x.cfg.Progress != nil {
		x.cfg.Progress(int(n))
	}
	for _, v := range r.Violations {
		if v.Oracle == x.target.Oracle && v.Key == x.target.Key && v.At <= x.target.At+grace && wayOf(v, x.sc) == x.way {
			return true, nil
		}
	}
	return false, nil
}

// How long after the moment of a violation a run without something is watched for
// it. A fault less may only delay it; but on a busy key that goes wrong again and
// again, what comes later without an operation is another violation.
const (
	graceWithoutFault     = 10 * time.Second
	graceWithoutOperation = 50 * time.Millisecond
)

// enough is when a run may end that has shown nothing: what is judged at the end
// needs all of it.
func (x *explainer) enough(grace time.Duration) time.Duration {
	if x.target.At+grace >= x.sc.Phases.End() {
		return 0
	}
	return x.target.At + grace + time.Millisecond
}

func (x *explainer) cores() int {
	if x.cfg.Cores > 0 {
		return x.cfg.Cores
	}
	return runtime.GOMAXPROCS(0)
}

// removals leaves out single faults, and single operations on the key, those
// nearest to the violation first.
func (x *explainer) removals(ctx context.Context, e *Explanation, past *causes) error {
	var tried []trial
	for i := range x.sc.Timeline {
		if step := &x.sc.Timeline[i]; step.At <= x.target.At && len(tried) < maxFaultsTried {
			tried = append(tried, trial{Removal{What: stepText(step), Kind: "fault", At: step.At}, x.without(i), nil, graceWithoutFault})
		}
	}
	ops := past.candidates()
	for _, op := range ops[:min(len(ops), maxOpsTried)] {
		id := op.id
		tried = append(tried, trial{Removal{What: op.text, Kind: "operation", At: op.at}, x.sc, func(o uint64) bool { return o == id }, graceWithoutOperation})
	}
	done := make([]bool, len(tried))
	err := inParallel(ctx, len(tried), x.cores(), func(ctx context.Context, i int) error {
		broken, err := x.broken(ctx, tried[i].sc, tried[i].omit, tried[i].grace)
		if err == nil {
			tried[i].Passes, done[i] = !broken, true
		}
		return err
	})
	for i := range tried {
		if done[i] {
			e.Without = append(e.Without, tried[i].Removal)
		}
	}
	return err
}

// trial is a run that lacks something.
type trial struct {
	Removal
	sc    *scenario.Scenario
	omit  func(uint64) bool
	grace time.Duration
}

// without gives the scenario without one step.
func (x *explainer) without(step int) *scenario.Scenario {
	sc := *x.sc
	sc.Timeline = append(append([]scenario.Step(nil), x.sc.Timeline[:step]...), x.sc.Timeline[step+1:]...)
	return &sc
}

// curve finds by bisection since when lifting all faults has not helped any more.
func (x *explainer) curve(ctx context.Context, e *Explanation) error {
	try := func(at time.Duration) (bool, error) {
		broken, err := x.broken(ctx, Calm(x.sc, at), nil, graceWithoutFault)
		if err == nil {
			e.Curve = append(e.Curve, Point{at, broken})
		}
		return broken, err
	}
	low, high := time.Duration(0), min(x.target.At, x.sc.Phases.Healed())
	broken, err := try(low)
	if err != nil {
		return err
	}
	if broken {
		e.Inevitable = &Window{}
		return nil
	}
	if broken, err = try(high); err != nil || !broken {
		return err // it needs what comes after: nothing is inevitable before
	}
	for i := 0; i < maxBisections && high-low > finest; i++ {
		middle := (low + (high-low)/2).Truncate(time.Millisecond)
		if broken, err = try(middle); err != nil {
			return err
		}
		if broken {
			high = middle
		} else {
			low = middle
		}
	}
	e.Inevitable = &Window{low, high}
	return nil
}

// Calm gives a scenario in which all is well from a time on: no fault begins, and
// those that are on end. The phases stay as they are.
func Calm(sc *scenario.Scenario, from time.Duration) *scenario.Scenario {
	calm := *sc
	calm.Timeline = nil
	for _, step := range sc.Timeline {
		if step.At >= from {
			continue
		}
		row, _ := scenario.FaultOf(step.Kind)
		if left := from - step.At; row.Lasts && (step.For == 0 || step.For > left) {
			step.For = left
		} else if step.Restart > left || step.Restart == scenario.Never && step.Kind == scenario.Crash {
			step.Restart = left
		}
		calm.Timeline = append(calm.Timeline, step)
	}
	return &calm
}
