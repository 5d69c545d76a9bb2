//go:build simbreak

package world

import (
	"fmt"
	"os"

	"github.com/atollcache/atoll/planted"
)

// ATOLL_BREAK names the planted bug with which all tests of the package run:
//
//	ATOLL_BREAK=no-rejoin go test -tags simbreak ./simulate/world
func init() {
	if err := planted.Choose(planted.ID(os.Getenv("ATOLL_BREAK"))); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(2)
	}
}
