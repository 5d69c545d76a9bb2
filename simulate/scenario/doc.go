// Package scenario holds what a simulated run is to be: a topology, a load, a
// timeline of faults, and what is expected of it, as plain data.
//
// A scenario is read from strict YAML, written by hand in Go, or drawn from a
// seed, and it is the same struct in all three cases:
//
//	s, err := scenario.Parse("cut.yaml", text) // err lists every mistake with its line and column
//	link := s.Topology.Link("us", "eu")        // resolved: delay, loss, bandwidth of one direction
//	for _, step := range s.Timeline { … }      // sorted by time, every parameter filled in
//	text = scenario.Marshal(s)                 // what Parse reads back as the same struct
//
// Everything is resolved when Parse returns. Times are time.Duration since the
// start of the run, sizes are bytes, rates are thousandths of an operation in a
// second, shares are parts per million: no float, for a run must come out the
// same on every machine. What a file left out has its default already.
//
// The tables Faults, Patterns, Metrics and Promises name everything that a
// scenario may speak of; docs/simulator.md is held equal to them.
//
// The package runs nothing and judges nothing.
package scenario
