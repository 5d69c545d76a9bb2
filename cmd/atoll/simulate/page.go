package simulate

import (
	"context"

	"github.com/spf13/cobra"

	sim "github.com/atollcache/atoll/simulate"
	"github.com/atollcache/atoll/simulate/report"
)

// addHTML adds the flag that names a page, and has it looked at before anything
// runs: nobody wants to wait for a page that cannot be written.
func addHTML(c *cobra.Command, path *string, what string) {
	c.Flags().StringVar(path, "html", "", "write "+what+" to this file")
	run := c.RunE
	c.RunE = func(c *cobra.Command, args []string) error {
		if *path != "" {
			if err := report.Placeable(*path); err != nil {
				return err
			}
		}
		return run(c, args)
	}
}

// savePage plays the run again for a closer look, and writes the page.
func (e *Env) savePage(ctx context.Context, cfg sim.Config, r *sim.Result, path string) error {
	if path == "" {
		return nil
	}
	page, err := report.Record(ctx, cfg, r)
	if err != nil {
		return e.refused(err)
	}
	if err := page.Save(path); err != nil {
		return err
	}
	e.tell("the report is in %s", path)
	return nil
}

// savePageOf runs a source for a page alone.
func (e *Env) savePageOf(ctx context.Context, source *sim.Source, build, path string) error {
	if path == "" {
		return nil
	}
	cfg := sim.Config{Scenario: source.Scenario, Seed: source.Seed}
	r, err := sim.Run(ctx, cfg)
	if err != nil {
		return e.refused(err)
	}
	r.Token = source.Token(source.Seed, build).String()
	return e.savePage(ctx, cfg, r, path)
}

// live says whether progress can be shown in place.
func (e *Env) live() bool { return !*e.JSON && report.Terminal(e.Stderr) }

// view shows a run under way.
func (e *Env) view(source *sim.Source) *report.View {
	return report.NewView(e.Stderr, e.live(), source.Scenario, source.Seed)
}
