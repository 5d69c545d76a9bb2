package simulate

import (
	"fmt"
	"io"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"github.com/atollcache/atoll/planted"
	sim "github.com/atollcache/atoll/simulate"
	"github.com/atollcache/atoll/simulate/judge"
	"github.com/atollcache/atoll/simulate/scenario"
	"github.com/atollcache/atoll/simulate/world"
)

// item is a row of a list.
type item struct {
	ID      string   `json:"id"`
	Group   string   `json:"group,omitempty"`
	About   string   `json:"about,omitempty"`
	Able    bool     `json:"able"` // this build can run, judge or plant it
	Why     string   `json:"why,omitempty"`
	Excuses []string `json:"excuses,omitempty"` // what an oracle lets pass
}

// lists are what can be listed, by name.
var lists = []struct {
	name string
	give func() ([]item, error)
}{ // immutable: never written
	{"faults", listFaults},
	{"oracles", listOracles},
	{"breaks", listBreaks},
	{"scenarios", listScenarios},
	{"marks", listMarks},
}

func (e *Env) listCommand() *cobra.Command {
	var names []string
	for _, l := range lists {
		names = append(names, l.name)
	}
	return &cobra.Command{
		Use:       "list faults|oracles|breaks|scenarios|marks",
		Short:     "What a scenario may do, and what is judged",
		Args:      takes(1, 1),
		ValidArgs: names,
		RunE: func(_ *cobra.Command, args []string) error {
			for _, l := range lists {
				if l.name != args[0] {
					continue
				}
				items, err := l.give()
				if err != nil {
					return err
				}
				return e.print(items, func(w io.Writer) { printItems(w, items) })
			}
			return usage("no list %q; use faults, oracles, breaks, scenarios or marks", args[0])
		},
	}
}

func printItems(w io.Writer, items []item) {
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	for _, x := range items {
		about := x.About
		if !x.Able {
			about += " (not in this build: " + x.Why + ")"
		}
		fmt.Fprintf(t, "%s\t%s\t%s\n", x.ID, x.Group, about)
		for _, excuse := range x.Excuses {
			fmt.Fprintf(t, "\t\t  lets pass: %s\n", excuse)
		}
	}
	_ = t.Flush() // the writer behind it is in memory
}

func listFaults() (items []item, err error) {
	for _, f := range scenario.Faults() {
		x := item{ID: string(f.Kind), Group: string(f.Group), About: f.About, Able: world.Simulates(f.Kind)}
		if !x.Able {
			x.Why = "it is not modelled"
		}
		items = append(items, x)
	}
	return items, nil
}

func listOracles() (items []item, err error) {
	for _, o := range judge.Oracles() {
		items = append(items, item{ID: o.ID, Group: string(o.Promise), About: o.About, Able: true, Excuses: o.Excuses})
	}
	return items, nil
}

func listBreaks() (items []item, err error) {
	for _, b := range planted.All() {
		x := item{ID: string(b.ID), About: b.Breaks + ", against " + b.Violates, Able: b.Applies() && planted.Possible, Why: b.Waits}
		if !planted.Possible {
			x.Why = "it takes the tag simbreak"
		}
		items = append(items, x)
	}
	return items, nil
}

func listScenarios() (items []item, err error) {
	for _, name := range sim.Scenarios() {
		sc, err := sim.Scenario(name)
		if err != nil {
			return nil, err
		}
		about := sc.Name
		if len(sc.Story) > 0 {
			about = sc.Story[0]
		}
		items = append(items, item{ID: name, About: about, Able: true})
	}
	return items, nil
}

func listMarks() (items []item, err error) {
	for _, name := range world.MarkNames() {
		items = append(items, item{ID: name, Able: true})
	}
	return items, nil
}
