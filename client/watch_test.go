package client_test

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/atollcache/atoll/client"
)

func TestWatch(t *testing.T) {
	l := started(t, 2, "eu", "us")
	c, far := connected(t, client.Options{Seeds: seeds(l), Home: "eu"}), connected(t, client.Options{Seeds: seeds(l), Home: "us"})
	ctx := t.Context()
	one, err := c.Watch(ctx, "user:1")
	if err != nil {
		t.Fatal(err)
	}
	all, err := c.Watch(ctx, "user:*")
	if err != nil {
		t.Fatal(err)
	}
	for _, w := range []struct {
		c   *client.Client
		key string
	}{{c, "user:1"}, {c, "other"}, {far, "user:2"}} {
		if err := w.c.Set(ctx, w.key, []byte("x"), 0); err != nil {
			t.Fatal(err)
		}
	}
	if n := must[int64](t)(c.Del(ctx, "user:1")); n != 1 {
		t.Fatal("it is not there")
	}

	next := func(w *client.Watcher) client.Event {
		t.Helper()
		ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
		defer cancel()
		return must[client.Event](t)(w.Next(ctx))
	}
	if e := next(one); e.Kind != client.Changed || e.Key != "user:1" || e.Type != "string" || e.Origin != "eu" || e.Region != "eu" {
		t.Errorf("%+v", e)
	}
	if e := next(one); e.Kind != client.Removed {
		t.Errorf("%+v", e)
	}
	seen := map[string]string{}
	for range 3 {
		e := next(all)
		seen[e.Key] += e.Kind.String() + "/" + e.Origin + " "
	}
	if seen["user:1"] != "changed/eu removed/eu " || seen["user:2"] != "changed/us " || len(seen) != 2 {
		t.Errorf("%q", seen)
	}

	if err := one.Close(); err != nil {
		t.Error(err)
	}
	if _, err := one.Next(ctx); !errors.Is(err, client.ErrClosed) {
		t.Errorf("%v", err)
	}
	over, cancel := context.WithCancel(ctx)
	cancel()
	for _, err := range all.Events(over) {
		if !errors.Is(err, context.Canceled) {
			t.Errorf("%v", err)
		}
	}
	if _, err := c.Watch(ctx, "a*b*"); err == nil {
		t.Error("a pattern that is no prefix was taken")
	}
}

// mirror keeps what a watcher knows of some keys: it reads a key anew when an event names it, and all that a gap
// concerns.
type mirror struct {
	c    *client.Client
	keys []string

	mu     sync.Mutex // guards what stands below
	values map[string]string
	gaps   int
	events int
}

func (m *mirror) read(key string) {
	v, err := m.c.Get(context.Background(), key)
	if err != nil && !errors.Is(err, client.ErrNotFound) {
		v = []byte(err.Error())
	}
	m.mu.Lock()
	m.values[key] = string(v)
	m.mu.Unlock()
}

func (m *mirror) follow(ctx context.Context, w *client.Watcher) {
	for e, err := range w.Events(ctx) {
		if err != nil {
			return
		}
		m.mu.Lock()
		m.events++
		if e.Kind == client.Gap {
			m.gaps++
		}
		m.mu.Unlock()
		for _, key := range m.keys {
			if e.Concerns(key) {
				m.read(key)
			}
		}
	}
}

// differs names a key of which the mirror shows something else than another client.
func (m *mirror) differs(c *client.Client) string {
	for _, key := range m.keys {
		v, _ := c.Get(context.Background(), key)
		m.mu.Lock()
		have := m.values[key]
		m.mu.Unlock()
		if have != string(v) {
			return fmt.Sprintf("%s: the mirror has %q, there is %q", key, have, v)
		}
	}
	return ""
}

