package natstransport

import (
	"errors"
	"fmt"
	"time"

	"github.com/nats-io/nats.go"
)

// Events are told to the owner of a connection by goroutines of the connection, one after the other. Nil fields are
// skipped. None may block, and none may close the connection.
type Events struct {
	// Disconnected tells that the server is away; err may be nil when the connection was closed on purpose. Sends fail
	// until Reconnected, and what was on its way may be lost.
	Disconnected func(err error)

	// Reconnected tells that the server is back. Everything that others sent in between is lost, so each link that
	// ends here has a gap.
	Reconnected func()

	// Lost tells that messages which had arrived were dropped, as the handler was too slow: a gap as well.
	Lost func(err error)

	// Refused tells that the server does not permit a subject: the configuration is wrong, and no retry will help.
	Refused func(err error)

	// Failed tells of any other error that no call could return.
	Failed func(err error)
}

// Options returns the settings that a connection for links needs: it never gives up reconnecting, it buffers nothing
// while it is away (what a reconnect buffer holds can be lost although the sends returned nil), it finds a dead server
// within 15 s, and no send waits longer than 2 s for the own server.
func Options(events Events) []nats.Option {
	return []nats.Option{
		nats.MaxReconnects(-1),
		nats.ReconnectWait(250 * time.Millisecond),
		nats.ReconnectJitter(100*time.Millisecond, 100*time.Millisecond),
		nats.IgnoreAuthErrorAbort(),
		nats.ReconnectBufSize(-1),
		nats.PingInterval(5 * time.Second),
		nats.MaxPingsOutstanding(2),
		nats.FlusherTimeout(2 * time.Second),
		nats.DisconnectErrHandler(func(_ *nats.Conn, err error) {
			if events.Disconnected != nil {
				events.Disconnected(err)
			}
		}),
		nats.ReconnectHandler(func(*nats.Conn) {
			if events.Reconnected != nil {
				events.Reconnected()
			}
		}),
		nats.ErrorHandler(func(_ *nats.Conn, sub *nats.Subscription, err error) {
			if sub != nil {
				err = fmt.Errorf("subscription to %s: %w", sub.Subject, err)
			}
			if report := events.reporter(err); report != nil {
				report(err)
			}
		}),
	}
}

// reporter returns the function that hears of an asynchronous error.
func (e Events) reporter(err error) func(error) {
	switch {
	case errors.Is(err, nats.ErrSlowConsumer):
		return e.Lost
	case errors.Is(err, nats.ErrPermissionViolation), errors.Is(err, nats.ErrAuthorization):
		return e.Refused
	}
	return e.Failed
}
