package tidy

import (
	"go/ast"
	"go/types"
	"slices"
)

// checkOrder finds iterations over maps. Go shuffles them, so one that reaches
// an output makes two runs differ.
func checkOrder(u *unit) []finding {
	var found []finding
	for _, file := range u.files {
		ast.PreorderStack(file, nil, func(n ast.Node, stack []ast.Node) bool {
			if u.shuffled(n, stack) && !u.vouched(n.Pos(), "order-free") {
				found = append(found, u.findingAt(n.Pos(),
					"pure package iterates over a map; sort the keys first, or end the line with // order-free: and the reason"))
			}
			return true
		})
	}
	return found
}

// shuffled tells whether a node yields elements in the random order of a map.
func (u *unit) shuffled(n ast.Node, stack []ast.Node) bool {
	switch n := n.(type) {
	case *ast.RangeStmt:
		_, isMap := u.info.TypeOf(n.X).Underlying().(*types.Map)
		return isMap && (named(n.Key) || named(n.Value))
	case *ast.CallExpr:
		return slices.Contains([]string{"maps.All", "maps.Keys", "maps.Values"}, u.callee(n)) && !u.sorts(stack)
	}
	return false
}

func named(e ast.Expr) bool {
	ident, isIdent := e.(*ast.Ident)
	return e != nil && (!isIdent || ident.Name != "_")
}

// callee names the function that is called, as in "maps.Keys".
func (u *unit) callee(call *ast.CallExpr) string {
	fun := ast.Unparen(call.Fun)
	if index, ok := fun.(*ast.IndexExpr); ok {
		fun = index.X
	}
	selector, ok := fun.(*ast.SelectorExpr)
	if !ok {
		return ""
	}
	function, ok := u.info.Uses[selector.Sel].(*types.Func)
	if !ok {
		return ""
	}
	return function.FullName()
}

// sorts tells whether the innermost node of the stack sorts its argument.
func (u *unit) sorts(stack []ast.Node) bool {
	call, ok := stack[len(stack)-1].(*ast.CallExpr)
	return ok && slices.Contains([]string{"slices.Sorted", "slices.SortedFunc", "slices.SortedStableFunc"}, u.callee(call))
}
