package tidy

import (
	"fmt"
	"go/ast"
	"go/token"
	"go/types"
	"strings"
)

// The cures that more than one rule names.
const (
	takeNow    = "take now as a parameter"
	returnWhen = "return when to act next, and let server wait"
	returnWhat = "return what should happen, and let server do it"
	takeRand   = "take a *rand.Rand as a parameter"
)

// refusedImports are the packages of the standard library that a pure package
// may not import, with everything below them.
var refusedImports = map[string]string{
	"bufio":        "take and return bytes",
	"context":      "do not wait: " + returnWhat,
	"crypto/rand":  takeRand,
	"hash/maphash": "its seed differs from process to process; hash with xxhash and the cluster's secret",
	"io/fs":        returnWhat,
	"io/ioutil":    returnWhat,
	"log":          "return the event, and let server log it",
	"net":          returnWhat,
	"os":           returnWhat,
	"plugin":       returnWhat,
	"runtime":      "leave the scheduler and the collector to server",
	"syscall":      returnWhat,
	"testing":      "move it to a _test.go file",
}

// refusedFuncs are the functions and methods that a pure package may not name.
var refusedFuncs = map[string]string{
	"time.Now":   takeNow,
	"time.Since": takeNow + " and subtract",
	"time.Until": takeNow + " and subtract",

	"time.Sleep":     returnWhen,
	"time.After":     returnWhen,
	"time.AfterFunc": returnWhen,
	"time.NewTicker": returnWhen,
	"time.NewTimer":  returnWhen,
	"time.Tick":      returnWhen,

	"(*golang.org/x/time/rate.Limiter).Allow":    "use AllowN with an explicit time",
	"(*golang.org/x/time/rate.Limiter).Reserve":  "use ReserveN with an explicit time",
	"(*golang.org/x/time/rate.Limiter).SetBurst": "use SetBurstAt with an explicit time",
	"(*golang.org/x/time/rate.Limiter).SetLimit": "use SetLimitAt with an explicit time",
	"(*golang.org/x/time/rate.Limiter).Tokens":   "use TokensAt with an explicit time",
	"(*golang.org/x/time/rate.Limiter).Wait":     returnWhen,
	"(*golang.org/x/time/rate.Limiter).WaitN":    returnWhen,
}

// checkPurity finds what a pure package must leave to others: I/O, the clock,
// waiting, randomness of the process, goroutines and channels.
func checkPurity(u *unit) []finding {
	var found []finding
	for _, spec := range u.imports() {
		if cure := refusedImport(spec.path); cure != "" {
			found = append(found, finding{spec.at, fmt.Sprintf("pure package imports %s; %s", spec.path, cure)})
		}
	}
	for _, file := range u.files {
		ast.Inspect(file, func(n ast.Node) bool {
			if what := u.impure(n); what != "" {
				found = append(found, u.findingAt(n.Pos(), "pure package %s", what))
			}
			return true
		})
	}
	return found
}

func refusedImport(path string) string {
	for refused, cure := range refusedImports {
		if path == refused || strings.HasPrefix(path, refused+"/") {
			return cure
		}
	}
	return ""
}

// impure says what is wrong with a node, and the cure, or nothing.
func (u *unit) impure(n ast.Node) string {
	switch n := n.(type) {
	case *ast.GoStmt:
		return "starts a goroutine; " + returnWhat
	case *ast.SelectStmt:
		return "selects; take messages as arguments"
	case *ast.SendStmt:
		return "sends on a channel; return the message"
	case *ast.ChanType:
		return "has a channel; take messages as arguments and return them"
	case *ast.UnaryExpr:
		if n.Op == token.ARROW {
			return "receives from a channel; take messages as arguments"
		}
	case *ast.FuncDecl:
		if n.Recv == nil && n.Name.Name == "init" {
			return "has an init function; compute it where it is used, or as the value of a table"
		}
	case *ast.Ident:
		return u.impureName(u.info.Uses[n])
	}
	return ""
}

// impureName judges the use of a name, whatever its package is called here.
func (u *unit) impureName(object types.Object) string {
	if builtin, ok := object.(*types.Builtin); ok {
		if builtin.Name() == "print" || builtin.Name() == "println" {
			return "prints; return the value"
		}
		return ""
	}
	if object == nil || object.Pkg() == nil {
		return ""
	}

	function, isFunc := object.(*types.Func)
	if isFunc && refusedFuncs[function.FullName()] != "" {
		return "uses " + function.FullName() + "; " + refusedFuncs[function.FullName()]
	}
	if object.Parent() != object.Pkg().Scope() { // a method or a field
		return ""
	}
	return impureGlobal(object.Pkg().Path(), object.Name(), isFunc)
}

// impureGlobal judges the packages of which a pure one may use some names.
func impureGlobal(path, name string, isFunc bool) string {
	switch path {
	case "fmt":
		if strings.HasPrefix(name, "Print") || strings.HasPrefix(name, "Scan") {
			return "does I/O (fmt." + name + "); return the value"
		}
	case "math/rand", "math/rand/v2":
		if isFunc && !strings.HasPrefix(name, "New") {
			return "uses the process's randomness (rand." + name + "); " + takeRand
		}
	case "sync":
		if name != "Mutex" && name != "RWMutex" && name != "Locker" {
			return "uses sync." + name + "; only Mutex, RWMutex and sync/atomic are allowed, the rest hides goroutines or state"
		}
	}
	return ""
}
