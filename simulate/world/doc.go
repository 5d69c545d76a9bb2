// Package world runs a whole cluster in one goroutine, under a clock of its own
// and a network that does to it what a scenario says.
//
//	w, err := world.New(world.Config{Scenario: s, Seed: 7, Observer: judge})
//	for w.Step() {
//	}
//	fmt.Println(w.Hash(), w.Totals().Events, w.Breakdown())
//
// The nodes are production replicas that exchange real bytes. Modelled are what
// stands around them: clocks, the carrier between nodes (core NATS with
// gateways), membership inside a region (memberlist with a rejoin loop), the
// life of a process (learning an epoch, joining, opening, draining, dying), and
// the clients. An [Observer] sees everything that happens; a world judges
// nothing.
//
// The same scenario and seed give the same run, bit for bit, everywhere: all
// randomness is a hash of the seed, of what it is for and of how often that was
// asked, so that taking one operation or one fault away changes no other draw.
// Of a world only one goroutine may hold anything; worlds share nothing.
package world
