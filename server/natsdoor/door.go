// Package natsdoor lets NATS clients of any language run commands on a node.
//
// A door answers on the connection that it is given, for one node:
//
//	door, err := natsdoor.Open(natsdoor.Config{Conn: conn, Region: "eu", Node: "eu-1", Behind: node})
//	…
//	err = door.Close(ctx) // takes no more requests, answers those in flight
//
// Subjects:
//
//	atoll.<region>.v1.<command>            any node of the region answers: get, set, hgetall, …
//	atoll.<region>.v1.status               what the node that answers knows of its region and the others
//	atoll.<region>.node.<node>.status      the same of one node
//	atoll.<region>.node.<node>.digests     the digest of every partition that the node holds
//	atoll.<region>.node.<node>.drain       have the node leave in order
//
// A request is a map in JSON or CBOR, as its header Content-Type says (application/json, application/cbor), or else
// its first byte:
//
//	{"args": ["greeting", "hello"], "ack": "regions:2", "timeout_ms": 500}
//
// All three may be left out. An argument is a string; in JSON one that is no text is {"b64": "…"}, in CBOR it is a
// text or a byte string. The answer comes in the encoding of the request:
//
//	{"ok": "OK", "ack": "regions:2"}
//	{"ok": "OK", "ack": "region", "short": true}          the level was not reached in time; the write stays
//	{"error": {"code": "WRONGTYPE", "message": "…"}}
//
// The value after ok is null, a string ({"b64": "…"} in JSON if it is no text; CBOR has bytes for what a client stored
// and text for words such as OK and for numbers with a fraction), an integer, an array or a map. A map whose keys are
// no texts is {"pairs": [[key, value], …]} in JSON. Codes of errors are stable: those of the commands (ERR, WRONGTYPE,
// OOM, UNAVAILABLE, TIMEOUT, …), BADREQUEST for what cannot be read, OVERLOADED when too many requests are in flight,
// TOOLARGE for an answer that does not fit into a message.
//
// The door has no users and rights of its own: whoever may log in to the connection's account may do everything.
package natsdoor

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/nats-io/nats.go"

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

	// Drain has the node begin to leave, and returns at once.
	Drain()
}

// Config says where a door is and what is behind it.
type Config struct {
	Conn   *nats.Conn // of the account of the clients; the caller closes it, after the door
	Region string
	Node   string
	Behind Backend

	// MaxInFlight bounds the requests that wait for an answer; more are refused at once with OVERLOADED. 4096 if 0.
	MaxInFlight int

	Logger *slog.Logger // slog.Default if nil
}

const (
	defaultInFlight = 4096
	// confirmTimeout limits how long the server may take to confirm what it was sent.
	confirmTimeout = 5 * time.Second
	// maxPendingBytes bounds what waits in this process before the pool has seen it.
	maxPendingBytes = 64 << 20
)

// A Door answers requests. It has a goroutine for each of its two subscriptions and two for each processor; Close ends
// them.
type Door struct {
	cfg    Config
	subs   []*nats.Subscription
	ended  chan string // takes the subject of each subscription that is drained
	slots  chan struct{}
	work   chan *nats.Msg
	quit   chan struct{}
	worker sync.WaitGroup
	closed atomic.Bool

	refused atomic.Uint64
}

// Open subscribes to the subjects of the node. When it returns, the server has confirmed them.
func Open(cfg Config) (*Door, error) {
	if cfg.MaxInFlight == 0 {
		cfg.MaxInFlight = defaultInFlight
	}
	if cfg.Logger == nil {
		cfg.Logger = slog.Default()
	}
	d := &Door{
		cfg:   cfg,
		ended: make(chan string, 2),
		slots: make(chan struct{}, cfg.MaxInFlight),
		work:  make(chan *nats.Msg, cfg.MaxInFlight),
		quit:  make(chan struct{}),
	}
	for range 2 * runtime.GOMAXPROCS(0) {
		d.worker.Go(d.serve)
	}
	if err := d.subscribe(); err != nil {
		d.stop()
		return nil, fmt.Errorf("open the NATS door: %w", err)
	}
	return d, nil
}

func (d *Door) subscribe() error {
	commands := "atoll." + d.cfg.Region + ".v1.*"
	sub, err := d.cfg.Conn.QueueSubscribe(commands, "atoll."+d.cfg.Region, d.take)
	if err := d.keep(sub, commands, err); err != nil {
		return err
	}
	admin := "atoll." + d.cfg.Region + ".node." + d.cfg.Node + ".*"
	sub, err = d.cfg.Conn.Subscribe(admin, d.take)
	if err := d.keep(sub, admin, err); err != nil {
		return err
	}
	if err := d.cfg.Conn.FlushTimeout(confirmTimeout); err != nil {
		return fmt.Errorf("wait for the server to confirm subscriptions: %w", err)
	}
	return nil
}

