package simulate

import (
	"errors"
	"fmt"
	"io"

	"github.com/spf13/cobra"

	sim "github.com/atollcache/atoll/simulate"
	"github.com/atollcache/atoll/simulate/scenario"
)

// checked is the JSON form of what check came to.
type checked struct {
	Verdict     sim.Verdict         `json:"verdict"`
	Seeds       int                 `json:"seeds"` // that were compared
	Climates    []sim.Climate       `json:"climates"`
	Differences []*sim.Difference   `json:"differences"`
	Corpus      []*sim.CorpusResult `json:"corpus"`
}

func (e *Env) checkCommand() *cobra.Command {
	var seeds int
	var profile string
	c := &cobra.Command{
		Use:   "check",
		Short: "Is a seed the same run each time? Does nothing old break?",
		Long: "Runs seeds of every profile again and again with one and two processors and with a lazy and\n" +
			"a busy garbage collector, and compares every event and every result. Then it runs the\n" +
			"regression corpus: runs that once broke a promise.\n\n" +
			"Exit 9: two runs of one seed differed; the first record that differs is shown. Exit 7: an\n" +
			"entry of the corpus breaks a promise.",
		Example: "  atoll simulate check\n  atoll simulate check --seeds 50",
		Args:    takes(0, 0),
		RunE: func(c *cobra.Command, _ []string) error {
			profiles, err := profilesOf(profile)
			if err == nil && seeds < 1 {
				err = usage("--seeds %d is below one", seeds)
			}
			if err != nil {
				return err
			}
			return e.check(c, profiles, seeds)
		},
	}
	c.Flags().IntVar(&seeds, "seeds", 3, "seeds of each profile to compare")
	c.Flags().StringVar(&profile, "profile", string(sim.Mixed), "whose seeds: calm, stormy, beyond-contract, or mixed for all")
	return c
}

// profilesOf gives the profiles that a name stands for.
func profilesOf(name string) ([]scenario.Profile, error) {
	for _, known := range append(scenario.Profiles(), scenario.Dense) {
		if name == string(known) {
			return []scenario.Profile{known}, nil
		}
	}
	if name == string(sim.Mixed) {
		return scenario.Profiles(), nil
	}
	return nil, usage("no profile %q; they are calm, stormy, beyond-contract, dense and mixed", name)
}

func (e *Env) check(c *cobra.Command, profiles []scenario.Profile, seeds int) error {
	build, err := sim.Build()
	if err != nil {
		return err
	}
	out := &checked{Verdict: sim.Pass, Climates: sim.Climates(), Differences: []*sim.Difference{}, Corpus: []*sim.CorpusResult{}}
	err = e.compare(c, out, profiles, seeds, build)
	if err == nil {
		err = e.regress(c, out)
	}
	if err != nil {
		return e.refused(err)
	}
	broken := out.judge()
	if err := e.print(out, func(w io.Writer) { printChecked(w, out) }); err != nil {
		return err
	}
	switch {
	case len(out.Differences) > 0:
		return &Error{ExitNondeterminism, fmt.Errorf("%d of %d seeds are not the same run every time", len(out.Differences), out.Seeds)}
	case broken > 0:
		return &Error{ExitViolated, fmt.Errorf("%d entries of the regression corpus break a promise", broken)}
	}
	return nil
}

// judge sums up, and counts the entries of the corpus that fail.
func (out *checked) judge() (broken int) {
	for _, r := range out.Corpus {
		if r.Verdict == sim.Violated {
			broken++
		}
	}
	if broken > 0 || len(out.Differences) > 0 {
		out.Verdict = sim.Violated
	}
	return broken
}

// compare looks for seeds that are not the same run every time.
func (e *Env) compare(c *cobra.Command, out *checked, profiles []scenario.Profile, seeds int, build string) error {
	for i := range seeds {
		for _, profile := range profiles {
			d, err := sim.CheckDeterminism(c.Context(), sim.Draw(profile, uint64(i+1)), build)
			if err != nil {
				return err
			}
			if out.Seeds++; d != nil {
				out.Differences = append(out.Differences, d)
			}
		}
	}
	return nil
}

// regress runs the corpus.
func (e *Env) regress(c *cobra.Command, out *checked) error {
	for _, name := range sim.Corpus() {
		r, err := sim.CheckEntry(c.Context(), name)
		if err != nil {
			return errors.Join(fmt.Errorf("entry %s", name), err)
		}
		out.Corpus = append(out.Corpus, r)
	}
	return nil
}

func printChecked(w io.Writer, out *checked) {
	for _, d := range out.Differences {
		fmt.Fprintf(w, "%s: %s; trace %v with GOMAXPROCS=%d GOGC=%d, %v with GOMAXPROCS=%d GOGC=%d\n",
			d.Token, d.What, d.Traces[0], d.Among[0].Procs, d.Among[0].GC, d.Traces[1], d.Among[1].Procs, d.Among[1].GC)
		if d.Record > 0 {
			fmt.Fprintf(w, "record %d differs first:\n  %s\n  %s\n", d.Record, d.First, d.Second)
		}
	}
	for _, r := range out.Corpus {
		fmt.Fprintf(w, "%-12s  %s: %s\n", r.Verdict, r.Name, r.Reason)
		for _, v := range r.Violations[:min(len(r.Violations), maxPrinted)] {
			fmt.Fprintf(w, "  %v\n", v)
		}
	}
	fmt.Fprintf(w, "%s  %d seeds compared in %d settings, %d differ; %d entries of the regression corpus\n",
		verdictWord(out.Verdict), out.Seeds, len(out.Climates), len(out.Differences), len(out.Corpus))
}
