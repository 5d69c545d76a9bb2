// Package natstransport is the transport over core NATS: every node listens on a subject of its own.
//
// The caller owns the connection. [Options] gives it the settings that links need, and reports the events after which
// messages are missing:
//
//	conn, err := nats.Connect(url, natstransport.Options(natstransport.Events{Reconnected: …})...)
//	…
//	t, err := natstransport.Open(conn, "shop", transport.Address{Region: "eu", Node: "n1"}, handle)
//
// Subjects: atoll.<cluster>.link.<region>.<node> is heard by that one node, and atoll.<cluster>.announce.<region>.<node>
// carries the broadcasts of that one node to all others. The announcer stands in the subject because a node must not
// hear itself, and so that `nats sub 'atoll.*.announce.>'` shows who announces.
//
// It does not retry, and it does not know whether a region is reachable: NATS accepts and forgets what it cannot
// deliver.
package natstransport

import (
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/atollcache/atoll/transport"
	"github.com/nats-io/nats.go"
)

// Pending limits of a subscription: how much may wait in this process for a slow handler before messages are lost. Far
// above the credit window of all links together, so that only a handler that is stuck meets them.
const (
	maxPendingMessages = 1 << 20
	maxPendingBytes    = 256 << 20
)

// openTimeout limits how long Open waits until the server has confirmed the subscriptions.
const openTimeout = 5 * time.Second

type natsTransport struct {
	conn     *nats.Conn
	self     transport.Address
	subjects subjects
	handler  transport.Handler
	subs     []*nats.Subscription

	mu     sync.Mutex // held while the handler runs, so that Close waits for it
	closed bool       // guarded by mu

	closing atomic.Bool // set first by Close; beside closed because Send must not wait for mu, which the handler holds
}

// Open subscribes the node at address self to its messages. When it returns the server has confirmed the subscriptions;
// other regions learn of them a little later. The connection must not be closed before the transport.
func Open(conn *nats.Conn, cluster string, self transport.Address, handler transport.Handler) (transport.Transport, error) {
	if err := transport.ValidateName("cluster", cluster); err != nil {
		return nil, fmt.Errorf("open transport: %w", err)
	}
	if err := self.Validate(); err != nil {
		return nil, fmt.Errorf("open transport: %w", err)
	}

	t := &natsTransport{conn: conn, self: self, subjects: subjects{cluster}, handler: handler}
	if err := t.subscribe(); err != nil {
		_ = t.Close()
		return nil, fmt.Errorf("open transport: %w", err)
	}
	return t, nil
}

func (t *natsTransport) subscribe() error {
	earlier := t.conn.LastError()
	for _, subject := range []string{t.subjects.link(t.self), t.subjects.announcements()} {
		sub, err := t.conn.Subscribe(subject, t.receive)
		if err != nil {
			return fmt.Errorf("subscribe to %s: %w", subject, err)
		}
		t.subs = append(t.subs, sub)
		if err := sub.SetPendingLimits(maxPendingMessages, maxPendingBytes); err != nil {
			return fmt.Errorf("subscribe to %s: %w", subject, err)
		}
	}
	if err := t.conn.FlushTimeout(openTimeout); err != nil {
		return fmt.Errorf("wait for the server to confirm subscriptions: %w", err)
	}

	// A refusal comes before the answer to the flush, but only as the connection's last error.
	if err := t.conn.LastError(); !errors.Is(err, earlier) && errors.Is(err, nats.ErrPermissionViolation) {
		return fmt.Errorf("the NATS user may not use the subjects of this cluster: %w", err)
	}
	return nil
}

func (t *natsTransport) Send(to transport.Address, payload []byte) error {
	if err := to.Validate(); err != nil {
		return fmt.Errorf("send: %w", err)
	}
	if to == t.self {
		return fmt.Errorf("send to %v: that is the sender itself", to)
	}
	if err := t.publish(t.subjects.link(to), payload); err != nil {
		return fmt.Errorf("send to %v: %w", to, err)
	}
	return nil
}

func (t *natsTransport) Broadcast(payload []byte) error {
	if err := t.publish(t.subjects.announcement(t.self), payload); err != nil {
		return fmt.Errorf("broadcast: %w", err)
	}
	return nil
}

func (t *natsTransport) publish(subject string, payload []byte) error {
	if t.closing.Load() {
		return transport.ErrClosed
	}

	err := t.conn.Publish(subject, payload)
	switch {
	case errors.Is(err, nats.ErrMaxPayload):
		return fmt.Errorf("%w: %d bytes, at most %d", transport.ErrTooLarge, len(payload), t.conn.MaxPayload())
	case errors.Is(err, nats.ErrReconnectBufExceeded):
		return fmt.Errorf("not connected to NATS: %w", err)
	}
	return err
}

// receive is called by one goroutine for each subscription.
func (t *natsTransport) receive(msg *nats.Msg) {
	if msg.Subject == t.subjects.announcement(t.self) {
		return
	}

	t.mu.Lock()
	defer t.mu.Unlock()
	if !t.closed {
		t.handler(msg.Data)
	}
}

func (t *natsTransport) Close() error {
	t.closing.Store(true)

	t.mu.Lock()
	t.closed = true
	subs := t.subs
	t.subs = nil
	t.mu.Unlock()

	var failures []error
	for _, sub := range subs {
		if err := sub.Unsubscribe(); err != nil && !errors.Is(err, nats.ErrConnectionClosed) {
			failures = append(failures, fmt.Errorf("unsubscribe from %s: %w", sub.Subject, err))
		}
	}
	return errors.Join(failures...)
}

// The subjects of a cluster.
type subjects struct{ cluster string }

func (s subjects) link(to transport.Address) string {
	return "atoll." + s.cluster + ".link." + to.Region + "." + to.Node
}

func (s subjects) announcement(from transport.Address) string {
	return "atoll." + s.cluster + ".announce." + from.Region + "." + from.Node
}

func (s subjects) announcements() string { return "atoll." + s.cluster + ".announce.*.*" }
