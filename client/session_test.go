package client_test

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	natsserver "github.com/nats-io/nats-server/v2/server"

	"github.com/atollcache/atoll/client"
	"github.com/atollcache/atoll/server"
)

// histories is how many are played. They wait for other regions most of the time, so 1000 take minutes.
var histories = flag.Int("histories", 80, "histories of sessions to play")

// history is what one session does and sees. Every key has one session that writes ascending numbers to it.
type history struct {
	t       testing.TB
	clients []*client.Client // one for each region
	rng     *rand.Rand
	at      int
	session *client.Session
	own     string
	written int
	seen    map[string]int // the highest that the session has been shown
	stale   int
	reads   int
}

// move goes on with the session at another client, as a cookie does.
func (h *history) move() {
	h.at = h.rng.IntN(len(h.clients))
	var token []byte
	if h.session != nil {
		token = h.session.Token()
	}
	h.session = h.clients[h.at].Session(client.SessionOptions{Token: token})
}

func (h *history) write() {
	h.t.Helper()
	if err := h.session.Set(context.Background(), h.own, strconv.AppendInt(nil, int64(h.written+1), 10), time.Hour); err != nil && !errors.Is(err, client.ErrStale) {
		h.t.Error(err)
	}
	h.written++
	h.seen[h.own] = h.written
}

// read judges what it is shown: nothing older than before, of an own key what was written last.
func (h *history) read(key string) {
	h.t.Helper()
	h.reads++
	raw, err := h.session.Get(context.Background(), key)
	if errors.Is(err, client.ErrStale) {
		h.stale++
		return
	}
	v := 0
	if err == nil {
		v, err = strconv.Atoi(string(raw))
	}
	if err != nil && !errors.Is(err, client.ErrNotFound) {
		h.t.Error(err)
	}
	if v < h.seen[key] || key == h.own && v != h.written {
		h.t.Errorf("%s shows %d in the session of %s, which has seen %d", key, v, h.own, h.seen[key])
	}
	h.seen[key] = max(h.seen[key], v)
}

func (h *history) step(keys []string) {
	h.t.Helper()
	switch n := h.rng.IntN(10); {
	case n < 2:
		h.move()
	case n < 5:
		h.write()
	default:
		h.read(keys[h.rng.IntN(len(keys))])
	}
}

// play runs histories, four at a time over the same four keys.
func play(t testing.TB, seed uint64, clients []*client.Client, count int, between func(round int)) (reads, stale int) {
	rng := rand.New(rand.NewPCG(seed, 2))
	for round := range count / 4 {
		var all []*history
		var keys []string
		for i := range 4 {
			key := fmt.Sprintf("session:%d:%d:%d", seed, round, i)
			keys = append(keys, key)
			h := &history{t: t, clients: clients, rng: rng, own: key, seen: map[string]int{}}
			h.move()
			all = append(all, h)
		}
		for step := range 24 {
			if between != nil {
				between(round*24 + step)
			}
			for _, h := range all {
				h.step(keys)
			}
		}
		for _, h := range all {
			reads, stale = reads+h.reads, stale+h.stale
		}
	}
	return reads, stale
}

// A session sees what it wrote and nothing older than what it saw, while it moves between regions. Where that could not
// be kept in time it was told.
func TestSessionHistories(t *testing.T) {
	l := started(t, 2, "eu", "us")
	clients := []*client.Client{connected(t, client.Options{Seeds: seeds(l), Home: "eu"}), connected(t, client.Options{Seeds: seeds(l), Home: "us"})}
	var reads, stale atomic.Int64
	var playing sync.WaitGroup
	for seed := range uint64(10) { // side by side, since most of the time is waiting
		playing.Go(func() {
			r, s := play(t, seed, clients, *histories/10, nil)
			reads.Add(int64(r))
			stale.Add(int64(s))
		})
	}
	playing.Wait()
	t.Logf("%d reads, %d of them stale", reads.Load(), stale.Load())
	if stale.Load()*20 > reads.Load() {
		t.Errorf("%d of %d reads were stale although nothing was wrong", stale.Load(), reads.Load())
	}
}

