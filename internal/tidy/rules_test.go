package tidy

import (
	"fmt"
	"go/importer"
	"go/token"
	"slices"
	"strings"
	"testing"
)

// snippet makes a typed unit of one file, in the layer of the given path.
func snippet(t *testing.T, path, source string) *unit {
	t.Helper()
	u := &unit{path: path, name: "p", fset: token.NewFileSet()}
	if err := u.add("p.go", []byte(source)); err != nil {
		t.Fatal(err)
	}
	if err := u.typeCheck(importer.Default()); err != nil {
		t.Fatal(err)
	}
	return u
}

// expect wants one finding that says each of the given words, or none.
func expect(t *testing.T, found []finding, words ...string) {
	t.Helper()
	if len(words) == 0 {
		if len(found) > 0 {
			t.Errorf("want nothing found, got %v", found)
		}
		return
	}
	for _, word := range words {
		if !slices.ContainsFunc(found, func(f finding) bool { return strings.Contains(f.String(), word) }) {
			t.Errorf("want a finding that says %q, got %v", word, found)
		}
	}
}

func TestLayersRefuseWhatPointsUp(t *testing.T) {
	for _, test := range []struct {
		layer, imports string
		want           []string
	}{
		{"wire", module + "/crdt", nil},
		{"wire", module + "/store", []string{"wire may not import store", "hand over a value"}},
		{"crdt", module + "/ring", []string{"crdt may not import ring (it may: planted)"}},
		{"ring", module + "/crdt", []string{"nothing of this module"}},
		{"replica", module + "/command", nil},
		{"transport/nats", module + "/transport", nil},
		{"transport/nats", module + "/wire", []string{"may not import wire"}},
		{"server", module + "/server/wan", nil},
		{"server/wan", module + "/server", []string{"may not import server"}},
		{"cmd/atoll", module + "/replica", []string{"may not import replica"}},
		{"nowhere", "fmt", []string{"has no row"}},

		{"store", "github.com/cespare/xxhash/v2", nil},
		{"store", "go.uber.org/zap", []string{"pure package store may not import go.uber.org/zap"}},
		{"server/broker", "github.com/nats-io/nats-server/v2/server", nil},
		{"transport/nats", "github.com/nats-io/nats-server/v2/server", []string{"lives in server"}},
		{"transport/nats", "github.com/nats-io/nats.go", nil},
	} {
		t.Run(test.layer+" imports "+test.imports, func(t *testing.T) {
			u := &unit{path: test.layer, fset: token.NewFileSet()}
			if err := u.add("p.go", []byte("package p\nimport _ \""+test.imports+"\"")); err != nil {
				t.Fatal(err)
			}
			expect(t, checkLayers(u), test.want...)
		})
	}
}

// TestLayersAreAFloorPlan holds the table to its own promise: a row that names
// another stands below it, so the imports of the module have no circle.
func TestLayersAreAFloorPlan(t *testing.T) {
	for i, row := range layers {
		for _, name := range row.imports {
			if !slices.ContainsFunc(layers[:i], func(above layer) bool { return above.name == name }) {
				t.Errorf("%s may import %s, which does not stand above it", row.name, name)
			}
		}
	}
}

func TestPurity(t *testing.T) {
	for _, test := range []struct{ name, source, want string }{
		{"a clock", `import "time"; func f() time.Time { return time.Now() }`, "take now as a parameter"},
		{"a clock under another name", `import clock "time"; func f() any { return clock.Now }`, "take now as a parameter"},
		{"an age", `import "time"; func f(t time.Time) any { return time.Since(t) }`, "subtract"},
		{"waiting", `import "time"; func f() { time.Sleep(1) }`, "return when to act next"},
		{"a timer", `import "time"; func f() any { return time.NewTimer(1) }`, "return when to act next"},
		{"files", `import _ "os"`, "return what should happen"},
		{"sockets", `import _ "net/http"`, "return what should happen"},
		{"logs", `import _ "log/slog"`, "let server log it"},
		{"secrets", `import _ "crypto/rand"`, "take a *rand.Rand"},
		{"dice", `import "math/rand/v2"; func f() int { return rand.IntN(6) }`, "take a *rand.Rand"},
		{"printing", `import "fmt"; func f() { fmt.Println() }`, "return the value"},
		{"debugging", `func f() { println() }`, "prints"},
		{"pools", `import "sync"; type t struct { p sync.Pool }`, "only Mutex"},
		{"a goroutine", `func f() { go f() }`, "starts a goroutine"},
		{"a channel type", `type t struct { c chan int }`, "has a channel"},
		{"a send", `type c chan int; func f(c c) { c <- 1 }`, "sends on a channel"},
		{"a receive", `type c chan int; func f(c c) int { return <-c }`, "receives from a channel"},
		{"a select", `func f() { select {} }`, "selects"},
		{"an init", `func init() {}`, "init function"},

		{"durations and times", `import "time"; const d = time.Second; func f(t time.Time) time.Time { return t.Add(d) }`, ""},
		{"a given source", `import "math/rand/v2"; func f(r *rand.Rand) int { return r.IntN(6) }; func g() any { return rand.New(rand.NewPCG(1, 2)) }`, ""},
		{"a mutex", `import ("sync"; "sync/atomic"); type t struct { mu sync.Mutex; n atomic.Int64 }; func (t *t) f() { t.mu.Lock() }`, ""},
		{"formatting", `import "fmt"; func f() error { return fmt.Errorf("x") }`, ""},
		{"a method called Now", `type t struct{}; func (t) Now() int { return 0 }; func f() int { return t{}.Now() }`, ""},
	} {
		t.Run(test.name, func(t *testing.T) {
			found := checkPurity(snippet(t, "crdt", "package p; "+test.source))
			if test.want == "" {
				expect(t, found)
			} else {
				expect(t, found, test.want)
			}
		})
	}
}

