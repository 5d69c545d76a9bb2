package simulate

import (
	"context"
	"fmt"
	"runtime/debug"
	"time"

	"github.com/atollcache/atoll/simulate/judge"
	"github.com/atollcache/atoll/simulate/scenario"
	"github.com/atollcache/atoll/simulate/world"
)

// Config says what is run, and who looks on.
type Config struct {
	Scenario *scenario.Scenario // is not changed
	Seed     uint64

	// Until ends the run early; the final checks are then left out. Zero is the
	// end of the scenario.
	Until time.Duration

	Observer world.Observer      // looks on beside the judge; none if nil
	Trace    func(*world.Record) // gets a record of every event; none if nil
	Brief    bool                // leaves samples and timeline out of the result

	// Omit leaves operations out, by world.Op.ID; everything else stays as it
	// would be with them, up to what they change.
	Omit func(op uint64) bool

	// World is handed the world before its first event, for observers that want
	// to know the time.
	World func(*world.World)

	// Progress is told now and then how far the run is; what it is given is its
	// own.
	Progress func(Progress)
}

// Progress is how far a run has come.
type Progress struct {
	At         time.Duration
	Phase      world.Phase
	Events     uint64
	Violations int
	Fresh      []Sample // taken since Progress was told the last time
}

// looksUp is how many events pass between two looks at whether somebody wants
// the run to stop.
const looksUp = 512

// Run runs a scenario to its end, under the judge. The error wraps
// world.ErrScenario if it cannot be run, or is that of the context: the result
// then tells how far it came, and its verdict is Inconclusive.
func Run(ctx context.Context, cfg Config) (r *Result, err error) {
	defer func() {
		if what := recover(); what != nil {
			err = fmt.Errorf("the simulator itself failed on %q with seed %d: %v\n%s", cfg.Scenario.Name, cfg.Seed, what, debug.Stack())
		}
	}()
	began := time.Now()
	j := judge.New(cfg.Scenario)
	diary := &diary{brief: cfg.Brief}
	w, err := world.New(world.Config{
		Scenario: cfg.Scenario, Seed: cfg.Seed, Trace: cfg.Trace, Omit: cfg.Omit,
		Observer: world.Observers(j, diary, cfg.Observer),
	})
	if err != nil {
		return nil, err
	}
	j.Watch(w)
	if cfg.World != nil {
		cfg.World(w)
	}
	err = play(ctx, w, cfg.Until, teller(&cfg, w, j))
	if err == nil && w.Done() {
		j.Final(w)
	}
	r = resultOf(&cfg, w, j, diary)
	r.Real = time.Since(began)
	return r, err
}

// Observe plays a run again for a look at it, and judges nothing. The observer
// is made for the world that it looks at; nothing else in the configuration may
// look on. As Run, it leaves early when the context ends.
func Observe(ctx context.Context, cfg Config, observer func(*world.World) world.Observer) error {
	late := &lateObserver{Observer: world.Nobody{}}
	w, err := world.New(world.Config{Scenario: cfg.Scenario, Seed: cfg.Seed, Omit: cfg.Omit, Trace: cfg.Trace, Observer: late})
	if err != nil {
		return err
	}
	late.Observer = observer(w)
	return play(ctx, w, cfg.Until, func() {})
}

// lateObserver is there before the world, which the observer behind it needs.
type lateObserver struct{ world.Observer }

// teller gives what tells of the progress of a run.
func teller(cfg *Config, w *world.World, j *judge.Judge) func() {
	if cfg.Progress == nil {
		return func() {}
	}
	told := 0
	return func() {
		fresh := samplesOf(j.Samples()[told:])
		told += len(fresh)
		cfg.Progress(Progress{At: w.Now(), Phase: w.Phase(), Events: w.Totals().Events, Violations: len(j.Violations()), Fresh: fresh})
	}
}

// play lets the world go on until it ends, or is stopped.
func play(ctx context.Context, w *world.World, until time.Duration, tell func()) error {
	for i := 1; ; i++ {
		if i%looksUp == 0 {
			if ctx.Err() != nil {
				return ctx.Err()
			}
			tell()
		}
		if until > 0 && w.Now() >= until || !w.Step() {
			return nil
		}
	}
}

// diary keeps what people are told of a run.
type diary struct {
	world.Nobody
	brief   bool
	moments []Moment
}

// maxMoments bounds what a run with a flapping link writes.
const maxMoments = 2000

// Happened notes what begins and ends.
func (d *diary) Happened(at time.Duration, text string) {
	if !d.brief && len(d.moments) < maxMoments {
		d.moments = append(d.moments, Moment{at, text})
	}
}
