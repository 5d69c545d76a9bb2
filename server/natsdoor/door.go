// Package natsdoor lets NATS clients of any language run commands on a node.
//
// A door answers on the connection that it is given, for one node, as a service of the NATS micro framework:
//
//	door, err := natsdoor.Open(natsdoor.Config{Conn: conn, Cluster: "shop", Region: "eu", Node: "eu-1", Behind: node})
//	…
//	err = door.Close(ctx) // takes no more requests, answers those in flight
//
// Subjects:
//
//	atoll.<region>.v1.<command>            any node of the region answers: get, set, hgetall, …
//	atoll.<region>.v1.batch                several commands in one request
//	atoll.<region>.v1.raw.get.<key>        the payload of the answer is the bare value
//	atoll.<region>.v1.raw.set.<key>        the payload of the request is the bare value
//	atoll.any.v1.…                         the same; the own region answers, or the nearest that has a node
//	atoll.<region>.v1.status               what the node that answers knows of its region and the others
//	atoll.<region>.node.<node>.status      the same of one node
//	atoll.<region>.v1.directory            the nodes of the region that own keys, by which a client finds the owners
//	atoll.<region>.node.<node>.v1.…        commands and batches for that node, in place of any of the region
//	atoll.<region>.node.<node>.digests     the digest of every partition that the node holds
//	atoll.<region>.node.<node>.drain       have the node leave in order
//	$SRV.PING|INFO|STATS[.atoll[.<id>]]    the service, with the JSON schemas of every endpoint
//
// What requests and answers look like, how keys are written in subjects, and the codes of errors are told in
// docs/protocol.md.
//
// The door has no users and rights of its own: whoever may log in to the connection's account may do everything.
package natsdoor

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"runtime"
	"sync"
	"sync/atomic"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/micro"

	"github.com/atollcache/atoll/command"
	"github.com/atollcache/atoll/replica"
)

// Backend is the node behind the door. Its methods may be called by many goroutines.
type Backend interface {
	// Do runs a command and calls done once, maybe before it returns.
	Do(req *replica.Request, done func(replica.Answer))

	// Status and Digests give what can be encoded as JSON and CBOR.
	Status() any
	Digests() any

	// Directory gives the nodes of the region that own keys, in the same way.
	Directory() any

	// Forget declares a node of the region, another region, or REGION/NODE, dead for good. The error is for whoever asks.
	Forget(name string) error

	// Drain has the node begin to leave, and returns at once.
	Drain()
}

// Config says where a door is and what is behind it.
type Config struct {
	Conn    *nats.Conn // of the account of the clients, for this door alone; the caller closes it, after the door
	Cluster string     // of the session tokens
	Region  string
	Node    string
	Behind  Backend

	// MaxInFlight bounds the requests that wait for an answer; more are refused at once with OVERLOADED. 4096 if 0.
	MaxInFlight int

	// MaxBytes bounds the payloads of these requests together. 64 MiB if 0.
	MaxBytes int

	// Limits are those of the node: what is longer than any argument may be is refused before it takes memory.
	Limits command.Limits

	Logger *slog.Logger // slog.Default if nil
}

const (
	defaultInFlight = 4096
	defaultBytes    = 64 << 20
	// confirmTimeout limits how long the server may take to confirm what it was sent.
	confirmTimeout = 5 * time.Second
	// lookInterval is how often Close looks whether the subscriptions have ended; nobody tells it.
	lookInterval = time.Millisecond
)

// A Door answers requests. It has a goroutine for each subscription, one of the micro framework, and two for each
// processor; Close ends them.
type Door struct {
	cfg     Config
	service micro.Service
	others  int // subscriptions of the connection that are not the service's
	slots   chan struct{}
	work    chan job
	quit    chan struct{}
	longest int // bytes of an argument
	worker  sync.WaitGroup
	closed  atomic.Bool

	bytes   atomic.Int64 // of the payloads in flight
	refused atomic.Uint64
}

// job is a request on its way through the pool.
type job struct {
	req    micro.Request
	handle handler
}

// Open subscribes to the subjects of the node. When it returns, the server has confirmed them.
func Open(cfg Config) (*Door, error) {
	cfg.MaxInFlight = cmp.Or(cfg.MaxInFlight, defaultInFlight)
	cfg.MaxBytes = cmp.Or(cfg.MaxBytes, defaultBytes)
	if cfg.Logger == nil {
		cfg.Logger = slog.Default()
	}
	d := &Door{
		cfg:   cfg,
		slots: make(chan struct{}, cfg.MaxInFlight),
		work:  make(chan job, cfg.MaxInFlight),
		quit:  make(chan struct{}),

		longest: cfg.Limits.Longest(),
	}
	for range 2 * runtime.GOMAXPROCS(0) {
		d.worker.Go(d.serve)
	}
	if err := d.open(); err != nil {
		d.stop()
		return nil, fmt.Errorf("open the NATS door: %w", err)
	}
	return d, nil
}

