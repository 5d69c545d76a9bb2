package simulate

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"strings"
	"time"

	"github.com/atollcache/atoll/planted"
	"github.com/atollcache/atoll/simulate/scenario"
)

// ErrSound tells that this build has no bugs to plant.
var ErrSound = errors.New("this build cannot plant bugs; make one that can with: go build -tags simbreak -o bin/atoll-break ./cmd/atoll")

// MutateConfig says which planted bugs are looked for, and for how long.
type MutateConfig struct {
	Bugs  []planted.ID  // all that apply if empty
	Seeds uint64        // random ones for each bug at most; zero is without end
	For   time.Duration // real time for each bug at most; zero is without end
	Build string

	// Within is real time after which no more random ones are begun, for all bugs
	// together; zero is without end. Scenarios that were written for a bug are run
	// in any case.
	Within time.Duration

	Keep string        // directory that gets a small scenario for each bug that a random one caught; none if empty
	Each func(*Mutant) // gets each bug as soon as it is done; nobody if nil
}

// Mutant tells how a planted bug fared. Its JSON form is a contract: fields are
// added, never renamed.
type Mutant struct {
	ID       planted.ID    `json:"id"`
	Breaks   string        `json:"breaks"`
	Caught   bool          `json:"caught"`
	Oracle   string        `json:"oracle,omitempty"` // that caught it
	What     string        `json:"what,omitempty"`
	Token    string        `json:"token,omitempty"`
	Directed bool          `json:"directed"` // by a scenario that was written for it
	Seeds    uint64        `json:"seeds"`    // runs that it took
	Real     time.Duration `json:"real_ns"`
	Waived   string        `json:"waived,omitempty"` // why it may survive
}

// Survived tells whether a bug got away that must not.
func (m *Mutant) Survived() bool { return !m.Caught && m.Waived == "" }

// directedSeeds is how often a directed scenario is run. Most catch their bug with
// the seed that they name; when the product has changed since they were written,
// another one may.
const directedSeeds = 30

// Mutate plants one bug after the other and runs the directed scenario of each,
// then random ones, until an oracle tells that would not tell without. It chooses
// bugs for the whole process: nothing else may run meanwhile.
func Mutate(ctx context.Context, cfg MutateConfig) (all []*Mutant, err error) {
	if !planted.Possible {
		return nil, ErrSound
	}
	waivers, err := Waivers()
	if err != nil {
		return nil, err
	}
	bugs, err := cfg.chosen()
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, planted.Choose(planted.None)) }()
	began := time.Now()
	for _, bug := range bugs {
		m := &Mutant{ID: bug.ID, Breaks: bug.Breaks, Waived: waivers[bug.ID]}
		if err := m.hunt(ctx, &cfg, began); err != nil {
			return all, err
		}
		all = append(all, m)
		if cfg.Each != nil {
			cfg.Each(m)
		}
	}
	return all, nil
}

func (cfg *MutateConfig) chosen() ([]planted.Bug, error) {
	var bugs []planted.Bug
	if len(cfg.Bugs) == 0 {
		for _, bug := range planted.All() {
			if bug.Applies() {
				bugs = append(bugs, bug)
			}
		}
		return bugs, nil
	}
	for _, id := range cfg.Bugs {
		bug, ok := planted.Find(string(id))
		switch {
		case !ok:
			return nil, unknown("no planted bug is called %q; `atoll simulate list breaks` names them", id)
		case !bug.Applies():
			return nil, unknown("planted bug %s cannot be switched on yet: %s", id, bug.Waits)
		}
		bugs = append(bugs, bug)
	}
	return bugs, nil
}

// over says whether no more random scenarios may be begun for a bug.
func (cfg *MutateConfig) over(all, bug time.Time) bool {
	return cfg.For > 0 && time.Since(bug) > cfg.For || cfg.Within > 0 && time.Since(all) > cfg.Within
}

// hunt looks for one bug, for a waived one only in its directed scenario.
func (m *Mutant) hunt(ctx context.Context, cfg *MutateConfig, all time.Time) error {
	began := time.Now()
	defer func() {
		if m.Real == 0 {
			m.Real = time.Since(began)
		}
	}()
	directed, err := Directed(m.ID)
	if err != nil {
		return err
	}
	for i := uint64(0); directed != nil && i < directedSeeds; i++ {
		source := *directed
		source.Seed += i
		if caught, err := m.try(ctx, cfg, &source); caught || err != nil {
			m.Directed = caught
			return err
		}
	}
	for seed := uint64(1); cfg.Seeds == 0 || seed <= cfg.Seeds; seed++ {
		if cfg.over(all, began) || m.Waived != "" {
			return nil
		}
		source := Draw(randomly(seed), seed)
		caught, err := m.try(ctx, cfg, source)
		if caught && cfg.Keep != "" {
			m.Real = time.Since(began)
			return m.keep(ctx, cfg, source)
		}
		if caught || err != nil {
			return err
		}
	}
	return nil
}

