package tidy

import (
	"fmt"
	"go/ast"
	"go/doc"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
)

// maxLines is the length of a file at which it should have been parted.
const maxLines = 450

var (
	postponed = regexp.MustCompile(`\b(TODO|FIXME|XXX|HACK)\b`)
	nolint    = regexp.MustCompile(`^//\s*nolint\b`)
	reasoned  = regexp.MustCompile(`^//nolint:[a-z0-9,]+ // \S`)
	nameless  = regexp.MustCompile(`(^|[/_])(utils?|commons?|helpers?|managers?|misc)(_test)?(\.go)?(/|$)`)
)

// checkPackageComment wants one package comment, which begins by saying what
// the package is.
func checkPackageComment(u *unit) []finding {
	var docs []*ast.File
	for _, file := range u.files {
		if file.Doc != nil {
			docs = append(docs, file)
		}
	}
	start := "Package " + u.name + " "
	if u.name == "main" {
		start = "Command " + filepath.Base(u.path) + " "
	}

	switch {
	case len(docs) == 0:
		return []finding{{u.path, "has no package comment; say what it is in one sentence, how to use it, and what it does not do"}}
	case len(docs) > 1:
		return []finding{u.findingAt(docs[1].Package, "a second package comment; keep the one of %s", u.at(docs[0].Package))}
	}
	text := docs[0].Doc.Text()
	if synopsis := new(doc.Package).Synopsis(text); !strings.HasPrefix(text, start) || !strings.HasSuffix(synopsis, ".") && !strings.HasSuffix(synopsis, ":") {
		return []finding{u.findingAt(docs[0].Package, "the package comment must begin with a full sentence: %q", start+"…")}
	}
	return nil
}

// A source is a Go file as text and syntax, tests included.
type source struct {
	name string // relative to the module's root
	text []byte
	fset *token.FileSet
	file *ast.File
}

func (s *source) findingAt(pos token.Pos, what string) finding {
	return finding{fmt.Sprintf("%s:%d", s.name, s.fset.Position(pos).Line), what}
}

func (s *source) isTest() bool { return strings.HasSuffix(s.name, "_test.go") }

// sources reads every Go file below root, whatever its build tags.
func sources(root string) ([]*source, error) {
	var all []*source
	err := filepath.WalkDir(root, func(path string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if entry.IsDir() && (entry.Name() == "testdata" || strings.HasPrefix(entry.Name(), ".") && path != root) {
			return filepath.SkipDir
		}
		if entry.IsDir() || filepath.Ext(path) != ".go" {
			return nil
		}
		text, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		name, err := filepath.Rel(root, path)
		if err != nil {
			return err
		}
		s, err := parseSource(name, text)
		all = append(all, s)
		return err
	})
	return all, err
}

func parseSource(name string, text []byte) (*source, error) {
	fset := token.NewFileSet()
	file, err := parser.ParseFile(fset, name, text, parser.ParseComments|parser.SkipObjectResolution)
	return &source{name, text, fset, file}, err
}

// checkSource judges one file: its name, its length, its comments and, in a
// test, its patience.
func checkSource(s *source) []finding {
	var found []finding
	if nameless.MatchString(s.name) {
		found = append(found, finding{s.name, "a name that fits anything says nothing; name it by what it does, or move its parts to where they are used"})
	}
	if lines := strings.Count(string(s.text), "\n"); lines > maxLines && !s.isTest() {
		found = append(found, finding{s.name, fmt.Sprintf("has %d lines, more than %d; part it where the story changes", lines, maxLines)})
	}
	found = append(found, s.comments()...)
	if s.isTest() {
		found = append(found, s.sleeps()...)
	}
	return found
}

func (s *source) comments() []finding {
	var found []finding
	for _, group := range s.file.Comments {
		for _, comment := range group.List {
			if mark := postponed.FindString(comment.Text); mark != "" {
				found = append(found, s.findingAt(comment.Pos(), mark+" in a comment; do it, or write down what was decided"))
			}
			if nolint.MatchString(comment.Text) && !reasoned.MatchString(comment.Text) {
				found = append(found, s.findingAt(comment.Pos(), "nolint without a linter or a reason; write //nolint:name // why"))
			}
		}
	}
	return found
}

// sleeps finds time.Sleep outside of a synctest bubble, where time is not ours,
// and outside of a function called eventually, which polls for a condition.
func (s *source) sleeps() []finding {
	var found []finding
	ast.Inspect(s.file, func(n ast.Node) bool {
		if call, ok := n.(*ast.CallExpr); ok && isSelector(call.Fun, "synctest", "Test") {
			return false
		}
		if f, ok := n.(*ast.FuncDecl); ok && f.Name.Name == "eventually" {
			return false
		}
		if expr, ok := n.(ast.Expr); ok && isSelector(expr, "time", "Sleep") {
			found = append(found, s.findingAt(n.Pos(), "a test sleeps; poll for the condition in a function called eventually, or run it inside synctest.Test"))
		}
		return true
	})
	return found
}

func isSelector(e ast.Expr, base, name string) bool {
	selector, ok := e.(*ast.SelectorExpr)
	if !ok || selector.Sel.Name != name {
		return false
	}
	ident, ok := selector.X.(*ast.Ident)
	return ok && ident.Name == base
}
