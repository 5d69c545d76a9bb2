package client

import (
	"context"
	"io"
	"sync"
	"time"

	"github.com/nats-io/nats.go"
)

// feed listens to the changes of one region at a time: the first that is there. It listens to all keys, since a loss
// shows only to who hears everything of a partition.
type feed struct {
	m       *mesh
	hear    func(Event)
	stop    chan struct{}
	over    chan struct{}
	ending  sync.Once
	started chan struct{} // closed when it listens for the first time
	once    sync.Once

	at      spot
	subs    []*nats.Subscription
	inbox   chan *nats.Msg
	tracker *Tracker
}

// spot is where a feed listens: a region, a connection, and how often that had come up. The zero value is nowhere.
type spot struct {
	place *place
	link  *link
	turns uint64
}

const (
	// feedRoom is how many events may wait in this process. What comes on top is lost, and a gap.
	feedRoom = 8192
	// feedLook is how often a feed looks whether it listens where it should.
	feedLook = 100 * time.Millisecond
)

// Watch begins to listen. It returns an error if no region publishes its changes.
func (m *mesh) Watch(ctx context.Context, hear func(Event)) (io.Closer, error) {
	f := &feed{m: m, hear: hear, stop: make(chan struct{}), over: make(chan struct{}), started: make(chan struct{})}
	m.mu.Lock()
	ended := m.ctx.Err() != nil
	if !ended {
		m.running.Go(f.run)
	}
	m.mu.Unlock()
	if ended {
		return nil, &Error{Code: CodeClosed, Op: "watch", Message: ErrClosed.Error()}
	}
	ctx, cancel := context.WithTimeout(ctx, m.o.Timeout)
	defer cancel()
	select {
	case <-f.started:
		return f, nil
	case <-ctx.Done():
		_ = f.Close()
		return nil, &Error{Code: CodeUnavailable, Op: "watch", Message: "no region that is there publishes its changes; start its nodes with --changes", cause: ctx.Err()}
	}
}

// Close ends it.
func (f *feed) Close() error {
	f.ending.Do(func() { close(f.stop) })
	<-f.over
	return nil
}

func (f *feed) run() {
	defer close(f.over)
	defer f.leave()
	look := time.NewTicker(feedLook)
	defer look.Stop()
	f.settle()
	for {
		select {
		case msg := <-f.inbox:
			f.tracker.Take(msg.Data)
		case <-look.C:
			f.settle()
		case <-f.stop:
			return
		case <-f.m.ctx.Done():
			return
		}
	}
}

// settle sees to it that the feed listens to the first region that is there.
func (f *feed) settle() {
	to := f.m.spot()
	if to == f.at && !f.dropped() {
		return
	}
	if f.tracker != nil {
		f.m.stats.gaps.Add(1)
		f.tracker.Deaf() // at once: what is kept by events must not be trusted meanwhile
	}
	f.leave()
	if to.place == nil || f.enter(to) != nil {
		f.leave()
		return
	}
	f.tracker.Reset()
	f.once.Do(func() { close(f.started) })
}

// spot finds the first region that is there and publishes its changes.
func (m *mesh) spot() spot {
	for _, p := range *m.places.Load() {
		if p.state() != Closed || !p.publishes.Load() {
			continue
		}
		if l := m.path(p); l != nil {
			return spot{p, l, l.turns.Load()}
		}
	}
	return spot{}
}

// enter subscribes. When it returns the server has confirmed it.
func (f *feed) enter(to spot) error {
	f.inbox = make(chan *nats.Msg, feedRoom)
	f.tracker = NewTracker(to.place.name, f.hear)
	for _, subject := range Subjects() {
		sub, err := to.link.nc.ChanSubscribe("atoll."+to.place.name+".v1."+subject, f.inbox)
		if err != nil {
			return err
		}
		f.subs = append(f.subs, sub)
	}
	if err := to.link.nc.FlushTimeout(f.m.o.Attempt); err != nil {
		return err
	}
	f.at = to
	return nil
}

// leave ends the subscriptions.
func (f *feed) leave() {
	for _, sub := range f.subs {
		_ = sub.Unsubscribe() // a connection that is lost forgets it anyway
	}
	f.subs, f.inbox, f.at = nil, nil, spot{}
}

// dropped says whether events have found no room.
func (f *feed) dropped() bool {
	for _, sub := range f.subs {
		if n, err := sub.Dropped(); err != nil || n > 0 {
			return true
		}
	}
	return false
}
