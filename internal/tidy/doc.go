// Package tidy holds the rules of the house as tests: which package may import
// which, what a pure package must not touch, and how files, comments and the
// README must look.
//
//	go test ./internal/tidy
//
// A finding names the file and line, the rule, and the cure. Changing a rule
// is changing this package, and the commit says why; the floor plan is the
// table in layers.go.
//
// Three comments, each with its reason, vouch for what the checks cannot see
// in a pure package:
//
//	for k := range m { // order-free: sums commute
//	var mode = encoder() // immutable: the library documents it
//	x := f() //nolint:errcheck // close of a file that was only read
//
// Tidy reads syntax and types of what go list names under the default build
// tags. It does not follow values: a slice that leaves its package through a
// vouched variable may still be written elsewhere. What golangci-lint finds,
// it leaves to golangci-lint.
package tidy
