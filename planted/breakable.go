//go:build simbreak

package planted

// Possible says whether this build can break.
const Possible = true

// chosen is the bug that is on.
var chosen ID // state: a choice handed through every call would change the very code that is tested

// Is says whether the bug is on.
func Is(id ID) bool { return chosen == id }

// Choose switches a bug on, and the one before it off, for the whole process.
// Nothing that asks Is may run meanwhile.
func Choose(id ID) error {
	if err := choosable(id); err != nil {
		return err
	}
	chosen = id
	return nil
}
