// Package simulate runs clusters of production nodes in one goroutine, under a
// virtual clock and a hostile network.
//
//	s, err := simulate.Scenario("us-eu-cut-ten-minutes") // built in; Scenarios lists them
//	r, err := simulate.Run(ctx, simulate.Config{Scenario: s, Seed: 7})
//	fmt.Println(r.Verdict, r.Trace, r.Violations)
//
// The same scenario and seed are the same run, to the bit: r.Trace says so. What
// a scenario may say is in package scenario, what a run does in package world,
// what is promised in package judge. This package opens no socket, and reads no
// clock but to tell how long a run took.
package simulate

import (
	"embed"
	"strings"

	"github.com/atollcache/atoll/simulate/scenario"
)

//go:embed testdata corpus
var files embed.FS

// Scenarios lists the names of the built-in scenarios, sorted.
func Scenarios() []string { return yamlNames("testdata") }

// yamlNames lists the scenarios of a directory, sorted.
func yamlNames(dir string) []string {
	entries, err := files.ReadDir(dir)
	if err != nil {
		panic("the scenarios are not in the binary: " + err.Error())
	}
	var names []string
	for _, entry := range entries {
		if name, ok := strings.CutSuffix(entry.Name(), ".yaml"); ok {
			names = append(names, name)
		}
	}
	return names
}

// Text gives a built-in scenario as it is written.
func Text(name string) ([]byte, error) {
	text, err := files.ReadFile("testdata/" + name + ".yaml")
	if err != nil {
		return nil, unknown("no built-in scenario %q; `atoll simulate list scenarios` shows them all", name)
	}
	return text, nil
}

// Scenario reads a built-in scenario.
func Scenario(name string) (*scenario.Scenario, error) {
	text, err := Text(name)
	if err != nil {
		return nil, err
	}
	return scenario.Parse(name+".yaml", text)
}
