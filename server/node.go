package server

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/time/rate"

	"github.com/atollcache/atoll/command"
	"github.com/atollcache/atoll/membership"
	"github.com/atollcache/atoll/region"
	"github.com/atollcache/atoll/replica"
	"github.com/atollcache/atoll/server/httpdoor"
	"github.com/atollcache/atoll/server/natsdoor"
	"github.com/atollcache/atoll/transport"
	"github.com/atollcache/atoll/wire"
)

var (
	// ErrStopped is returned by Do when the node has stopped.
	ErrStopped = errors.New("the node has stopped")

	// ErrNameTaken is wrapped by Start when another live node of the region has the name.
	ErrNameTaken = membership.ErrNameTaken
)

// A Node is a running node. Its methods may be called by any goroutine.
type Node struct {
	cfg     *Config
	pace    durations
	secrets secrets
	log     *slog.Logger
	started time.Time // Mono counts from here

	strangers rate.Sometimes // bounds what is told of nodes that do not fit

	metrics   *httpdoor.Metrics
	http      *httpdoor.Door // nil if there is none
	wires     *wires
	learner   *replica.Learner
	transport transport.Transport
	gossip    *membership.Gossip
	boot      uint64
	mind      atomic.Pointer[replica.Replica] // nil until the node has an epoch
	door      *natsdoor.Door
	opened    chan struct{} // closed when there is a door

	wake    chan struct{} // holds one signal that the replica wants a tick
	send    chan struct{} // holds one signal that something may wait to be sent
	news    chan struct{} // holds one signal that something may have changed
	changed chan struct{} // holds one signal that gossip has news
	halt    context.CancelFunc
	loops   sync.WaitGroup

	phase atomic.Int32 // of type phase

	publishing sync.Mutex // guards instance, and keeps what is published in order
	instance   uint64     // of the region

	failing sync.Once
	failed  chan struct{}
	failure error // set before failed is closed

	stopping sync.Once
	done     chan struct{}
	stopErr  error // set before done is closed
}

// phase is how far a node has come in its life.
type phase int32

const (
	joining phase = iota
	serving
	draining
	stopped
)

func (p phase) String() string {
	return [...]string{"joining", "serving", "draining", "stopped"}[p]
}

// ClientURL gives the URL at which NATS clients on this machine reach the node, without credentials.
func (n *Node) ClientURL() string { return n.wires.url }

// GossipAddr gives the host:port that other nodes of the region use as a seed.
func (n *Node) GossipAddr() string { return n.gossip.Addr() }

// HTTPAddr gives the host:port of the HTTP door, "" if there is none.
func (n *Node) HTTPAddr() string {
	if n.http == nil {
		return ""
	}
	return n.http.Addr()
}

// RouteAddr gives the host:port that other nodes of the region use as a route, "" if there is none.
func (n *Node) RouteAddr() string {
	if n.wires.broker == nil {
		return ""
	}
	return n.wires.broker.RouteAddr()
}

// GatewayAddr gives the host:port that other regions use as a gateway, "" if there is none.
func (n *Node) GatewayAddr() string {
	if n.wires.broker == nil {
		return ""
	}
	return n.wires.broker.GatewayAddr()
}

// Done gives a channel that is closed when the node has stopped, for whatever reason.
func (n *Node) Done() <-chan struct{} { return n.done }

// Err says why the node has stopped by itself; nil if it runs, or was told to stop.
func (n *Node) Err() error {
	select {
	case <-n.failed:
		return n.failure
	default:
		return nil
	}
}

// Do runs a command, its name first. The error is that of ctx, or ErrStopped; what the command has to complain of is in
// the reply.
func (n *Node) Do(ctx context.Context, args ...string) (command.Reply, error) {
	if phase(n.phase.Load()) == stopped {
		return command.Reply{}, ErrStopped
	}
	req := &replica.Request{Args: make([][]byte, len(args))}
	for i, arg := range args {
		req.Args[i] = []byte(arg)
	}
	answers := make(chan replica.Answer, 1)
	n.run(req, func(a replica.Answer) { answers <- a })

	select {
	case a := <-answers:
		return a.Reply, nil
	case <-ctx.Done():
		return command.Reply{}, ctx.Err()
	case <-n.done:
		return command.Reply{}, ErrStopped
	}
}