func TestOrder(t *testing.T) {
	const imports = "package p\nimport (\"maps\"; \"slices\")\nvar _, _ = maps.Clone[map[int]int], slices.Sorted[int]\n"
	for _, test := range []struct {
		name, body string
		flagged    bool
	}{
		{"keys", "for k := range m { use(k) }", true},
		{"values", "for _, v := range m { use(v) }", true},
		{"a reason", "for k := range m { // order-free: sums commute\n use(k) }", false},
		{"a mark without a reason", "for k := range m { // order-free:\n use(k) }", true},
		{"a reason on another line", "// order-free: sums commute\nfor k := range m { use(k) }", true},
		{"counting only", "for range m { use(0) }", false},
		{"a slice", "for _, v := range s { use(v) }", false},
		{"sorted keys", "for _, k := range slices.Sorted(maps.Keys(m)) { use(k) }", false},
		{"collected keys", "s = slices.Collect(maps.Keys(m))", true},
		{"iterated values", "for v := range maps.Values(m) { use(v) }", true},
		{"a vouched iterator", "for v := range maps.Values(m) { // order-free: sums commute\n use(v) }", false},
	} {
		t.Run(test.name, func(t *testing.T) {
			u := snippet(t, "crdt", imports+"func use(int) {}\nfunc f(m map[int]int, s []int) {\n"+test.body+"\n}")
			if found := checkOrder(u); (len(found) > 0) != test.flagged {
				t.Errorf("flagged: %v, want %v", found, test.flagged)
			}
		})
	}
}

func TestState(t *testing.T) {
	for _, test := range []struct{ name, source, want string }{
		{"a sentinel", `var Err = errors.New("x")`, ""},
		{"an assertion", `var _ error = (*t)(nil); type t struct{}; func (*t) Error() string { return "" }`, ""},
		{"a table that is read", `var names = []string{"a"}; func f(i int) string { for range names {}; return names[i%len(names)] }`, ""},
		{"a map that is read", `var codes = map[string]int{"a": 1}; func f() int { return codes["a"] }`, ""},
		{"a struct of values", `var zero struct{ a, b int }; func f() int { return zero.a }`, ""},
		{"a pointer with a reason", "var table = new(int) // immutable: nobody writes it\nfunc f() int { return *table }", ""},
		{"a shadow", `var n int; func f() { n := 1; n++; _ = n }`, ""},

		{"a pointer", `var table = new(int)`, "holds state"},
		{"an interface", `var x any = 1`, "holds state"},
		{"a cache", `var seen = map[string]int{}; func f() { seen["a"] = 1 }`, "writes the package variable"},
		{"a counter", `var n int; func f() { n++ }`, "writes the package variable"},
		{"a field", `var s struct{ n int }; func f() { s.n = 1 }`, "writes the package variable"},
		{"a sentinel that changes", `var Err = errors.New("x"); func f() { Err = nil }`, "writes the package variable"},
		{"an address", `var n int; func f() *int { return &n }`, "takes its address"},
		{"an element's address", `var a [2]int; func f() *int { return &a[1] }`, "takes its address"},
		{"a slice of an array", `var a [2]int; func f() []int { return a[:] }`, "takes its address"},
		{"a lock", `var mu sync.Mutex; func f() { mu.Lock() }`, "takes its address"},
		{"a deletion", `var seen = map[string]int{}; func f() { delete(seen, "a") }`, "writes the package variable"},
		{"a loop variable", `var i int; func f() { for i = range 3 {} }`, "writes the package variable"},
		{"a table given away", `var names = []string{"a"}; func f() []string { return names }`, "hands out the table"},
		{"another's state", `func f() { io.EOF = nil }`, "writes the package variable"},
		{"a vouched pointer that is written", "var table = new(int) // immutable: really\nfunc f() { *table = 1 }", "writes the package variable"},
	} {
		t.Run(test.name, func(t *testing.T) {
			found := checkState(snippet(t, "crdt", "package p\nimport (\"errors\"; \"io\"; \"sync\")\nvar _, _ = errors.New, io.EOF\ntype _ sync.Mutex\n"+test.source))
			if test.want == "" {
				expect(t, found)
			} else {
				expect(t, found, test.want)
			}
		})
	}
}

