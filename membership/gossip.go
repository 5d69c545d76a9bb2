package membership

import (
	"bytes"
	"errors"
	"fmt"
	"log"
	"net"
	"slices"
	"strconv"
	"sync"
	"time"

	"github.com/hashicorp/memberlist"
)

// Gossip is a Group over memberlist. Its goroutines are memberlist's and two of
// its own, one that reports and one that rejoins; Close stops them all.
type Gossip struct {
	config Config
	addr   string
	list   *memberlist.Memberlist
	view   *view

	// mu makes SetMeta, Leave and Close take turns.
	mu   sync.Mutex
	left bool

	stop     chan struct{}
	stopOnce sync.Once
	running  sync.WaitGroup
}

var _ Group = (*Gossip)(nil)

// Start listens, looks once for the seeds, and goes on in the background. It
// succeeds when no seed answers: the node may be the first. It fails when the
// port is taken, and with ErrNameTaken when a seed knows a live node of the same
// name at another address; that node is not disturbed.
func Start(config Config) (*Gossip, error) {
	config, err := config.withDefaults()
	if err != nil {
		return nil, err
	}

	logger := log.New(newLogWriter(config.Logger), "", 0)
	sockets, err := listen(config, logger)
	if err != nil {
		return nil, err
	}
	addr, err := advertised(config, sockets)
	if err != nil {
		return nil, errors.Join(err, sockets.Shutdown())
	}

	g := &Gossip{
		config: config,
		addr:   addr,
		view:   newView(config, addr),
		stop:   make(chan struct{}),
	}
	g.list, err = memberlist.Create(g.memberlistConfig(sockets, logger))
	if err != nil {
		return nil, errors.Join(fmt.Errorf("membership: %w", err), sockets.Shutdown())
	}

	seeds := g.resolve(config.Seeds)
	answered, missed := g.join(seeds)
	if err := g.view.started(); err != nil {
		// Not Leave: to leave under this name would evict its rightful owner.
		return nil, errors.Join(fmt.Errorf("membership: start %q at %s: %w", config.Name, addr, err), g.list.Shutdown())
	}

	if len(seeds) > 0 && len(answered) == 0 {
		config.Logger.Warn("no seed answers, this node is alone for now", "error", missed)
	}

	g.running.Go(g.report)
	g.running.Go(g.rejoin)
	return g, nil
}

// wrapper puts something between memberlist and the network.
type wrapper func(*memberlist.NetTransport) memberlist.NodeAwareTransport

// listen opens the sockets.
func listen(config Config, logger *log.Logger) (*memberlist.NetTransport, error) {
	// A free TCP port need not be free for UDP, so a port that the system picks
	// is worth some attempts.
	attempts := 1
	if config.BindPort == 0 {
		attempts = 10
	}

	var err error
	for range attempts {
		var sockets *memberlist.NetTransport
		sockets, err = memberlist.NewNetTransport(&memberlist.NetTransportConfig{
			BindAddrs: []string{config.BindAddr},
			BindPort:  config.BindPort,
			Logger:    logger,
		})
		if err == nil {
			return sockets, nil
		}
	}
	at := net.JoinHostPort(config.BindAddr, strconv.Itoa(config.BindPort))
	return nil, fmt.Errorf("membership: cannot listen for gossip on %s: %w", at, err)
}

// advertised returns the host:port that the others will use.
func advertised(config Config, sockets *memberlist.NetTransport) (string, error) {
	port := config.AdvertisePort
	if port == 0 {
		port = sockets.GetAutoBindPort()
	}
	ip, _, err := sockets.FinalAdvertiseAddr(config.AdvertiseAddr, port)
	if err != nil {
		return "", fmt.Errorf("membership: no address to advertise, set one: %w", err)
	}
	return net.JoinHostPort(ip.String(), strconv.Itoa(port)), nil
}

// exchangeTimeout bounds each step of talking to one peer over TCP.
const exchangeTimeout = 2 * time.Second

