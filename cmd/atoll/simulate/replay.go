package simulate

import (
	"bufio"
	"time"

	"github.com/spf13/cobra"

	sim "github.com/atollcache/atoll/simulate"
	"github.com/atollcache/atoll/simulate/world"
)

// replayOptions are the flags of replay.
type replayOptions struct {
	until    time.Duration
	key      string
	trace    string
	failures string
	html     string
}

func (e *Env) replayCommand() *cobra.Command {
	o := &replayOptions{}
	c := &cobra.Command{
		Use:   "replay TOKEN|FILE",
		Short: "Run again what a token names",
		Long: "Runs the very run again that a token names, or that a saved scenario holds. A token of\n" +
			"another build is run from the scenario that was saved with it, after a warning.",
		Example: "  atoll simulate replay stormy.4711.9f86d081\n  atoll simulate replay stormy.4711.9f86d081 --key string-3 --until 42s\n" +
			"  atoll simulate replay saved.yaml --trace jsonl",
		Args: takes(1, 1),
		RunE: func(c *cobra.Command, args []string) error { return e.replay(c, args[0], o) },
	}
	f := c.Flags()
	f.DurationVar(&o.until, "until", 0, "end at this time of the run, without the final checks")
	f.StringVar(&o.key, "key", "", "print what happens to this key, instead of the result")
	f.StringVar(&o.trace, "trace", "", "jsonl: print every event, instead of the result")
	f.StringVar(&o.failures, "failures", sim.Failures, "directory of the saved scenarios")
	addHTML(c, &o.html, "a page for a browser")
	return plant(c)
}

func (e *Env) replay(c *cobra.Command, name string, o *replayOptions) error {
	switch {
	case o.trace != "" && o.trace != "jsonl":
		return usage("--trace %s is unknown; write --trace jsonl", o.trace)
	case o.trace != "" && o.key != "":
		return usage("--key and --trace print different things; give one of them")
	case o.html != "" && (o.trace != "" || o.key != ""):
		return usage("--html shows a result, and --key and --trace print something else; give one of them")
	case o.until < 0:
		return usage("--until %v is below zero", o.until)
	}
	source, build, err := e.recall(name, o.failures)
	if err != nil {
		return err
	}
	cfg := sim.Config{Scenario: source.Scenario, Seed: source.Seed, Until: o.until}
	switch {
	case o.key != "":
		return e.follow(c, cfg, o.key)
	case o.trace != "":
		return e.trace(c, cfg)
	}
	err = e.play(c.Context(), source, build, cfg, o.html)
	if broken, ok := err.(*Error); ok && broken.Code == ExitInconclusive && o.until > 0 { //nolint:errorlint // play gives it as it is
		return nil // that is what was asked for
	}
	return err
}

// recall finds what a token or a file names, and passes on what is to be said of
// it.
func (e *Env) recall(name, failures string) (*sim.Source, string, error) {
	build, err := sim.Build()
	if err != nil {
		return nil, "", err
	}
	source, err := sim.Recall(name, failures, build)
	if err != nil {
		return nil, "", e.refused(err)
	}
	if source.Warning != "" {
		e.tell("warning: %s", source.Warning)
	}
	return source, build, nil
}

// follow prints what happens to a key.
func (e *Env) follow(c *cobra.Command, cfg sim.Config, key string) error {
	out := bufio.NewWriter(e.Stdout)
	if err := sim.Observe(c.Context(), cfg, sim.Follow(key, out)); err != nil {
		return e.refused(err)
	}
	return out.Flush()
}

// trace prints every event.
func (e *Env) trace(c *cobra.Command, cfg sim.Config) error {
	out := bufio.NewWriter(e.Stdout)
	var line []byte
	cfg.Trace = func(r *world.Record) {
		line = r.AppendJSON(line[:0])
		_, _ = out.Write(line) // Flush tells of any error
	}
	err := sim.Observe(c.Context(), cfg, func(*world.World) world.Observer { return world.Nobody{} })
	if flushErr := out.Flush(); flushErr != nil {
		return flushErr
	}
	return e.refused(err)
}
