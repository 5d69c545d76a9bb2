package cli

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"slices"
	"sync"
	"sync/atomic"
	"text/tabwriter"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/spf13/cobra"

	"github.com/atollcache/atoll/cmd/atoll/remote"
	"github.com/atollcache/atoll/cmd/atoll/up"
)

// opsOptions are the flags of bench ops.
type opsOptions struct {
	keys    int
	value   byteSize
	regions int
	nodes   int
	each    time.Duration
	profile string
}

func (a *app) benchOps() *cobra.Command {
	o := opsOptions{value: 64}
	c := &cobra.Command{
		Use:   "ops",
		Short: "What does a command cost beside a bare NATS request?",
		Long: "Measures GET and SET through the door of the first region, and requests to a NATS\n" +
			"subscriber that answers at once with as many bytes, by the same client in the same run:\n" +
			"the ratio is what carries to another machine. SET replicates to all regions meanwhile,\n" +
			"in this process too.",
		Example:           "  atoll bench ops\n  atoll bench ops --value 1KiB --for 10s",
		Args:              takes(0, 0),
		ValidArgsFunction: cobra.NoFileCompletions,
		RunE:              func(c *cobra.Command, _ []string) error { return a.ops(c.Context(), &o) },
	}
	f := c.Flags()
	f.IntVar(&o.keys, "keys", 10_000, "keys that are read and written")
	f.Var(&o.value, "value", "size of a value")
	f.IntVar(&o.regions, "regions", len(defaultRegions), "regions to start")
	f.IntVar(&o.nodes, "nodes", 2, "nodes in each region")
	f.DurationVar(&o.each, "for", 2*time.Second, "how long to measure each row")
	f.StringVar(&o.profile, "cpuprofile", "", "write a CPU profile of all rows to this file")
	return c
}

// ops measures and prints.
func (a *app) ops(ctx context.Context, o *opsOptions) (err error) {
	if o.keys < 1 || o.keys > maxBenchKeys {
		return usageError{fmt.Errorf("--keys %d is not between 1 and %d", o.keys, maxBenchKeys)}
	}
	if o.each <= 0 {
		return usageError{fmt.Errorf("--for %v is not above zero", o.each)}
	}
	names, err := benchRegions(o.regions)
	if err != nil {
		return err
	}
	layout, stop, err := startBench(ctx, up.Config{Regions: names, Nodes: o.nodes})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, stop()) }()

	rows, err := o.measure(ctx, layout.Regions[0])
	if err != nil {
		return err
	}
	return a.print(rows, func(w io.Writer) { printRows(w, rows) })
}

// A row is one measurement of bench ops.
type row struct {
	Name      string  `json:"name"`
	InFlight  int     `json:"in_flight"`
	PerSecond float64 `json:"per_second"`
	Ratio     float64 `json:"ratio"` // of the rate, to that of bare requests
	P50Micros float64 `json:"p50_us"`
	P99Micros float64 `json:"p99_us"`
}

// bareRegion is the name under which the bare subscriber is asked.
const bareRegion = "bench"

func (o *opsOptions) measure(ctx context.Context, first up.Region) (rows []row, err error) {
	door, err := o.find(ctx, remote.Endpoint{Region: first.Name, URL: first.NATS})
	if err != nil {
		return nil, err
	}
	defer door.Close()
	bare, err := o.find(ctx, remote.Endpoint{Region: bareRegion, URL: first.NATS})
	if err != nil {
		return nil, err
	}
	defer bare.Close()
	answering, err := answerBare(first.NATS, int(o.value))
	if err != nil {
		return nil, err
	}
	defer answering.Close()

	get := func(i int) remote.Request {
		return remote.Request{Command: "get", Args: []string{benchKey(i % o.keys)}}
	}
	value := benchValue(0, int(o.value))
	set := func(i int) remote.Request {
		return remote.Request{Command: "set", Args: []string{benchKey(i % o.keys), value}}
	}
	if err := inFlight(ctx, benchInFlight, o.keys, func(ctx context.Context, i int) error {
		_, err := door.Do(ctx, set(i))
		return err
	}); err != nil {
		return nil, err
	}

	stopProfile, err := startProfile(o.profile)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, stopProfile()) }()
	for _, flying := range []int{1, benchInFlight} {
		base := 0.0
		for _, kind := range []struct {
			name    string
			region  *remote.Region
			request func(i int) remote.Request
		}{{"bare", bare, get}, {"GET", door, get}, {"SET", door, set}} {
			r, err := o.row(ctx, flying, func(ctx context.Context, i int) error {
				_, err := kind.region.Do(ctx, kind.request(i))
				return err
			})
			if err != nil {
				return nil, fmt.Errorf("%s: %w", kind.name, err)
			}
			if base == 0 {
				base = r.PerSecond
			}
			r.Name, r.Ratio = kind.name, r.PerSecond/base
			rows = append(rows, r)
		}
	}
	return rows, nil
}

