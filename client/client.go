package client

import (
	"context"
	"errors"
	"io"
	"sync"
	"sync/atomic"
	"time"
)

// A Backend runs commands: over NATS for [Connect], in the same process for a node that embeds a client. Its methods
// may be called by any goroutine.
type Backend interface {
	// Run runs one command. The error is an *[Error]. It keeps nothing of the call when it has returned.
	Run(ctx context.Context, c *Call) (Answer, error)

	// RunBatch runs commands side by side and gives an answer for each, in their order.
	RunBatch(ctx context.Context, calls []*Call) ([]Answer, error)

	// Watch begins to call hear with all changes that a region tells, one after the other, until it is closed. It begins
	// with a gap. When it returns, what changes from now on is heard.
	Watch(ctx context.Context, hear func(Event)) (io.Closer, error)

	// Close ends it.
	Close() error
}

// A Getter is a Backend that may have a string at hand. It gives what running a GET would; if it is not ok, nothing has
// happened, and the GET is run.
type Getter interface {
	Get(key string) (r Reply, ok bool, err error)
}

// A Client runs commands in a cluster. Its methods may be called by any goroutine.
type Client struct {
	Commands
	options Options
	backend Backend
	mesh    *mesh // nil if the backend is another
	stats   counters
	loads   background
	hub     hub
	near    *near // nil without a near cache
	gets    sync.Pool
	getter  Getter // nil if the backend is none, or commands are traced
	closed  atomic.Bool
}

// Connect connects to a cluster and returns as soon as a region can be asked; the home region, if it has a name and is
// there. Regions and servers that are away are found when they come back.
func Connect(ctx context.Context, options Options) (*Client, error) {
	if err := options.validate(); err != nil {
		return nil, err
	}
	c := &Client{options: options.withDefaults()}
	m, err := open(ctx, c.options, &c.stats)
	if err != nil {
		return nil, err
	}
	c.mesh = m
	return c.over(m), nil
}

// New makes a client over a backend. Of the options only those count that are not about connections and regions.
func New(backend Backend, options Options) (*Client, error) {
	if err := options.validate(); err != nil {
		return nil, err
	}
	c := &Client{options: options.withDefaults()}
	return c.over(backend), nil
}

func (c *Client) over(backend Backend) *Client {
	c.backend = backend
	if getter, ok := backend.(Getter); ok && c.options.Trace == nil {
		c.getter = getter
	}
	c.Commands = Commands{c: c}
	c.loads.init()
	c.hub.init(c)
	if c.options.NearCache > 0 {
		c.near = newNear(c)
		c.loads.start(context.Background(), c.near.listen)
	}
	return c
}

// Close ends all connections and goroutines. Commands under way end with [ErrClosed]. Closing twice does nothing.
func (c *Client) Close() error {
	if c.closed.Swap(true) {
		return nil
	}
	c.loads.close()
	c.hub.close()
	err := c.backend.Close()
	c.loads.wait()
	return err
}

// With gives the same commands with another acknowledgement level. A write that does not reach it in time is applied all
// the same, and comes back with [ErrShort].
func (c *Client) With(ack Ack) Commands { return Commands{c: c, ack: ack} }

// run runs a command, and has it traced.
func (c *Client) run(ctx context.Context, call *Call) (a Answer, err error) {
	if c.closed.Load() {
		return Answer{}, about(&Error{Code: CodeClosed, Message: ErrClosed.Error()}, call, "")
	}
	if c.near != nil {
		defer c.near.wrote(call)
	}
	if c.options.Trace == nil {
		return c.backend.Run(ctx, call)
	}
	ctx, end := c.trace(ctx, call.Op(), call.Key())
	a, err = c.backend.Run(ctx, call)
	end(a.Region, err)
	return a, err
}

func (c *Client) runBatch(ctx context.Context, calls []*Call) ([]Answer, error) {
	if c.closed.Load() {
		return nil, &Error{Code: CodeClosed, Op: "batch", Message: ErrClosed.Error()}
	}
	if c.near != nil {
		defer c.near.wrote(calls...)
	}
	ctx, end := c.trace(ctx, "batch", "")
	all, err := c.backend.RunBatch(ctx, calls)
	region := ""
	if len(all) > 0 {
		region = all[0].Region
	}
	end(region, err)
	return all, err
}

