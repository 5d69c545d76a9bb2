// Command atoll runs nodes of an Atoll cluster and talks to them.
//
//	atoll up                                # three regions in one process, to try it
//	atoll set greeting hello --region eu    # in a second terminal
//	atoll get greeting --region ap
//	atoll serve --config node.yaml          # one node of a real cluster
//
// "atoll help" lists the rest. Package cli holds the commands, package remote asks running regions, package up runs
// the regions of "atoll up".
package main

import (
	"os"

	"github.com/atollcache/atoll/cmd/atoll/cli"
)

func main() {
	os.Exit(cli.Run(os.Args[1:], os.Stdin, os.Stdout, os.Stderr))
}