func (o *opsOptions) find(ctx context.Context, at remote.Endpoint) (*remote.Region, error) {
	ctx, cancel := context.WithTimeout(ctx, benchTimeout)
	defer cancel()
	return remote.Find(ctx, []remote.Endpoint{at}, at.Region, remote.Options{})
}

// answerBare subscribes to what looks like commands of a region of its own, and answers with that many bytes.
func answerBare(url string, size int) (*nats.Conn, error) {
	conn, err := nats.Connect(url, nats.Name("atoll bench"))
	if err != nil {
		return nil, fmt.Errorf("connect the bare subscriber: %w", err)
	}
	answer := binary.BigEndian.AppendUint32([]byte("\xa1\x65value\x5a"), uint32(size)) // {"value": bytes} in CBOR
	answer = append(answer, benchValue(0, size)...)
	_, err = conn.Subscribe("atoll."+bareRegion+".v1.*", func(m *nats.Msg) { _ = m.Respond(answer) })
	if err = errors.Join(err, conn.FlushTimeout(benchTimeout)); err != nil {
		conn.Close()
		return nil, fmt.Errorf("subscribe without a node: %w", err)
	}
	return conn, nil
}

// row keeps so many requests under way until the time is over.
func (o *opsOptions) row(ctx context.Context, flying int, do func(ctx context.Context, i int) error) (row, error) {
	var mu sync.Mutex // guards took
	var took []time.Duration
	began := time.Now()
	err := inFlight(ctx, flying, -1, func(ctx context.Context, i int) error {
		at := time.Now()
		if at.Sub(began) > o.each {
			return errOver
		}
		if err := do(ctx, i); err != nil {
			return err
		}
		mu.Lock()
		took = append(took, time.Since(at))
		mu.Unlock()
		return nil
	})
	if !errors.Is(err, errOver) {
		return row{}, err
	}
	elapsed := time.Since(began).Seconds()
	slices.Sort(took)
	return row{
		InFlight: flying, PerSecond: float64(len(took)) / elapsed,
		P50Micros: micros(took, 0.50), P99Micros: micros(took, 0.99),
	}, nil
}

func micros(sorted []time.Duration, q float64) float64 {
	if len(sorted) == 0 {
		return 0
	}
	return float64(sorted[int(q*float64(len(sorted)-1))].Nanoseconds()) / 1000
}

// errOver ends a row.
var errOver = errors.New("the time is over")

// inFlight calls do with 0, 1, … up to n, or for ever if n is below zero, so many calls at a time, until one fails.
func inFlight(ctx context.Context, flying, n int, do func(ctx context.Context, i int) error) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	var taken atomic.Int64
	var workers sync.WaitGroup
	for range flying {
		workers.Go(func() {
			for ctx.Err() == nil {
				i := int(taken.Add(1)) - 1
				if n >= 0 && i >= n {
					return
				}
				if err := bounded(ctx, i, do); err != nil {
					cancel(err)
				}
			}
		})
	}
	workers.Wait()
	return context.Cause(ctx)
}

// bounded gives a call its time. What ends the others must not fail those under way.
func bounded(ctx context.Context, i int, do func(ctx context.Context, i int) error) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), benchTimeout)
	defer cancel()
	return do(ctx, i)
}

func printRows(w io.Writer, rows []row) {
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintln(t, "REQUEST\tIN FLIGHT\tPER SECOND\tRATIO\tP50 US\tP99 US\t")
	for _, r := range rows {
		fmt.Fprintf(t, "%s\t%d\t%.0f\t%.2f\t%.0f\t%.0f\t\n", r.Name, r.InFlight, r.PerSecond, r.Ratio, r.P50Micros, r.P99Micros)
	}
	_ = t.Flush() // as any write to stdout
}
