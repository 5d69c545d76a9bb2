// Package up runs a whole cluster in one process, to try it and to test it: some regions of some nodes, each region
// with a NATS server of its own, joined by a switch that cuts and delays what they say to each other.
//
//	cluster, err := up.Start(ctx, up.Config{Regions: []string{"eu", "us", "ap"}, Nodes: 2, BasePort: up.DefaultBasePort})
//	layout := cluster.Layout() // where everything listens
//	…
//	paths, err := up.Turn(ctx, layout.Admin, &up.Change{Do: "cut", A: "eu", B: "us"})
//	…
//	err = cluster.Stop(ctx)
//
// The regions meet through real sockets, on the loopback interface alone. Nothing is encrypted and nobody has to log
// in: it is not a way to serve anybody else.
package up

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"sync"
	"syscall"
	"time"

	"github.com/atollcache/atoll/server"
	"github.com/atollcache/atoll/server/broker"
	"github.com/atollcache/atoll/server/wan"
)

// Host is where everything listens.
const Host = "127.0.0.1"

// DefaultBasePort is the port of the switch if nothing else is said. It lies below those that systems give to outgoing
// connections.
const DefaultBasePort = 14200

// RegionPort is the port of the NATS server of the region with this place in the list.
func RegionPort(basePort, place int) int {
	if basePort == 0 {
		return 0
	}
	return basePort + 1 + place
}

// Config says what to run.
type Config struct {
	Regions  []string // two or more
	Nodes    int      // in each region
	Delays   []Delay  // between regions; none by default
	Changes  bool     // nodes publish what changes
	BasePort int      // the switch listens here, and the NATS servers on the next ports; 0 takes any that are free
	Logger   *slog.Logger
}

// maxNodes bounds what one process is asked to run in a region.
const maxNodes = 16

// ErrConfig tells that a Config asks for what cannot be.
var ErrConfig = errors.New("cannot start")

func (c Config) validate() error {
	switch {
	case len(c.Regions) < 2:
		return fmt.Errorf("%w: it takes two regions or more, as in --regions eu,us", ErrConfig)
	case c.Nodes < 1 || c.Nodes > maxNodes:
		return fmt.Errorf("%w: --nodes %d is not between 1 and %d", ErrConfig, c.Nodes, maxNodes)
	case c.BasePort < 0 || c.BasePort+len(c.Regions) > 65535:
		return fmt.Errorf("%w: --base-port %d is not between 1 and %d", ErrConfig, c.BasePort, 65535-len(c.Regions))
	}
	return nil
}

// Layout tells where everything listens.
type Layout struct {
	Regions []Region `json:"regions"`
	Admin   string   `json:"admin"` // the switch
}

// Region is one region of a layout.
type Region struct {
	Name  string   `json:"name"`
	NATS  string   `json:"nats"`
	Nodes []string `json:"nodes"`
}

// A Cluster is what runs. It has the goroutines of its servers, and one that serves the switch to the command line;
// Stop ends them all.
type Cluster struct {
	config  Config
	paths   *wan.Switch
	admin   *http.Server
	address string
	serving sync.WaitGroup
	brokers []*broker.Broker // by place of the region
	failed  chan error

	mu    sync.Mutex // guards nodes while they start
	nodes []*server.Node
}

// Start starts everything and returns when all nodes know each other.
func Start(ctx context.Context, config Config) (*Cluster, error) {
	if config.Logger == nil {
		config.Logger = slog.New(slog.DiscardHandler)
	}
	if err := config.validate(); err != nil {
		return nil, err
	}
	c := &Cluster{config: config, failed: make(chan error, len(config.Regions)*config.Nodes)}
	if err := c.start(ctx); err != nil {
		stopping, cancel := context.WithTimeout(context.WithoutCancel(ctx), stopTimeout)
		defer cancel()
		return nil, errors.Join(err, c.Stop(stopping))
	}
	return c, nil
}

const (
	// stopTimeout is how long a start that failed takes to clean up.
	stopTimeout = 5 * time.Second
	// readyTimeout is how long nodes may take to know each other.
	readyTimeout = 30 * time.Second
	// lookInterval is how often is looked whether they do.
	lookInterval = 20 * time.Millisecond
)

