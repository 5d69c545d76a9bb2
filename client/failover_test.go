package client_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/atollcache/atoll/client"
)

// load reads and writes until it is stopped, and gives how often, and the errors.
type load struct {
	stop    context.CancelFunc
	running sync.WaitGroup
	done    atomic.Int64
	worst   atomic.Int64 // the longest command

	mu     sync.Mutex // guards failed
	failed []error
}

func begin(t testing.TB, c *client.Client, workers int) *load {
	ctx, stop := context.WithCancel(context.Background())
	l := &load{stop: stop}
	for w := range workers {
		l.running.Go(func() {
			for i := 0; ctx.Err() == nil; i++ {
				l.one(c, fmt.Sprintf("load:%d:%d", w, i%500), i)
			}
		})
	}
	t.Cleanup(func() { l.end() })
	return l
}

// one writes a key, and reads it.
func (l *load) one(c *client.Client, key string, i int) {
	began := time.Now()
	err := c.Set(context.Background(), key, fmt.Append(nil, i), time.Hour)
	l.note(began, err)
	began = time.Now()
	if _, err = c.Get(context.Background(), key); errors.Is(err, client.ErrNotFound) {
		err = nil // what had not reached another node when its own was killed is lost at the level local
	}
	l.note(began, err)
}

func (l *load) note(began time.Time, err error) {
	l.done.Add(1)
	if took := int64(time.Since(began)); took > l.worst.Load() {
		l.worst.Store(took)
	}
	if err == nil {
		return
	}
	l.mu.Lock()
	l.failed = append(l.failed, err)
	l.mu.Unlock()
}

func (l *load) end() []error {
	l.stop()
	l.running.Wait()
	return l.failed
}

// more waits until the load has done some more.
func (l *load) more(t testing.TB, n int64) {
	t.Helper()
	from := l.done.Load()
	eventually(t, "the load goes on", func() bool { return l.done.Load() >= from+n })
}

// Each node of a region is ended and started again in turn, by a crash and in order; no command fails.
func TestNodesInTurn(t *testing.T) {
	for name, end := range map[string]func(h *house, i int){
		"killed": func(h *house, i int) { h.kill(i) },
		"drained": func(h *house, i int) {
			if err := h.nodes[i].Drain(context.Background()); err != nil {
				h.t.Log(err)
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			h := newHouse(t, "eu", 3)
			c := connected(t, client.Options{Seeds: h.seeds(), Timeout: patience / 3})
			l := begin(t, c, 4)
			for i := range h.nodes {
				l.more(t, 200)
				end(h, i)
				l.more(t, 200)
				eventually(t, "the client has heard of it", func() bool { return len(c.Regions()[0].Nodes) == 2 })
				h.start(i)
				eventually(t, "the client knows all nodes again", func() bool { return len(c.Regions()[0].Nodes) == 3 })
			}
			l.more(t, 200)
			for _, err := range l.end() {
				t.Error(err)
			}
			s := c.Stats()
			t.Logf("%d commands, %d attempts, the longest took %v", l.done.Load(), s.Attempts, time.Duration(l.worst.Load()).Round(time.Millisecond))
		})
	}
}

// traced gives options that note which region answered last.
func traced(o client.Options) (client.Options, *atomic.Pointer[client.Outcome]) {
	var last atomic.Pointer[client.Outcome]
	o.Trace = func(ctx context.Context, _, _ string) (context.Context, func(client.Outcome)) {
		return ctx, func(o client.Outcome) { last.Store(&o) }
	}
	return o, &last
}

