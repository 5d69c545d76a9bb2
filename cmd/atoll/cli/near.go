package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strconv"
	"sync"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"github.com/atollcache/atoll/client"
	"github.com/atollcache/atoll/cmd/atoll/up"
)

// nearOptions are the flags of bench near.
type nearOptions struct {
	writes int
	rtt    string
	nodes  int
}

func (a *app) benchNear() *cobra.Command {
	o := nearOptions{}
	c := &cobra.Command{
		Use:   "near",
		Short: "For how long does a near cache give what is old?",
		Long: "Writes in the region of a client that has a near cache, and in another region, and\n" +
			"measures for how long after the answer to a write the client is still given the value\n" +
			"before; beside that a client without a near cache, to whom the value is as old as its\n" +
			"region. Both read all the time, about every 100 us.",
		Example:           "  atoll bench near\n  atoll bench near --rtt 80ms --writes 2000",
		Args:              takes(0, 0),
		ValidArgsFunction: cobra.NoFileCompletions,
		RunE:              func(c *cobra.Command, _ []string) error { return a.near(c.Context(), &o) },
	}
	f := c.Flags()
	f.IntVar(&o.writes, "writes", 400, "writes to measure in each region")
	f.StringVar(&o.rtt, "rtt", "80ms", "round trip time between the regions")
	f.IntVar(&o.nodes, "nodes", 2, "nodes in each region")
	return c
}

// near measures and prints.
func (a *app) near(ctx context.Context, o *nearOptions) (err error) {
	if o.writes < 1 || o.writes > maxBenchKeys {
		return usageError{fmt.Errorf("--writes %d is not between 1 and %d", o.writes, maxBenchKeys)}
	}
	names, err := benchRegions(2)
	if err != nil {
		return err
	}
	delays, err := up.ParseRTT(o.rtt, names)
	if err != nil {
		return usageError{fmt.Errorf("--rtt: %w", err)}
	}
	layout, stop, err := startBench(ctx, up.Config{Regions: names, Nodes: o.nodes, Delays: delays, Changes: true})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, stop()) }()

	var rows []ageRow
	for _, writer := range layout.Regions {
		for _, kind := range []string{"near cache", "none"} {
			r, err := o.measure(ctx, layout, writer, kind)
			if err != nil {
				return fmt.Errorf("written in %s, %s: %w", writer.Name, kind, err)
			}
			rows = append(rows, r)
		}
	}
	return a.print(rows, func(w io.Writer) { printAges(w, rows) })
}

// ageRow is one measurement of bench near.
type ageRow struct {
	Reader    string  `json:"reader"` // near cache, or none
	Read      string  `json:"read_in"`
	Written   string  `json:"written_in"`
	Writes    int     `json:"writes"`
	Hits      uint64  `json:"near_hits"`
	P50Millis float64 `json:"p50_ms"`
	P99Millis float64 `json:"p99_ms"`
	MaxMillis float64 `json:"max_ms"`
}

const (
	// nearKeys are written side by side, each one after the other.
	nearKeys = 8
	// nearPause is between two reads of a key, and so the error of what is measured.
	nearPause = 100 * time.Microsecond
	// nearMaxAge is more than any event takes, so that what is measured is events.
	nearMaxAge = time.Minute
)

// measure writes in one region and reads in the first.
func (o *nearOptions) measure(ctx context.Context, l up.Layout, writer up.Region, kind string) (ageRow, error) {
	first := l.Regions[0]
	options := client.Options{Seeds: []string{first.NATS}, Home: first.Name, NearMaxAge: nearMaxAge}
	if kind == "near cache" {
		options.NearCache = 1 << 20
	}
	reading, err := client.Connect(ctx, options)
	if err != nil {
		return ageRow{}, err
	}
	defer reading.Close()
	writing, err := client.Connect(ctx, client.Options{Seeds: []string{writer.NATS}, Home: writer.Name})
	if err != nil {
		return ageRow{}, err
	}
	defer writing.Close()

	var mu sync.Mutex // guards ages
	var ages []time.Duration
	err = inFlight(ctx, nearKeys, nearKeys, func(ctx context.Context, key int) error {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), settleLimit)
		defer cancel()
		some, err := follow(ctx, reading, writing, fmt.Sprintf("%s:%s:%d", kind, writer.Name, key), (o.writes+nearKeys-1)/nearKeys)
		mu.Lock()
		ages = append(ages, some...)
		mu.Unlock()
		return err
	})
	if err != nil {
		return ageRow{}, err
	}
	slices.Sort(ages)
	return ageRow{
		Reader: kind, Read: first.Name, Written: writer.Name, Writes: len(ages), Hits: reading.Stats().NearHits,
		P50Millis: micros(ages, 0.5) / 1000, P99Millis: micros(ages, 0.99) / 1000, MaxMillis: micros(ages, 1) / 1000,
	}, nil
}

// follow writes a key again and again, each time when the reader has seen the value before, and gives for how long after
// the answer to each write the reader was given an older value; 0 if it never was.
func follow(ctx context.Context, reading, writing *client.Client, key string, writes int) ([]time.Duration, error) {
	ages := make([]time.Duration, 0, writes)
	for i := range writes + 1 {
		written := make(chan error, 1)
		var done time.Time
		go func() {
			err := writing.Set(ctx, key, strconv.AppendInt(nil, int64(i), 10), 0)
			done = time.Now()
			written <- err
		}()
		old, err := lastOld(ctx, reading, key, i)
		if failed := <-written; errors.Join(err, failed) != nil {
			return nil, errors.Join(err, failed)
		}
		if i > 0 { // the first one is new
			ages = append(ages, max(0, old.Sub(done)))
		}
	}
	return ages, nil
}

// lastOld reads a key until it shows a number, and gives when it showed an older one for the last time.
func lastOld(ctx context.Context, reading *client.Client, key string, number int) (old time.Time, err error) {
	pause := time.NewTicker(nearPause)
	defer pause.Stop()
	for {
		value, err := reading.Get(ctx, key)
		switch {
		case errors.Is(err, client.ErrNotFound):
		case err != nil:
			return old, err
		case string(value) == strconv.Itoa(number):
			return old, nil
		}
		old = time.Now()
		select {
		case <-pause.C:
		case <-ctx.Done():
			return old, fmt.Errorf("the reader has not seen write %d of %s: %w", number, key, ctx.Err())
		}
	}
}

func printAges(w io.Writer, rows []ageRow) {
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintln(t, "WRITTEN IN\tREAD IN\tKEPT NEAR\tWRITES\tOLD FOR P50 MS\tP99 MS\tMAX MS\t")
	for _, r := range rows {
		kept := "no"
		if r.Reader == "near cache" {
			kept = "yes"
		}
		fmt.Fprintf(t, "%s\t%s\t%s\t%d\t%.2f\t%.2f\t%.2f\t\n", r.Written, r.Read, kept, r.Writes, r.P50Millis, r.P99Millis, r.MaxMillis)
	}
	_ = t.Flush() // as any write to stdout
}
