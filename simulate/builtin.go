// Package simulate runs clusters of production nodes in one goroutine, under a
// virtual clock and a hostile network.
//
// Here are the built-in scenarios, each a story with a line of prose for every
// step:
//
//	for _, name := range simulate.Scenarios() { … }
//	s, err := simulate.Scenario("us-eu-cut-ten-minutes")
//
// What a scenario may say is in package scenario. This package reads no other
// files and opens no socket.
package simulate

import (
	"embed"
	"fmt"
	"strings"

	"github.com/atollcache/atoll/simulate/scenario"
)

//go:embed testdata/*.yaml
var files embed.FS

// Scenarios lists the names of the built-in scenarios, sorted.
func Scenarios() []string {
	entries, err := files.ReadDir("testdata")
	if err != nil {
		panic("the built-in scenarios are not in the binary: " + err.Error())
	}
	names := make([]string, len(entries))
	for i, entry := range entries {
		names[i] = strings.TrimSuffix(entry.Name(), ".yaml")
	}
	return names
}

// Text gives a built-in scenario as it is written.
func Text(name string) ([]byte, error) {
	text, err := files.ReadFile("testdata/" + name + ".yaml")
	if err != nil {
		return nil, fmt.Errorf("no built-in scenario %q; `atoll simulate list scenarios` shows them all", name)
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
