// Package simulate is the command line of the simulator: atoll simulate.
//
//	root.AddCommand(simulate.Command(&simulate.Env{JSON: &json, Stdout: stdout, Stderr: stderr}))
//
// Data goes to stdout, what people are told meanwhile to stderr. With --json every
// command prints JSON objects, one a line. An error may have an exit code of its
// own, see [Error].
//
// It decides nothing: package simulate of the module runs and judges.
package simulate

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"iter"
	"maps"
	"runtime/debug"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/atollcache/atoll/planted"
	sim "github.com/atollcache/atoll/simulate"
	"github.com/atollcache/atoll/simulate/scenario"
	"github.com/atollcache/atoll/simulate/world"
)

// Env is what the commands stand in.
type Env struct {
	JSON   *bool // the flag of the whole command line
	Stdout io.Writer
	Stderr io.Writer
}

// The exit codes of the simulator, which agree with those of the binary.
const (
	ExitUsage          = 2 // or a scenario that cannot be read
	ExitStopped        = 6
	ExitViolated       = 7 // or a planted bug survived
	ExitInconclusive   = 8
	ExitNondeterminism = 9
)

// Error ends a command with an exit code of its own.
type Error struct {
	Code int
	Err  error
}

// Error says what is wrong.
func (e *Error) Error() string { return e.Err.Error() }

// Unwrap gives the error without its code.
func (e *Error) Unwrap() error { return e.Err }

// ExitCode is how the process is to end.
func (e *Error) ExitCode() int { return e.Code }

func usage(format string, args ...any) error { return &Error{ExitUsage, fmt.Errorf(format, args...)} }

const about = `Runs clusters of production nodes in one process, under a virtual clock and a
hostile network, and judges whether every promise is kept. The same scenario
and seed are the same run, on every machine.

Exit codes: 0 pass, 2 usage or a mistake in a scenario, 6 stopped early,
7 a promise is broken or a planted bug survived, 8 inconclusive,
9 two runs of one seed differed.`

// Command gives the command with all that are below it.
func Command(env *Env) *cobra.Command {
	c := &cobra.Command{
		Use:   "simulate",
		Short: "Break your cluster before it breaks",
		Long:  about,
		Example: "  atoll simulate run us-eu-cut-ten-minutes\n  atoll simulate run my-cluster.yaml --seed 7\n" +
			"  atoll simulate swarm --for 5m\n  atoll simulate replay stormy.4711.9f86d081\n" +
			"  atoll simulate whatif --topology my-cluster.yaml --cut us-eu=10m",
		Args:             cobra.ArbitraryArgs,
		PersistentPreRun: func(*cobra.Command, []string) { collectLess() },
		RunE: func(c *cobra.Command, args []string) error {
			if len(args) > 0 {
				return usage("unknown command %q for atoll simulate; use one of %s", args[0], strings.Join(names(c), ", "))
			}
			return c.Help()
		},
	}
	c.AddCommand(
		env.runCommand(), env.swarmCommand(), env.replayCommand(), env.shrinkCommand(), env.explainCommand(),
		env.whatIfCommand(), env.sweepCommand(), env.checkCommand(), env.mutateCommand(), env.benchCommand(), env.listCommand(),
	)
	return c
}

// collectLess has the garbage collector run less often, unless whoever began the
// process has set that: worlds are small, short-lived and make much garbage, so
// memory is cheaper than looking through it. A world takes some 100 MiB then.
func collectLess() {
	const usual, patient = 100, 400
	if set := debug.SetGCPercent(patient); set != usual {
		debug.SetGCPercent(set)
	}
}

func names(c *cobra.Command) (all []string) {
	for _, below := range c.Commands() {
		all = append(all, below.Name())
	}
	return all
}

// takes wants so many arguments.
func takes(least, most int) cobra.PositionalArgs {
	return func(c *cobra.Command, args []string) error {
		if len(args) < least || len(args) > most {
			return usage("%s takes %d to %d arguments, not %d", c.CommandPath(), least, most, len(args))
		}
		return nil
	}
}

// print prints a value as one line of JSON, or by the given function.
func (e *Env) print(v any, human func(w io.Writer)) error {
	if *e.JSON {
		encoder := json.NewEncoder(e.Stdout)
		encoder.SetEscapeHTML(false)
		return encoder.Encode(v)
	}
	var text bytes.Buffer
	human(&text)
	_, err := e.Stdout.Write(text.Bytes())
	return err
}

func (e *Env) tell(format string, args ...any) { fmt.Fprintf(e.Stderr, format+"\n", args...) }

// refused gives errors about what was typed their exit code. All mistakes of a
// scenario are told, a line each.
func (e *Env) refused(err error) error {
	if mistakes, ok := errors.AsType[scenario.Errors](err); ok && len(mistakes) > 1 {
		e.tell("%v", mistakes)
		return usage("%s has %d mistakes", mistakes[0].File, len(mistakes))
	}
	if errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded) {
		return &Error{ExitStopped, errors.New("stopped early")}
	}
	if bad[scenario.Errors](err) || bad[*fs.PathError](err) || errors.Is(err, world.ErrScenario) || bad[*sim.UnknownError](err) {
		return &Error{ExitUsage, err}
	}
	return err
}

func bad[T error](err error) bool {
	_, ok := errors.AsType[T](err)
	return ok
}

// plant adds the flag that switches a planted bug on, where the build can.
func plant(c *cobra.Command) *cobra.Command {
	if !planted.Possible {
		return c
	}
	bug := c.Flags().String("break", "", "plant a bug, see \"atoll simulate list breaks\"")
	run := c.RunE
	c.RunE = func(c *cobra.Command, args []string) error {
		if err := planted.Choose(planted.ID(*bug)); err != nil {
			return &Error{ExitUsage, err}
		}
		return run(c, args)
	}
	return c
}

// span writes a time as people read it: with three digits that matter.
func span(d time.Duration) string {
	for _, unit := range []time.Duration{time.Hour, time.Minute, time.Second, time.Millisecond, time.Microsecond} {
		if d >= unit {
			return d.Round(max(unit/100, 1)).String()
		}
	}
	return d.String()
}

// sorted walks over a map by its keys.
func sorted[V any](m map[string]V) iter.Seq2[string, V] {
	return func(yield func(string, V) bool) {
		for _, key := range slices.Sorted(maps.Keys(m)) {
			if !yield(key, m[key]) {
				return
			}
		}
	}
}
