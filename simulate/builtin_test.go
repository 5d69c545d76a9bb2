package simulate

import (
	"strings"
	"testing"
)

// TestScenarios reads every built-in scenario and wants a story with a line of
// prose for each step.
func TestScenarios(t *testing.T) {
	names := Scenarios()
	if len(names) < 15 {
		t.Errorf("%d built-in scenarios, want at least 15", len(names))
	}
	for _, name := range names {
		t.Run(name, func(t *testing.T) {
			s, err := Scenario(name)
			if err != nil {
				t.Fatal(err)
			}
			if got := strings.ReplaceAll(strings.ToLower(s.Name), " ", "-"); got != name {
				t.Errorf("called %q, the file says %q", s.Name, name)
			}
			if len(s.Story) < 2 || len(s.Expect.Never) == 0 || len(s.Load) == 0 {
				t.Errorf("%d lines of story, %d promises, %d loads: it says too little", len(s.Story), len(s.Expect.Never), len(s.Load))
			}
			for _, step := range s.Timeline {
				if !strings.HasSuffix(step.Why, ".") {
					t.Errorf("%s at %v needs a sentence under why", step.Kind, step.At)
				}
			}
		})
	}
}

func TestNoSuchScenario(t *testing.T) {
	for _, name := range []string{"", "us", "../builtin_test", "us-eu-cut-ten-minutes.yaml"} {
		if _, err := Scenario(name); err == nil || !strings.Contains(err.Error(), "no built-in scenario") {
			t.Errorf("%q: %v", name, err)
		}
	}
}
