package simulate

import (
	"context"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
)

func TestDeterminism(t *testing.T) {
	procs := runtime.GOMAXPROCS(0)
	d, err := CheckDeterminism(t.Context(), SourceOf(read(t, clash)), "00000000")
	if d != nil || err != nil {
		t.Errorf("%+v, %v", d, err)
	}
	if now := runtime.GOMAXPROCS(0); now != procs {
		t.Errorf("left with GOMAXPROCS=%d, was %d", now, procs)
	}
}

// A run that differs is told, and where.
func TestNondeterminism(t *testing.T) {
	source := SourceOf(read(t, small))
	turn := 0
	unsteady := func(change func(*Result)) func(context.Context, Config) (*Result, error) {
		turn = 0
		return func(ctx context.Context, cfg Config) (*Result, error) {
			r, err := Run(ctx, cfg)
			if turn++; turn == 3 {
				change(r)
			}
			return r, err
		}
	}
	d, err := compareClimates(t.Context(), source, "00000000", unsteady(func(r *Result) { r.Trace++ }))
	if err != nil || d == nil || d.Among[1] != Climates()[2] || d.Traces[0]+1 != d.Traces[1] || !strings.Contains(d.What, "though not when they ran side by side") {
		t.Errorf("another trace: %+v, %v", d, err)
	}
	d, err = compareClimates(t.Context(), source, "00000000", unsteady(func(r *Result) { r.Marks["gap"]++ }))
	if err != nil || d == nil || !strings.Contains(d.What, "what they came to differs") {
		t.Errorf("another outcome: %+v, %v", d, err)
	}

	d = &Difference{}
	if err := d.locate(Config{Scenario: source.Scenario, Seed: 3}, Config{Scenario: source.Scenario, Seed: 4}); err != nil {
		t.Fatal(err)
	}
	if d.Record == 0 || d.First == d.Second || !strings.HasPrefix(d.First, `{"at":`) {
		t.Errorf("two seeds: %+v", d)
	}
}

// TestCorpus runs what once broke a promise. None may any more.
func TestCorpus(t *testing.T) {
	for _, name := range Corpus() {
		r, err := CheckEntry(t.Context(), name)
		if err != nil {
			t.Error(err)
			continue
		}
		if r.Verdict == Violated {
			t.Errorf("%s (%s): %v", name, r.Reason, r.Violations)
		}
	}
	if _, err := CorpusEntry("nothing"); err == nil {
		t.Error("an entry that is not there was read")
	}
}

// An entry that was kept is read as the same run, with its reason.
func TestKeep(t *testing.T) {
	dir := t.TempDir()
	sc := read(t, small)
	sc.Seed = 5
	path, err := Keep(dir, sc, Violation{Oracle: "O4", What: "something is lost"}, " two\nlines ")
	if err != nil || filepath.Base(path)[:3] != "o4-" {
		t.Fatalf("%s, %v", path, err)
	}
	text, _ := os.ReadFile(path)
	kept := read(t, string(text))
	if len(kept.Story) != 1 || kept.Story[0] != "two lines" || kept.Seed != 5 {
		t.Errorf("%s", text)
	}
	if run(t, Config{Scenario: kept, Seed: 5}).Trace != run(t, Config{Scenario: sc, Seed: 5}).Trace {
		t.Error("another run")
	}
	if _, err := Keep(dir, sc, Violation{Oracle: "O4"}, strings.Repeat("long ", 100)); err == nil {
		t.Error("a reason that cannot be read back was written")
	}
}