// trace begins to trace a command, and gives what ends it.
func (c *Client) trace(ctx context.Context, op, key string) (context.Context, func(region string, err error)) {
	if c.options.Trace == nil {
		return ctx, func(string, error) {}
	}
	t := &traced{}
	ctx, end := c.options.Trace(ctx, op, key)
	return context.WithValue(ctx, tracedKey{}, t), func(region string, err error) {
		end(Outcome{Region: region, Attempts: t.attempts, Err: err})
	}
}

// traced carries the number of attempts from the backend to the tracer.
type (
	traced    struct{ attempts int }
	tracedKey struct{}
)

// Stats counts what a client has done.
type Stats struct {
	Commands    uint64 // that were sent, a batch as one
	Attempts    uint64 // what was sent for them
	Failures    uint64 // commands that ended with an error other than of the command itself
	Hedges      uint64 // second requests for a read
	Trips       uint64 // regions that were found to be away
	Recoveries  uint64 // regions that were found to be back
	Directories uint64 // changes of the nodes of a region that were heard of
	Gaps        uint64 // times that listening to changes was interrupted
	NearHits    uint64
	NearMisses  uint64
	Loads       uint64 // by loaders
	LoadsShared uint64 // callers who waited for the load of another
	StaleServed uint64 // values given past their time since loading failed
}

type counters struct {
	commands, attempts, failures, hedges, trips, recoveries, directories, gaps atomic.Uint64
	nearHits, nearMisses                                                       atomic.Uint64
	loads, loadsShared, staleServed                                            atomic.Uint64
}

// note counts a command that has ended, and tells the tracer of its attempts.
func (s *counters) note(ctx context.Context, t *trip, err error) {
	s.commands.Add(1)
	s.attempts.Add(uint64(t.attempts))
	if err != nil && (judge(err) != final || errors.Is(err, ErrTimeout) || errors.Is(err, ErrClosed)) {
		s.failures.Add(1)
	}
	if t.m.o.Trace == nil {
		return
	}
	if at, ok := ctx.Value(tracedKey{}).(*traced); ok {
		at.attempts += t.attempts
	}
}

// Stats gives the counts so far.
func (c *Client) Stats() Stats {
	s := &c.stats
	return Stats{
		Commands: s.commands.Load(), Attempts: s.attempts.Load(), Failures: s.failures.Load(), Hedges: s.hedges.Load(),
		Trips: s.trips.Load(), Recoveries: s.recoveries.Load(), Directories: s.directories.Load(), Gaps: s.gaps.Load(),
		NearHits: s.nearHits.Load(), NearMisses: s.nearMisses.Load(),
		Loads: s.loads.Load(), LoadsShared: s.loadsShared.Load(), StaleServed: s.staleServed.Load(),
	}
}

// RegionState is how a client sees a region.
type RegionState struct {
	Name      string
	Home      bool
	Connected bool // there is a connection to one of its servers
	Circuit   Circuit
	RTT       time.Duration // 0 if unknown
	Nodes     []string      // that own keys there
}

// Regions gives the regions in the order in which they are asked. It is empty in a client that is embedded in a node.
func (c *Client) Regions() []RegionState {
	if c.mesh == nil {
		return nil
	}
	return c.mesh.regions()
}

func (m *mesh) regions() []RegionState {
	all := []RegionState{}
	m.mu.Lock()
	home := m.home
	m.mu.Unlock()
	for _, p := range *m.places.Load() {
		s := RegionState{Name: p.name, Home: p.name == home, Connected: m.connected(p.name), Circuit: p.state(), RTT: time.Duration(p.rtt.Load())}
		if v := p.view.Load(); v != nil {
			s.Nodes = append(s.Nodes, v.names...)
		}
		all = append(all, s)
	}
	return all
}

func (m *mesh) connected(region string) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, l := range m.links {
		if l.in(region) && l.up.Load() {
			return true
		}
	}
	return false
}