func (c *Cluster) start(ctx context.Context) error {
	paths, err := wan.New(c.config.Regions...)
	if err != nil {
		return fmt.Errorf("%w: %w", ErrConfig, err)
	}
	c.paths = paths
	if err := c.openAdmin(); err != nil {
		return err
	}
	for place := range c.config.Regions {
		if err := c.startBroker(place); err != nil {
			return err
		}
	}
	if err := c.startNodes(ctx); err != nil {
		return err
	}
	if err := c.waitReady(ctx); err != nil {
		return err
	}
	for _, d := range c.config.Delays {
		if err := c.paths.Delay(d.A, d.B, d.OneWay); err != nil {
			return fmt.Errorf("%w: %w", ErrConfig, err)
		}
	}
	return nil
}

// openAdmin serves the switch to the command line.
func (c *Cluster) openAdmin() error {
	listener, err := net.Listen("tcp", fmt.Sprintf("%s:%d", Host, c.config.BasePort))
	if errors.Is(err, syscall.EADDRINUSE) {
		return taken(c.config.BasePort)
	}
	if err != nil {
		return fmt.Errorf("open the switch: %w", err)
	}
	c.address = "http://" + listener.Addr().String()
	c.admin = &http.Server{Handler: switchHandler(c.paths), ReadHeaderTimeout: time.Second, ReadTimeout: time.Second}
	c.serving.Go(func() { _ = c.admin.Serve(listener) }) // ends when it is closed
	return nil
}

// taken says what to do about a port. Most often it is the same command in another terminal.
func taken(port int) error {
	return fmt.Errorf("port %d on %s is already in use by another process, maybe another atoll up; stop that, or choose other ports with --base-port", port, Host)
}

func (c *Cluster) startBroker(place int) error {
	region, doors := c.config.Regions[place], c.paths.Doors()
	gateways := map[string][]string{}
	for other, door := range doors {
		if other != region {
			gateways[other] = []string{door}
		}
	}
	b, err := broker.Start(broker.Config{
		Region: region, Name: "nats", ClientPort: RegionPort(c.config.BasePort, place),
		GatewayPort: -1, GatewayAdvertise: doors[region], Gateways: gateways,
		PingInterval: time.Second, Logger: c.config.Logger.With("region", region),
	})
	if inUse, ok := errors.AsType[*broker.PortInUseError](err); ok {
		return taken(inUse.Port)
	}
	if err != nil {
		return err
	}
	c.brokers = append(c.brokers, b)
	return c.paths.Attach(region, b.GatewayAddr())
}

// startNodes starts the first node of every region, and then the others, which find the region through the first.
func (c *Cluster) startNodes(ctx context.Context) error {
	seeds := make([][]string, len(c.config.Regions))
	for _, numbers := range [][2]int{{1, 1}, {2, c.config.Nodes}} {
		var starting sync.WaitGroup
		errs := make([]error, len(c.config.Regions))
		for place := range c.config.Regions {
			for number := numbers[0]; number <= numbers[1]; number++ {
				starting.Go(func() {
					node, err := c.startNode(ctx, place, number, seeds[place])
					c.mu.Lock()
					defer c.mu.Unlock()
					if err != nil {
						errs[place] = err
						return
					}
					c.nodes = append(c.nodes, node)
				})
			}
		}
		starting.Wait()
		if err := firstOf(errs); err != nil {
			return err
		}
		if numbers[0] == 1 {
			for _, node := range c.nodes {
				place := c.place(node.Status().Region)
				seeds[place] = []string{node.GossipAddr()}
			}
		}
	}
	return nil
}

