package simulate

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"time"

	"github.com/spf13/cobra"

	sim "github.com/atollcache/atoll/simulate"
	"github.com/atollcache/atoll/simulate/scenario"
)

// shrinkOptions are the flags of shrink.
type shrinkOptions struct {
	out      string
	corpus   string
	reason   string
	oracle   string
	limit    time.Duration
	failures string
}

// shrunk is the JSON form of what shrink came to.
type shrunk struct {
	*sim.ShrinkResult
	Token string `json:"token"`
	File  string `json:"file"`
	Entry string `json:"entry,omitempty"` // of the regression corpus
	Text  string `json:"scenario"`
}

func (e *Env) shrinkCommand() *cobra.Command {
	o := &shrinkOptions{}
	c := &cobra.Command{
		Use:   "shrink TOKEN|FILE",
		Short: "Make a failure small enough to understand",
		Long: "Takes faults, operations, nodes and settings away as long as the same promise is broken in\n" +
			"the same way, until no fault and no operation can go. The result is a scenario file. With\n" +
			"--corpus it becomes an entry of a regression corpus as well, which must pass from then on.",
		Example: "  atoll simulate shrink stormy.4711.9f86d081\n  atoll simulate shrink failing.yaml --out small.yaml --oracle O4",
		Args:    takes(1, 1),
		RunE:    func(c *cobra.Command, args []string) error { return e.shrink(c, args[0], o) },
	}
	f := c.Flags()
	f.StringVar(&o.out, "out", "", "file for the scenario (default beside the saved ones)")
	f.StringVar(&o.corpus, "corpus", "", "directory of a regression corpus that gets an entry")
	f.StringVar(&o.reason, "reason", "", "one line for the entry: what was wrong")
	f.StringVar(&o.oracle, "oracle", "", "keep the first violation of this oracle, such as O4 (default the very first)")
	f.DurationVar(&o.limit, "for", time.Minute, "be content with what is reached after this time")
	f.StringVar(&o.failures, "failures", sim.Failures, "directory of the saved scenarios")
	return plant(c)
}

func (e *Env) shrink(c *cobra.Command, name string, o *shrinkOptions) error {
	switch {
	case o.corpus != "" && o.reason == "":
		return usage("--corpus needs --reason: one line that says what was wrong")
	case o.limit <= 0:
		return usage("--for %v is not above zero", o.limit)
	}
	source, build, err := e.recall(name, o.failures)
	if err != nil {
		return err
	}
	r, err := sim.Shrink(c.Context(), sim.ShrinkConfig{Source: source, Oracle: o.oracle, For: o.limit, Progress: e.shrinking()})
	if errors.Is(err, sim.ErrHolds) {
		return &Error{ExitInconclusive, fmt.Errorf("nothing to shrink: %w", err)}
	}
	if err != nil {
		return e.refused(err)
	}
	return e.keep(o, source, build, r)
}

// keep writes the files and shows what there is.
func (e *Env) keep(o *shrinkOptions, source *sim.Source, build string, r *sim.ShrinkResult) error {
	out := shrunk{ShrinkResult: r, Text: string(scenario.Marshal(r.Scenario))}
	small := sim.SourceOf(r.Scenario)
	out.Token = small.Token(source.Seed, build).String()
	note := fmt.Sprintf("Shrunk from %d operations, %d faults and %d nodes to %d, %d and %d:\n%v",
		r.Before.Ops, r.Before.Steps, r.Before.Nodes, r.After.Ops, r.After.Steps, r.After.Nodes, r.Violation)
	path, err := saveAs(o.out, o.failures, small.Token(source.Seed, build), r.Scenario, note)
	if err != nil {
		return err
	}
	out.File = path
	if o.corpus != "" {
		if out.Entry, err = sim.Keep(o.corpus, r.Scenario, r.Violation, o.reason); err != nil {
			return err
		}
	}
	return e.print(out, func(w io.Writer) { printShrunk(w, &out) })
}

// saveAs writes a scenario to a file of its own, or beside the saved ones.
func saveAs(path, dir string, token sim.Token, sc *scenario.Scenario, note string) (string, error) {
	saved, err := sim.Save(dir, token, sc, note)
	if err != nil || path == "" {
		return saved, err
	}
	text, err := os.ReadFile(saved) //nolint:gosec // it has just been written
	if err != nil {
		return "", err
	}
	return path, sim.WriteFile(filepath.Clean(path), text)
}

// shrinking tells now and then how small it is.
func (e *Env) shrinking() func(sim.Items, int) {
	told := time.Now()
	return func(n sim.Items, runs int) {
		if time.Since(told) >= 5*time.Second {
			told = time.Now()
			e.tell("%d operations, %d faults, %d nodes after %d runs", n.Ops, n.Steps, n.Nodes, runs)
		}
	}
}

func printShrunk(w io.Writer, r *shrunk) {
	minimal := "none of them can be taken away"
	if !r.Minimal {
		minimal = "time was up before all was tried"
	}
	fmt.Fprintf(w, "%s\n", r.Text)
	fmt.Fprintf(w, "%v\n\n", r.Violation)
	fmt.Fprintf(w, "%d operations, %d faults, %d nodes, of %d, %d, %d; %s (%d runs in %s)\n",
		r.After.Ops, r.After.Steps, r.After.Nodes, r.Before.Ops, r.Before.Steps, r.Before.Nodes, minimal, r.Runs, span(r.Real))
	fmt.Fprintf(w, "saved in %s; replay with: atoll simulate replay %s\n", r.File, r.Token)
	if r.Entry != "" {
		fmt.Fprintf(w, "regression entry: %s\n", r.Entry)
	}
}
