package cli

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/signal"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/spf13/cobra"

	"github.com/atollcache/atoll/cmd/atoll/up"
)

// defaultRegions are those that "atoll up" starts.
var defaultRegions = []string{"eu", "us", "ap"}

// upOptions are the flags of up.
type upOptions struct {
	regions   []string
	nodes     int
	rtt       string
	basePort  int
	readyFile string
	verbose   bool
}

func (a *app) upCommand() *cobra.Command {
	var o upOptions
	c := &cobra.Command{
		Use:   "up",
		Short: "Start three regions in this process, to try it",
		Long: "Starts some regions in this process, each with its own NATS server and nodes, joined\n" +
			"by links that \"atoll wan\" can cut and delay. Prints where they listen. Everything is\n" +
			"in memory and on the loopback interface; Ctrl-C ends it.",
		Example:           "  atoll up\n  atoll up --regions eu,us --nodes 3 --rtt 80ms\n  atoll up --rtt 20ms,eu-us=80ms",
		Args:              takes(0, 0),
		ValidArgsFunction: cobra.NoFileCompletions,
		RunE:              func(c *cobra.Command, _ []string) error { return a.up(c.Context(), o) },
	}
	f := c.Flags()
	f.StringSliceVar(&o.regions, "regions", defaultRegions, "names of the regions")
	f.IntVar(&o.nodes, "nodes", 2, "nodes in each region")
	f.StringVar(&o.rtt, "rtt", "", "round trip time between regions: 80ms, or eu-us=80ms,…")
	f.IntVar(&o.basePort, "base-port", up.DefaultBasePort, "first of the ports: the switch, and one for each region")
	f.StringVar(&o.readyFile, "ready-file", "", "write where everything listens to this file, when ready")
	f.BoolVar(&o.verbose, "verbose", false, "log what the nodes do")
	return c
}

// stopTimeout is how long Ctrl-C may take; a second one does not wait.
const stopTimeout = 10 * time.Second

func (a *app) up(ctx context.Context, o upOptions) error {
	delays, err := up.ParseRTT(o.rtt, o.regions)
	if err != nil {
		return usageError{fmt.Errorf("--rtt: %w", err)}
	}
	level := slog.LevelError
	if o.verbose {
		level = slog.LevelInfo
	}
	cluster, err := up.Start(ctx, up.Config{
		Regions: o.regions, Nodes: o.nodes, Delays: delays, Changes: true, BasePort: o.basePort,
		Logger: slog.New(slog.NewTextHandler(a.stderr, &slog.HandlerOptions{Level: level})),
	})
	if errors.Is(err, context.Canceled) {
		return nil // Ctrl-C while starting
	}
	if errors.Is(err, up.ErrConfig) {
		return usageError{errors.New(strings.TrimPrefix(err.Error(), up.ErrConfig.Error()+": "))}
	}
	if err != nil {
		return err
	}

	err = a.announce(cluster.Layout(), o)
	if err == nil {
		select {
		case <-ctx.Done():
			fmt.Fprintln(a.stderr, "stopping; Ctrl-C again to end at once")
		case err = <-cluster.Failed():
		}
	}
	signal.Reset(os.Interrupt, syscall.SIGTERM) // a second one kills
	stopping, cancel := context.WithTimeout(context.Background(), stopTimeout)
	defer cancel()
	return errors.Join(err, cluster.Stop(stopping))
}

// announce tells where everything listens, to the file and to people.
func (a *app) announce(l up.Layout, o upOptions) error {
	if o.readyFile != "" {
		if err := writeReady(o.readyFile, l); err != nil {
			return usageError{fmt.Errorf("--ready-file: %w", err)}
		}
	}
	return a.print(l, func(w io.Writer) { printLayout(w, l, o) })
}

// writeReady writes the file under another name first, so that nobody reads half of it.
func writeReady(path string, layout any) error {
	content, err := json.Marshal(layout)
	if err != nil {
		return err
	}
	file, err := os.CreateTemp(filepath.Dir(path), filepath.Base(path)+".*")
	if err != nil {
		return err
	}
	defer os.Remove(file.Name()) // fails once it is renamed
	_, err = file.Write(append(content, '\n'))
	if err := errors.Join(err, file.Close()); err != nil {
		return err
	}
	return os.Rename(file.Name(), path)
}

func printLayout(w io.Writer, l up.Layout, o upOptions) {
	widest := 0
	for _, r := range l.Regions {
		widest = max(widest, len(r.Name))
	}
	fmt.Fprintf(w, "%s, %s each, in this process and in memory only:\n\n", count(len(l.Regions), "region"), count(o.nodes, "node"))
	for _, r := range l.Regions {
		fmt.Fprintf(w, "  %-*s  %s  %s\n", widest, r.Name, r.NATS, strings.Join(r.Nodes, " "))
	}
	fmt.Fprintf(w, "  %-*s  %s\n", widest, "wan", l.Admin)

	a, b := l.Regions[0].Name, l.Regions[1].Name
	fmt.Fprintf(w, "\nIn a second terminal%s:\n\n", spelling())
	for _, line := range exports(l) {
		fmt.Fprintf(w, "  %s\n", line)
	}
	for _, line := range [][2]string{
		{fmt.Sprintf("atoll set greeting hello --region %s", a), "write here"},
		{fmt.Sprintf("atoll get greeting --region %s", l.Regions[len(l.Regions)-1].Name), "read there"},
		{fmt.Sprintf("atoll wan cut %s %s", a, b), "cut two regions; both go on working"},
		{fmt.Sprintf("atoll incr visits --region %s", a), "write on both sides"},
		{"atoll verify", "do the regions differ?"},
		{"atoll wan heal", "join them again"},
		{"atoll verify --wait 10s", "until all are equal"},
		{"atoll status", "nodes, links, repair"},
	} {
		fmt.Fprintf(w, "  %-39s # %s\n", line[0], line[1])
	}
	fmt.Fprintf(w, "\nCtrl-C ends it.\n")
}

// spelling says how to call a binary that "go run" has made, and will remove.
func spelling() string {
	if path, err := os.Executable(); err == nil && strings.Contains(path, "go-build") {
		return " (where it says atoll, type: go run ./cmd/atoll)"
	}
	return ""
}

// exports are the variables that lead other commands here, if the defaults do not.
func exports(l up.Layout) []string {
	var urls []string
	for _, r := range l.Regions {
		urls = append(urls, r.NATS)
	}
	var lines []string
	if !slices.Equal(urls, defaultServers()) {
		lines = append(lines, "export ATOLL_SERVER="+strings.Join(urls, ","))
	}
	if l.Admin != defaultAdmin() {
		lines = append(lines, "export ATOLL_ADMIN="+l.Admin)
	}
	return lines
}