// memberlistConfig sets the pace. Suspicion ends after four probe intervals
// whoever confirms it, and an overloaded node slows down by two at most: the
// defaults of memberlist take 20 s to miss a node among three.
func (g *Gossip) memberlistConfig(sockets *memberlist.NetTransport, logger *log.Logger) *memberlist.Config {
	host, port, _ := net.SplitHostPort(g.addr)
	portNumber, _ := strconv.Atoi(port)
	probe := g.config.ProbeInterval

	c := memberlist.DefaultLANConfig()
	c.Name = g.config.Name
	c.Label = g.config.Cluster + "/" + g.config.Region
	c.Transport = sockets
	if g.config.wrap != nil {
		c.Transport = g.config.wrap(sockets)
	}
	c.BindAddr, c.BindPort = g.config.BindAddr, portNumber
	c.AdvertiseAddr, c.AdvertisePort = host, portNumber

	c.ProbeInterval, c.ProbeTimeout = probe, probe*2/5
	c.GossipInterval = probe * 2 / 5
	c.PushPullInterval = probe * 20
	c.GossipToTheDeadTime = gossipToTheDead(probe)
	c.TCPTimeout = exchangeTimeout
	c.SuspicionMaxTimeoutMult = 1
	c.AwarenessMaxMultiplier = 2
	c.DeadNodeReclaimTime = time.Nanosecond // a dead node may come back elsewhere

	c.SecretKey = bytes.Clone(g.config.Key)
	c.GossipVerifyIncoming, c.GossipVerifyOutgoing = true, true
	c.EnableCompression = false

	c.Delegate, c.Events = g.view, g.view
	c.Merge, c.Alive, c.Conflict = g.view, g.view, g.view
	c.Logger = logger
	return c
}

// gossipToTheDead is how long the dead still hear that they are held for dead;
// after that rejoin looks for them.
func gossipToTheDead(probe time.Duration) time.Duration { return 20 * probe }

// Members returns all live nodes, this one included, sorted by name.
func (g *Gossip) Members() []Member { return g.view.list() }

// Addr returns the host:port that the others use.
func (g *Gossip) Addr() string { return g.addr }

// SetMeta replaces what the others see of this node. It returns before they have
// heard of it, which takes a few hundred milliseconds.
func (g *Gossip) SetMeta(meta []byte) error {
	if err := checkMeta(meta); err != nil {
		return fmt.Errorf("membership: %w", err)
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.left {
		return ErrClosed
	}

	// An update loses against a refutation of a rumour that gets in between. The
	// new Meta then shows nowhere, and the update is made again.
	g.view.setMeta(meta)
	for range 10 {
		// The shortest wait: what UpdateNode could report is that nobody has
		// heard of it yet.
		_ = g.list.UpdateNode(time.Nanosecond)
		if bytes.Equal(g.view.ownMeta(), meta) {
			return nil
		}
	}
	return errors.New("membership: the new meta was overtaken ten times: try again")
}

// Leave tells the others that this node goes and waits until that is sent, at
// most for timeout. The node is no member any more, whatever is returned; Close
// has still to be called.
func (g *Gossip) Leave(timeout time.Duration) error {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.left {
		return nil
	}
	g.left = true

	g.halt()
	if err := g.list.Leave(timeout); err != nil {
		return fmt.Errorf("membership: leave: %w", err)
	}
	return nil
}

// Close stops gossiping, without a word to the others unless Leave was called.
// When it returns OnChange is not running and will not be called again. It takes
// some seconds if a peer that is being looked for does not answer.
func (g *Gossip) Close() error {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.left = true

	g.halt()
	err := g.list.Shutdown()
	g.running.Wait()
	return err
}

// halt stops the goroutines of Gossip itself. Of Leave nothing is reported: the
// caller knows.
func (g *Gossip) halt() { g.stopOnce.Do(func() { close(g.stop) }) }

// report hands every new state of the view to OnChange.
func (g *Gossip) report() {
	var last []Member
	for {
		select {
		case <-g.stop:
			return
		case <-g.view.changed:
		}

		members := g.view.list()
		if g.config.OnChange == nil || slices.EqualFunc(members, last, Member.equal) {
			continue
		}
		last = cloneMembers(members)
		g.config.OnChange(members)
	}
}
