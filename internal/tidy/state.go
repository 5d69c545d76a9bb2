package tidy

import (
	"go/ast"
	"go/token"
	"go/types"
	"slices"
)

// A custody says how a variable at package level may be used.
type custody int

const (
	// refused: whoever holds it could change what it refers to.
	refused custody = iota
	// value: holds no reference, so reading it gives a copy.
	value
	// table: a slice or map of values; it may be indexed, ranged over and measured.
	table
	// vouched: refers to something, and a comment says why nobody changes it.
	vouched
)

// checkState finds variables at package level that are, or could be, state.
// Errors, tables and what carries an "immutable" comment may stay, if no
// statement of the package writes them or takes their address.
func checkState(u *unit) []finding {
	var found []finding
	held := map[types.Object]custody{}
	for _, name := range u.globals() {
		object := u.info.Defs[name]
		held[object] = u.custodyOf(name, object.Type())
		if held[object] == refused {
			found = append(found, u.findingAt(name.Pos(),
				"pure package holds state in %s; pass it as an argument, or end the line with // immutable: and the reason", name.Name))
		}
	}

	for _, file := range u.files {
		ast.PreorderStack(file, nil, func(n ast.Node, stack []ast.Node) bool {
			ident, ok := n.(*ast.Ident)
			if !ok {
				return true
			}
			object, ok := u.info.Uses[ident].(*types.Var)
			if !ok || object.Pkg() == nil || object.Parent() != object.Pkg().Scope() {
				return true
			}
			place, parent := u.placeOf(ident, stack)
			if u.writes(parent, place) {
				found = append(found, u.findingAt(n.Pos(),
					"pure package writes the package variable %s or takes its address; keep it in a struct that the caller owns", ident.Name))
			} else if held[object] == table && !u.onlyReads(stack[len(stack)-1], ident) {
				found = append(found, u.findingAt(n.Pos(),
					"pure package hands out the table %s; index it, range over it, or declare it with // immutable: and the reason", ident.Name))
			}
			return true
		})
	}
	return found
}

// globals lists the names of all variables at package level but the blank.
func (u *unit) globals() []*ast.Ident {
	var names []*ast.Ident
	for _, file := range u.files {
		for _, decl := range file.Decls {
			group, ok := decl.(*ast.GenDecl)
			if !ok || group.Tok != token.VAR {
				continue
			}
			for _, spec := range group.Specs {
				names = append(names, spec.(*ast.ValueSpec).Names...)
			}
		}
	}
	return slices.DeleteFunc(names, func(name *ast.Ident) bool { return name.Name == "_" })
}

func (u *unit) custodyOf(name *ast.Ident, t types.Type) custody {
	if u.vouched(name.Pos(), "immutable") {
		return vouched
	}
	if flat(t) {
		return value
	}
	switch t := t.Underlying().(type) {
	case *types.Slice:
		if flat(t.Elem()) {
			return table
		}
	case *types.Map:
		if flat(t.Elem()) {
			return table
		}
	}
	return refused
}

// flat tells whether a type holds no reference through which it could be
// changed. Errors and functions count as flat.
func flat(t types.Type) bool {
	if types.Identical(t, types.Universe.Lookup("error").Type()) {
		return true
	}
	switch t := t.Underlying().(type) {
	case *types.Basic:
		return t.Kind() != types.UnsafePointer
	case *types.Signature:
		return true
	case *types.Array:
		return flat(t.Elem())
	case *types.Struct:
		for field := range t.Fields() {
			if !flat(field.Type()) {
				return false
			}
		}
		return true
	}
	return false
}

// placeOf widens a name to the place it is part of, as x to x.f[i], and returns
// it with the node around it. The stack ends with the parent of the name.
func (u *unit) placeOf(ident *ast.Ident, stack []ast.Node) (place ast.Expr, parent ast.Node) {
	place = ident
	for _, parent = range slices.Backward(stack) {
		switch wider := parent.(type) {
		case *ast.ParenExpr:
			place = wider
			continue
		case *ast.StarExpr:
			place = wider
			continue
		case *ast.IndexExpr:
			if wider.X == place {
				place = wider
				continue
			}
		case *ast.SelectorExpr:
			selection := u.info.Selections[wider]
			if selection == nil || selection.Kind() == types.FieldVal {
				place = wider
				continue
			}
		}
		return place, parent
	}
	return place, parent
}

// writes tells whether the node around a place changes it, or could.
func (u *unit) writes(parent ast.Node, place ast.Expr) bool {
	switch parent := parent.(type) {
	case *ast.AssignStmt:
		return slices.Contains(parent.Lhs, place)
	case *ast.IncDecStmt:
		return true
	case *ast.UnaryExpr:
		return parent.Op == token.AND
	case *ast.RangeStmt:
		return parent.Key == place || parent.Value == place
	case *ast.SliceExpr:
		_, isArray := u.info.TypeOf(place).Underlying().(*types.Array)
		return isArray
	case *ast.SelectorExpr:
		return u.borrows(parent, place)
	case *ast.CallExpr:
		builtin, isIdent := parent.Fun.(*ast.Ident)
		return isIdent && len(parent.Args) > 0 && parent.Args[0] == place &&
			slices.Contains([]string{"append", "clear", "copy", "delete"}, builtin.Name)
	}
	return false
}

// borrows tells whether a method takes the address of the place it is called on.
func (u *unit) borrows(selector *ast.SelectorExpr, place ast.Expr) bool {
	selection := u.info.Selections[selector]
	if selection == nil || selection.Kind() != types.MethodVal {
		return false
	}
	_, hasPointer := u.info.TypeOf(place).Underlying().(*types.Pointer)
	receiver := selection.Obj().(*types.Func).Signature().Recv().Type()
	_, wantsPointer := receiver.(*types.Pointer)
	return wantsPointer && !hasPointer
}

// onlyReads tells whether the parent of a table's name indexes it, ranges over
// it or measures it.
func (u *unit) onlyReads(parent ast.Node, name *ast.Ident) bool {
	switch parent := parent.(type) {
	case *ast.IndexExpr:
		return parent.X == name
	case *ast.RangeStmt:
		return parent.X == name
	case *ast.CallExpr:
		builtin, ok := parent.Fun.(*ast.Ident)
		return ok && (builtin.Name == "len" || builtin.Name == "cap")
	}
	return false
}
