package simulate

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/atollcache/atoll/simulate/scenario"
)

func TestTokens(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		want := Token{
			Source: rapid.StringMatching(`[a-z0-9-]{1,40}`).Draw(t, "source"),
			Seed:   rapid.Uint64().Draw(t, "seed"),
			Build:  rapid.StringMatching(`[0-9a-f]{8}`).Draw(t, "build"),
		}
		if got, err := ParseToken(want.String()); err != nil || got != want {
			t.Fatalf("%v is read as %v, %v", want, got, err)
		}
	})
	for _, text := range []string{"", "stormy", "stormy.1", "stormy.-1.00000000", "stormy.1.0000000g", "../x.1.00000000", "stormy.99999999999999999999.00000000", "stormy.1.00000000\n"} {
		if _, err := ParseToken(text); err == nil {
			t.Errorf("%q is taken for a token", text)
		}
	}
}

// A build has one name, and what it names can be found again.
func TestRecall(t *testing.T) {
	build, err := Build()
	if again, _ := Build(); err != nil || again != build || len(build) != 8 {
		t.Fatalf("%q and %q, %v", build, again, err)
	}
	dir := t.TempDir()
	sc := read(t, small)
	token := Token{fileSource(sc), 7, build}
	path, err := Save(dir, token, sc, "what\nwas wrong")
	if err != nil {
		t.Fatal(err)
	}
	text, _ := os.ReadFile(path)
	if !strings.HasPrefix(string(text), "# what\n# was wrong\nversion: 1\n") {
		t.Errorf("%s", text)
	}

	for name, want := range map[string]struct {
		scenario string
		seed     uint64
		warns    bool
	}{
		token.String():               {"small", 7, false},
		path:                         {"small", 7, false},
		"calm.3." + build:            {"calm 3", 3, false},
		"packet-soup.4." + build:     {"packet soup", 4, false},
		"stormy.5.00000000":          {"stormy 5", 5, true}, // of another build, and nothing was saved
		"packet-soup.6.00000000":     {"packet soup", 6, true},
		token.Source + ".7." + build: {"small", 7, false},
	} {
		s, err := Recall(name, dir, build)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if s.Scenario.Name != want.scenario || s.Seed != want.seed || (s.Warning != "") != want.warns {
			t.Errorf("%s: %s with seed %d, %q", name, s.Scenario.Name, s.Seed, s.Warning)
		}
	}

	// A token of another build is run from what was saved with it.
	other := Token{string(scenario.Stormy), 1, "00000000"}
	if _, err := Save(dir, other, sc, ""); err != nil {
		t.Fatal(err)
	}
	s, err := Recall(other.String(), dir, build)
	if err != nil || s.Scenario.Name != "small" || !strings.Contains(s.Warning, "running the scenario saved in") {
		t.Errorf("%v: %+v", err, s)
	}
}

func TestRecallNothing(t *testing.T) {
	dir := t.TempDir()
	broken := filepath.Join(dir, "stormy.1.00000000.yaml")
	if err := os.WriteFile(broken, []byte("version: 1\nname: ["), 0o600); err != nil {
		t.Fatal(err)
	}
	huge := filepath.Join(dir, "huge.yaml")
	if err := os.WriteFile(huge, make([]byte, maxFile+1), 0o600); err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]string{
		"hello":                       `"hello" is no replay token`,
		"file-00000000.1.00000000":    "its scenario is not built in",
		"stormy.1.00000000":           "stormy.1.00000000.yaml",
		huge:                          "is no scenario",
		dir + "/":                     "is a directory",
		filepath.Join(dir, "no.yaml"): "no such file",
	} {
		if _, err := Recall(name, dir, "11111111"); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", name, err)
		}
	}
	var nothing *UnknownError
	if _, err := Find("mars"); !errors.As(err, &nothing) {
		t.Errorf("mars: %v", err)
	}
}

// A disk that is full, or a directory that is none, leaves no half of a file.
func TestSaveFails(t *testing.T) {
	dir := t.TempDir()
	file := filepath.Join(dir, "file")
	if err := os.WriteFile(file, []byte("before"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := Save(file, Token{"x", 1, "00000000"}, read(t, small), ""); err == nil {
		t.Error("a file was taken for a directory")
	}
	if err := WriteFile(filepath.Join(dir, "no", "where"), []byte("x")); err == nil {
		t.Error("written into a directory that is not there")
	}
	if err := WriteFile(dir, []byte("x")); err == nil {
		t.Error("a directory was replaced")
	}
	left, _ := os.ReadDir(dir)
	if len(left) != 1 {
		t.Errorf("left behind: %v", left)
	}
}
