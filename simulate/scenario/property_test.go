package scenario

import (
	"errors"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"
)

// drawAny draws a scenario with everything that the format can say, from a
// random one with other prose, settings, paths, phases and expectations.
func drawAny(t *rapid.T) *Scenario {
	s := Random(rapid.SampledFrom(Profiles()).Draw(t, "profile"), rapid.Uint64().Draw(t, "seed"), every)
	line := rapid.Custom(func(t *rapid.T) string {
		text := rapid.StringOfN(rapid.RuneFrom([]rune("ab z:#-{}[],&*!|>'\"%@`~?=<µé\\")), 1, 40, -1).Draw(t, "line")
		return strings.TrimSpace("x" + text)
	})
	s.Name = rapid.OneOf(line, rapid.SampledFrom([]string{"null", "true", "~", "1", "0x1f", "2020-01-01", "<<", "- a", "a: b"})).Draw(t, "name")
	s.Story = rapid.SliceOfN(line, 0, 4).Draw(t, "story")
	if len(s.Story) == 0 {
		s.Story = nil
	}
	s.Seed = rapid.Uint64().Draw(t, "the run's seed")
	s.Config = drawConfig(t)
	for i := range s.Timeline {
		if rapid.Bool().Draw(t, "why") {
			s.Timeline[i].Why = line.Draw(t, "prose")
		}
	}
	s.Topology.Bandwidth = []PathRate{
		{Path{A: "us", B: "eu", OneWay: true}, rapid.Int64Range(1, 1e12).Draw(t, "bits")},
		{Path{A: Default}, rapid.Int64Range(1, 1e12).Draw(t, "bits")},
	}
	s.Expect = drawExpect(t)
	s.Only = drawOnly(t)
	s.Phases = Phases{}.complete(s, false)
	if rapid.Bool().Draw(t, "at once") {
		s.Phases.WarmUp, s.Phases.Chaos = 0, s.Phases.Healed()
	}
	return s
}

func drawConfig(t *rapid.T) Config {
	var c Config
	fields := reflect.ValueOf(&c).Elem()
	for i := range fields.NumField() {
		if !rapid.Bool().Draw(t, "set "+fields.Type().Field(i).Name) {
			continue
		}
		switch f := fields.Field(i); {
		case f.Kind() == reflect.Bool:
			f.SetBool(true)
		case f.Kind() == reflect.Int:
			f.SetInt(rapid.Int64Range(1, 3).Draw(t, "number"))
		default:
			f.SetInt(rapid.Int64Range(1, 1e15).Draw(t, "value"))
		}
	}
	return c
}

func drawOnly(t *rapid.T) (only []Kept) {
	for _, client := range []string{"load 1 in us", "hot-key in eu", "burst of load 2 in ap"} {
		if rapid.Bool().Draw(t, client) {
			ops := rapid.SliceOfNDistinct(rapid.Uint64Range(0, maxOps-1), 1, 5, rapid.ID).Draw(t, "ops")
			slices.Sort(ops)
			only = append(only, Kept{client, ops})
		}
	}
	return only
}

func drawExpect(t *rapid.T) Expect {
	var e Expect
	for _, row := range promises {
		if rapid.Bool().Draw(t, string(row.Promise)) {
			e.Never = append(e.Never, row.Promise)
		}
	}
	for _, row := range metrics {
		op := rapid.SampledFrom([]string{"", "<", "<=", ">", ">=", "="}).Draw(t, string(row.Metric))
		if op != "" {
			e.Bounds = append(e.Bounds, Bound{row.Metric, op, rapid.Int64Range(0, 1e15).Draw(t, "limit")})
		}
	}
	return e
}

func TestWrittenIsReadBackTheSame(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s := drawAny(t)
		text := Marshal(s)
		again, err := Parse("again.yaml", text)
		if err != nil {
			t.Fatalf("%v\n%s", err, text)
		}
		if !reflect.DeepEqual(s, again) {
			t.Fatalf("differs:\n%+v\n%+v\n%s", s, again, text)
		}
	})
}

// TestResolve fills in what a scenario built in Go leaves open.
func TestResolve(t *testing.T) {
	built := &Scenario{
		Name: "built in Go",
		Topology: Topology{
			Regions: []Region{{Name: "us", Nodes: 1}, {Name: "eu", Nodes: 1}},
			RTT:     []PathDelay{{Path{A: Default}, Delay{Base: 80 * time.Millisecond}}},
		},
		Load:     []Load{{Ops: 5000, Pattern: CounterStorm}},
		Timeline: []Step{{At: time.Minute, Kind: Crash, Target: only(Place{"us", 1})}},
	}
	s, err := built.Resolve()
	if err != nil {
		t.Fatal(err)
	}
	if step := s.Timeline[0]; step.Lose != LoseMemory || step.Restart != 30*time.Second {
		t.Errorf("the crash loses %q and is over after %v", step.Lose, step.Restart)
	}
	if l := s.Load[0]; l.Keys.Count != 3 || len(l.Mix) == 0 {
		t.Errorf("the storm has keys %+v and mix %v", l.Keys, l.Mix)
	}
	if s.Phases.Healed() != 90*time.Second {
		t.Errorf("the faults are lifted after %v, want when the node is back", s.Phases.Healed())
	}

	s.Phases.WarmUp = 0
	if again, err := s.Resolve(); err != nil || again.Phases != s.Phases {
		t.Errorf("a run without warm-up has phases %+v when read back, %+v before: %v", again.Phases, s.Phases, err)
	}

	built.Timeline[0].Target = only(Place{"us", 2})
	if _, err := built.Resolve(); err == nil || !strings.Contains(err.Error(), "us/2 does not exist") {
		t.Errorf("crashed a node that is not there: %v", err)
	}
}

// FuzzParse holds the reader to its word on any text: a scenario that can be
// written and read back, or mistakes with places in the text.
func FuzzParse(f *testing.F) {
	f.Add([]byte(example))
	f.Add([]byte(base))
	for seed := range uint64(3) {
		f.Add(Marshal(Random(BeyondContract, seed, every)))
	}
	files, _ := filepath.Glob("../testdata/*.yaml")
	for _, name := range files {
		text, err := os.ReadFile(name)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		s, err := Parse("fuzz.yaml", text)
		if err != nil {
			var all Errors
			if !errors.As(err, &all) || len(all) == 0 || len(all) > maxErrors || s != nil {
				t.Fatalf("not a list of mistakes: %v", err)
			}
			for _, one := range all {
				if one.Line < 1 || one.Column < 1 || strings.Contains(one.Message, "\n") || one.Message == "" {
					t.Fatalf("no place or sentence: %q", one.Error())
				}
			}
			return
		}
		again, err := Parse("again.yaml", Marshal(s))
		if err != nil || !reflect.DeepEqual(s, again) {
			t.Fatalf("written and read again: %v\n%+v\n%+v\n%s", err, s, again, Marshal(s))
		}
	})
}
