package cli

import (
	"context"
	"fmt"
	"strconv"

	"github.com/spf13/cobra"

	"github.com/atollcache/atoll/cmd/atoll/remote"
)

// A walk is one run of scan.
type walk struct {
	match string
	count int
	limit int

	printed int
}

func (a *app) scanCommand() *cobra.Command {
	var w walk
	c := a.picksRegion(&cobra.Command{
		Use:   "scan",
		Short: "Print the keys of a region, one a line",
		Long: "Walks over all keys of a region and prints them, one a line, in no order. A key that is\n" +
			"there all the time is printed once or more; one that comes or goes meanwhile may be.",
		Example:           "  atoll scan --match 'user:*'\n  atoll scan --limit 10",
		Args:              takes(0, 0),
		ValidArgsFunction: cobra.NoFileCompletions,
		RunE:              func(c *cobra.Command, _ []string) error { return a.scan(c.Context(), &w) },
	})
	c.Flags().StringVar(&w.match, "match", "", "only keys that match a pattern, as user:*")
	c.Flags().IntVar(&w.count, "count", 1000, "how many keys to look at in one request")
	c.Flags().IntVar(&w.limit, "limit", 0, "stop after so many keys (default all)")
	return c
}

// scan walks until the end, or the limit. What was printed when something fails is a partial result.
func (a *app) scan(ctx context.Context, w *walk) error {
	if w.count < 1 || w.limit < 0 {
		return usageError{fmt.Errorf("--count and --limit must be above zero")}
	}
	if err := a.checkTimeout(); err != nil {
		return err
	}
	connecting, cancel := context.WithTimeout(ctx, a.timeout)
	defer cancel()
	region, err := a.connect(connecting)
	if err != nil {
		return err
	}
	defer region.Close()

	for cursor, more := "0", true; more; more = cursor != "0" && !w.done() {
		page, next, err := a.scanPage(ctx, region, w, cursor)
		if err != nil {
			return w.stopped(err)
		}
		for _, key := range page {
			if err := a.scanned(region.Name, key); err != nil {
				return err
			}
			if w.printed++; w.done() {
				return nil
			}
		}
		cursor = next
	}
	return nil
}

func (w *walk) done() bool { return w.limit > 0 && w.printed >= w.limit }

func (w *walk) stopped(err error) error {
	if w.printed == 0 {
		return err
	}
	return partialError{fmt.Errorf("stopped after %d keys: %w", w.printed, err)}
}

func (a *app) scanPage(ctx context.Context, region *remote.Region, w *walk, cursor string) (keys []any, next string, err error) {
	ctx, cancel := context.WithTimeout(ctx, a.timeout+answerGrace)
	defer cancel()
	q := remote.Request{Command: "scan", Args: []string{cursor, "COUNT", strconv.Itoa(w.count)}, Timeout: a.timeout}
	if w.match != "" {
		q.Args = append(q.Args, "MATCH", w.match)
	}
	reply, err := region.Do(ctx, q)
	if err != nil {
		return nil, "", err
	}

	list, _ := reply.Value.([]any)
	if len(list) != 2 {
		return nil, "", unexpected(result{Key: "scan", Region: region.Name})
	}
	next, isText := list[0].(string)
	keys, isList := list[1].([]any)
	if !isText || !isList {
		return nil, "", unexpected(result{Key: "scan", Region: region.Name})
	}
	return keys, next, nil
}

func (a *app) scanned(region string, key any) error {
	if a.json {
		return a.printJSON(struct {
			Region string `json:"region"`
			Key    any    `json:"key"`
		}{region, text(key)})
	}
	_, err := fmt.Fprintln(a.stdout, key)
	return err
}