func (c *Cluster) startNode(ctx context.Context, place, number int, seeds []string) (*server.Node, error) {
	region := c.config.Regions[place]
	node, err := server.Start(ctx, server.Config{
		Region: region, Name: nodeName(region, number), Broker: c.brokers[place], Replicas: min(c.config.Nodes, 2),
		GossipPort: -1, Seeds: seeds, Changes: c.config.Changes, Logger: c.config.Logger,
	})
	if err != nil {
		return nil, err
	}
	c.serving.Go(func() {
		<-node.Done()
		if err := node.Err(); err != nil {
			c.failed <- fmt.Errorf("node %s has stopped: %w", nodeName(region, number), err)
		}
	})
	return node, nil
}

func nodeName(region string, number int) string { return fmt.Sprintf("%s-%d", region, number) }

func (c *Cluster) place(region string) int {
	for place, name := range c.config.Regions {
		if name == region {
			return place
		}
	}
	return -1
}

// waitReady waits until every node knows all others and has its partitions.
func (c *Cluster) waitReady(ctx context.Context) error {
	deadline := time.NewTimer(readyTimeout)
	defer deadline.Stop()
	look := time.NewTicker(lookInterval)
	defer look.Stop()
	for {
		missing := c.missing()
		if missing == "" {
			return nil
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case err := <-c.failed:
			return err
		case <-deadline.C:
			return fmt.Errorf("not ready after %v: %s; try again, and with --verbose to see why", readyTimeout, missing)
		case <-look.C:
		}
	}
}

// missing says what a node still waits for, "" if nothing is missing.
func (c *Cluster) missing() string {
	for _, node := range c.nodes {
		s := node.Status()
		if s.Partitions["booting"] > 0 {
			return fmt.Sprintf("%s waits for %d partitions", s.Node, s.Partitions["booting"])
		}
		if len(s.Regions) < len(c.config.Regions) {
			return fmt.Sprintf("%s knows %d regions of %d", s.Node, len(s.Regions), len(c.config.Regions))
		}
		for _, r := range s.Regions {
			if len(r.Nodes) < c.config.Nodes {
				return fmt.Sprintf("%s knows %d nodes of %s", s.Node, len(r.Nodes), r.Name)
			}
		}
		for _, l := range s.Links {
			if l.State != "up" {
				return fmt.Sprintf("the link from %s to %s is %s", s.Node, l.Node, l.State)
			}
		}
	}
	return ""
}

// Layout tells where everything listens.
func (c *Cluster) Layout() Layout {
	l := Layout{Admin: c.address}
	for place, region := range c.config.Regions {
		r := Region{Name: region, NATS: c.brokers[place].ClientURL()}
		for number := range c.config.Nodes {
			r.Nodes = append(r.Nodes, nodeName(region, number+1))
		}
		l.Regions = append(l.Regions, r)
	}
	return l
}

// Failed gives a channel that takes an error when a node stops by itself.
func (c *Cluster) Failed() <-chan error { return c.failed }

// Stop ends everything, clients first: the switch, the nodes, the NATS servers, and what joins them. It waits until all
// goroutines have ended; answers under way are waited for until ctx ends.
func (c *Cluster) Stop(ctx context.Context) error {
	errs := make([]error, len(c.config.Regions)+1)
	if c.admin != nil {
		errs[0] = c.admin.Close()
	}
	var stopping sync.WaitGroup
	for place, region := range c.config.Regions {
		stopping.Go(func() { errs[place+1] = c.stopRegion(ctx, region) })
	}
	stopping.Wait()
	for _, b := range c.brokers {
		stopping.Go(b.Stop)
	}
	stopping.Wait()
	if c.paths != nil {
		c.paths.Close()
	}
	c.serving.Wait()
	return errors.Join(errs...)
}

// stopRegion stops the nodes of a region one by one: who leaves waits until somebody has heard its goodbye.
func (c *Cluster) stopRegion(ctx context.Context, region string) error {
	var errs []error
	for _, node := range c.nodes {
		if node.Status().Region == region {
			errs = append(errs, node.Stop(ctx))
		}
	}
	return errors.Join(errs...)
}

// firstOf gives the first error that is not only the echo of another: the same port is reported once.
func firstOf(errs []error) error {
	for _, err := range errs {
		if err != nil && !errors.Is(err, context.Canceled) {
			return err
		}
	}
	return errors.Join(errs...)
}