func (d *Door) keep(sub *nats.Subscription, subject string, err error) error {
	if err == nil {
		d.subs = append(d.subs, sub)
		sub.SetClosedHandler(func(subject string) { d.ended <- subject })
		err = sub.SetPendingLimits(-1, maxPendingBytes)
	}
	if err != nil {
		return fmt.Errorf("subscribe to %s: %w", subject, err)
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
	for _, sub := range d.subs {
		if !d.cfg.Conn.IsConnected() || sub.Drain() != nil {
			_ = sub.Unsubscribe()
		}
	}
	for range d.subs {
		select {
		case <-d.ended:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	return nil
}

func (d *Door) stop() {
	for _, sub := range d.subs {
		_ = sub.Unsubscribe()
	}
	close(d.quit)
	d.worker.Wait()
}

// take hands a request over to the pool, or refuses it: a subscription delivers one message at a time, so nothing may
// wait here.
func (d *Door) take(msg *nats.Msg) {
	select {
	case d.slots <- struct{}{}:
		d.work <- msg // has room for every slot
	default:
		d.refused.Add(1)
		enc := encodingOf(msg)
		d.reply(msg, enc, enc.failure("OVERLOADED", "too many requests are in flight at this node; wait a little and try again"))
	}
}

func (d *Door) serve() {
	for {
		select {
		case msg := <-d.work:
			d.handle(msg)
		case <-d.quit:
			return
		}
	}
}

// handle answers one request, or has it answered later.
func (d *Door) handle(msg *nats.Msg) {
	enc := encodingOf(msg)
	name := msg.Subject[strings.LastIndexByte(msg.Subject, '.')+1:]
	if report := d.report(msg.Subject, name); report != nil {
		d.finish(msg, enc, enc.document(report()))
		return
	}
	if d.isAdmin(msg.Subject) {
		d.finish(msg, enc, enc.failure("BADREQUEST", fmt.Sprintf("a node answers status, digests and drain, not %q", name)))
		return
	}

	req, err := readRequest(enc, name, msg.Data)
	if err != nil {
		d.finish(msg, enc, enc.failure("BADREQUEST", err.Error()))
		return
	}
	d.cfg.Behind.Do(req, func(a replica.Answer) { d.finish(msg, enc, enc.answer(a)) })
}

func (d *Door) isAdmin(subject string) bool {
	return strings.HasPrefix(subject, "atoll."+d.cfg.Region+".node.")
}

// report gives what answers a request that is no command, nil if it is one.
func (d *Door) report(subject, name string) func() any {
	switch {
	case name == "status":
		return d.cfg.Behind.Status
	case name == "digests" && d.isAdmin(subject):
		return d.cfg.Behind.Digests
	case name == "drain" && d.isAdmin(subject):
		return func() any {
			d.cfg.Behind.Drain()
			return "draining"
		}
	}
	return nil
}

// finish sends the answer and gives the slot back.
func (d *Door) finish(msg *nats.Msg, enc encoding, payload []byte) {
	d.reply(msg, enc, payload)
	<-d.slots
}

func (d *Door) reply(msg *nats.Msg, enc encoding, payload []byte) {
	if msg.Reply == "" {
		return // nobody waits; a command sent by publish is run all the same
	}
	err := d.respond(msg, enc, payload)
	if errors.Is(err, nats.ErrMaxPayload) {
		text := fmt.Sprintf("the answer has %d bytes, at most %d fit into a message; ask for less at a time", len(payload), d.cfg.Conn.MaxPayload())
		err = d.respond(msg, enc, enc.failure("TOOLARGE", text))
	}
	if err != nil {
		d.cfg.Logger.Debug("an answer could not be sent", "subject", msg.Subject, "error", err)
	}
}

func (d *Door) respond(msg *nats.Msg, enc encoding, payload []byte) error {
	out := &nats.Msg{Subject: msg.Reply, Data: payload}
	if msg.Header.Get(contentType) != "" {
		out.Header = nats.Header{contentType: []string{enc.String()}}
	}
	return d.cfg.Conn.PublishMsg(out)
}

// failureOf makes an error reply of a code and a text.
func failureOf(code, text string) replica.Answer {
	return replica.Answer{Reply: command.Fail(code, "%s", text)}
}
