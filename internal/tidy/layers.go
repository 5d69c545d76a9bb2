package tidy

import (
	"fmt"
	"slices"
	"strings"
)

// A layer says what packages may import of this module.
type layer struct {
	name    string   // path below the module; "x/..." is everything below x
	pure    bool     // no I/O, clock, goroutine, channel, global randomness or state
	imports []string // paths or patterns, as in name
}

// layers is the floor plan, foundations first: a package imports only what
// stands above it. The most specific row counts. Tests may look sideways.
var layers = []layer{
	{name: "planted", pure: true},
	{name: "crdt", pure: true, imports: []string{"planted"}},
	{name: "ring", pure: true},
	{name: "antientropy", pure: true, imports: []string{"planted"}},
	{name: "wire", pure: true, imports: []string{"crdt", "antientropy", "planted"}},
	{name: "region", pure: true, imports: []string{"ring", "planted"}},
	{name: "store", pure: true, imports: []string{"crdt", "antientropy", "planted"}},
	{name: "command", pure: true, imports: []string{"crdt", "store"}},
	{name: "replica", pure: true, imports: pure},

	{name: "transport"},
	{name: "transport/...", imports: []string{"transport"}},
	{name: "membership"},
	{name: "client", imports: []string{"crdt", "ring"}},
	{name: "server/...", imports: append([]string{"replica", "transport", "transport/...", "membership", "client"}, pure...)},
	{name: "server", imports: append([]string{"replica", "transport", "transport/...", "membership", "client", "server/..."}, pure...)},
	{name: "simulate/scenario", pure: true},
	{name: "simulate/model", pure: true, imports: []string{"crdt", "command"}},
	{name: "simulate/world", pure: true, imports: append([]string{"replica", "simulate/scenario"}, pure...)},
	{name: "simulate/judge", pure: true, imports: append([]string{"replica", "simulate/scenario", "simulate/model", "simulate/world"}, pure...)},
	{name: "simulate", imports: append([]string{"replica", "simulate/scenario", "simulate/model", "simulate/world", "simulate/judge"}, pure...)},
	{name: "simulate/report", imports: append([]string{"replica", "simulate", "simulate/scenario", "simulate/world"}, pure...)},
	{name: "cmd/atoll/simulate", imports: []string{"planted", "simulate", "simulate/report", "simulate/scenario", "simulate/world", "simulate/judge"}},
	{name: "cmd/atoll/remote", imports: []string{"server", "server/..."}},
	{name: "cmd/atoll/up", imports: []string{"server", "server/..."}},
	{name: "cmd/atoll/cli", imports: []string{"server", "server/...", "client", "cmd/atoll/simulate", "cmd/atoll/remote", "cmd/atoll/up"}},
	{name: "cmd/atoll", imports: []string{"cmd/atoll/cli"}},

	{name: "examples/service", imports: []string{"client"}},
	{name: "examples"},     // tests of the examples, which run them as processes
	{name: "e2e"},          // tests of whole clusters, which look everywhere
	{name: "internal/..."}, // tools and test support: no layer builds on them
}

// pure names the pure packages below replica.
var pure = []string{"planted", "crdt", "ring", "antientropy", "wire", "region", "store", "command"}

// homes names the only layers that may import a module. A module that is not
// listed here may be imported by every layer that is not pure.
var homes = map[string][]string{
	"github.com/hashicorp/memberlist":   {"membership"},
	"github.com/nats-io/nats-server/v2": {"server", "server/..."},
	"github.com/prometheus":             {"server", "server/..."},
	"github.com/spf13/cobra":            {"cmd/atoll/cli", "cmd/atoll/simulate"},
	"go.yaml.in/yaml/v3":                {"server", "simulate/scenario"},

	"github.com/cespare/xxhash/v2":       {"..."},
	"github.com/fxamacker/cbor/v2":       {"..."},
	"github.com/klauspost/compress/s2":   {"..."},
	"github.com/klauspost/compress/zstd": {"..."},
	"golang.org/x/time/rate":             {"..."},
}

// checkLayers judges the imports of a package, without those of its tests.
func checkLayers(u *unit) []finding {
	row, ok := layerOf(u.path)
	if !ok {
		return []finding{{u.path, "has no row in the layer table; decide what it may import and add one to internal/tidy/layers.go"}}
	}

	var found []finding
	for _, spec := range u.imports() {
		if why := row.refuses(spec.path); why != "" {
			found = append(found, finding{spec.at, why})
		}
	}
	return found
}

// refuses tells why the layer may not import path, or nothing.
func (l layer) refuses(path string) string {
	if below, ok := strings.CutPrefix(path, module+"/"); ok {
		if matchesAny(l.imports, below) {
			return ""
		}
		return fmt.Sprintf("%s may not import %s (it may: %s); let the upper package hand over a value or a two-method interface",
			l.name, below, orNothing(l.imports))
	}
	if standard(path) {
		return ""
	}

	allowed, listed := homeOf(path)
	if listed && (matchesAny(allowed, l.name) || slices.Contains(allowed, l.name)) {
		return ""
	}
	if listed {
		return fmt.Sprintf("%s may not import %s, which lives in %s; ask that package for what is needed", l.name, path, strings.Join(allowed, ", "))
	}
	if l.pure {
		return fmt.Sprintf("pure package %s may not import %s; do it in server, or list the module in homes if it does no I/O and keeps no state", l.name, path)
	}
	return ""
}

// layerOf finds the most specific row for a path below the module.
func layerOf(path string) (layer, bool) {
	best, ok := layer{}, false
	for _, row := range layers {
		if row.name == path {
			return row, true
		}
		if matches(row.name, path) && len(row.name) > len(best.name) {
			best, ok = row, true
		}
	}
	return best, ok
}

func homeOf(path string) (allowed []string, listed bool) {
	for module, allowed := range homes {
		if path == module || strings.HasPrefix(path, module+"/") {
			return allowed, true
		}
	}
	return nil, false
}

// matches tells whether path is name, or below it if name ends in "/...".
func matches(name, path string) bool {
	if name == "..." {
		return true
	}
	if above, ok := strings.CutSuffix(name, "..."); ok {
		return strings.HasPrefix(path, above)
	}
	return name == path
}

func matchesAny(names []string, path string) bool {
	return slices.ContainsFunc(names, func(name string) bool { return matches(name, path) })
}

// standard tells whether an import path is of the standard library, which has
// no dot in its first element.
func standard(path string) bool {
	first, _, _ := strings.Cut(path, "/")
	return !strings.Contains(first, ".")
}

func orNothing(names []string) string {
	if len(names) == 0 {
		return "nothing of this module"
	}
	return strings.Join(names, ", ")
}
