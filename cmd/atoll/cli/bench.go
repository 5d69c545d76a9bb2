package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"runtime/pprof"
	"strconv"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"github.com/atollcache/atoll/cmd/atoll/up"
)

func (a *app) benchCommand() *cobra.Command {
	c := &cobra.Command{
		Use:   "bench",
		Short: "Measure a cluster that is started for it",
		Long: "Starts regions in this process as \"atoll up\" does, on ports of their own, measures, and\n" +
			"stops them. Figures of one machine do not carry to another: compare before and after.",
		Example: "  atoll bench heal\n  atoll bench heal --keys 1000000 --rtt 80ms --limit 2m\n  atoll bench ops --value 1KiB\n  atoll bench near --rtt 80ms",
		Args:    cobra.ArbitraryArgs,
		RunE: func(c *cobra.Command, args []string) error {
			if len(args) > 0 {
				return usageError{fmt.Errorf("unknown command %q for atoll bench; use heal, near or ops", args[0])}
			}
			return c.Help()
		},
	}
	c.AddCommand(a.benchHeal(), a.benchNear(), a.benchOps())
	return c
}

// healOptions are the flags of bench heal.
type healOptions struct {
	keys    int
	value   byteSize
	regions int
	nodes   int
	rtt     string
	cut     time.Duration
	limit   time.Duration
	profile string
}

func (a *app) benchHeal() *cobra.Command {
	o := healOptions{value: 64}
	c := &cobra.Command{
		Use:   "heal",
		Short: "How soon are regions equal after a cut?",
		Long: "Cuts the first region off from the others, writes half of the keys on each side of the\n" +
			"cut, heals it, and measures until the digests of all copies of all partitions are equal,\n" +
			"as \"atoll verify\" compares them.\n\n" +
			"Exit 7: they were not equal within --limit.",
		Example:           "  atoll bench heal\n  atoll bench heal --keys 1000000 --rtt 80ms --limit 2m\n  atoll bench heal --cpuprofile heal.prof",
		Args:              takes(0, 0),
		ValidArgsFunction: cobra.NoFileCompletions,
		RunE:              func(c *cobra.Command, _ []string) error { return a.heal(c.Context(), &o) },
	}
	f := c.Flags()
	f.IntVar(&o.keys, "keys", 100_000, "keys to write, half of them on each side")
	f.Var(&o.value, "value", "size of a value")
	f.IntVar(&o.regions, "regions", len(defaultRegions), "regions to start")
	f.IntVar(&o.nodes, "nodes", 2, "nodes in each region")
	f.StringVar(&o.rtt, "rtt", "", "round trip time between regions: 80ms, or eu-us=80ms,…")
	f.DurationVar(&o.cut, "cut", 5*time.Second, "least time that the cut lasts; a short one is not noticed by all")
	f.DurationVar(&o.limit, "limit", time.Minute, "how long to wait for equality")
	f.StringVar(&o.profile, "cpuprofile", "", "write a CPU profile of the healing to this file")
	return c
}

// heal measures, prints, and says with the exit code whether the regions became equal.
func (a *app) heal(ctx context.Context, o *healOptions) error {
	if err := o.validate(); err != nil {
		return usageError{err}
	}
	result, err := a.measureHeal(ctx, o)
	if err != nil {
		return err
	}
	if err := a.print(result, func(w io.Writer) { result.print(w) }); err != nil || result.Equal {
		return err
	}
	return checkError{fmt.Errorf("%d partitions still differ %v after the heal; look with a longer --limit whether they become equal at all", result.Differ, o.limit)}
}

// maxBenchKeys bounds what one process is asked to hold.
const maxBenchKeys = 10_000_000

func (o *healOptions) validate() error {
	switch {
	case o.keys < 2 || o.keys > maxBenchKeys:
		return fmt.Errorf("--keys %d is not between 2 and %d", o.keys, maxBenchKeys)
	case o.cut < 0:
		return fmt.Errorf("--cut %v is below zero", o.cut)
	case o.limit <= 0:
		return fmt.Errorf("--limit %v is not above zero", o.limit)
	}
	return nil
}