// run has the replica run a command, and counts it.
func (n *Node) run(req *replica.Request, done func(replica.Answer)) {
	if a, ok := n.try(req); ok {
		done(a)
		return
	}
	began, cmd := time.Now(), req.Command()
	r := n.mind.Load()
	r.Do(n.at(began), req, func(a replica.Answer) {
		n.metrics.Command(cmd, &a.Reply, time.Since(began))
		done(a)
	})
	n.stir(r)
}

// try runs a command that this node can answer at once, most commonly one on a key that it owns, and counts it.
func (n *Node) try(req *replica.Request) (replica.Answer, bool) {
	began := time.Now()
	r := n.mind.Load()
	a, ok := r.Try(n.at(began), req)
	if ok {
		n.metrics.Command(req.Command(), &a.Reply, time.Since(began))
		n.stir(r)
	}
	return a, ok
}

// stir has sent and told what the replica has to send and to tell.
func (n *Node) stir(r *replica.Replica) {
	if !r.Idle() {
		signal(n.send)
	}
}

// now reads both clocks.
func (n *Node) now() replica.Time { return n.at(time.Now()) }

func (n *Node) at(t time.Time) replica.Time {
	return replica.Time{Wall: t.UnixMilli(), Mono: t.Sub(n.started)}
}

// minTick is the least time between two ticks: under load the replica asks for one with every batch.
const minTick = time.Millisecond

// tick lets the replica act whenever it wants to, and tells it who is alive.
func (n *Node) tick(ctx context.Context) {
	r := n.mind.Load()
	pause, due := time.NewTimer(0), time.NewTimer(0)
	defer pause.Stop()
	defer due.Stop()
	for {
		pause.Reset(minTick)
		next := r.Tick(n.now())
		signal(n.send)
		if err := r.Conflict(); err != nil {
			n.fail(err)
			return
		}

		select {
		case <-ctx.Done():
			return
		case <-pause.C:
		}
		due.Reset(max(next-n.now().Mono, 0))
		select {
		case <-ctx.Done():
			return
		case <-due.C:
		case <-n.wake:
		case <-n.changed:
			n.view()
		}
	}
}

// carry hands packets to the transport. Being the only one who does, it keeps the order of those to one peer.
func (n *Node) carry(ctx context.Context) {
	r := n.mind.Load()
	for {
		select {
		case <-ctx.Done():
			return
		case <-n.send:
		}
		signal(n.news)
		for _, p := range r.Outgoing() {
			if err := n.post(p); err != nil {
				n.log.Debug("a message was not sent", "to", p.Region+"/"+p.Name, "bytes", len(p.Payload), "error", err)
			}
		}
	}
}

// tell publishes what has changed. It is a loop of its own, since a connection that is slow must not hold up the others.
func (n *Node) tell(ctx context.Context) {
	select {
	case <-ctx.Done():
		return
	case <-n.opened:
	}
	r := n.mind.Load()
	beat := time.NewTicker(tallyEvery)
	defer beat.Stop()
	for round := 0; ; {
		var tallies []replica.Tally
		select {
		case <-ctx.Done():
			return
		case <-n.news:
		case <-beat.C:
			tallies = r.Tallies(n.now(), round%tallyAll == 0) // before the changes, so that it names none that comes later
			round++
		}
		if err := errors.Join(n.door.Tell(r.Changes()), n.door.Tally(tallies)); err != nil {
			n.log.Debug("what has changed was not published", "error", err)
		}
	}
}

