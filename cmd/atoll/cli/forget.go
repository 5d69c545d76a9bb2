package cli

import (
	"github.com/spf13/cobra"

	"github.com/atollcache/atoll/cmd/atoll/remote"
)

// forgetCommand declares a node dead. It is asked of the node's region, which
// tells the others.
func (a *app) forgetCommand() *cobra.Command {
	return a.data(dataCommand{
		use: "forget NODE", short: "Declare a node of the region dead for good", min: 1, max: 1,
		long: "Declares a node that never comes back dead, in all regions: what waited for it is let\n" +
			"go. A node that lives is not forgotten; one that runs, cut off from everybody, stops\n" +
			"when it hears of it. A node that was drained need not be forgotten.",
		example: "  atoll forget eu-2 --region eu",
		request: func(args []string) (remote.Request, error) { return remote.Request{Command: "forget", Args: args}, nil },
		show:    showValue,
	})
}
