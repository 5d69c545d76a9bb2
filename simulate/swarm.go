package simulate

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/atollcache/atoll/simulate/scenario"
	"github.com/atollcache/atoll/simulate/world"
)

// SwarmConfig says which runs a swarm makes.
type SwarmConfig struct {
	Profile  scenario.Profile // each seed draws a scenario of its own; Mixed takes all in turn
	Scenario *Source          // or all seeds run this one, if set
	From     uint64           // the first seed
	Seeds    uint64           // how many; zero is without end
	For      time.Duration    // real time after which no run begins; zero is without end
	Cores    int              // runs at a time; one if less
	Failures string           // where scenarios of failures are saved; nowhere if empty
	StopAt   int              // how many seeds may fail before it stops; zero is any number
	Build    string           // see Build; found out if empty

	Observe func(seed uint64) world.Observer // looks on at a run; nobody if nil
	Each    func(*Result)                    // gets every result, one at a time; nobody if nil
}

// Mixed is a swarm of which half of the seeds are stormy, and the others by turns
// calm and beyond the contract.
const Mixed scenario.Profile = "mixed"

// profileOf gives the profile from which a seed draws.
func (cfg *SwarmConfig) profileOf(seed uint64) scenario.Profile {
	if cfg.Profile != Mixed {
		return cfg.Profile
	}
	return []scenario.Profile{scenario.Stormy, scenario.Calm, scenario.Stormy, scenario.BeyondContract}[seed%4]
}

// SwarmResult is what a swarm came to. Its JSON form is a contract: fields are
// added, never renamed.
type SwarmResult struct {
	Verdict      Verdict        `json:"verdict"`
	Source       string         `json:"source"`
	From         uint64         `json:"from"`
	Seeds        uint64         `json:"seeds"`        // that were run to their end
	Violated     uint64         `json:"violated"`     // seeds with violations
	Violations   []Failure      `json:"violations"`   // the first of them, by seed
	Inconclusive uint64         `json:"inconclusive"` // seeds
	Doubts       map[string]int `json:"doubts"`       // why, and how often
	UnhitMarks   []string       `json:"unhit_marks"`
	Marks        map[string]int `json:"marks"`   // in how many seeds each was hit
	Excuses      []Excuse       `json:"excuses"` // summed up
	Simulated    time.Duration  `json:"simulated_ns"`
	Real         time.Duration  `json:"real_ns"`
	Events       uint64         `json:"events"`
	Stopped      bool           `json:"stopped"` // by the context
}

// Failure is a run that broke a promise.
type Failure struct {
	Token   string `json:"token"`
	Seed    uint64 `json:"seed"`
	Trace   Hash   `json:"trace"`
	File    string `json:"file,omitempty"`
	Count   int    `json:"count"`   // of all violations
	Oracles string `json:"oracles"` // which found some
	Violation
}

// maxFailures are kept of a swarm; the others are counted.
const maxFailures = 100

// Swarm runs many seeds, on several cores. When the context ends, runs that
// are under way are given up, and the result tells of those that ended.
func Swarm(ctx context.Context, cfg SwarmConfig) (*SwarmResult, error) {
	s, err := newSwarm(&cfg)
	if err != nil {
		return nil, err
	}
	running, stop := context.WithCancel(ctx)
	defer stop()
	s.stop = stop
	var cores sync.WaitGroup
	for range max(cfg.Cores, 1) {
		cores.Go(func() { s.work(running) })
	}
	cores.Wait()
	s.sum.Stopped = ctx.Err() != nil
	return s.result(), s.err
}

type swarm struct {
	cfg   *SwarmConfig
	began time.Time
	stop  context.CancelFunc

	mu   sync.Mutex // guards what follows
	next uint64     // seeds given out
	sum  SwarmResult
	err  error
}

func newSwarm(cfg *SwarmConfig) (*swarm, error) {
	if cfg.Build == "" {
		build, err := Build()
		if err != nil {
			return nil, err
		}
		cfg.Build = build
	}
	s := &swarm{cfg: cfg, began: time.Now()}
	s.sum = SwarmResult{
		Source: string(cfg.Profile), From: cfg.From, Violations: []Failure{}, Doubts: map[string]int{}, UnhitMarks: []string{},
		Marks: map[string]int{}, Excuses: []Excuse{},
	}
	if cfg.Scenario != nil {
		s.sum.Source = cfg.Scenario.Name
	} else if _, ok := drawn(string(cfg.Profile)); !ok && cfg.Profile != Mixed {
		return nil, unknown("no profile %q; they are %v and %s", cfg.Profile, scenario.Profiles(), Mixed)
	}
	return s, nil
}

