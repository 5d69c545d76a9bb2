// Package examples holds programs that talk to Atoll, each one screen long, and the tests that run them against a real
// "atoll up". It has no code of its own; README.md says what each shows.
//
//	go test ./examples
//	go test -run TestExamples/node -v ./examples
//
// What needs a program or library that is not there is skipped, with what to install.
package examples
