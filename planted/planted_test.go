package planted_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/atollcache/atoll/planted"
)

const root = ".."

// constants gives the IDs of this package by the names of their constants.
func constants(t *testing.T) map[string]planted.ID {
	t.Helper()
	names := map[string]planted.ID{}
	files, err := filepath.Glob("*.go")
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range files {
		syntax, err := parser.ParseFile(token.NewFileSet(), file, nil, parser.SkipObjectResolution)
		if err != nil {
			t.Fatal(err)
		}
		ast.Inspect(syntax, func(n ast.Node) bool {
			spec, ok := n.(*ast.ValueSpec)
			if !ok || len(spec.Values) != 1 {
				return true
			}
			kind, typed := spec.Type.(*ast.Ident)
			text, literal := spec.Values[0].(*ast.BasicLit)
			if typed && literal && kind.Name == "ID" && spec.Names[0].Name != "None" {
				names[spec.Names[0].Name] = planted.ID(strings.Trim(text.Value, `"`))
			}
			return true
		})
	}
	return names
}

// hooks counts where the code asks for a bug, by the names of the constants.
func hooks(t *testing.T) map[string]int {
	t.Helper()
	asks := regexp.MustCompile(`planted\.Is\(planted\.(\w+)\)`)
	found := map[string]int{}
	err := filepath.WalkDir(root, func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() || filepath.Ext(path) != ".go" || filepath.Dir(path) == filepath.Join(root, "planted") {
			return err
		}
		text, err := os.ReadFile(path)
		for _, hit := range asks.FindAllStringSubmatch(string(text), -1) {
			found[hit[1]]++
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return found
}

// Every bug is listed once and says what it is; one that applies is asked for
// somewhere, one that waits nowhere.
func TestEveryBugIsPlantedOrWaits(t *testing.T) {
	listed := map[planted.ID]planted.Bug{}
	for _, b := range planted.All() {
		if _, twice := listed[b.ID]; twice {
			t.Errorf("%s is listed twice", b.ID)
		}
		if b.Breaks == "" || b.Violates == "" {
			t.Errorf("%s does not say what it breaks and violates", b.ID)
		}
		listed[b.ID] = b
	}

	asked := hooks(t)
	names := constants(t)
	if len(names) != len(listed) {
		t.Errorf("%d constants, %d bugs listed", len(names), len(listed))
	}
	for name, id := range names {
		b, ok := listed[id]
		switch {
		case !ok:
			t.Errorf("%s is not listed", id)
		case b.Applies() && asked[name] == 0:
			t.Errorf("%s is planted nowhere, and does not say what it waits for", id)
		case !b.Applies() && asked[name] > 0:
			t.Errorf("%s is planted, and says that it waits: %s", id, b.Waits)
		}
	}
}

func TestChoose(t *testing.T) {
	if err := planted.Choose(planted.None); err != nil {
		t.Errorf("choosing no bug: %v", err)
	}
	for _, test := range []struct {
		id   planted.ID
		want string
	}{
		{"l99-nonsense", `no planted bug is called "l99-nonsense"; atoll simulate list breaks names them`},
		{planted.SnapshotIsAuthority, "planted bug snapshot-is-authority cannot be switched on yet: there are no snapshots yet"},
	} {
		if err := planted.Choose(test.id); err == nil || err.Error() != test.want {
			t.Errorf("choosing %s: error %v, want %s", test.id, err, test.want)
		}
		if planted.Is(test.id) {
			t.Errorf("%s is on though it was refused", test.id)
		}
	}
	defer func() { _ = planted.Choose(planted.None) }()
	err := planted.Choose(planted.LWWTie)
	if planted.Possible != (err == nil) || planted.Possible != planted.Is(planted.LWWTie) {
		t.Errorf("choosing %s: error %v, and then it is on: %t", planted.LWWTie, err, planted.Is(planted.LWWTie))
	}
	if planted.Is(planted.LWWArrivalOrder) {
		t.Errorf("%s is on, and was not chosen", planted.LWWArrivalOrder)
	}
}

// Without the tag the compiler has removed every question, and with it what
// would go wrong: no machine code of the packages that ask calls this one.
func TestNothingIsLeftWithoutTheTag(t *testing.T) {
	if planted.Possible {
		t.Skip("this build can break")
	}
	packages := []string{"./crdt", "./store", "./replica"}
	build := exec.Command("go", append([]string{"build", "-gcflags=-S"}, packages...)...)
	build.Dir = root
	out, err := build.CombinedOutput()
	if err != nil {
		t.Fatalf("go build: %v\n%s", err, out)
	}
	assembly := string(out)
	if strings.Count(assembly, "STEXT") < 100*len(packages) {
		t.Fatalf("%d functions in the assembly of %v: not what was asked for", strings.Count(assembly, "STEXT"), packages)
	}
	for line := range strings.Lines(assembly) {
		if strings.Contains(line, "atoll/planted.Is(") || strings.Contains(line, "atoll/planted.Choose(") {
			t.Errorf("a question is left, perhaps in a closure that the compiler does not look through; ask outside of it:\n%s", line)
		}
	}
}
