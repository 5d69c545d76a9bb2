package cli

import (
	"github.com/spf13/cobra"

	"github.com/atollcache/atoll/cmd/atoll/remote"
)

// forgetCommand declares a node dead, or a region. A node is forgotten by its own
// region, a region by any other, and so is a node
// that had left it before; they tell everybody.
func (a *app) forgetCommand() *cobra.Command {
	return a.data(dataCommand{
		use: "forget NODE|REGION|REGION/NODE", short: "Declare a node of the region, or another region, dead for good", min: 1, max: 1,
		long: "Declares a node that never comes back dead, in all regions: what waited for it is let\n" +
			"go. A node that lives is not forgotten; one that runs, cut off from everybody, stops\n" +
			"when it hears of it. A node that was drained to the end need not be forgotten.\n\n" +
			"The name of another region does so with all nodes that it last had, if nothing is\n" +
			"heard of it. A node that had left that region before is named with it: REGION/NODE.",
		example: "  atoll forget eu-2 --region eu\n  atoll forget ap --region eu\n  atoll forget ap/ap-3 --region eu",
		request: func(args []string) (remote.Request, error) { return remote.Request{Command: "forget", Args: args}, nil },
		show:    showValue,
	})
}
