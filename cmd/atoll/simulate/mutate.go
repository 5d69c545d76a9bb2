package simulate

import (
	"errors"
	"fmt"
	"io"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"github.com/atollcache/atoll/planted"
	sim "github.com/atollcache/atoll/simulate"
)

// mutated is the JSON form of what mutate came to.
type mutated struct {
	Verdict  sim.Verdict   `json:"verdict"`
	Caught   int           `json:"caught"`
	Waived   int           `json:"waived"`
	Survived int           `json:"survived"`
	Real     time.Duration `json:"real_ns"`
	Mutants  []*sim.Mutant `json:"mutants"`
}

func (e *Env) mutateCommand() *cobra.Command {
	var bugs []string
	cfg := sim.MutateConfig{}
	c := &cobra.Command{
		Use:   "mutate",
		Short: "Would the simulator notice? Plant bugs, and see",
		Long: "Switches one planted bug on after the other, and runs the scenario that is written for it,\n" +
			"then random ones, until an oracle tells that would not tell without the bug.\n\n" +
			"It needs a build with the tag simbreak. Exit 7: a bug survived that is not waived.",
		Example: "  go build -tags simbreak -o bin/atoll-break ./cmd/atoll\n  bin/atoll-break simulate mutate\n  bin/atoll-break simulate mutate --bug lww-tie --bug no-rejoin",
		Args:    takes(0, 0),
		RunE: func(c *cobra.Command, _ []string) error {
			for _, bug := range bugs {
				cfg.Bugs = append(cfg.Bugs, planted.ID(bug))
			}
			return e.mutate(c, cfg)
		},
	}
	f := c.Flags()
	f.StringArrayVar(&bugs, "bug", nil, "plant this one only; may be given again (default all)")
	f.Uint64Var(&cfg.Seeds, "seeds", 0, "random seeds for each bug at most (default as many as --for allows)")
	f.DurationVar(&cfg.For, "for", time.Minute, "real time for each bug at most")
	f.DurationVar(&cfg.Within, "within", 0, "real time after which no random scenario is begun any more, for all bugs together")
	f.StringVar(&cfg.Keep, "keep", "", "directory that gets a small scenario for each bug that a random one caught")
	return c
}

func (e *Env) mutate(c *cobra.Command, cfg sim.MutateConfig) error {
	if !planted.Possible {
		return &Error{ExitUsage, sim.ErrSound}
	}
	build, err := sim.Build()
	if err != nil {
		return err
	}
	cfg.Build = build
	cfg.Each = func(m *sim.Mutant) { e.tell("%s: %s", m.ID, fate(m)) }
	began := time.Now()
	mutants, err := sim.Mutate(c.Context(), cfg)
	out := &mutated{Verdict: sim.Pass, Mutants: append([]*sim.Mutant{}, mutants...), Real: time.Since(began)}
	out.count()
	if len(mutants) > 0 {
		if err := e.print(out, func(w io.Writer) { printMutants(w, out) }); err != nil {
			return err
		}
	}
	if err != nil {
		return e.refused(err)
	}
	if out.Survived > 0 {
		return &Error{ExitViolated, errors.New("planted bugs survived that are not waived; write a scenario for each into simulate/testdata/planted")}
	}
	return nil
}

func (out *mutated) count() {
	for _, m := range out.Mutants {
		switch {
		case m.Caught:
			out.Caught++
		case m.Survived():
			out.Survived++
			out.Verdict = sim.Violated
		default:
			out.Waived++
		}
	}
}

func fate(m *sim.Mutant) string {
	how := "random"
	if m.Directed {
		how = "directed"
	}
	switch {
	case m.Caught:
		return fmt.Sprintf("caught by %s after %d seeds (%s) in %s", m.Oracle, m.Seeds, how, span(m.Real))
	case m.Waived != "":
		return "waived: " + m.Waived
	}
	return fmt.Sprintf("SURVIVED %d seeds, %s", m.Seeds, span(m.Real))
}

func printMutants(w io.Writer, out *mutated) {
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	for _, m := range out.Mutants {
		fmt.Fprintf(t, "%s\t%s\t%s\n", m.ID, fate(m), m.Token)
	}
	_ = t.Flush() // the writer behind it is in memory
	fmt.Fprintf(w, "\n%s  %d caught, %d waived, %d survived, in %s\n", verdictWord(out.Verdict), out.Caught, out.Waived, out.Survived, span(out.Real))
}