func (d *Door) open() error {
	// The first request of a connection subscribes to its answers. Once that is done what is counted here does not
	// change any more but for the service.
	_, err := d.cfg.Conn.Request("atoll."+d.cfg.Region+".nobody", nil, confirmTimeout)
	if err != nil && !errors.Is(err, nats.ErrNoResponders) {
		return fmt.Errorf("ask the server for an answer: %w", err)
	}
	d.others = d.cfg.Conn.NumSubscriptions()
	if err := d.serveEndpoints(); err != nil {
		return err
	}
	if err := d.cfg.Conn.FlushTimeout(confirmTimeout); err != nil {
		return fmt.Errorf("wait for the server to confirm subscriptions: %w", err)
	}
	return nil
}

// Refused counts the requests that found the door overloaded.
func (d *Door) Refused() uint64 { return d.refused.Load() }

// InFlight counts the requests that wait for an answer.
func (d *Door) InFlight() int { return len(d.slots) }

// Close ends the subscriptions, answers what has arrived, and waits for that until ctx ends. Then the error says how
// many requests got no answer. Closing twice does nothing.
func (d *Door) Close(ctx context.Context) error {
	if d.closed.Swap(true) {
		return nil
	}
	defer d.stop()

	if err := d.unsubscribe(ctx); err != nil {
		return fmt.Errorf("close the NATS door: %w", err)
	}

	// Whoever has every slot knows that nothing is in flight.
	for taken := range cap(d.slots) {
		select {
		case d.slots <- struct{}{}:
		case <-ctx.Done():
			return fmt.Errorf("close the NATS door: %d requests are left without an answer: %w", cap(d.slots)-taken, ctx.Err())
		}
	}
	if !d.cfg.Conn.IsConnected() {
		return nil // whoever asked has been told so, or will give up
	}
	ctx, cancel := context.WithTimeout(ctx, confirmTimeout)
	defer cancel()
	if err := d.cfg.Conn.FlushWithContext(ctx); err != nil && !errors.Is(err, nats.ErrConnectionClosed) {
		return fmt.Errorf("close the NATS door: send the last answers: %w", err)
	}
	return nil
}

// unsubscribe lets nobody in any more, and waits until those who came before are with the pool. While the server is
// away nobody comes, and waiting would be in vain.
func (d *Door) unsubscribe(ctx context.Context) error {
	if err := d.service.Stop(); err != nil && d.cfg.Conn.IsConnected() {
		return err
	}
	look := time.NewTicker(lookInterval)
	defer look.Stop()
	for d.cfg.Conn.IsConnected() && d.cfg.Conn.NumSubscriptions() > d.others {
		select {
		case <-look.C:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	return nil
}

func (d *Door) stop() {
	if d.service != nil {
		_ = d.service.Stop()
	}
	close(d.quit)
	d.worker.Wait()
}

// take gives what a subscription calls: it hands a request over to the pool, or refuses it. A subscription delivers one
// message at a time, so nothing may wait here.
func (d *Door) take(handle handler) micro.HandlerFunc {
	return func(req micro.Request) {
		size := int64(len(req.Data()))
		if d.bytes.Add(size) <= int64(d.cfg.MaxBytes) {
			select {
			case d.slots <- struct{}{}:
				d.work <- job{req, handle} // has room for every slot
				return
			default:
			}
		}
		d.bytes.Add(-size)
		d.refused.Add(1)
		d.send(req, encodingOf(req).failure("OVERLOADED", "too many requests are in flight at this node; wait a little and try again"))
	}
}

func (d *Door) serve() {
	for {
		select {
		case j := <-d.work:
			j.handle(d, j.req)
		case <-d.quit:
			return
		}
	}
}

// finish sends the answer and gives the slot back.
func (d *Door) finish(req micro.Request, out message) {
	d.send(req, out)
	d.bytes.Add(-int64(len(req.Data())))
	<-d.slots
}

// send answers a request. The framework's own way of doing so may only be used before its handler returns.
func (d *Door) send(req micro.Request, out message) {
	if req.Reply() == "" {
		return // nobody waits; a command sent by publish is run all the same
	}
	err := d.publish(req, out)
	if errors.Is(err, nats.ErrMaxPayload) {
		text := fmt.Sprintf("the answer has %d bytes, at most %d fit into a message; ask for less at a time", len(out.payload), d.cfg.Conn.MaxPayload())
		err = d.publish(req, encodingOf(req).failure(codeTooLarge, text))
	}
	if err != nil {
		d.cfg.Logger.Debug("an answer could not be sent", "subject", req.Subject(), "error", err)
	}
}

func (d *Door) publish(req micro.Request, out message) error {
	if out.kind != "" && req.Headers().Get(contentType) != "" {
		out.set(contentType, out.kind)
	}
	return d.cfg.Conn.PublishMsg(&nats.Msg{Subject: req.Reply(), Header: out.header, Data: out.payload})
}