// The home region is cut away, with an error and without a word. The next one answers in less than a second, and when
// home is back it is asked again.
func TestHomeAway(t *testing.T) {
	l := started(t, 2, "eu", "us")
	for name, state := range map[string]gateState{"cut": isCut, "black hole": isHole} {
		t.Run(name, func(t *testing.T) {
			g := newGate(t, l.Regions[0].NATS)
			o, last := traced(client.Options{Seeds: []string{"eu=" + g.addr(), "us=" + l.Regions[1].NATS}, Home: "eu"})
			c := connected(t, o)
			ctx := t.Context()
			if err := c.With(client.Ack{Level: client.Regions, Regions: 2}).Set(ctx, "k", []byte("v"), 0); err != nil {
				t.Fatal(err)
			}
			if last.Load().Region != "eu" || last.Load().Attempts != 1 {
				t.Errorf("before: %+v", last.Load())
			}

			g.set(state)
			began := time.Now()
			if v, err := c.Get(ctx, "k"); err != nil || string(v) != "v" {
				t.Fatalf("%q, %v", v, err)
			}
			took := time.Since(began)
			if took > time.Second || last.Load().Region != "us" {
				t.Errorf("it took %v, and %+v", took, last.Load())
			}
			if s := circuitOf(c, "eu"); s.Circuit == client.Closed {
				t.Errorf("%+v", s)
			}
			began = time.Now()
			if err := c.Set(ctx, "k", []byte("w"), 0); err != nil {
				t.Error(err)
			}
			t.Logf("first command after the cut %v, the next %v", took.Round(time.Millisecond), time.Since(began).Round(time.Millisecond))

			g.set(isOpen)
			eventually(t, "the client has come home", func() bool {
				must[[]byte](t)(c.Get(ctx, "k"))
				return last.Load().Region == "eu"
			})
			if s := c.Stats(); s.Trips == 0 || s.Recoveries == 0 {
				t.Errorf("%+v", s)
			}
		})
	}
}

// What may not be run twice is not: it ends with an error that says so.
func TestUnknownOutcome(t *testing.T) {
	l := started(t, 1, "eu", "us")
	g := newGate(t, l.Regions[0].NATS)
	c := connected(t, client.Options{Seeds: []string{"eu=" + g.addr(), "us=" + l.Regions[1].NATS}, Home: "eu", Timeout: 700 * time.Millisecond})
	g.set(isHole)
	_, err := c.Counter("n").Add(t.Context(), 1)
	e, ok := errors.AsType[*client.Error](err)
	if !errors.Is(err, client.ErrTimeout) || !ok || !e.Maybe || e.Op != "incrby" || e.Key != "n" {
		t.Errorf("%v", err)
	}
	if n := must[int64](t)(c.Counter("n").Add(t.Context(), 1)); n != 1 {
		t.Errorf("%d in the next region, which cannot have seen the first", n)
	}
}

// Without seeds of other regions the own server leads to them.
func TestThroughAnotherRegion(t *testing.T) {
	l := started(t, 1, "eu", "us")
	o, last := traced(client.Options{Seeds: []string{l.Regions[1].NATS}, Home: "eu"})
	c := connected(t, o)
	if err := c.Set(t.Context(), "k", []byte("v"), 0); err != nil || last.Load().Region != "eu" {
		t.Errorf("%v, %+v", err, last.Load())
	}
	if all := c.Regions(); len(all) != 2 || !slices.Equal(all[0].Nodes, []string{"eu-1"}) || all[0].Connected {
		t.Errorf("%+v", all)
	}
}

// A hedged read is answered although the first node that was asked is slow.
func TestHedge(t *testing.T) {
	l := started(t, 1, "eu", "us")
	g := newGate(t, l.Regions[0].NATS)
	o, last := traced(client.Options{
		Seeds: []string{"eu=" + g.addr(), "us=" + l.Regions[1].NATS}, Home: "eu", Hedge: 20 * time.Millisecond, Attempt: 5 * time.Second, Timeout: 20 * time.Second,
	})
	c := connected(t, o)
	if err := c.With(client.Ack{Level: client.Regions, Regions: 2}).Set(t.Context(), "k", []byte("v"), 0); err != nil {
		t.Fatal(err)
	}
	g.set(isHole)
	if v := must[[]byte](t)(c.Get(t.Context(), "k")); string(v) != "v" || last.Load().Region != "us" || last.Load().Attempts != 2 {
		t.Errorf("%q, %+v", v, last.Load())
	}
	if s := c.Stats(); s.Hedges != 1 {
		t.Errorf("%+v", s)
	}
}