func TestBreakable(t *testing.T) {
	const tagged = "//go:build simbreak\n\npackage p\n\n"
	for _, test := range []struct {
		name, text string
		want       []string
	}{
		{"planted/breakable.go", tagged + "var chosen ID // state: one per process\n", nil},
		{"planted/breakable.go", tagged + "var chosen ID\n", []string{"end the line with // state: and the reason"}},
		{"replica/breakable.go", tagged, []string{"only in planted"}},
		{"replica/breakable_test.go", tagged + "var chosen ID\n", nil},
		{"replica/sound.go", "//go:build !simbreak\n\npackage p\n", []string{"only in planted"}},
		{"replica/replica.go", "package p\n\nvar names = 1\n", nil},
		{"replica/replica_linux.go", "//go:build linux\n\npackage p\n", nil},
	} {
		t.Run(test.name, func(t *testing.T) {
			s, err := parseSource(test.name, []byte(test.text))
			if err != nil {
				t.Fatal(err)
			}
			expect(t, checkBreakable(s), test.want...)
		})
	}
}

func TestPackageComment(t *testing.T) {
	for _, test := range []struct {
		path, name, source, want string
	}{
		{"ring", "ring", "// Package ring places partitions.\npackage ring", ""},
		{"cmd/atoll", "main", "// Command atoll runs nodes.\npackage main", ""},
		{"ring", "ring", "package ring", "no package comment"},
		{"ring", "ring", "// Places partitions.\npackage ring", "must begin"},
		{"ring", "ring", "// Package ring\npackage ring", "must begin"},
	} {
		u := &unit{path: test.path, name: test.name, fset: token.NewFileSet()}
		if err := u.add("p.go", []byte(test.source)); err != nil {
			t.Fatal(err)
		}
		if test.want == "" {
			expect(t, checkPackageComment(u))
		} else {
			expect(t, checkPackageComment(u), test.want)
		}
	}
}

func TestSource(t *testing.T) {
	for _, test := range []struct{ name, text, want string }{
		{"a.go", "package p", ""},
		{"a.go", "package p // TO" + "DO: more", "do it"},
		{"a.go", "package p\nfunc f() {} //nolint", "why"},
		{"a.go", "package p\nfunc f() {} //nolint:errcheck", "why"},
		{"a.go", "package p\nfunc f() {} //nolint:errcheck // close of a file that was read", ""},
		{"store/util.go", "package p", "says nothing"},
		{"common/a.go", "package p", "says nothing"},
		{"store/commonground.go", "package p", ""},
		{"a.go", "package p" + strings.Repeat("\n", maxLines+1), fmt.Sprintf("more than %d", maxLines)},
		{"a_test.go", "package p" + strings.Repeat("\n", maxLines+1), ""},
		{"a_test.go", "package p\nfunc f() { time.Sleep(1) }", "a test sleeps"},
		{"a_test.go", "package p\nfunc f() { synctest.Test(t, func(t *testing.T) { time.Sleep(1) }) }", ""},
		{"a_test.go", "package p\nfunc eventually(f func() bool) { for !f() { time.Sleep(1) } }", ""},
		{"a.go", "package p\nfunc f() { time.Sleep(1) }", ""},
	} {
		s, err := parseSource(test.name, []byte(test.text))
		if err != nil {
			t.Fatal(err)
		}
		if test.want == "" {
			expect(t, checkSource(s))
		} else {
			expect(t, checkSource(s), test.want)
		}
	}
}

func TestSession(t *testing.T) {
	const readme = "# Atoll\n```sh\n" +
		"go run ./cmd/atoll up      # three regions; two nodes\n" +
		"go run ./cmd/atoll set greeting hello --region eu\n" +
		"go run ./cmd/atoll wan cut eu us && go run ./cmd/atoll wan cut eu ap\n" +
		"go run ./cmd/atoll verify  # exit 7\n" +
		"make test\n```\n"

	for _, test := range []struct{ name, script, want string }{
		{
			"the same, with more in between",
			"exec atoll up --ready-file ready &up&\nwait\nexec atoll set greeting hello --region eu\nexec atoll wan cut eu us\nexec atoll wan cut eu ap # both\nexec atoll status\n! exec atoll verify\nstdout differs\n",
			"",
		},
		{
			"a command with another flag",
			"exec atoll up &\nexec atoll set greeting hello --region us\nexec atoll wan cut eu us\nexec atoll wan cut eu ap\n! exec atoll verify\n",
			`"atoll set greeting hello --region eu"`,
		},
		{
			"another order",
			"exec atoll up &\nexec atoll set greeting hello --region eu\nexec atoll wan cut eu ap\nexec atoll wan cut eu us\n! exec atoll verify\n",
			`"atoll wan cut eu ap"`,
		},
		{
			"one is missing",
			"exec atoll up &\nexec atoll set greeting hello --region eu\nexec atoll wan cut eu us\nexec atoll wan cut eu ap\n",
			`"atoll verify"`,
		},
	} {
		t.Run(test.name, func(t *testing.T) {
			found := checkSession(readme, test.script)
			if test.want == "" {
				expect(t, found)
			} else {
				expect(t, found, test.want)
			}
		})
	}
	expect(t, checkSession("no session", ""), "show the session")
}
