package simulate

import (
	"fmt"
	"io"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	sim "github.com/atollcache/atoll/simulate"
)

func (e *Env) benchCommand() *cobra.Command {
	var swarmFor time.Duration
	c := &cobra.Command{
		Use:   "bench",
		Short: "How fast is the simulator?",
		Long: "Measures by processor time, with all oracles on. Figures of one machine do not carry to another,\n" +
			"and other work on this one makes them worse, if only by its use of the caches: compare before and after.",
		Args: takes(0, 0),
		RunE: func(c *cobra.Command, _ []string) error {
			if swarmFor <= 0 {
				return usage("--for %v is not above zero", swarmFor)
			}
			figures, err := sim.Bench(c.Context(), swarmFor)
			if err != nil {
				return e.refused(err)
			}
			return e.print(figures, func(w io.Writer) { printFigures(w, figures) })
		},
	}
	c.Flags().DurationVar(&swarmFor, "for", 10*time.Second, "how long to let a swarm run")
	return c
}

func printFigures(w io.Writer, figures []sim.Figure) {
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	for _, f := range figures {
		fmt.Fprintf(t, "%s\t%.0f %s\tgoal of the first release %.0f\t%s\n", f.Name, f.Value, f.Unit, f.Target, f.About)
	}
	_ = t.Flush() // the writer behind it is in memory
}
