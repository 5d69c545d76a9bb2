package cli

import (
	"context"
	"fmt"
	"regexp"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/atollcache/atoll/cmd/atoll/remote"
)

// A dataCommand is a command of the cache as it is typed: how its words become a request, and how the reply is shown.
type dataCommand struct {
	use      string // the name and its arguments; those in brackets are optional
	short    string
	long     string
	example  string
	min, max int  // arguments; max -1 for any number
	write    bool // has --ack

	flags   func(c *cobra.Command)
	request func(args []string) (remote.Request, error)
	show    shower
}

// data makes the command. The first argument is the key.
func (a *app) data(d dataCommand) *cobra.Command {
	c := a.picksRegion(&cobra.Command{
		Use:               d.use,
		Short:             d.short,
		Long:              d.long,
		Example:           d.example,
		Args:              takes(d.min, d.max),
		ValidArgsFunction: cobra.NoFileCompletions,
	})
	var ack string
	if d.write {
		c.Flags().StringVar(&ack, "ack", "", "who must have the write before it is acknowledged:\nlocal, region, or regions:N (default local)")
	}
	if d.flags != nil {
		d.flags(c)
	}
	c.RunE = func(c *cobra.Command, args []string) error {
		q, err := d.request(args)
		if err != nil {
			return usageError{err}
		}
		if q.Ack, err = ackLevel(ack); err != nil {
			return usageError{err}
		}
		return a.do(c.Context(), args[0], q, d.show)
	}
	return c
}

// do sends a command to the region and shows the reply.
func (a *app) do(ctx context.Context, key string, q remote.Request, show shower) error {
	if err := a.checkTimeout(); err != nil {
		return err
	}
	q.Timeout = a.timeout
	ctx, cancel := context.WithTimeout(ctx, a.timeout+answerGrace)
	defer cancel()
	region, err := a.connect(ctx)
	if err != nil {
		return err
	}
	defer region.Close()

	reply, err := region.Do(ctx, q)
	if err != nil {
		if is[*remote.CommandError](err) {
			return fmt.Errorf("%s: %w", key, err)
		}
		return err
	}
	if err := show(a, result{Region: region.Name, Key: key, Value: reply.Value, Ack: reply.Ack}); err != nil {
		return err
	}
	if reply.Short {
		return shortError{fmt.Errorf("acknowledged at level %s, not %s, within %v; the write stays and goes on its way", orLocal(reply.Ack), q.Ack, a.timeout)}
	}
	return nil
}

// answerGrace is how much longer than the node this process waits, so that the node can say what it waited for.
const answerGrace = 2 * time.Second

// maxTimeout is the longest that a node waits.
const maxTimeout = time.Minute

func (a *app) checkTimeout() error {
	if a.timeout <= 0 || a.timeout > maxTimeout {
		return usageError{fmt.Errorf("--timeout %v is not between 0 and %v", a.timeout, maxTimeout)}
	}
	return nil
}

var levels = regexp.MustCompile(`^(local|region|regions:[1-9]\d{0,2})$`)

func ackLevel(level string) (string, error) {
	if level != "" && !levels.MatchString(level) {
		return "", fmt.Errorf("--ack %s is no level; use local, region or regions:N", level)
	}
	return level, nil
}

func orLocal(level string) string {
	if level == "" {
		return "local"
	}
	return level
}

// takes checks the number of arguments, and shows the usage if it is wrong.
func takes(least, most int) cobra.PositionalArgs {
	return func(c *cobra.Command, args []string) error {
		if len(args) >= least && (most < 0 || len(args) <= most) {
			return nil
		}
		return usageError{fmt.Errorf("usage: %s", strings.TrimSuffix(c.UseLine(), " [flags]"))}
	}
}
