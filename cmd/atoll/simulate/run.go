package simulate

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	sim "github.com/atollcache/atoll/simulate"
	"github.com/atollcache/atoll/simulate/scenario"
)

// usual is the scenario of those who name none.
const usual = "packet-soup"

func (e *Env) runCommand() *cobra.Command {
	var seed uint64
	var html string
	c := &cobra.Command{
		Use:   "run [SCENARIO]",
		Short: "Run one scenario, and judge it",
		Long: "Runs a scenario, built in or from a file, to its end, and says whether every promise of\n" +
			"the product and every expectation of the scenario was kept. Without a name it runs\n" +
			usual + ".",
		Example:           "  atoll simulate run\n  atoll simulate run packet-soup --seed 7 --json\n  atoll simulate run my-cluster.yaml --html report.html",
		Args:              takes(0, 1),
		ValidArgsFunction: completeScenarios,
		RunE: func(c *cobra.Command, args []string) error {
			source, err := sim.Find(append(args, usual)[0])
			if err != nil {
				return e.refused(err)
			}
			if c.Flags().Changed("seed") {
				source.Seed = seed
			}
			build, err := sim.Build()
			if err != nil {
				return err
			}
			return e.play(c.Context(), source, build, sim.Config{}, html)
		},
	}
	c.Flags().Uint64Var(&seed, "seed", 0, "of the run (default that of the scenario, or 1)")
	addHTML(c, &html, "a page for a browser")
	return plant(c)
}

func completeScenarios(*cobra.Command, []string, string) ([]string, cobra.ShellCompDirective) {
	return sim.Scenarios(), cobra.ShellCompDirectiveDefault
}

// play runs a source and shows what it came to, in a page too if that has a name.
func (e *Env) play(ctx context.Context, source *sim.Source, build string, cfg sim.Config, html string) error {
	cfg.Scenario, cfg.Seed = source.Scenario, source.Seed
	view := e.view(source)
	cfg.Progress = view.Progress
	r, err := sim.Run(ctx, cfg)
	if r == nil {
		return e.refused(err)
	}
	r.Token = source.Token(source.Seed, build).String()
	view.Result(r)
	if printErr := e.print(r, func(w io.Writer) { printResult(w, r) }); printErr != nil {
		return printErr
	}
	if err != nil {
		return e.refused(err)
	}
	if err := e.savePage(ctx, cfg, r, html); err != nil {
		return err
	}
	return verdictError(r)
}

// verdictError is how a verdict ends the process.
func verdictError(r *sim.Result) error {
	switch r.Verdict {
	case sim.Violated:
		first, _ := r.First()
		return &Error{ExitViolated, fmt.Errorf("%s; replay it with \"atoll simulate replay %s\"", first, r.Token)}
	case sim.Inconclusive:
		return &Error{ExitInconclusive, errors.New("inconclusive: " + r.Doubts[0])}
	case sim.Pass:
	}
	return nil
}

// maxPrinted bounds what people get of a long list. JSON has all of it.
const maxPrinted = 10

func printResult(w io.Writer, r *sim.Result) {
	fmt.Fprintf(w, "%s, seed %d\n\n", r.Name, r.Seed)
	for _, m := range r.Timeline[:min(len(r.Timeline), 4*maxPrinted)] {
		fmt.Fprintf(w, "  %10v  %s\n", m.At.Truncate(time.Millisecond), m.Text)
	}
	more(w, len(r.Timeline), 4*maxPrinted)
	fmt.Fprintln(w)
	printViolations(w, r)
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	for name, value := range sorted(r.Metrics) {
		fmt.Fprintf(t, "  %s\t%s\n", name, scenario.Metric(name).Format(value))
	}
	_ = t.Flush() // the writer behind it is in memory
	printExcuses(w, r.Excuses)
	fmt.Fprintf(w, "\n%s  %s simulated in %s (%.0f times real time), %d operations, %d events, trace %v\n",
		verdictWord(r.Verdict), span(r.Simulated), span(r.Real), float64(r.Simulated)/float64(max(r.Real, 1)), r.Totals.Ops, r.Events, r.Trace)
	for _, doubt := range r.Doubts {
		fmt.Fprintf(w, "  %s\n", doubt)
	}
	fmt.Fprintf(w, "replay with: atoll simulate replay %s\n", r.Token)
}

func verdictWord(v sim.Verdict) string {
	return map[sim.Verdict]string{sim.Pass: "PASS", sim.Violated: "VIOLATED", sim.Inconclusive: "INCONCLUSIVE"}[v]
}

func printViolations(w io.Writer, r *sim.Result) {
	for _, v := range r.Violations[:min(len(r.Violations), maxPrinted)] {
		fmt.Fprintf(w, "  %v\n", v)
	}
	if len(r.Violations) > 0 {
		all := 0
		for _, n := range r.Accused {
			all += n
		}
		more(w, all, maxPrinted)
		fmt.Fprintln(w)
	}
}

func more(w io.Writer, have, shown int) {
	if have > shown {
		fmt.Fprintf(w, "  … and %d more\n", have-shown)
	}
}

func printExcuses(w io.Writer, excuses []sim.Excuse) {
	if len(excuses) == 0 {
		return
	}
	byOracle := slices.SortedFunc(slices.Values(excuses), func(a, b sim.Excuse) int {
		return cmp.Or(cmp.Compare(len(a.Oracle), len(b.Oracle)), cmp.Compare(a.Oracle, b.Oracle), cmp.Compare(a.Why, b.Why))
	})
	fmt.Fprintln(w, "\n  let pass:")
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	for _, x := range byOracle {
		fmt.Fprintf(t, "  %s\t%d times\t%s\n", x.Oracle, x.Count, x.Why)
	}
	_ = t.Flush() // as above
}
