// Package judge says whether a simulated run kept the promises of the product.
//
//	j := judge.New(scenario)
//	w, err := world.New(world.Config{Scenario: scenario, Seed: 7, Observer: j})
//	j.Watch(w)
//	for w.Step() {
//	}
//	j.Final(w)
//	for _, v := range j.Violations() { … }
//
// Each promise has an oracle, listed by [Oracles]. Safety is judged at every
// event, against the abstract model of package model; that replicas become equal,
// and silent, and forget what they need no more is judged at the end. What an
// oracle lets pass, because the contract does, it counts as an excuse.
//
// Judging costs the same at every event, however long the run: only a crash and
// the end look at all that was written. The judge changes nothing, but for one
// thing: in Final, when the run is over, it delivers old messages again.
package judge
