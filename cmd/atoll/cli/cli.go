// Package cli is the command line of Atoll: what is typed, what is printed, and how the process exits.
//
//	os.Exit(cli.Run(os.Args[1:], os.Stdin, os.Stdout, os.Stderr))
//
// Data goes to stdout and everything else to stderr, an error as one line that says what to do. With --json every
// command prints JSON objects, one a line, whose fields keep their names.
//
// It decides nothing about the cache: commands are sent to a region as they are, and their refusals are shown.
package cli

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/spf13/cobra"

	"github.com/atollcache/atoll/cmd/atoll/remote"
	"github.com/atollcache/atoll/cmd/atoll/simulate"
	"github.com/atollcache/atoll/cmd/atoll/up"
	"github.com/atollcache/atoll/server/broker"
)

// app is one run of the command line.
type app struct {
	stdin  io.Reader
	stdout io.Writer
	stderr io.Writer

	json        bool
	servers     []string
	region      string
	timeout     time.Duration
	credentials string
	admin       string
}

// Run runs the command line and returns its exit code.
func Run(args []string, stdin io.Reader, stdout, stderr io.Writer) int {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()

	a := &app{stdin: stdin, stdout: stdout, stderr: stderr}
	root := a.root()
	root.SetArgs(allowNegative(root, args))
	root.SetIn(stdin)
	root.SetOut(stdout)
	root.SetErr(stderr)

	ran, err := root.ExecuteContextC(ctx)
	if err != nil {
		fmt.Fprintln(stderr, "atoll:", explain(ran, err))
	}
	return exitCode(err)
}

// The groups in which help lists the commands.
const (
	groupRun     = "run"
	groupCluster = "cluster"
	groupKeys    = "keys"
	groupTypes   = "types"
)

func (a *app) root() *cobra.Command {
	root := &cobra.Command{
		Use:           "atoll",
		Short:         "A cache that lives in many regions at once",
		Long:          about,
		SilenceErrors: true,
		SilenceUsage:  true,
		Args:          cobra.ArbitraryArgs,
		RunE: func(c *cobra.Command, args []string) error {
			if len(args) > 0 {
				return unknownCommand(c, args[0])
			}
			return c.Help()
		},
	}
	root.SetFlagErrorFunc(func(_ *cobra.Command, err error) error { return usageError{err} })
	root.PersistentFlags().BoolVar(&a.json, "json", false, "print JSON")
	root.AddGroup(
		&cobra.Group{ID: groupRun, Title: "Run it:"},
		&cobra.Group{ID: groupCluster, Title: "Look at a cluster, and play with it:"},
		&cobra.Group{ID: groupKeys, Title: "Keys and strings:"},
		&cobra.Group{ID: groupTypes, Title: "Hashes, sets and sorted sets:"},
	)

	root.AddCommand(in(groupRun, a.upCommand(), a.serveCommand(), a.benchCommand(), a.simulateCommand())...)
	root.AddCommand(in(groupCluster, a.statusCommand(), a.verifyCommand(), a.forgetCommand(), a.wanCommand())...)
	root.AddCommand(in(groupKeys, a.keyCommands()...)...)
	root.AddCommand(in(groupTypes, a.typeCommands()...)...)
	root.AddCommand(a.versionCommand())
	root.SetHelpCommand(helpCommand())
	root.InitDefaultCompletionCmd()
	fitHelp(root)
	return root
}

func (a *app) simulateCommand() *cobra.Command {
	return simulate.Command(&simulate.Env{JSON: &a.json, Stdout: a.stdout, Stderr: a.stderr})
}

func in(group string, commands ...*cobra.Command) []*cobra.Command {
	for _, c := range commands {
		c.GroupID = group
	}
	return commands
}

// defaultServers are where "atoll up" opens its regions by default.
func defaultServers() []string {
	var servers []string
	for i := range defaultRegions {
		servers = append(servers, fmt.Sprintf("nats://%s:%d", up.Host, up.RegionPort(up.DefaultBasePort, i)))
	}
	return servers
}

// defaultAdmin is where the switch of "atoll up" is by default.
func defaultAdmin() string { return fmt.Sprintf("http://%s:%d", up.Host, up.DefaultBasePort) }

// asksRegions adds the flags of a command that talks to regions.
func (a *app) asksRegions(c *cobra.Command) *cobra.Command {
	f := c.Flags()
	f.StringSliceVar(&a.servers, "server", nil, "NATS endpoints, one of each region is enough: host:port or region=host:port\n(default those of atoll up; ATOLL_SERVER)")
	f.DurationVar(&a.timeout, "timeout", 5*time.Second, "how long to wait for an answer")
	f.StringVar(&a.credentials, "credentials", "", "file with a line user:password (ATOLL_CREDENTIALS)")
	return c
}

// picksRegion adds the flags of a command that talks to one region.
func (a *app) picksRegion(c *cobra.Command) *cobra.Command {
	a.asksRegions(c).Flags().StringVar(&a.region, "region", "", "the region to ask (default the first that answers; ATOLL_REGION)")
	return c
}

// endpoints gives what --server, ATOLL_SERVER or the default name.
func (a *app) endpoints() ([]remote.Endpoint, error) {
	servers := a.servers
	if len(servers) == 0 {
		servers = []string{os.Getenv("ATOLL_SERVER")}
	}
	if servers[0] == "" {
		servers = defaultServers()
	}
	endpoints, err := remote.ParseEndpoints(servers)
	if err != nil {
		return nil, usageError{fmt.Errorf("--server: %w", err)}
	}
	return endpoints, nil
}

func (a *app) options() (remote.Options, error) {
	path := cmp.Or(a.credentials, os.Getenv("ATOLL_CREDENTIALS"))
	if path == "" {
		return remote.Options{}, nil
	}
	credentials, err := broker.ReadCredentials(path)
	if err != nil {
		return remote.Options{}, usageError{err}
	}
	return remote.Options{User: credentials[0].User, Password: credentials[0].Password}, nil
}

// connect finds the region that was asked for.
func (a *app) connect(ctx context.Context) (*remote.Region, error) {
	endpoints, err := a.endpoints()
	if err != nil {
		return nil, err
	}
	options, err := a.options()
	if err != nil {
		return nil, err
	}
	return remote.Find(ctx, endpoints, cmp.Or(a.region, os.Getenv("ATOLL_REGION")), options)
}