// benchRegions names regions as "atoll up" does, and by numbers after that.
func benchRegions(n int) ([]string, error) {
	if n < 2 || n > 8 {
		return nil, usageError{fmt.Errorf("--regions %d is not between 2 and 8", n)}
	}
	names := defaultRegions[:min(n, len(defaultRegions))]
	for i := len(names); i < n; i++ {
		names = append(names[:i:i], fmt.Sprintf("r%d", i+1))
	}
	return names, nil
}

// A healing is what bench heal has measured.
type healing struct {
	Keys         int      `json:"keys"`
	ValueBytes   int      `json:"value_bytes"`
	Regions      []string `json:"regions"`
	Nodes        int      `json:"nodes"` // in each region
	WriteSeconds float64  `json:"write_s"`
	CutSeconds   float64  `json:"cut_s"`
	HealSeconds  float64  `json:"heal_s"` // from the heal until all copies were equal, or the limit was reached
	Equal        bool     `json:"equal"`
	Differ       int      `json:"differ"`        // partitions, when the measurement ended
	WANBytes     uint64   `json:"wan_bytes"`     // that crossed the switch while healing, in all directions
	PayloadBytes uint64   `json:"payload_bytes"` // of keys and values that had to cross it
}

func (h *healing) print(w io.Writer) {
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintf(t, "keys\t%d of %d bytes, half of them on each side\n", h.Keys, h.ValueBytes)
	fmt.Fprintf(t, "cut\t%s | %s, %s each, for %.1f s\n", h.Regions[0], strings.Join(h.Regions[1:], " "), count(h.Nodes, "node"), h.CutSeconds)
	fmt.Fprintf(t, "written in\t%.2f s, %.0f writes/s\n", h.WriteSeconds, float64(h.Keys)/h.WriteSeconds)
	verdict := "equal after"
	if !h.Equal {
		verdict = "NOT equal after"
	}
	fmt.Fprintf(t, "%s\t%.2f s\n", verdict, h.HealSeconds)
	fmt.Fprintf(t, "crossed the WAN\t%s, %.2f x the keys and values\n", size(int64(h.WANBytes)), float64(h.WANBytes)/float64(h.PayloadBytes))
	_ = t.Flush() // as any write to stdout
}

// startBench starts the regions that are measured, and gives what stops them.
func startBench(ctx context.Context, config up.Config) (up.Layout, func() error, error) {
	cluster, err := up.Start(ctx, config)
	if errors.Is(err, up.ErrConfig) {
		err = usageError{errors.New(strings.TrimPrefix(err.Error(), up.ErrConfig.Error()+": "))}
	}
	if err != nil {
		return up.Layout{}, nil, err
	}
	return cluster.Layout(), func() error {
		stopping, cancel := context.WithTimeout(context.WithoutCancel(ctx), stopTimeout)
		defer cancel()
		return cluster.Stop(stopping)
	}, nil
}

// startProfile begins a CPU profile, if the file has a name, and gives what ends it.
func startProfile(path string) (stop func() error, err error) {
	if path == "" {
		return func() error { return nil }, nil
	}
	file, err := os.Create(path)
	if err == nil {
		err = pprof.StartCPUProfile(file)
	}
	if err != nil {
		return nil, usageError{fmt.Errorf("--cpuprofile: %w", err)}
	}
	return func() error {
		pprof.StopCPUProfile()
		return file.Close()
	}, nil
}

// A byteSize is a number of bytes as people write it: 64, 64B, 4KiB.
type byteSize int

// maxBenchValue is what a node takes by default.
const maxBenchValue = 1 << 20

// Set reads it.
func (b *byteSize) Set(text string) error {
	digits, unit := strings.CutSuffix(strings.TrimSuffix(text, "B"), "Ki")
	n, err := strconv.Atoi(digits)
	if unit {
		n *= 1 << 10
	}
	if err != nil || n < 1 || n > maxBenchValue {
		return errors.New("write a size between 1B and 1024KiB")
	}
	*b = byteSize(n)
	return nil
}

func (b *byteSize) String() string { return fmt.Sprintf("%dB", int(*b)) }

// Type is what help calls it.
func (b *byteSize) Type() string { return "size" }
