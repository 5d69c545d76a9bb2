package simulate

import (
	"fmt"
	"io"
	"runtime"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	sim "github.com/atollcache/atoll/simulate"
	"github.com/atollcache/atoll/simulate/scenario"
)

// sweepOptions are the flags of sweep.
type sweepOptions struct {
	vary    []string
	metrics []string
	cfg     sim.SweepConfig
}

func (e *Env) sweepCommand() *cobra.Command {
	o := &sweepOptions{}
	c := &cobra.Command{
		Use:   "sweep SCENARIO --vary rtt.us-eu=20ms,80ms --metric converge.within",
		Short: "How does a figure depend on a setting?",
		Long: "Runs a scenario with every combination of values, under several seeds each, and prints what\n" +
			"5, 50 and 95 of a hundred seeds do not exceed. A setting is named by the keys of the format:\n" +
			"rtt.us-eu, loss.us-ap, bandwidth.default, nodes.us, config.linger, phases.heal, load.ops (all\n" +
			"loads), load.2.keys (the second), cut.for (all cuts), timeline.1.at. What the scenario expects\n" +
			"is not judged; the promises of the product are.",
		Example: "  atoll simulate sweep one-way-cut --vary rtt.us-eu=20ms,80ms,300ms --metric converge.within\n" +
			"  atoll simulate sweep packet-soup --vary config.linger=1ms,5ms,20ms --metric wire.bytes --metric staleness.p95 --seeds 20",
		Args:              takes(1, 1),
		ValidArgsFunction: completeScenarios,
		RunE:              func(c *cobra.Command, args []string) error { return e.sweep(c, args[0], o) },
	}
	f := c.Flags()
	f.StringArrayVar(&o.vary, "vary", nil, "a setting and its values: rtt.us-eu=20ms,80ms; may be given again")
	f.StringArrayVar(&o.metrics, "metric", []string{string(scenario.ConvergeWithin)}, "a figure; may be given again")
	f.IntVar(&o.cfg.Seeds, "seeds", 5, "how many seeds to run for each combination")
	f.Uint64Var(&o.cfg.From, "from", 1, "the first seed")
	f.IntVarP(&o.cfg.Cores, "cores", "j", runtime.NumCPU(), "runs at a time")
	return plant(c)
}

func (o *sweepOptions) complete() error {
	switch {
	case len(o.vary) == 0:
		return usage("--vary is missing; write it as --vary rtt.us-eu=20ms,80ms,300ms")
	case o.cfg.Seeds < 1 || o.cfg.Seeds > maxAsked:
		return usage("--seeds %d is not between 1 and %d", o.cfg.Seeds, maxAsked)
	case o.cfg.Cores < 1:
		return usage("--cores %d is below one", o.cfg.Cores)
	}
	for _, text := range o.vary {
		v, err := sim.ParseVary(text)
		if err != nil {
			return usage("--vary: %v", err)
		}
		o.cfg.Vary = append(o.cfg.Vary, v)
	}
	for _, name := range o.metrics {
		if !isMetric(name) {
			return usage("no metric %q; they are %s", name, strings.Join(metricNames(), ", "))
		}
		o.cfg.Metrics = append(o.cfg.Metrics, scenario.Metric(name))
	}
	return nil
}

func isMetric(name string) bool {
	for _, row := range scenario.Metrics() {
		if string(row.Metric) == name {
			return true
		}
	}
	return false
}

func metricNames() (names []string) {
	for _, row := range scenario.Metrics() {
		names = append(names, string(row.Metric))
	}
	return names
}

func (e *Env) sweep(c *cobra.Command, name string, o *sweepOptions) error {
	if err := o.complete(); err != nil {
		return err
	}
	source, err := sim.Find(name)
	if err != nil {
		return e.refused(err)
	}
	o.cfg.Scenario, o.cfg.Done = source.Scenario, e.sweeping()
	r, err := sim.Sweep(c.Context(), o.cfg)
	if err != nil {
		return e.refused(err)
	}
	if err := e.print(r, func(w io.Writer) { printSweep(w, o.cfg.Vary, r) }); err != nil {
		return err
	}
	for _, row := range r.Rows {
		if row.Violated > 0 {
			return &Error{ExitViolated, fmt.Errorf("with %s %d of %d seeds break a promise: %s", strings.Join(row.Values, ", "), row.Violated, r.Seeds, row.First)}
		}
	}
	return nil
}

// sweeping tells now and then how far it is.
func (e *Env) sweeping() func(done, all int) {
	told := time.Now()
	return func(done, all int) {
		if time.Since(told) >= 5*time.Second {
			told = time.Now()
			e.tell("%d of %d runs", done, all)
		}
	}
}

func printSweep(w io.Writer, vary []sim.Vary, r *sim.SweepResult) {
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	for _, v := range vary {
		fmt.Fprintf(t, "%s\t", v.Path)
	}
	for _, m := range r.Metrics {
		fmt.Fprintf(t, "%s P5\tP50\tP95\t", m)
	}
	fmt.Fprintln(t)
	for _, row := range r.Rows {
		for _, value := range row.Values {
			fmt.Fprintf(t, "%s\t", value)
		}
		for _, f := range row.Figures {
			printMeasure(t, f)
		}
		if row.Violated > 0 {
			fmt.Fprintf(t, "%d seeds break a promise", row.Violated)
		}
		fmt.Fprintln(t)
	}
	_ = t.Flush() // the writer behind it is in memory
	fmt.Fprintf(w, "\nseeds of each row: %d; all in %s\n", r.Seeds, span(r.Real))
}

func printMeasure(w io.Writer, m sim.Measure) {
	if m.Measured == 0 {
		fmt.Fprint(w, "-\t-\t-\t")
		return
	}
	unit := unitOf(m.Metric)
	fmt.Fprintf(w, "%s\t%s\t%s\t", figure(unit, m.P5), figure(unit, m.P50), figure(unit, m.P95))
}

func unitOf(m scenario.Metric) scenario.Unit {
	for _, row := range scenario.Metrics() {
		if row.Metric == m {
			return row.Unit
		}
	}
	return scenario.Count
}
