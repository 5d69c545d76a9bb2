package simulate

import (
	"cmp"
	"fmt"
	"io"
	"runtime"
	"slices"
	"sync"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	sim "github.com/atollcache/atoll/simulate"
	"github.com/atollcache/atoll/simulate/report"
	"github.com/atollcache/atoll/simulate/scenario"
)

// whatIfOptions are the flags of whatif.
type whatIfOptions struct {
	topology string
	cut      string
	failures string
	question sim.Question
}

func (e *Env) whatIfCommand() *cobra.Command {
	o := &whatIfOptions{}
	c := &cobra.Command{
		Use:   "whatif --topology FILE --cut us-eu=10m",
		Short: "What would a cut do to my cluster?",
		Long: "Runs a cluster of your shape under your load with one path cut, under several seeds, and\n" +
			"tells how stale reads get in every region, how many writes a concurrent one replaces, what\n" +
			"the outboxes take, and how long and how many bytes the heal takes: what 5, 50 and 95 of a\n" +
			"hundred seeds do not exceed. Large loads are scaled down, and the answer says what of it\n" +
			"was computed instead of run.\n\n" +
			"The file is a scenario without a timeline; the name of a built-in scenario does as well.",
		Example: "  atoll simulate whatif --topology prod.yaml --cut us-eu=10m\n  atoll simulate whatif --topology us-eu-cut-ten-minutes --cut \"us|eu,ap=1h\" --json",
		Args:    takes(0, 0),
		RunE:    func(c *cobra.Command, _ []string) error { return e.whatIf(c, o) },
	}
	f := c.Flags()
	f.StringVar(&o.topology, "topology", "", "file with regions, paths between them, and load; or a built-in scenario")
	f.StringVar(&o.cut, "cut", "", "what is cut, and for how long: us-eu=10m, us>eu=10m, or us|eu,ap=10m")
	f.IntVar(&o.question.Seeds, "seeds", 8, "how many seeds to draw the answer from")
	f.Uint64Var(&o.question.From, "from", 1, "the first seed")
	f.DurationVar(&o.question.For, "for", 7*time.Second, "begin no seed after this time")
	f.IntVarP(&o.question.Cores, "cores", "j", runtime.NumCPU(), "runs at a time")
	f.Int64Var(&o.question.Ops, "ops", sim.DefaultOps, "operations that a seed runs at most; what is more is scaled down")
	f.StringVar(&o.failures, "failures", sim.Failures, "directory for the scenarios of runs that break a promise")
	return plant(c)
}

// maxAsked bounds the seeds of one question or row.
const maxAsked = 10_000

func (o *whatIfOptions) complete() error {
	q := &o.question
	switch {
	case o.topology == "":
		return usage("--topology is missing; name a file with regions, paths and load, or a built-in scenario")
	case o.cut == "":
		return usage("--cut is missing; write it as --cut us-eu=10m")
	case q.Seeds < 1 || q.Seeds > maxAsked:
		return usage("--seeds %d is not between 1 and %d", q.Seeds, maxAsked)
	case q.Cores < 1:
		return usage("--cores %d is below one", q.Cores)
	case q.For < 0:
		return usage("--for %v is below zero", q.For)
	case q.Ops < 1:
		return usage("--ops %d is below one", q.Ops)
	}
	return nil
}

func (e *Env) whatIf(c *cobra.Command, o *whatIfOptions) error {
	if err := o.complete(); err != nil {
		return err
	}
	sc, err := sim.Topology(o.topology)
	if err != nil {
		return e.refused(err)
	}
	if len(sc.Load) == 0 {
		return usage("%s has no load, and without one nothing goes stale; add load: [{ops: 500/s}]", o.topology)
	}
	if o.question.Cut, err = scenario.ParseCut(o.cut, &sc.Topology); err != nil {
		return usage("--%v", err)
	}
	o.question.Scenario, o.question.Progress = sc, e.asking()
	a, err := sim.WhatIf(c.Context(), o.question)
	if a == nil {
		return e.refused(err)
	}
	if printErr := e.print(a, func(w io.Writer) { printAnswer(w, a) }); printErr != nil {
		return printErr
	}
	if err != nil {
		return e.refused(err)
	}
	return e.blame(a, o.failures)
}

// asking tells now and then how far a seed is: a long cut takes its time.
func (e *Env) asking() func(seed uint64, p sim.Progress) {
	var mu sync.Mutex // guards told
	told := time.Now()
	return func(seed uint64, p sim.Progress) {
		mu.Lock()
		defer mu.Unlock()
		if time.Since(told) >= 5*time.Second {
			told = time.Now()
			e.tell("seed %d is at %s", seed, report.Span(p.At))
		}
	}
}

// blame tells that a promise was broken on the way, and keeps the scenario.
func (e *Env) blame(a *sim.Answer, dir string) error {
	if a.Violated == 0 {
		return nil
	}
	first := a.Violations[0]
	token, err := sim.ParseToken(first.Token)
	if err == nil {
		_, err = sim.Save(dir, token, a.Ran, first.String())
	}
	if err != nil {
		return err
	}
	return &Error{ExitViolated, fmt.Errorf("%d of %d seeds break a promise, which is a bug: %v; replay it with \"atoll simulate replay %s\"", a.Violated, a.Seeds, first.Violation, first.Token)}
}

func printAnswer(w io.Writer, a *sim.Answer) {
	fmt.Fprintf(w, "%s, with %s cut for %v\n\n", a.Name, a.Cut, a.CutFor)
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintln(t, "P5\tP50\tP95\t  ")
	for i := range a.Regions {
		printReads(t, &a.Regions[i])
	}
	for i := range a.Figures {
		f := &a.Figures[i]
		printQuantiles(t, f.Unit, f.Quantiles, f.Name+": "+f.About)
	}
	_ = t.Flush() // the writer behind it is in memory
	fmt.Fprintf(w, "\n%d seeds in %s; P5 and P95 of fewer than 20 seeds are the least and the most.\n", a.Seeds, span(a.Real))
	for _, said := range a.Modelled {
		fmt.Fprintf(w, "  %s\n", said)
	}
}

func printReads(w io.Writer, r *sim.RegionReads) {
	if r.Reads == 0 {
		fmt.Fprintf(w, "-\t-\t-\t  reads in %s: the load has none\n", r.Region)
	} else {
		printQuantiles(w, scenario.Time, r.P50, "reads in "+r.Region+": half of them miss no more than that")
		printQuantiles(w, scenario.Time, r.P95, "95 of 100")
		printQuantiles(w, scenario.Time, r.Worst, "the worst")
	}
	if r.Refused.P95 > 0 {
		printQuantiles(w, scenario.Count, r.Refused, "operations refused in "+r.Region)
	}
}

func printQuantiles(w io.Writer, unit scenario.Unit, q sim.Quantiles, what string) {
	fmt.Fprintf(w, "%s\t%s\t%s\t  %s\n", figure(unit, q.P5), figure(unit, q.P50), figure(unit, q.P95), what)
}

// figure writes a value in three digits, with its unit.
func figure(unit scenario.Unit, value int64) string {
	switch unit {
	case scenario.Time:
		return report.Span(time.Duration(value))
	case scenario.Bytes:
		return report.Bytes(value)
	case scenario.Count:
	}
	return fmt.Sprint(value)
}

// ordered sorts the points of a curve by time.
func ordered(points []sim.Point) []sim.Point {
	return slices.SortedFunc(slices.Values(points), func(a, b sim.Point) int { return cmp.Compare(a.From, b.From) })
}
