package simulate

import (
	"context"
	"encoding/json"
	"fmt"
	"path/filepath"
	"runtime"
	"runtime/debug"
	"strings"

	"github.com/atollcache/atoll/simulate/scenario"
	"github.com/atollcache/atoll/simulate/world"
)

// A Climate is how the Go runtime is set while a run is made.
type Climate struct {
	Procs int `json:"gomaxprocs"`
	GC    int `json:"gogc"` // percent; -1 is off
}

// Climates are those in which a seed must be the same run.
func Climates() []Climate { return []Climate{{1, 100}, {2, 100}, {1, 20}, {2, 400}} }

// during has f run in a climate.
func (c Climate) during(f func()) {
	procs, gc := runtime.GOMAXPROCS(c.Procs), debug.SetGCPercent(c.GC)
	defer func() {
		runtime.GOMAXPROCS(procs)
		debug.SetGCPercent(gc)
	}()
	f()
}

// Difference tells that two runs of one seed were not the same.
type Difference struct {
	Token  string     `json:"token"`
	Among  [2]Climate `json:"among"`
	Traces [2]Hash    `json:"traces"`
	What   string     `json:"what"`             // in one sentence
	Record int        `json:"record"`           // the first that differs, counted from one; zero if it cannot be told
	First  string     `json:"first,omitempty"`  // that record, of one run
	Second string     `json:"second,omitempty"` // and of the other
}

// CheckDeterminism runs a seed in every climate, and tells of the first
// difference in what the runs did or came to, nothing if there is none.
func CheckDeterminism(ctx context.Context, source *Source, build string) (*Difference, error) {
	return compareClimates(ctx, source, build, Run)
}

func compareClimates(ctx context.Context, source *Source, build string, run func(context.Context, Config) (*Result, error)) (*Difference, error) {
	var first *Result
	var outcome string
	for i, climate := range Climates() {
		var r *Result
		var err error
		climate.during(func() { r, err = run(ctx, Config{Scenario: source.Scenario, Seed: source.Seed}) })
		if err != nil {
			return nil, err
		}
		came := outcomeOf(r)
		if i == 0 {
			first, outcome = r, came
			continue
		}
		if r.Trace == first.Trace && came == outcome {
			continue
		}
		d := &Difference{
			Token: source.Token(source.Seed, build).String(), Among: [2]Climate{Climates()[0], climate},
			Traces: [2]Hash{first.Trace, r.Trace}, What: "the worlds went the same way, but what they came to differs",
		}
		if r.Trace != first.Trace {
			d.What = "the worlds went different ways"
			a := Config{Scenario: source.Scenario, Seed: source.Seed}
			err = d.locate(a, a)
		}
		return d, err
	}
	return nil, nil
}

// outcomeOf is everything about a result but the real time that it took.
func outcomeOf(r *Result) string {
	still := *r
	still.Real = 0
	text, err := json.Marshal(&still)
	if err != nil {
		return err.Error()
	}
	return string(text)
}

// locate runs two worlds side by side up to the first record in which they
// differ.
func (d *Difference) locate(a, b Config) error {
	first, err := newTraced(a)
	if err != nil {
		return err
	}
	second, err := newTraced(b)
	if err != nil {
		return err
	}
	for n := 1; ; n++ {
		x, y := first.next(), second.next()
		switch {
		case x != y:
			d.Record, d.First, d.Second = n, x, y
			return nil
		case x == "":
			d.What += ", though not when they ran side by side"
			return nil
		}
	}
}

// traced is a world that gives its records one by one.
type traced struct {
	w       *world.World
	waiting []string
}

func newTraced(cfg Config) (*traced, error) {
	t := &traced{}
	w, err := world.New(world.Config{Scenario: cfg.Scenario, Seed: cfg.Seed, Trace: func(r *world.Record) {
		t.waiting = append(t.waiting, string(r.AppendJSON(nil)))
	}})
	t.w = w
	return t, err
}

// next gives the next record, "" after the last.
func (t *traced) next() string {
	for len(t.waiting) == 0 {
		if !t.w.Step() && len(t.waiting) == 0 {
			return ""
		}
	}
	record := t.waiting[0]
	t.waiting = t.waiting[1:]
	return record
}

// CorpusResult is how an entry of the regression corpus fared.
type CorpusResult struct {
	Name   string `json:"name"`
	Reason string `json:"reason"`
	*Result
}

// Corpus lists the names of the regression corpus: runs that once broke a
// promise.
func Corpus() []string { return yamlNames("corpus") }

// CorpusEntry reads an entry. Its story is the reason why it is kept.
func CorpusEntry(name string) (*scenario.Scenario, error) {
	text, err := files.ReadFile("corpus/" + name + ".yaml")
	if err != nil {
		return nil, unknown("no entry %q in the regression corpus", name)
	}
	sc, err := scenario.Parse("corpus/"+name+".yaml", text)
	if err == nil && len(sc.Story) != 1 {
		err = fmt.Errorf("corpus/%s.yaml: the story is to be one line, the reason why the entry is kept", name)
	}
	return sc, err
}

// CheckEntry runs an entry of the corpus, which must break no promise any more.
func CheckEntry(ctx context.Context, name string) (*CorpusResult, error) {
	sc, err := CorpusEntry(name)
	if err != nil {
		return nil, err
	}
	r, err := Run(ctx, Config{Scenario: sc, Seed: seedOf(sc), Brief: true})
	return &CorpusResult{Name: name, Reason: sc.Story[0], Result: r}, err
}

// Keep writes an entry of a regression corpus and gives its path. Reason is what
// was wrong, in one line.
func Keep(dir string, sc *scenario.Scenario, v Violation, reason string) (string, error) {
	kept := *sc
	kept.Story = []string{strings.Join(strings.Fields(reason), " ")}
	name := fmt.Sprintf("%s-%s.yaml", strings.ToLower(v.Oracle), strings.TrimPrefix(fileSource(sc), filePrefix))
	path := filepath.Join(dir, name)
	text := append(comment(v.String()), scenario.Marshal(&kept)...)
	if _, err := scenario.Parse(path, text); err != nil {
		return "", fmt.Errorf("the entry cannot be read back: %w", err)
	}
	return path, WriteFile(path, text)
}