const (
	// tallyEvery is how often a node tells how far it has told what has got further. Who lost the last event of a
	// partition notices it then.
	tallyEvery = time.Second
	// tallyAll is every how many times it does so of all partitions: whoever lost a tally, too, notices it then.
	tallyAll = 30
)

func (n *Node) post(p replica.Packet) error {
	if p.Name == "" {
		return n.transport.Broadcast(p.Payload)
	}
	return n.transport.Send(transport.Address{Region: p.Region, Node: p.Name}, p.Payload)
}

// receive takes a message of another node.
func (n *Node) receive(message []byte) {
	r := n.mind.Load()
	if r == nil {
		n.learner.Hear(message)
		return
	}
	if err := r.Receive(n.now(), message); err != nil {
		n.refused(message, err)
	}
	signal(n.send)
}

// refused notes a message that was not taken. That nodes do not fit together is for people to mend; it shows with every
// message, and is told once a minute.
func (n *Node) refused(message []byte, err error) {
	if errors.Is(err, wire.ErrCluster) || errors.Is(err, wire.ErrVersion) {
		n.strangers.Do(func() { n.log.Warn("messages of nodes that do not belong here are refused", "error", err) })
		return
	}
	n.log.Debug("a message was not taken", "bytes", len(message), "error", err)
}

// roster is what gossip says now.
func (n *Node) roster() roster {
	return readRoster(n.cfg.Region, n.gossip.Members(), func(name string, err error) {
		n.log.Warn("a member of the region cannot be read and is left out", "member", name, "error", err)
	})
}

// view tells the replica who is alive. When two parts of a region find each other, both go by the lower instance.
func (n *Node) view() {
	r, seen := n.mind.Load(), n.roster()
	if n.adopt(seen.instance) {
		n.log.Info("two parts of the region have found each other", "instance", seen.instance)
		r.SetInstance(seen.instance)
		n.publish()
	}
	r.Members(n.now(), n.withSelf(seen.nodes))
}

// adopt takes over an instance that is lower, and says whether it was.
func (n *Node) adopt(instance uint64) bool {
	n.publishing.Lock()
	defer n.publishing.Unlock()
	if instance == 0 || instance >= n.instance {
		return false
	}
	n.instance = instance
	return true
}

// withSelf makes the node count although what it has published may not have come back yet.
func (n *Node) withSelf(nodes []region.Node) []region.Node {
	for _, other := range nodes {
		if other.Name == n.cfg.Name {
			return nodes
		}
	}
	return append(nodes, region.Node{
		Name: n.cfg.Name, ID: region.NodeID(n.cfg.Region, n.cfg.Name), Boot: n.boot, Weight: n.cfg.Weight, State: n.state(),
	})
}

// state is what the node wants of the others.
func (n *Node) state() region.State {
	if phase(n.phase.Load()) >= draining {
		return region.Draining
	}
	return region.Serving
}

// publish tells the region what this node is.
func (n *Node) publish() {
	n.publishing.Lock()
	defer n.publishing.Unlock()
	m := meta{Instance: n.instance, Boot: n.boot, Weight: uint16(n.cfg.Weight), State: n.state()}
	if err := n.gossip.SetMeta(m.encode()); err != nil && !errors.Is(err, membership.ErrClosed) {
		n.log.Error("the region was not told the state of this node", "error", err)
	}
}

// fail has the node end: while it starts Start sees to that, later watch.
func (n *Node) fail(err error) {
	n.failing.Do(func() {
		n.failure = err
		close(n.failed)
	})
}

// watch stops a node that must not go on.
func (n *Node) watch() {
	select {
	case <-n.done:
		return
	case <-n.failed:
	}
	n.log.Error("this node stops", "error", n.failure)
	ctx, cancel := context.WithTimeout(context.Background(), stopTimeout)
	defer cancel()
	if err := n.Stop(ctx); err != nil {
		n.log.Warn("this node has stopped in disorder", "error", err)
	}
}

// signal puts one signal into a channel that holds one.
func signal(c chan<- struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}