// work runs one seed after the other.
func (s *swarm) work(ctx context.Context) {
	for {
		seed, ok := s.take(ctx)
		if !ok {
			return
		}
		source := s.source(seed)
		cfg := Config{Scenario: source.Scenario, Seed: seed, Brief: true}
		if s.cfg.Observe != nil {
			cfg.Observer = s.cfg.Observe(seed)
		}
		r, err := Run(ctx, cfg)
		if !s.add(source, r, err) {
			return
		}
	}
}

// take gives the next seed, if there is to be one.
func (s *swarm) take(ctx context.Context) (seed uint64, ok bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case ctx.Err() != nil, s.cfg.Seeds > 0 && s.next >= s.cfg.Seeds:
		return 0, false
	case s.cfg.For > 0 && time.Since(s.began) >= s.cfg.For:
		return 0, false
	}
	s.next++
	return s.cfg.From + s.next - 1, true
}

func (s *swarm) source(seed uint64) *Source {
	if s.cfg.Scenario != nil {
		return s.cfg.Scenario
	}
	return Draw(s.cfg.profileOf(seed), seed)
}

// add takes the result of a run in, and says whether to go on.
func (s *swarm) add(source *Source, r *Result, err error) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case errors.Is(err, context.Canceled), errors.Is(err, context.DeadlineExceeded):
		return false
	case err != nil:
		s.fail(err)
		return false
	}
	s.count(r)
	switch r.Verdict {
	case Violated:
		s.violated(source, r)
	case Inconclusive:
		s.sum.Inconclusive++
		for _, why := range r.Doubts {
			s.sum.Doubts[why]++
		}
	case Pass:
	}
	if s.cfg.Each != nil {
		s.cfg.Each(r)
	}
	return true
}

func (s *swarm) fail(err error) {
	if s.err == nil {
		s.err = err
	}
	s.stop()
}

func (s *swarm) count(r *Result) {
	s.sum.Seeds++
	s.sum.Simulated += r.Simulated
	s.sum.Events += r.Events
	for name, n := range r.Marks {
		s.sum.Marks[name] += min(n, 1)
	}
	for _, e := range r.Excuses {
		i := slices.IndexFunc(s.sum.Excuses, func(x Excuse) bool { return x.Oracle == e.Oracle && x.Why == e.Why })
		if i < 0 {
			s.sum.Excuses = append(s.sum.Excuses, e)
		} else {
			s.sum.Excuses[i].Count += e.Count
		}
	}
}

// violated notes a failure, and saves its scenario for other builds.
func (s *swarm) violated(source *Source, r *Result) {
	s.sum.Violated++
	first, _ := r.First()
	token := source.Token(r.Seed, s.cfg.Build)
	r.Token = token.String()
	f := Failure{Token: r.Token, Seed: r.Seed, Trace: r.Trace, Violation: first, Oracles: r.Oracles()}
	for _, n := range r.Accused {
		f.Count += n
	}
	if s.sum.Violated <= maxFailures && s.cfg.Failures != "" {
		note := fmt.Sprintf("Seed %d, trace %v:\n%v", r.Seed, r.Trace, first)
		path, err := Save(s.cfg.Failures, token, source.Scenario, note)
		if err != nil {
			s.fail(fmt.Errorf("a violation was found (%s: %v), but its scenario cannot be saved: %w", r.Token, first, err))
		}
		f.File = path
	}
	if s.sum.Violated <= maxFailures {
		s.sum.Violations = append(s.sum.Violations, f)
	}
	if s.cfg.StopAt > 0 && s.sum.Violated >= uint64(s.cfg.StopAt) {
		s.stop()
	}
}

// result sums up.
func (s *swarm) result() *SwarmResult {
	r := &s.sum
	r.Real = time.Since(s.began)
	slices.SortFunc(r.Violations, func(a, b Failure) int { return cmp.Compare(a.Seed, b.Seed) })
	slices.SortFunc(r.Excuses, func(a, b Excuse) int {
		if a.Oracle != b.Oracle {
			return cmp.Compare(a.Oracle, b.Oracle)
		}
		return cmp.Compare(a.Why, b.Why)
	})
	for _, name := range world.MarkNames() {
		if r.Marks[name] == 0 {
			r.UnhitMarks = append(r.UnhitMarks, name)
		}
	}
	switch {
	case r.Violated > 0:
		r.Verdict = Violated
	case r.Seeds == 0 || r.Inconclusive == r.Seeds:
		r.Verdict = Inconclusive
	default:
		r.Verdict = Pass
	}
	return r
}
