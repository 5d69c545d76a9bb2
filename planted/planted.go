// Package planted is a catalogue of bugs that can be switched on in the
// production code, to prove that tests and the simulator would find them.
//
// Where the code could go wrong it asks, in one line:
//
//	if planted.Is(planted.L2CleanStart) {
//		return crdt.Context{}
//	}
//
// In a build without the tag simbreak, Is is a constant false, which the
// compiler removes together with the bug. In one with the tag, [Choose] switches
// one bug on for the whole process, before anything runs. [All] tells of every
// bug what it breaks and what that violates.
//
// The package finds no bugs: who plants one must look whether anything notices.
package planted

import "fmt"

// ID names a bug, as a command line does.
type ID string

// None is the choice of no bug.
const None ID = ""

// A Bug is what a person should know of one.
type Bug struct {
	ID       ID
	Breaks   string // what goes wrong when it is on
	Violates string // the rule or promise, as docs/architecture.md and docs/consistency.md name them
	Waits    string // why it cannot be switched on yet: what it breaks is not there; empty if it can
}

// Applies says whether the feature exists that the bug breaks.
func (b *Bug) Applies() bool { return b.Waits == "" }

// All lists every bug: those of values, of the clock and the store, of links, of
// repair, of ownership, and last those that belong to the simulated world.
func All() []Bug {
	var all []Bug
	for _, part := range [][]Bug{values(), stores(), links(), certifyingRules(), carryingRules(), rounds(), tenures(), worlds()} {
		all = append(all, part...)
	}
	return all
}

// Find gives the bug of that name.
func Find(name string) (Bug, bool) {
	for _, b := range All() {
		if string(b.ID) == name {
			return b, true
		}
	}
	return Bug{}, false
}

// choosable says why a bug cannot be chosen.
func choosable(id ID) error {
	b, ok := Find(string(id))
	switch {
	case id == None:
		return nil
	case !ok:
		return fmt.Errorf("no planted bug is called %q; atoll simulate list breaks names them", id)
	case !b.Applies():
		return fmt.Errorf("planted bug %s cannot be switched on yet: %s", id, b.Waits)
	}
	return nil
}
