package tidy

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

const root = "../.."

// TestPackages holds every package to the layer table and to its comment, and
// the pure ones to purity.
func TestPackages(t *testing.T) {
	units, err := load(root)
	if err != nil {
		t.Fatal(err)
	}
	if len(units) == 0 {
		t.Fatal("go list names no package of the module")
	}
	for _, u := range units {
		report(t, checkLayers(u))
		report(t, checkPackageComment(u))
		if u.info != nil {
			report(t, checkPurity(u))
			report(t, checkOrder(u))
			report(t, checkState(u))
		}
	}
}

// TestSources reads every Go file as text.
func TestSources(t *testing.T) {
	all, err := sources(root)
	if err != nil {
		t.Fatal(err)
	}
	if len(all) == 0 {
		t.Fatal("no Go file found")
	}
	for _, s := range all {
		report(t, checkSource(s))
		report(t, checkBreakable(s))
	}
}

// TestReadmeIsTested holds the session that the README shows equal to the one
// that the end-to-end script plays, as soon as there is one, and the command
// that it names for the tests equal to the one that .ci/run runs.
func TestReadmeIsTested(t *testing.T) {
	readme := read(t, "README.md")
	scripts, err := filepath.Glob(filepath.Join(root, "cmd/atoll/testdata/script/session.tx*"))
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range scripts {
		script, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		report(t, checkSession(readme, string(script)))
	}

	for _, name := range []string{"README.md", ".ci/run"} {
		if !strings.Contains(read(t, name), "make test") {
			t.Errorf("%s does not run make test, which is how this repository is tested", name)
		}
	}
}

// TestArchitectureShowsTheLayers wants a row for each package of the table that
// exists, with its star, in the tour of the house.
func TestArchitectureShowsTheLayers(t *testing.T) {
	tour := read(t, "docs/architecture.md")
	for _, row := range layers {
		_, err := os.Stat(filepath.Join(root, row.name))
		if err != nil { // a pattern, or a package to come
			continue
		}
		name := "| `" + row.name + "` |"
		if row.pure {
			name = "| `" + row.name + "` * |"
		}
		if !strings.Contains(tour, name) {
			t.Errorf("docs/architecture.md has no row that begins with %s; keep its table equal to layers.go", name)
		}
	}
}

func read(t *testing.T, name string) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(root, name))
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

func report(t *testing.T, found []finding) {
	t.Helper()
	for _, f := range found {
		t.Error(f)
	}
}