// randomly gives the profile of a random scenario: most are dense, which is quick.
func randomly(seed uint64) scenario.Profile {
	if seed%8 == 0 {
		return scenario.Stormy
	}
	return scenario.Dense
}

// shrinkFor is how long a scenario is made smaller that is to be kept.
const shrinkFor = 2 * time.Minute

// keep writes the directed scenario of a bug: the random one that caught it, made
// small. It is kept only if it says nothing of the product without the bug.
func (m *Mutant) keep(ctx context.Context, cfg *MutateConfig, source *Source) error {
	if err := planted.Choose(m.ID); err != nil {
		return err
	}
	small, err := Shrink(ctx, ShrinkConfig{Source: source, Oracle: m.Oracle, For: shrinkFor})
	if err != nil {
		return fmt.Errorf("%s: %w", m.ID, err)
	}
	sound, err := runWith(ctx, planted.None, SourceOf(small.Scenario))
	if err != nil || sound.Verdict == Violated {
		return err
	}
	small.Scenario.Name = "catches " + string(m.ID)
	note := fmt.Sprintf("%s\n%s", m.Breaks, small.Violation)
	return WriteFile(filepath.Join(cfg.Keep, string(m.ID)+".yaml"), append(comment(note), scenario.Marshal(small.Scenario)...))
}

// try runs one seed with the bug and, if an oracle tells, without: what it tells
// then as well is not about the bug.
func (m *Mutant) try(ctx context.Context, cfg *MutateConfig, source *Source) (bool, error) {
	m.Seeds++
	broken, err := runWith(ctx, m.ID, source)
	if err != nil || broken.Verdict != Violated {
		return false, err
	}
	sound, err := runWith(ctx, planted.None, source)
	if err != nil {
		return false, err
	}
	for _, v := range broken.Violations {
		if sound.Accused[v.Oracle] == 0 {
			m.Caught, m.Oracle, m.What = true, v.Oracle, v.What
			m.Token = source.Token(source.Seed, cfg.Build).String()
			return true, nil
		}
	}
	return false, nil
}

func runWith(ctx context.Context, bug planted.ID, source *Source) (*Result, error) {
	if err := planted.Choose(bug); err != nil {
		return nil, err
	}
	return Run(ctx, Config{Scenario: source.Scenario, Seed: source.Seed, Brief: true})
}

// Directed gives the scenario that was written to catch a bug, nil if there is
// none.
func Directed(bug planted.ID) (*Source, error) {
	name := "testdata/planted/" + string(bug) + ".yaml"
	text, err := files.ReadFile(name)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil, nil
	case err != nil:
		return nil, err
	}
	sc, err := scenario.Parse(name, text)
	if err != nil {
		return nil, err
	}
	return &Source{Name: fileSource(sc), Scenario: sc, Seed: seedOf(sc)}, nil
}

// maxWaivers is how many bugs may survive.
const maxWaivers = 3

// Waivers gives the bugs that may survive, each with the reason.
func Waivers() (map[planted.ID]string, error) {
	text, err := files.ReadFile("testdata/planted/waivers.txt")
	if err != nil {
		return nil, err
	}
	return parseWaivers(string(text))
}

func parseWaivers(text string) (map[planted.ID]string, error) {
	waivers := map[planted.ID]string{}
	for line := range strings.Lines(text) {
		line = strings.TrimSpace(line)
		if line == "" || line[0] == '#' {
			continue
		}
		id, reason, _ := strings.Cut(line, ":")
		bug, known := planted.Find(id)
		reason = strings.TrimSpace(reason)
		switch {
		case !known:
			return nil, fmt.Errorf("waivers: no planted bug is called %q", id)
		case len(reason) < 20:
			return nil, fmt.Errorf("waivers: %s is waived without a reason", id)
		}
		waivers[bug.ID] = reason
	}
	if len(waivers) > maxWaivers {
		return nil, fmt.Errorf("%d planted bugs are waived, and %d may be", len(waivers), maxWaivers)
	}
	return waivers, nil
}
