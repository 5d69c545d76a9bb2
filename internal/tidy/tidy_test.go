package tidy

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
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
	}
}

// TestReadmeIsTested holds the session that the README shows equal to the one
// that the end-to-end script plays. It binds as soon as both exist.
func TestReadmeIsTested(t *testing.T) {
	readme, err := os.ReadFile(filepath.Join(root, "README.md"))
	if errors.Is(err, fs.ErrNotExist) {
		return
	}
	if err != nil {
		t.Fatal(err)
	}
	scripts, err := filepath.Glob(filepath.Join(root, "cmd/atoll/testdata/script/session.tx*"))
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range scripts {
		script, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		report(t, checkSession(string(readme), string(script)))
	}
}

func report(t *testing.T, found []finding) {
	t.Helper()
	for _, f := range found {
		t.Error(f)
	}
}
