package simulate

import (
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/spf13/cobra"

	sim "github.com/atollcache/atoll/simulate"
)

// explainOptions are the flags of explain.
type explainOptions struct {
	oracle   string
	limit    time.Duration
	failures string
	html     string
}

// explained is the JSON form of an explanation.
type explained struct {
	*sim.Explanation
	Token string `json:"token"`
}

func (e *Env) explainCommand() *cobra.Command {
	o := &explainOptions{}
	c := &cobra.Command{
		Use:   "explain TOKEN|FILE",
		Short: "Why does a run break a promise?",
		Long: "Tells in one paragraph what led to a violation, without which single fault or operation it\n" +
			"does not happen, and since when it was inevitable: from when on lifting all faults has not\n" +
			"helped any more. For that the run is made again many times.",
		Example: "  atoll simulate explain stormy.4711.9f86d081\n  atoll simulate explain failing.yaml --oracle O4 --json",
		Args:    takes(1, 1),
		RunE:    func(c *cobra.Command, args []string) error { return e.explain(c, args[0], o) },
	}
	f := c.Flags()
	f.StringVar(&o.oracle, "oracle", "", "explain the first violation of this oracle, such as O4 (default the very first)")
	f.DurationVar(&o.limit, "for", time.Minute, "be content with what is found in this time")
	f.StringVar(&o.failures, "failures", sim.Failures, "directory of the saved scenarios")
	addHTML(c, &o.html, "a page for a browser")
	return plant(c)
}

func (e *Env) explain(c *cobra.Command, name string, o *explainOptions) error {
	if o.limit <= 0 {
		return usage("--for %v is not above zero", o.limit)
	}
	source, build, err := e.recall(name, o.failures)
	if err != nil {
		return err
	}
	x, err := sim.Explain(c.Context(), sim.ExplainConfig{Source: source, Oracle: o.oracle, For: o.limit})
	if errors.Is(err, sim.ErrHolds) {
		return &Error{ExitInconclusive, fmt.Errorf("nothing to explain: %w", err)}
	}
	if x == nil {
		return e.refused(err)
	}
	out := explained{x, source.Token(source.Seed, build).String()}
	if printErr := e.print(out, func(w io.Writer) { printExplained(w, &out) }); printErr != nil {
		return printErr
	}
	if err != nil {
		return e.refused(err)
	}
	return e.savePageOf(c.Context(), source, build, o.html)
}

func printExplained(w io.Writer, x *explained) {
	fmt.Fprintln(w, wrapped(x.Text, 80))
	if len(x.Curve) > 0 {
		fmt.Fprintln(w, "\nWith all faults lifted at")
		for _, p := range ordered(x.Curve) {
			outcome := "it does not happen"
			if p.Broken {
				outcome = "it happens"
			}
			fmt.Fprintf(w, "  %10v  %s\n", p.From.Truncate(time.Millisecond), outcome)
		}
	}
	fmt.Fprintf(w, "\n%d runs in %s; replay with: atoll simulate replay %s\n", x.Runs, span(x.Real), x.Token)
}

// wrapped breaks a paragraph into lines of so many letters.
func wrapped(text string, width int) string {
	var out strings.Builder
	column := 0
	for word := range strings.FieldsSeq(text) {
		letters := len([]rune(word))
		switch {
		case column == 0:
		case column+1+letters > width:
			out.WriteByte('\n')
			column = 0
		default:
			out.WriteByte(' ')
			column++
		}
		out.WriteString(word)
		column += letters
	}
	return out.String()
}
