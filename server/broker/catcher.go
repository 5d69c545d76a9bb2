package broker

import (
	"context"
	"fmt"
	"log/slog"
	"strings"
	"sync"
)

// A catcher is the logger of the NATS server, and the only place where it tells that it could not start: it logs a
// fatal error and goes on.
type catcher struct {
	log *slog.Logger

	mu    sync.Mutex // guards first
	first error      // the first fatal error
}

func newCatcher(log *slog.Logger) *catcher { return &catcher{log: log} }

func (c *catcher) fatal() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.first
}

// debug tells whether anybody hears debug messages, which cost the server time to make.
func (c *catcher) debug() bool { return c.log.Enabled(context.Background(), slog.LevelDebug) }

func (c *catcher) Fatalf(format string, args ...any) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.first == nil {
		c.first = fmt.Errorf(format, args...)
	}
}

func (c *catcher) Errorf(format string, args ...any) { c.log.Warn(message(format, args)) }

// Warnf leaves out a warning that would come at every start: the passwords of our own users are made up by the process
// and written nowhere.
func (c *catcher) Warnf(format string, args ...any) {
	if !strings.HasPrefix(format, "Plaintext passwords detected") {
		c.log.Warn(message(format, args))
	}
}

// Notices are many and about single connections.
func (c *catcher) Noticef(format string, args ...any) { c.debugf(format, args) }
func (c *catcher) Debugf(format string, args ...any)  { c.debugf(format, args) }
func (c *catcher) Tracef(format string, args ...any)  { c.debugf(format, args) }

func (c *catcher) debugf(format string, args []any) {
	if c.debug() {
		c.log.Debug(message(format, args))
	}
}

func message(format string, args []any) string { return "nats: " + fmt.Sprintf(format, args...) }
