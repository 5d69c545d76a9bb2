package tidy

import (
	"go/ast"
	"go/token"
	"strings"
)

// checkBreakable keeps what a build with the tag simbreak has otherwise than a
// released one in the package planted, so that both run the same code but for
// the bugs that are asked for by name. A variable there says why it must be one:
// the checks of packages do not see files of that tag.
func checkBreakable(s *source) []finding {
	if s.isTest() || !s.tagged("simbreak") {
		return nil
	}
	if !strings.HasPrefix(s.name, "planted/") {
		return []finding{{s.name, "the tag simbreak is used only in planted; plant the bug in one line that asks planted.Is"}}
	}
	var found []finding
	for _, decl := range s.file.Decls {
		if group, ok := decl.(*ast.GenDecl); ok && group.Tok == token.VAR && !s.vouched(group.Pos(), "state") {
			found = append(found, s.findingAt(group.Pos(), "a variable at package level; pass it as an argument, or end the line with // state: and the reason"))
		}
	}
	return found
}

// tagged says whether a build constraint of the file names a tag.
func (s *source) tagged(tag string) bool {
	for _, group := range s.file.Comments {
		for _, comment := range group.List {
			if constraint, ok := strings.CutPrefix(comment.Text, "//go:build "); ok && strings.Contains(constraint, tag) {
				return true
			}
		}
	}
	return false
}

// vouched tells whether the line of pos carries the given comment with a reason.
func (s *source) vouched(pos token.Pos, mark string) bool {
	u := unit{fset: s.fset, files: []*ast.File{s.file}}
	return u.vouched(pos, mark)
}
