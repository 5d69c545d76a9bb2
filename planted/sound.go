//go:build !simbreak

package planted

import "fmt"

// Possible says whether this build can break.
const Possible = false

// Is says whether the bug is on, which here it never is.
func Is(ID) bool { return false }

// Choose refuses: this build has no bugs of its own will.
func Choose(id ID) error {
	if err := choosable(id); err != nil || id == None {
		return err
	}
	return fmt.Errorf("this build cannot plant %s; build with -tags simbreak", id)
}
