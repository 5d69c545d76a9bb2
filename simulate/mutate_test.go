package simulate

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/atollcache/atoll/planted"
)

// TestMutants plants one bug of each kind, which the swarm must find at once; a
// build that cannot says so.
func TestMutants(t *testing.T) {
	cfg := MutateConfig{Bugs: []planted.ID{planted.RemovalCoversUnseen, planted.CounterLastNotMax}, Seeds: 20, Build: "00000000"}
	told := 0
	cfg.Each = func(*Mutant) { told++ }
	all, err := Mutate(t.Context(), cfg)
	if !planted.Possible {
		if !errors.Is(err, ErrSound) {
			t.Errorf("a sound build: %v", err)
		}
		return
	}
	if err != nil || len(all) != 2 || told != 2 {
		t.Fatalf("%v: %v", err, all)
	}
	for _, m := range all {
		if m.Survived() || m.Oracle == "" || m.Seeds == 0 {
			t.Errorf("%+v", m)
		}
	}
}

// Time that is over ends the search by random scenarios, and nothing else.
func TestMutateWithin(t *testing.T) {
	if !planted.Possible {
		t.Skip("a sound build has no bugs to look for")
	}
	cfg := MutateConfig{Bugs: []planted.ID{planted.LWWTie}, Within: time.Nanosecond, Build: "00000000"}
	all, err := Mutate(t.Context(), cfg)
	if err != nil || len(all) != 1 || !all[0].Directed || all[0].Survived() {
		t.Errorf("%v: %+v", err, all)
	}
}

// Every bug that there is has a scenario that was written for it, or a waiver.
func TestEveryBugIsDirected(t *testing.T) {
	waivers, err := Waivers()
	if err != nil {
		t.Fatal(err)
	}
	for _, bug := range planted.All() {
		if s, err := Directed(bug.ID); bug.Applies() && waivers[bug.ID] == "" && (s == nil || err != nil) {
			t.Errorf("%s: %v", bug.ID, err)
		}
	}
}

// Every directed scenario is of a bug that there is, and can be read.
func TestDirected(t *testing.T) {
	for _, name := range yamlNames("testdata/planted") {
		bug, ok := planted.Find(name)
		if !ok {
			t.Errorf("no bug is called %s", name)
			continue
		}
		if s, err := Directed(bug.ID); err != nil || s == nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	if s, err := Directed("nothing"); s != nil || err != nil {
		t.Errorf("%v, %v", s, err)
	}
}

func TestWaivers(t *testing.T) {
	if _, err := Waivers(); err != nil {
		t.Error(err)
	}
	id := string(planted.All()[0].ID)
	got, err := parseWaivers("# a comment\n\n" + id + ": nothing that a client sees differs\n")
	if err != nil || len(got) != 1 || got[planted.All()[0].ID] != "nothing that a client sees differs" {
		t.Errorf("%v, %v", got, err)
	}
	many := ""
	for _, b := range planted.All()[:maxWaivers+1] {
		many += string(b.ID) + ": nothing that a client sees differs\n"
	}
	for text, want := range map[string]string{
		"nothing: nothing that a client sees differs": `no planted bug is called "nothing"`,
		id:          "without a reason",
		id + ": no": "without a reason",
		many:        "4 planted bugs are waived, and 3 may be",
	} {
		if _, err := parseWaivers(text); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v", text, err)
		}
	}
}