// The same while the home region comes and goes, so that every other command fails over.
func TestSessionOverFailOver(t *testing.T) {
	l := started(t, 2, "eu", "us")
	g := newGate(t, l.Regions[0].NATS)
	c := connected(t, client.Options{Seeds: []string{"eu=" + g.addr(), "us=" + l.Regions[1].NATS}, Home: "eu"})
	reads, stale := play(t, 77, []*client.Client{c}, 40, func(step int) {
		switch step % 8 {
		case 0:
			g.set(isCut)
		case 4:
			g.set(isOpen)
			eventually(t, "home is back", func() bool { return circuitOf(c, "eu").Circuit == client.Closed })
		}
	})
	t.Logf("%d reads, %d of them stale; %+v", reads, stale, c.Stats())
	if s := c.Stats(); s.Trips < 10 {
		t.Errorf("only %d fail-overs", s.Trips)
	}
	if stale*5 > reads {
		t.Errorf("%d of %d reads were stale", stale, reads)
	}
}

// A token that is none is refused.
func TestSessionTokenRefused(t *testing.T) {
	c := connected(t, client.Options{Seeds: seeds(started(t, 1, "eu", "us"))})
	_, err := c.Session(client.SessionOptions{Token: []byte("cookie")}).Get(t.Context(), "k")
	if e, ok := errors.AsType[*client.Error](err); !ok || e.Code != client.CodeSession {
		t.Errorf("%v", err)
	}
}

// natsAt runs a NATS server that is not Atoll's.
func natsAt(t testing.TB, port int) *natsserver.Server {
	t.Helper()
	return natsWith(t, &natsserver.Options{Port: port})
}

func natsWith(t testing.TB, o *natsserver.Options) *natsserver.Server {
	t.Helper()
	o.Host, o.NoSigs, o.NoLog, o.MaxPayload = "127.0.0.1", true, true, 8<<20
	s, err := natsserver.NewServer(o)
	if err != nil {
		t.Fatal(err)
	}
	s.Start()
	if !s.ReadyForConnections(10 * time.Second) {
		t.Fatal("the NATS server does not start")
	}
	return s
}

// The only NATS server is restarted under load: commands wait for it, and none fails.
func TestNATSRestart(t *testing.T) {
	port := freePorts(t, 1)[0]
	s := natsAt(t, port)
	url := fmt.Sprintf("nats://127.0.0.1:%d", port)
	node, err := server.Start(t.Context(), server.Config{
		Region: "eu", Name: "eu-1", NATS: url, GossipPort: -1, Replicas: 1, Changes: true, Pace: server.Fast,
		Logger: slog.New(slog.DiscardHandler),
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
		defer cancel()
		_ = node.Stop(ctx)
		s.Shutdown()
		s.WaitForShutdown()
	})
	c := connected(t, client.Options{Seeds: []string{"eu=" + url}, Timeout: 15 * time.Second})
	w, err := c.Watch(t.Context(), "after")
	if err != nil {
		t.Fatal(err)
	}
	l := begin(t, c, 4)
	for range 2 {
		l.more(t, 100)
		s.Shutdown()
		s.WaitForShutdown()
		s = natsAt(t, port)
	}
	l.more(t, 100)
	for _, err := range l.end() {
		t.Error(err)
	}
	if err := c.Set(t.Context(), "after", []byte("x"), 0); err != nil {
		t.Fatal(err)
	}
	gap, changed := false, false
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	for !changed {
		e := must[client.Event](t)(w.Next(ctx))
		gap, changed = gap || e.Kind == client.Gap, e.Kind == client.Changed
	}
	if !gap {
		t.Error("the watcher was not told that it may have missed something")
	}
	t.Logf("%d commands, the longest took %v; %+v", l.done.Load(), time.Duration(l.worst.Load()).Round(time.Millisecond), c.Stats())
}

// An error tells of what is there as a value does: the session has seen it.
func TestSessionRemembersARefusal(t *testing.T) {
	c := connected(t, client.Options{Seeds: seeds(started(t, 1, "eu", "us")), Home: "eu"})
	if err := c.With(client.Ack{Level: client.Region}).Set(t.Context(), "s", []byte("v"), 0); err != nil {
		t.Fatal(err)
	}
	s := c.Session(client.SessionOptions{})
	if _, err := s.Do(t.Context(), []byte("hget"), []byte("s"), []byte("f")); !errors.Is(err, client.ErrWrongType) {
		t.Fatal(err)
	}
	if len(s.Token()) == 0 {
		t.Error("the session knows nothing of a key that it was told of")
	}
}
