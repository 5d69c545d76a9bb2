package client

import (
	"context"
	"errors"
	"io"
	"iter"
	"strings"
	"sync"
)

// hub hands what the backend tells of changes on to watchers and the near cache. It listens once there is one of them.
type hub struct {
	c *Client

	opening sync.Mutex // held while listening begins
	feed    io.Closer  // nil while nobody listens; opening guards it

	mu       sync.Mutex // guards what stands below
	watchers map[*Watcher]struct{}
	closed   bool
}

func (h *hub) init(c *Client) { h.c, h.watchers = c, map[*Watcher]struct{}{} }

// open begins to listen, if nobody does.
func (h *hub) open(ctx context.Context) error {
	h.opening.Lock()
	defer h.opening.Unlock()
	if h.feed != nil {
		return nil
	}
	feed, err := h.c.backend.Watch(ctx, h.hear)
	if err == nil {
		h.feed = feed
	}
	return err
}

// hear takes an event of the backend.
func (h *hub) hear(e Event) {
	if h.c.near != nil {
		h.c.near.hear(&e)
	}
	if e.Kind == deaf {
		return
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	for w := range h.watchers { // order-free: each gets the event alone
		w.offer(&e)
	}
}

func (h *hub) close() {
	h.mu.Lock()
	h.closed = true
	for w := range h.watchers { // order-free: all are ended
		w.end()
	}
	h.mu.Unlock()
	h.opening.Lock()
	defer h.opening.Unlock()
	if h.feed != nil {
		_ = h.feed.Close()
	}
}

// A Watcher hears what changes in the region that is asked first. It goes on through everything: where something may
// have been missed, since a connection broke, a region went away, a node took over or the watcher itself was too slow,
// it hears a [Gap], and should read again what it wants to know.
//
// An event says that a key shows something else, not what: read it, with an owner that may be ahead of the event
// already. While nodes come and go a plain read may be answered by one that is behind the event, and no further event
// tells that it has caught up: read in a session that begins with the token of the event. Nodes tell every second how far they have told what has changed, and every 30 seconds of everything, so what was
// lost shows as a gap a second later, or 30 if that was lost, too.
type Watcher struct {
	hub    *hub
	exact  string // the only key, if prefix is false
	prefix bool
	begin  string
	events chan Event
	done   chan struct{}
	once   sync.Once

	missed bool // an event found no room; the hub's lock guards it
}

// watcherRoom is how many events may wait for one watcher. What comes on top is lost, and a gap.
const watcherRoom = 4096

// Watch begins to watch a key, or with an asterisk at its end, as in "user:*", all that begin so. When it returns,
// whatever changes from now on is heard. The client hears the changes of all keys for that, whatever the pattern, since
// only so losses show; watchers share that.
func (c *Client) Watch(ctx context.Context, pattern string) (*Watcher, error) {
	begin, prefix := strings.CutSuffix(pattern, "*")
	if strings.Contains(begin, "*") || pattern == "" {
		return nil, &Error{Code: "ERR", Op: "watch", Message: "watch a key, or a prefix with an asterisk behind it; * is all keys"}
	}
	w := &Watcher{hub: &c.hub, exact: pattern, prefix: prefix, begin: begin, events: make(chan Event, watcherRoom), done: make(chan struct{})}
	if c.closed.Load() {
		return nil, &Error{Code: CodeClosed, Op: "watch", Message: ErrClosed.Error()}
	}
	if err := c.hub.open(ctx); err != nil {
		return nil, err
	}
	c.hub.mu.Lock()
	defer c.hub.mu.Unlock()
	if c.hub.closed {
		return nil, &Error{Code: CodeClosed, Op: "watch", Message: ErrClosed.Error()}
	}
	c.hub.watchers[w] = struct{}{}
	return w, nil
}

// Events gives what is heard, until the context ends or the watcher or client is closed. An error ends the walk.
func (w *Watcher) Events(ctx context.Context) iter.Seq2[Event, error] {
	return func(yield func(Event, error) bool) {
		for {
			e, err := w.Next(ctx)
			if errors.Is(err, ErrClosed) || !yield(e, err) || err != nil {
				return
			}
		}
	}
}

// Next waits for one event.
func (w *Watcher) Next(ctx context.Context) (Event, error) {
	select {
	case e := <-w.events:
		return e, nil
	default:
	}
	if w.overflown() {
		return Event{Kind: Gap, Partition: -1}, nil
	}
	select {
	case e := <-w.events:
		return e, nil
	case <-w.done:
		return Event{}, &Error{Code: CodeClosed, Op: "watch", Message: "the watcher is closed"}
	case <-ctx.Done():
		return Event{}, about(ended(ctx, false), &Call{Args: [][]byte{[]byte("watch")}}, "")
	}
}

// overflown says once whether events found no room, when those before have been heard.
func (w *Watcher) overflown() bool {
	w.hub.mu.Lock()
	defer w.hub.mu.Unlock()
	if !w.missed || len(w.events) > 0 {
		return false
	}
	w.missed = false
	return true
}

// Close ends it. Closing twice does nothing.
func (w *Watcher) Close() error {
	w.hub.mu.Lock()
	delete(w.hub.watchers, w)
	w.hub.mu.Unlock()
	w.end()
	return nil
}

func (w *Watcher) end() { w.once.Do(func() { close(w.done) }) }

// offer hands an event over if it is of interest. Once there was no room nothing more is taken until the watcher has
// been told. The hub's lock is held.
func (w *Watcher) offer(e *Event) {
	if w.missed || !w.wants(e) {
		return
	}
	select {
	case w.events <- *e:
	default:
		w.missed = true
	}
}

func (w *Watcher) wants(e *Event) bool {
	switch {
	case w.prefix && e.Kind == Gap:
		return true
	case w.prefix:
		return strings.HasPrefix(e.Key, w.begin)
	}
	return e.Concerns(w.exact)
}
