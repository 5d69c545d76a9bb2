package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/signal"
	"strings"
	"syscall"
	"time"

	"github.com/spf13/cobra"

	"github.com/atollcache/atoll/server"
)

// serveOptions are the flags of serve that are not settings of the node.
type serveOptions struct {
	logLevel  string
	readyFile string
	drain     time.Duration
}

func (a *app) serveCommand() *cobra.Command {
	var o serveOptions
	c := &cobra.Command{
		Use:   "serve",
		Short: "Run one node of a cluster",
		Long: "Runs one node, until it is told to stop. Each setting is taken from the first of these\n" +
			"that has it: the flag, the ATOLL_* variable of the same name (--client-port is\n" +
			"ATOLL_CLIENT_PORT), the YAML file of --config, the default.\n\n" +
			"SIGTERM and Ctrl-C drain the node: it hands what it holds over to the other nodes of\n" +
			"its region, and leaves. A second one ends it at once.",
		Example: "  atoll serve --region eu --name eu-1\n" +
			"  atoll serve --region eu --name eu-2 --client-port 4223 --gossip-port 7947 \\\n" +
			"      --seeds 127.0.0.1:7946 --routes 127.0.0.1:6222\n" +
			"  atoll serve --config node.yaml",
		Args:              takes(0, 0),
		ValidArgsFunction: cobra.NoFileCompletions,
		RunE: func(c *cobra.Command, _ []string) error {
			config, err := server.Load(c.Flags(), os.Environ())
			if err != nil {
				return usageError{err}
			}
			return a.serve(c.Context(), config, o)
		},
	}
	f := c.Flags()
	f.SortFlags = false
	server.Flags(f)
	f.StringVar(&o.logLevel, "log-level", "info", "debug, info, warn or error")
	f.StringVar(&o.readyFile, "ready-file", "", "write where the node listens to this file, when ready")
	f.DurationVar(&o.drain, "drain-timeout", time.Minute, "how long handing over may take")
	return c
}

// A nodeLayout tells where a node listens.
type nodeLayout struct {
	Region  string `json:"region"`
	Node    string `json:"node"`
	NATS    string `json:"nats"`
	Gossip  string `json:"gossip"`
	Route   string `json:"route,omitempty"`
	Gateway string `json:"gateway,omitempty"`
	HTTP    string `json:"http,omitempty"`
}

func (a *app) serve(ctx context.Context, config server.Config, o serveOptions) error {
	var level slog.Level
	if err := level.UnmarshalText([]byte(o.logLevel)); err != nil {
		return usageError{fmt.Errorf("--log-level %s is none of debug, info, warn, error", o.logLevel)}
	}
	config.Logger = slog.New(slog.NewTextHandler(a.stderr, &slog.HandlerOptions{Level: level}))
	node, err := server.Start(ctx, config)
	if errors.Is(err, context.Canceled) {
		return nil // told to stop while starting
	}
	if errors.Is(err, server.ErrConfig) {
		return usageError{err}
	}
	if err != nil {
		return err
	}

	if err := a.announceNode(node, o.readyFile); err != nil {
		return errors.Join(err, stopNode(node))
	}
	select {
	case <-node.Done():
		return node.Err()
	case <-ctx.Done():
		signal.Reset(os.Interrupt, syscall.SIGTERM) // a second one kills
		draining, cancel := context.WithTimeout(context.Background(), o.drain)
		defer cancel()
		return node.Drain(draining)
	}
}

func stopNode(node *server.Node) error {
	ctx, cancel := context.WithTimeout(context.Background(), stopTimeout)
	defer cancel()
	return node.Stop(ctx)
}

func (a *app) announceNode(node *server.Node, readyFile string) error {
	s := node.Status()
	l := nodeLayout{
		Region: s.Region, Node: s.Node, NATS: node.ClientURL(), Gossip: node.GossipAddr(),
		Route: node.RouteAddr(), Gateway: node.GatewayAddr(), HTTP: node.HTTPAddr(),
	}
	if readyFile != "" {
		if err := writeReady(readyFile, l); err != nil {
			return usageError{fmt.Errorf("--ready-file: %w", err)}
		}
	}
	return a.print(l, func(w io.Writer) {
		fmt.Fprintf(w, "node %s of region %s serves clients at %s\n", l.Node, l.Region, l.NATS)
		for _, other := range [][2]string{{"gossip", l.Gossip}, {"route", l.Route}, {"gateway", l.Gateway}, {"http", l.HTTP}} {
			if other[1] != "" {
				fmt.Fprintf(w, "%s%s%s\n", other[0], strings.Repeat(" ", 9-len(other[0])), other[1])
			}
		}
	})
}
