package server

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"strconv"
	"time"

	"golang.org/x/time/rate"

	"github.com/atollcache/atoll/membership"
	"github.com/atollcache/atoll/replica"
	"github.com/atollcache/atoll/server/httpdoor"
	"github.com/atollcache/atoll/server/natsdoor"
	"github.com/atollcache/atoll/transport"
	natstransport "github.com/atollcache/atoll/transport/nats"
)

// stopTimeout is how long a node that stops by itself waits for answers under way.
const stopTimeout = 5 * time.Second

// Start starts a node and returns when its doors are open. It bounds all waiting for others; ctx can end it earlier,
// and does not matter afterwards. What failed is stopped again when Start returns an error.
func Start(ctx context.Context, cfg Config) (*Node, error) {
	cfg = cfg.withDefaults()
	if err := cfg.validate(); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrConfig, err)
	}
	n := newNode(&cfg)
	if err := n.start(ctx); err != nil {
		stopCtx, cancel := context.WithTimeout(context.WithoutCancel(ctx), stopTimeout)
		defer cancel()
		return nil, errors.Join(fmt.Errorf("start node %s of region %s: %w", cfg.Name, cfg.Region, err), n.Stop(stopCtx))
	}
	go n.watch()
	return n, nil
}

func newNode(cfg *Config) *Node {
	n := &Node{
		cfg:     cfg,
		pace:    cfg.Pace.durations(),
		log:     cfg.Logger,
		started: time.Now(),

		strangers: rate.Sometimes{Interval: time.Minute},

		learner: replica.NewLearner(cfg.Cluster, cfg.Region, cfg.Name),
		wake:    make(chan struct{}, 1),
		send:    make(chan struct{}, 1),
		news:    make(chan struct{}, 1),
		opened:  make(chan struct{}),
		changed: make(chan struct{}, 1),
		halt:    func() {},
		failed:  make(chan struct{}),
		done:    make(chan struct{}),
	}
	n.metrics = httpdoor.NewMetrics(n.snapshot)
	return n
}

// start does what the package comment tells in six steps.
func (n *Node) start(ctx context.Context) error {
	var err error
	if n.secrets, err = n.cfg.readSecrets(); err != nil {
		return err
	}
	saved, err := loadEpoch(n.cfg.DataDir)
	if err != nil {
		return err
	}
	if err := n.openHTTP(); err != nil {
		return err
	}

	if n.wires, err = connect(n.cfg, &n.secrets, n.pace, n.events()); err != nil {
		return err
	}
	self := transport.Address{Region: n.cfg.Region, Node: n.cfg.Name}
	if n.transport, err = natstransport.Open(n.wires.links, n.cfg.Cluster, self, n.receive); err != nil {
		return err
	}
	if err := n.join(); err != nil {
		return err
	}

	if err := n.learn(ctx); err != nil {
		return err
	}
	if err := n.checkName(); err != nil {
		return err
	}
	n.boot = replica.NextEpoch(time.Now().UnixMilli(), saved, n.learner.Epoch())
	if err := saveEpoch(n.cfg.DataDir, n.boot); err != nil {
		return err
	}
	n.think()
	return n.openDoors(ctx)
}

func (n *Node) openHTTP() error {
	if n.cfg.exposed() {
		n.log.Warn("INSECURE: everybody who can reach this node may read and write, and join the cluster", "host", n.cfg.Host)
	}
	if n.cfg.HTTP == "" {
		return nil
	}
	var err error
	n.http, err = httpdoor.Open(httpdoor.Config{
		Addr: n.cfg.HTTP, Token: n.secrets.httpToken, Ready: n.unready, Metrics: n.metrics, Logger: n.log,
	})
	return err
}

// events are what the connection of the links has to tell. What gets lost is found by the links themselves.
func (n *Node) events() natstransport.Events {
	return natstransport.Events{
		Disconnected: func(err error) {
			if err != nil {
				n.log.Warn("the NATS server is away", "error", err)
			}
		},
		Reconnected: func() { n.log.Info("the NATS server is back") },
		Lost:        func(err error) { n.log.Warn("messages were lost in this process, which is too slow", "error", err) },
		Refused:     func(err error) { n.fail(fmt.Errorf("the NATS server does not permit what a node needs: %w", err)) },
		Failed:      func(err error) { n.log.Warn("NATS", "error", err) },
	}
}