// A watcher that reads what events and gaps name knows everything in the end, whatever has happened to nodes and
// connections meanwhile: nothing is missed in silence.
func TestWatchThroughFaults(t *testing.T) {
	h := newHouse(t, "eu", 3)
	gates := make([]*gate, 3)
	var through []string
	for i, addr := range h.seeds() {
		gates[i] = newGate(t, addr)
		through = append(through, "eu="+gates[i].addr())
	}
	watching := connected(t, client.Options{Seeds: through})
	writing := connected(t, client.Options{Seeds: h.seeds(), Timeout: 30 * time.Second}) // the race detector on busy cores takes its time
	m := &mirror{c: watching, values: map[string]string{}}
	for i := range 60 {
		m.keys = append(m.keys, fmt.Sprintf("mirror:%d", i))
	}
	w, err := watching.Watch(t.Context(), "mirror:*")
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(context.Background())
	var running sync.WaitGroup
	running.Go(func() { m.follow(ctx, w) })
	defer running.Wait()
	defer stop()

	round := 0
	write := func() {
		t.Helper()
		round++
		var writers sync.WaitGroup
		for from := range 6 { // side by side, since the first writes after a kill wait for a new owner
			writers.Go(func() {
				for i := from; i < len(m.keys); i += 6 {
					err := writing.With(client.Ack{Level: client.Region}).Set(context.Background(), m.keys[i], fmt.Append(nil, round), 0)
					if err != nil && !errors.Is(err, client.ErrShort) {
						t.Error(err)
					}
				}
			})
		}
		writers.Wait()
	}
	settled := func(what string) {
		t.Helper()
		var diff string
		deadline := time.Now().Add(15 * time.Second)
		for diff = m.differs(writing); diff != "" && time.Now().Before(deadline); diff = m.differs(writing) {
			<-time.After(20 * time.Millisecond)
		}
		if diff != "" {
			t.Errorf("after %s: %s", what, diff)
		}
	}
	write()
	settled("the first writes")
	for i := range h.nodes {
		write()
		h.kill(i)
		write()
		h.start(i)
		write()
		settled(fmt.Sprintf("node %d was killed and started", i+1))
	}
	for _, state := range []gateState{isCut, isHole} {
		for _, g := range gates {
			g.set(state)
		}
		write()
		for _, g := range gates {
			g.set(isOpen)
		}
		settled(fmt.Sprintf("the watcher's connections were shut (%d)", state))
	}
	t.Logf("%d events, %d of them gaps", m.events, m.gaps)
}

func TestNear(t *testing.T) {
	l := started(t, 2, "eu", "us")
	c := connected(t, client.Options{Seeds: seeds(l), Home: "eu", NearCache: 1 << 20, NearMaxAge: time.Hour})
	far := connected(t, client.Options{Seeds: seeds(l), Home: "us"})
	ctx := t.Context()
	value := func() string { return string(must[[]byte](t)(c.Get(ctx, "k"))) }

	if err := c.Set(ctx, "k", []byte("1"), 0); err != nil {
		t.Fatal(err)
	}
	eventually(t, "a read is answered here", func() bool { return value() == "1" && c.Stats().NearHits > 0 })
	everywhere := c.With(client.Ack{Level: client.Regions, Regions: 2}) // else the next write would be concurrent
	if err := everywhere.Set(ctx, "k", []byte("2"), 0); err != nil || value() != "2" {
		t.Errorf("own write: %v", err)
	}
	eventually(t, "it is kept again", func() bool { hits := c.Stats().NearHits; return value() == "2" && c.Stats().NearHits > hits })
	if err := far.Set(ctx, "k", []byte("3"), 0); err != nil {
		t.Fatal(err)
	}
	eventually(t, "what another region wrote shows", func() bool { return value() == "3" })
	given := must[[]byte](t)(c.Get(ctx, "k"))
	given[0] = 'x'
	if value() != "3" {
		t.Error("the caller's copy is shared")
	}
	if _, err := c.Get(ctx, "none"); !errors.Is(err, client.ErrNotFound) {
		t.Error(err)
	}
	b := c.Batch()
	b.Set("none", []byte("now"), 0)
	if err := b.Run(ctx); err != nil {
		t.Fatal(err)
	}
	if v := must[[]byte](t)(c.Get(ctx, "none")); string(v) != "now" {
		t.Errorf("%q", v)
	}
}

// Without events nothing is kept.
func TestNearIsDeafWithoutEvents(t *testing.T) {
	l := started(t, 1, "eu", "us")
	g, h := newGate(t, l.Regions[0].NATS), newGate(t, l.Regions[1].NATS)
	c := connected(t, client.Options{Seeds: []string{"eu=" + g.addr(), "us=" + h.addr()}, Home: "eu", NearCache: 1 << 20, NearMaxAge: time.Hour, Timeout: 200 * time.Millisecond})
	ctx := t.Context()
	if err := c.Set(ctx, "k", []byte("1"), 0); err != nil {
		t.Fatal(err)
	}
	hit := func() bool {
		hits := c.Stats().NearHits
		_, err := c.Get(ctx, "k")
		return err == nil && c.Stats().NearHits > hits
	}
	eventually(t, "it is kept", hit)
	g.set(isCut)
	h.set(isCut)
	eventually(t, "it is not given any more", func() bool { return !hit() })
	g.set(isOpen)
	h.set(isOpen)
	eventually(t, "it is kept again", hit)
}
