package client

import (
	"errors"
	"io"
	"math/rand/v2"
	"net"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/nats-io/nats.go"
)

// What can become of an attempt, beside an answer.
var (
	errNoLink   = errors.New("there is no connection to the region")        // not sent
	errNobody   = errors.New("no node serves there")                        // not run
	errLost     = errors.New("the connection was lost")                     // may have been run
	errNoAnswer = errors.New("no answer in time")                           // may have been run
	errTooLarge = errors.New("the command is larger than a message may be") // not sent
)

// link is one connection to a seed, which comes back by itself when it is lost. Requests that wait when it is lost are
// told so at once.
type link struct {
	seed   seed
	secure bool // by TLS
	nc     *nats.Conn
	inbox  string // what answers come to, with a dot at its end
	closed chan struct{}
	change func(*link) // called after it came up or was lost, with up and region set

	region atomic.Pointer[string] // nil until it is known
	up     atomic.Bool
	turns  atomic.Uint64          // how often it came up or was lost
	reason atomic.Pointer[string] // why it is not up

	mu      sync.Mutex // guards what stands below
	pending map[uint64]*flight
	number  uint64
}

// flight is a request that waits for its answer.
type flight struct {
	link   *link
	number uint64
	to     *place
	began  time.Duration
	done   chan landing
}

// landing is an answer, or why there will be none.
type landing struct {
	msg *nats.Msg
	err error
}

const (
	// dialTimeout is short: a server that is there answers sooner.
	dialTimeout = 2 * time.Second
	// pingInterval times three is how soon a silent connection is given up. Commands do not wait for that.
	pingInterval = time.Second
	// minRedial and maxRedial bound the pause between two attempts to connect.
	minRedial = 20 * time.Millisecond
	maxRedial = time.Second
)

// dial begins to connect, and goes on until the link is closed. It blocks for the first attempt.
func dial(o *Options, s seed, change func(*link)) (*link, error) {
	l := &link{seed: s, change: change, closed: make(chan struct{}), pending: map[uint64]*flight{}}
	l.secure = o.TLS != nil || strings.HasPrefix(s.url, "tls://")
	options := []nats.Option{
		nats.Name(o.Name), nats.Timeout(dialTimeout), nats.RetryOnFailedConnect(true), nats.MaxReconnects(-1),
		nats.PingInterval(pingInterval), nats.MaxPingsOutstanding(2), nats.IgnoreAuthErrorAbort(),
		nats.CustomReconnectDelay(redial), nats.ReconnectBufSize(-1), nats.SkipSubjectValidation(),
		nats.ConnectHandler(func(*nats.Conn) { l.rise() }),
		nats.ReconnectHandler(func(*nats.Conn) { l.rise() }),
		nats.DisconnectErrHandler(func(_ *nats.Conn, err error) { l.fall(err) }),
		nats.ReconnectErrHandler(func(_ *nats.Conn, err error) { l.blame(err) }),
		nats.ClosedHandler(func(*nats.Conn) { close(l.closed) }),
		nats.ErrorHandler(func(*nats.Conn, *nats.Subscription, error) {}), // requests report their own
	}
	switch {
	case o.Credentials != "":
		options = append(options, nats.UserCredentials(o.Credentials))
	case o.User != "":
		options = append(options, nats.UserInfo(o.User, o.Password))
	case o.Token != "":
		options = append(options, nats.Token(o.Token))
	}
	if o.TLS != nil {
		options = append(options, nats.Secure(o.TLS))
	}
	l.mu.Lock() // the handlers wait until the connection is known
	nc, err := nats.Connect(s.url, options...)
	if err != nil {
		l.mu.Unlock()
		return nil, err
	}
	l.nc, l.inbox = nc, nats.NewInbox()+"."
	l.mu.Unlock()
	if _, err := nc.Subscribe(l.inbox+"*", l.land); err != nil {
		l.close()
		return nil, err
	}
	if nc.IsConnected() {
		l.rise()
	}
	return l, nil
}

