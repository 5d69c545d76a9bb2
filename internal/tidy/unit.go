package tidy

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"go/ast"
	"go/importer"
	"go/parser"
	"go/token"
	"go/types"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
)

const module = "github.com/atollcache/atoll"

// A finding is one breach of a rule.
type finding struct {
	at   string // file:line, or the package if no line is to blame
	what string // the breach, and the cure
}

func (f finding) String() string { return f.at + ": " + f.what }

// A unit is one package as the checks see it, without its tests: parsed and,
// if it is pure, typed.
type unit struct {
	path  string // below the module: "server/wan"
	name  string
	fset  *token.FileSet
	files []*ast.File
	info  *types.Info // nil unless typed
}

// at names a position for a reader, relative to the module's root.
func (u *unit) at(pos token.Pos) string {
	p := u.fset.Position(pos)
	return fmt.Sprintf("%s:%d", p.Filename, p.Line)
}

func (u *unit) findingAt(pos token.Pos, format string, args ...any) finding {
	return finding{u.at(pos), fmt.Sprintf(format, args...)}
}

// An importSpec is one import of a unit, and where it stands.
type importSpec struct{ path, at string }

func (u *unit) imports() []importSpec {
	var specs []importSpec
	for _, file := range u.files {
		for _, spec := range file.Imports {
			path, _ := strconv.Unquote(spec.Path.Value) // the parser has checked it
			specs = append(specs, importSpec{path, u.at(spec.Pos())})
		}
	}
	return specs
}

// vouched tells whether the line of pos carries the given comment with a reason.
func (u *unit) vouched(pos token.Pos, mark string) bool {
	want := u.fset.Position(pos)
	for _, file := range u.files {
		if u.fset.Position(file.Package).Filename != want.Filename {
			continue
		}
		for _, group := range file.Comments {
			for _, comment := range group.List {
				reason, ok := strings.CutPrefix(comment.Text, "// "+mark+":")
				if ok && u.fset.Position(comment.Pos()).Line == want.Line {
					return strings.TrimSpace(reason) != ""
				}
			}
		}
	}
	return false
}

// A listed is one package in the answer of go list.
type listed struct {
	ImportPath, Name, Dir, Export string
	Standard                      bool
	GoFiles                       []string
	Error                         *struct{ Err string }
}

// load reads all packages of the module at root, and types the pure ones. The
// compiler's export data, which go list has at hand, spares typing what they
// import.
func load(root string) ([]*unit, error) {
	root, err := filepath.Abs(root)
	if err != nil {
		return nil, err
	}
	packages, err := list(root)
	if err != nil {
		return nil, err
	}

	exports := map[string]string{}
	for _, p := range packages {
		exports[p.ImportPath] = p.Export
	}
	fset := token.NewFileSet()
	imports := importer.ForCompiler(fset, "gc", func(path string) (io.ReadCloser, error) {
		if exports[path] == "" {
			return nil, fmt.Errorf("no export data for %s; run go build ./... and mend what it says", path)
		}
		return os.Open(exports[path])
	})

	var units []*unit
	for _, p := range packages {
		path, ours := strings.CutPrefix(p.ImportPath, module+"/")
		if !ours || len(p.GoFiles) == 0 {
			continue
		}
		u := &unit{path: path, name: p.Name, fset: fset}
		if err := u.parse(root, p); err != nil {
			return nil, err
		}
		if row, _ := layerOf(path); row.pure {
			if err := u.typeCheck(imports); err != nil {
				return nil, err
			}
		}
		units = append(units, u)
	}
	return units, nil
}

func list(root string) ([]listed, error) {
	command := exec.Command("go", "list", "-export", "-deps", "-json=ImportPath,Name,Dir,Export,Standard,GoFiles,Error", "./...")
	command.Dir = root
	out, err := command.Output()
	if exit, ok := errors.AsType[*exec.ExitError](err); ok {
		return nil, fmt.Errorf("go list: %w; the packages must build first: %s", err, exit.Stderr)
	}
	if err != nil {
		return nil, fmt.Errorf("go list: %w", err)
	}

	var packages []listed
	for decoder := json.NewDecoder(bytes.NewReader(out)); ; {
		var p listed
		if err := decoder.Decode(&p); errors.Is(err, io.EOF) {
			return packages, nil
		} else if err != nil {
			return nil, fmt.Errorf("answer of go list: %w", err)
		}
		packages = append(packages, p)
	}
}

// parse reads the files under names relative to the root, which is how
// findings show them.
func (u *unit) parse(root string, p listed) error {
	for _, name := range p.GoFiles {
		full := filepath.Join(p.Dir, name)
		source, err := os.ReadFile(full)
		if err != nil {
			return err
		}
		short, err := filepath.Rel(root, full)
		if err != nil {
			return err
		}
		if err := u.add(short, source); err != nil {
			return err
		}
	}
	return nil
}

func (u *unit) add(name string, source []byte) error {
	file, err := parser.ParseFile(u.fset, name, source, parser.ParseComments|parser.SkipObjectResolution)
	if err != nil {
		return err
	}
	u.files = append(u.files, file)
	return nil
}

func (u *unit) typeCheck(imports types.Importer) error {
	u.info = &types.Info{
		Types:      map[ast.Expr]types.TypeAndValue{},
		Defs:       map[*ast.Ident]types.Object{},
		Uses:       map[*ast.Ident]types.Object{},
		Selections: map[*ast.SelectorExpr]*types.Selection{},
	}
	_, err := (&types.Config{Importer: imports}).Check(module+"/"+u.path, u.fset, u.files, u.info)
	return err
}
