package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/spf13/cobra"
)

// verifyInterval is how often --wait looks.
const verifyInterval = 200 * time.Millisecond

func (a *app) verifyCommand() *cobra.Command {
	var wait time.Duration
	c := a.asksRegions(&cobra.Command{
		Use:   "verify",
		Short: "Are all regions equal?",
		Long: "Asks every node of every region for the digests of what it holds, and compares them:\n" +
			"all copies of all 1024 partitions. Nothing is read through another region, so it also\n" +
			"works while regions are cut from each other.\n\n" +
			"Exit 0: all are equal. Exit 7: they differ, with the partitions and regions that do.\n" +
			"Exit 4: a region or a node does not answer.\n\n" +
			"While clients write, regions differ by what is on its way.",
		Example:           "  atoll verify\n  atoll verify --wait 10s",
		Args:              takes(0, 0),
		ValidArgsFunction: cobra.NoFileCompletions,
		RunE:              func(c *cobra.Command, _ []string) error { return a.verify(c.Context(), wait) },
	})
	c.Flags().DurationVar(&wait, "wait", 0, "try until all are equal, or so long")
	return c
}

// verify looks once, or until everything is equal or the time is over.
func (a *app) verify(ctx context.Context, wait time.Duration) error {
	if err := a.checkTimeout(); err != nil {
		return err
	}
	if wait < 0 {
		return usageError{fmt.Errorf("--wait %v is below zero", wait)}
	}
	deadline := time.Now().Add(wait)
	for {
		v, err := a.look(ctx)
		if ctx.Err() != nil {
			return errors.New("interrupted")
		}
		if err == nil && v.Equal || is[usageError](err) || time.Until(deadline) < verifyInterval {
			return a.conclude(v, err, wait)
		}
		select {
		case <-ctx.Done():
		case <-time.After(verifyInterval):
		}
	}
}

// look compares everything once.
func (a *app) look(ctx context.Context) (*verdict, error) {
	ctx, cancel := context.WithTimeout(ctx, a.timeout)
	defer cancel()
	places, err := a.everywhere(ctx)
	defer closeAll(places)
	if err != nil {
		return nil, err
	}

	asked := time.Now()
	all, err := copies(ctx, places)
	if err != nil {
		return nil, err
	}
	if len(all) == 0 {
		return nil, errNothing
	}
	names := make([]string, len(places))
	for i, p := range places {
		names[i] = p.region.Name
	}
	v := judge(names, all)
	v.AgeSeconds = float64(time.Since(asked).Milliseconds()) / 1000
	return &v, nil
}

// conclude prints the verdict, and says with the exit code what it is.
func (a *app) conclude(v *verdict, err error, wait time.Duration) error {
	if err != nil {
		return err
	}
	if err := a.print(v, func(w io.Writer) { v.print(w) }); err != nil || v.Equal {
		return err
	}
	if wait > 0 {
		return checkError{fmt.Errorf("still not equal after %v; a link may be cut: see atoll status", wait)}
	}
	return checkError{errors.New("the regions are not equal; --wait 10s gives them time")}
}