// redial is the pause before the servers are tried again.
func redial(attempts int) time.Duration {
	d := min(minRedial<<min(attempts, 6), maxRedial)
	return d/2 + rand.N(d/2)
}

// rise notes that the link is up.
func (l *link) rise() {
	l.mu.Lock()
	nc := l.nc
	l.mu.Unlock()
	if nc == nil || !nc.IsConnected() {
		return
	}
	region := l.seed.region
	if region == "" {
		region = nc.ConnectedClusterName()
	}
	if region == "" {
		l.blame(errors.New("it does not say which region it belongs to; write region=" + l.seed.shown()))
		return
	}
	l.region.Store(&region)
	l.up.Store(true)
	l.turns.Add(1)
	l.change(l)
}

// fall notes that the link is lost, and tells all who wait.
func (l *link) fall(err error) {
	l.up.Store(false)
	l.turns.Add(1)
	l.blame(err)
	l.mu.Lock()
	lost := l.pending
	l.pending = map[uint64]*flight{}
	l.mu.Unlock()
	for _, f := range lost { // order-free: each is told alone
		f.done <- landing{err: errLost}
	}
	l.change(l)
}

func (l *link) blame(err error) {
	if err == nil {
		return
	}
	text := err.Error()
	if op, ok := errors.AsType[*net.OpError](err); ok {
		text = op.Err.Error()
	}
	if l.secure && (errors.Is(err, syscall.EPIPE) || errors.Is(err, syscall.ECONNRESET) || errors.Is(err, io.EOF)) {
		// Whoever does not trust this end hangs up, and what it says of that may come too late to be read.
		text += ": the server hung up on a tls connection; see whether it trusts the certificate of this client"
	}
	l.reason.Store(&text)
}

// why tells why the link is not up.
func (l *link) why() string {
	if text := l.reason.Load(); text != nil {
		return *text
	}
	return "no answer in time"
}

// in says whether the link leads to a region; with up only if it does so now.
func (l *link) in(region string) bool {
	r := l.region.Load()
	return r != nil && *r == region
}

// send sends a request.
func (l *link) send(to *place, now time.Duration, subject string, header nats.Header, payload []byte) (*flight, error) {
	if int64(len(payload)) > l.nc.MaxPayload()-4096 && l.nc.MaxPayload() > 4096 {
		return nil, errTooLarge
	}
	f := &flight{link: l, to: to, began: now, done: make(chan landing, 1)}
	l.mu.Lock()
	l.number++
	f.number = l.number
	l.pending[f.number] = f
	l.mu.Unlock()

	reply := strconv.AppendUint([]byte(l.inbox), f.number, 36)
	var err error
	if header == nil {
		err = l.nc.PublishRequest(subject, string(reply), payload)
	} else {
		err = l.nc.PublishMsg(&nats.Msg{Subject: subject, Reply: string(reply), Header: header, Data: payload})
	}
	switch {
	case err == nil:
		return f, nil
	case errors.Is(err, nats.ErrMaxPayload):
		err = errTooLarge
	default:
		err = errNoLink
	}
	f.drop()
	return nil, err
}

// drop gives up waiting.
func (f *flight) drop() {
	f.link.mu.Lock()
	delete(f.link.pending, f.number)
	f.link.mu.Unlock()
}

// land takes an answer.
func (l *link) land(msg *nats.Msg) {
	number, err := strconv.ParseUint(msg.Subject[min(len(l.inbox), len(msg.Subject)):], 36, 64)
	if err != nil {
		return
	}
	l.mu.Lock()
	f := l.pending[number]
	delete(l.pending, number)
	l.mu.Unlock()
	if f == nil {
		return // came too late
	}
	if len(msg.Data) == 0 && msg.Header.Get("Status") == "503" {
		f.done <- landing{err: errNobody}
		return
	}
	f.to.hear()
	f.done <- landing{msg: msg}
}

// close ends the connection, and waits for its last callback.
func (l *link) close() {
	l.nc.Close()
	<-l.closed
}
