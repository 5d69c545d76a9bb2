package simulate

import (
	"context"
	"fmt"
	"io"
	"runtime"
	"strings"

	"github.com/spf13/cobra"

	sim "github.com/atollcache/atoll/simulate"
	"github.com/atollcache/atoll/simulate/report"
	"github.com/atollcache/atoll/simulate/scenario"
)

// swarmOptions are the flags of swarm.
type swarmOptions struct {
	html     string
	cfg      sim.SwarmConfig
	profile  string
	scenario string
	strict   bool
}

// usualSeeds is for those who say neither how many nor how long.
const usualSeeds = 100

func (e *Env) swarmCommand() *cobra.Command {
	o := &swarmOptions{}
	c := &cobra.Command{
		Use:   "swarm",
		Short: "Run many random scenarios, on all cores",
		Long: "Draws a scenario for every seed and runs it. Every run that breaks a promise gets a token\n" +
			"that replays it, and its scenario is saved. The profiles are calm (an ordinary bad day),\n" +
			"stormy (all that the promises cover), beyond-contract (also what they do not) and mixed.\n\n" +
			"Ctrl-C ends it in good order: exit 6, with what was found so far.",
		Example: "  atoll simulate swarm --seeds 1000\n  atoll simulate swarm --for 5m --profile calm -j 4\n  atoll simulate swarm --scenario my-cluster.yaml --seeds 100",
		Args:    takes(0, 0),
		RunE: func(c *cobra.Command, _ []string) error {
			if err := o.complete(c); err != nil {
				return e.refused(err)
			}
			return e.swarm(c, o)
		},
	}
	f := c.Flags()
	f.Uint64Var(&o.cfg.Seeds, "seeds", 0, fmt.Sprintf("how many seeds to run (default %d, or as many as --for allows)", usualSeeds))
	f.DurationVar(&o.cfg.For, "for", 0, "how long to go on, in real time")
	f.Uint64Var(&o.cfg.From, "from", 1, "the first seed")
	f.IntVarP(&o.cfg.Cores, "cores", "j", runtime.NumCPU(), "runs at a time")
	f.StringVar(&o.profile, "profile", string(scenario.Stormy), "what to draw: calm, stormy, beyond-contract, dense, or mixed")
	f.BoolVar(&o.strict, "strict", false, "want every mark hit, and one run in twenty inconclusive at most; else exit 8")
	f.StringVar(&o.scenario, "scenario", "", "run this scenario under every seed, instead of drawing")
	f.StringVar(&o.cfg.Failures, "failures", sim.Failures, "directory for the scenarios of runs that fail")
	f.IntVar(&o.cfg.StopAt, "stop-at", 0, "end after so many seeds that break a promise")
	addHTML(c, &o.html, "a page of the first seed that breaks a promise")
	return plant(c)
}

// complete checks what was typed, before anything runs.
func (o *swarmOptions) complete(c *cobra.Command) error {
	switch {
	case o.cfg.Cores < 1 || o.cfg.Cores > 1024:
		return usage("--cores %d is not between 1 and 1024", o.cfg.Cores)
	case o.cfg.For < 0:
		return usage("--for %v is below zero", o.cfg.For)
	case o.cfg.StopAt < 0:
		return usage("--stop-at %d is below zero", o.cfg.StopAt)
	case c.Flags().Changed("seeds") && o.cfg.Seeds == 0:
		return usage("--seeds 0 runs nothing")
	case c.Flags().Changed("profile") && o.scenario != "":
		return usage("--scenario takes the place of --profile; give one of them")
	}
	if o.cfg.Seeds == 0 && o.cfg.For == 0 {
		o.cfg.Seeds = usualSeeds
	}
	if o.scenario != "" {
		source, err := sim.Find(o.scenario)
		o.cfg.Scenario = source
		return err
	}
	o.cfg.Profile = scenario.Profile(o.profile)
	_, err := profilesOf(o.profile)
	return err
}