// join makes the node known in its region as one that does not count yet.
func (n *Node) join() error {
	config := membership.Config{
		Cluster: n.cfg.Cluster, Region: n.cfg.Region, Name: n.cfg.Name,
		BindAddr: n.cfg.Host, BindPort: max(n.cfg.GossipPort, 0), Seeds: n.cfg.Seeds,
		Meta: meta{Weight: uint16(n.cfg.Weight)}.encode(), Key: n.secrets.gossipKey,
		OnChange: func([]membership.Member) { signal(n.changed) }, Logger: n.log,
		ProbeInterval: n.pace.probe, RejoinInterval: n.pace.rejoin,
	}
	if n.cfg.GossipAdvertise != "" {
		host, port, err := net.SplitHostPort(n.cfg.GossipAdvertise)
		number, notNumber := strconv.Atoi(port)
		if err := errors.Join(err, notNumber); err != nil {
			return fmt.Errorf("--gossip-advertise %q is not host:port", n.cfg.GossipAdvertise)
		}
		config.AdvertiseAddr, config.AdvertisePort = host, number
	}
	gossip, err := membership.Start(config)
	if err != nil {
		return fmt.Errorf("%w (--gossip-port, --seeds)", err)
	}
	n.gossip = gossip
	return nil
}

// think makes the replica, tells it what was heard so far, and starts the loops.
func (n *Node) think() {
	n.instance = n.roster().instance
	if n.instance == 0 {
		n.instance = newInstance(time.Now())
	}
	r := replica.New(replica.Config{
		Cluster: n.cfg.Cluster, Region: n.cfg.Region, Name: n.cfg.Name,
		Boot: n.boot, Instance: n.instance, Weight: n.cfg.Weight, Replicas: n.cfg.Replicas,
		Secret: n.secrets.digestKey, Memory: n.cfg.Memory, Limits: n.cfg.Limits, Timing: n.pace.replica,
		Changes: n.changes(),
		Wake:    func() { signal(n.wake) },
	})
	for _, message := range n.learner.Messages() {
		if err := r.Receive(n.now(), message); err != nil {
			n.refused(message, err)
		}
	}
	n.mind.Store(r)
	n.view()
	n.publish()

	ctx, halt := context.WithCancel(context.Background())
	n.halt = halt
	n.loops.Go(func() { n.tick(ctx) })
	n.loops.Go(func() { n.carry(ctx) })
	if n.cfg.Changes {
		n.loops.Go(func() { n.tell(ctx) })
	}
}

// maxChanges bounds the events that wait to be published. What comes on top is lost, and seen as a gap.
const maxChanges = 16_384

func (n *Node) changes() replica.Changes {
	if !n.cfg.Changes {
		return replica.Changes{}
	}
	return replica.Changes{Pending: maxChanges, ValueBytes: n.cfg.ChangeValues}
}

// newInstance names a region that is set up now. The time stands on top, so that of two regions that claim one name the
// newer has the higher, and gives way.
func newInstance(now time.Time) uint64 {
	const randomBits = 20
	return uint64(now.UnixMilli())<<randomBits | rand.Uint64N(1<<randomBits)
}

// openDoors waits until the partitions are here and the co-owners send what they write, and lets clients in. Gossip takes
// a while to tell them of this node, and until then they acknowledge writes that do not get here. After the time that this
// may take clients are let in all the same: what is not here is asked for elsewhere.
func (n *Node) openDoors(ctx context.Context) error {
	deadline := time.NewTimer(n.pace.opening)
	defer deadline.Stop()
	look := time.NewTicker(lookInterval)
	defer look.Stop()
	for waiting := n.missing() > 0; waiting; {
		select {
		case <-ctx.Done():
			return fmt.Errorf("wait for the partitions: %w", ctx.Err())
		case <-n.failed:
			return n.failure
		case <-deadline.C:
			n.log.Warn("not all partitions are here yet; the doors open all the same", "missing", n.missing())
			waiting = false
		case <-look.C:
			waiting = n.missing() > 0
		}
	}

	door, err := natsdoor.Open(natsdoor.Config{
		Conn: n.wires.door, Cluster: n.cfg.Cluster, Region: n.cfg.Region, Node: n.cfg.Name, Behind: backend{n},
		Limits: n.cfg.Limits, Logger: n.log,
	})
	if err != nil {
		return err
	}
	n.door = door
	close(n.opened)
	n.phase.CompareAndSwap(int32(joining), int32(serving))
	n.log.Info("serving", "url", n.wires.url, "epoch", n.boot, "gossip", n.gossip.Addr(), "http", n.HTTPAddr(), "partitions", n.mind.Load().Status(n.now()).Partitions["ready"])
	return nil
}

// missing counts the partitions that are not fetched yet or, once all are, those of which not every co-owner sends what it
// writes.
func (n *Node) missing() int {
	r, now := n.mind.Load(), n.now()
	if booting := r.Status(now).Partitions["booting"]; booting > 0 {
		return booting
	}
	return r.Unmet(now)
}