func (e *Env) swarm(c *cobra.Command, o *swarmOptions) error {
	done := e.progress(&o.cfg)
	r, err := sim.Swarm(c.Context(), o.cfg)
	done()
	if r == nil {
		return e.refused(err)
	}
	if printErr := e.print(r, func(w io.Writer) { printSwarm(w, r) }); printErr != nil {
		return printErr
	}
	if err := e.showFirst(c.Context(), o, r); err != nil {
		return err
	}
	switch {
	case err != nil:
		return e.refused(err)
	case r.Violated > 0:
		return &Error{ExitViolated, fmt.Errorf("%d of %d seeds break a promise; replay the first with \"atoll simulate replay %s\"", r.Violated, r.Seeds, r.Violations[0].Token)}
	case r.Stopped:
		return &Error{ExitStopped, fmt.Errorf("stopped early, after %d seeds without a violation", r.Seeds)}
	case o.strict && r.Inconclusive > r.Seeds/20:
		return &Error{ExitInconclusive, fmt.Errorf("%d of %d seeds are inconclusive, which is more than one in twenty", r.Inconclusive, r.Seeds)}
	case o.strict && len(r.UnhitMarks) > 0:
		return &Error{ExitInconclusive, fmt.Errorf("no seed has hit the marks %s", strings.Join(r.UnhitMarks, ", "))}
	case r.Verdict == sim.Inconclusive:
		return &Error{ExitInconclusive, fmt.Errorf("inconclusive: none of %d seeds shows anything", r.Seeds)}
	}
	return nil
}

// showFirst writes a page of the first failure.
func (e *Env) showFirst(ctx context.Context, o *swarmOptions, r *sim.SwarmResult) error {
	if o.html == "" {
		return nil
	}
	if len(r.Violations) == 0 {
		e.tell("no seed breaks a promise, so there is nothing for %s to show", o.html)
		return nil
	}
	build, err := sim.Build()
	if err != nil {
		return err
	}
	source, err := sim.Recall(r.Violations[0].Token, o.cfg.Failures, build)
	if err != nil {
		return e.refused(err)
	}
	return e.savePageOf(context.WithoutCancel(ctx), source, build, o.html)
}

// progress shows how far a swarm is. Where that cannot be done in place, every
// failure is told at once.
func (e *Env) progress(cfg *sim.SwarmConfig) (done func()) {
	name := string(cfg.Profile)
	if cfg.Scenario != nil {
		name = cfg.Scenario.Name
	}
	live := e.live()
	view := report.NewSwarmView(e.Stderr, live, name, cfg.Seeds)
	cfg.Each = func(r *sim.Result) {
		if first, ok := r.First(); ok && !live {
			e.tell("%s: %v", r.Token, first)
		}
		view.Each(r)
	}
	return view.Close
}

func printSwarm(w io.Writer, r *sim.SwarmResult) {
	for _, f := range r.Violations[:min(len(r.Violations), 2*maxPrinted)] {
		fmt.Fprintf(w, "  %s  (%s)\n      %v\n", f.Token, f.Oracles, f.Violation)
	}
	more(w, int(r.Violated), 2*maxPrinted)
	printExcuses(w, r.Excuses)
	for why, n := range sorted(r.Doubts) {
		fmt.Fprintf(w, "  inconclusive %d times: %s\n", n, why)
	}
	if len(r.UnhitMarks) > 0 {
		fmt.Fprintf(w, "  marks that no run has hit: %s\n", strings.Join(r.UnhitMarks, ", "))
	}
	perHour := float64(r.Seeds) / max(r.Real.Hours(), 1e-9)
	fmt.Fprintf(w, "\n%s  %s, seeds %d to %d: %d violated, %d inconclusive; %s simulated in %s, %d events, %.0f seeds per hour\n",
		verdictWord(r.Verdict), r.Source, r.From, r.From+max(r.Seeds, 1)-1, r.Violated, r.Inconclusive, span(r.Simulated), span(r.Real), r.Events, perHour)
}
