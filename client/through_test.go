package client_test

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	natsserver "github.com/nats-io/nats-server/v2/server"

	"github.com/atollcache/atoll/client"
)

// mirror keeps what a watcher knows of some keys: it reads a key anew when an event names it, and all that a gap
// concerns.
type mirror struct {
	t       testing.TB
	c       *client.Client // that watches
	writing *client.Client
	keys    []string
	round   atomic.Int64 // of writes; each writes what none before has

	mu     sync.Mutex // guards what stands below
	values map[string]string
	gaps   int
	events int
}

// newMirror begins to watch. The mirror ends with the test.
func newMirror(t testing.TB, watching, writing *client.Client) *mirror {
	t.Helper()
	m := &mirror{t: t, c: watching, writing: writing, values: map[string]string{}}
	for i := range 60 {
		m.keys = append(m.keys, fmt.Sprintf("mirror:%d", i))
	}
	w := must[*client.Watcher](t)(watching.Watch(t.Context(), "mirror:*"))
	ctx, stop := context.WithCancel(context.Background())
	var running sync.WaitGroup
	running.Go(func() { m.follow(ctx, w) })
	t.Cleanup(func() {
		stop()
		running.Wait()
		t.Logf("%d events, %d of them gaps", m.events, m.gaps)
	})
	return m
}

// read reads a key with the token of an event: while nodes come and go another owner may answer, which is behind. What
// nobody has any more is waited for some times only.
func (m *mirror) read(ctx context.Context, key string, token []byte) {
	s := m.c.Session(client.SessionOptions{Token: token})
	v, err := s.Get(ctx, key)
	for tries := 0; errors.Is(err, client.ErrStale) && tries < 4; tries++ {
		s = m.c.Session(client.SessionOptions{Token: token})
		v, err = s.Get(ctx, key)
	}
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
				m.read(ctx, key, e.Session)
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

// settled waits until the mirror shows what is there.
func (m *mirror) settled(what string) {
	m.t.Helper()
	var diff string
	deadline := time.Now().Add(15 * time.Second)
	for diff = m.differs(m.writing); diff != "" && time.Now().Before(deadline); diff = m.differs(m.writing) {
		<-time.After(20 * time.Millisecond)
	}
	if diff != "" {
		m.t.Errorf("after %s: %s", what, diff)
	}
}

// write writes every key once. The writers run side by side, since the first writes after a kill wait for a new owner.
func (m *mirror) write() {
	round := m.round.Add(1)
	var writers sync.WaitGroup
	for from := range 6 {
		writers.Go(func() {
			for i := from; i < len(m.keys); i += 6 {
				err := m.writing.With(client.Ack{Level: client.Region}).Set(context.Background(), m.keys[i], fmt.Append(nil, round), 0)
				if err != nil && !errors.Is(err, client.ErrShort) {
					m.t.Error(err)
				}
			}
		})
	}
	writers.Wait()
}

// during writes without a pause while something happens, and once before and after. Then the mirror must show all.
func (m *mirror) during(what string, happens func()) {
	m.t.Helper()
	m.write()
	stop := make(chan struct{})
	var load sync.WaitGroup
	load.Go(func() {
		for {
			select {
			case <-stop:
				return
			default:
				m.write()
			}
		}
	})
	happens()
	close(stop)
	load.Wait()
	m.write()
	m.settled(what)
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
	writing := connected(t, client.Options{Seeds: h.seeds(), Timeout: 30 * time.Second}) // the race detector on busy cores takes its time
	m := newMirror(t, connected(t, client.Options{Seeds: through}), writing)
	m.write()
	m.settled("the first writes")
	for i := range h.nodes {
		m.write()
		h.kill(i)
		m.write()
		h.start(i)
		m.write()
		m.settled(fmt.Sprintf("node %d was killed and started", i+1))
	}
	for _, state := range []gateState{isCut, isHole} {
		for _, g := range gates {
			g.set(state)
		}
		m.write()
		for _, g := range gates {
			g.set(isOpen)
		}
		m.settled(fmt.Sprintf("the watcher's connections were shut (%d)", state))
	}
}

// joinedNATS runs a NATS server of a region that is joined with that of another one.
func joinedNATS(t testing.TB, region string, port, gateway int, other string, otherGateway int) *natsserver.Server {
	t.Helper()
	return natsWith(t, &natsserver.Options{Port: port, Gateway: natsserver.GatewayOpts{
		Name: region, Host: "127.0.0.1", Port: gateway,
		Gateways: []*natsserver.RemoteGatewayOpts{{Name: other, URLs: []*url.URL{{Scheme: "nats", Host: fmt.Sprintf("127.0.0.1:%d", otherGateway)}}}},
	}})
}

// One watcher goes through all of it under load, in two regions whose nodes use NATS servers of their own each: every
// node of its home region is killed and started, the region is cut away from it and comes back, and the region's NATS
// server is restarted.
func TestWatchThroughAll(t *testing.T) {
	ports := freePorts(t, 4)
	eu, us := joinedNATS(t, "eu", ports[0], ports[1], "us", ports[3]), joinedNATS(t, "us", ports[2], ports[3], "eu", ports[1])
	t.Cleanup(func() { // after the nodes
		eu.Shutdown()
		us.Shutdown()
		eu.WaitForShutdown()
		us.WaitForShutdown()
	})
	home := fmt.Sprintf("127.0.0.1:%d", ports[0])
	h := newHouseAt(t, "eu", 3, "nats://"+home)
	far := newHouseAt(t, "us", 1, fmt.Sprintf("nats://127.0.0.1:%d", ports[2]))
	eventually(t, "the regions know each other", func() bool {
		return len(far.nodes[0].Status().Regions) == 2 && len(h.nodes[0].Status().Regions) == 2
	})
	g := newGate(t, home)
	o, last := traced(client.Options{Seeds: []string{"eu=" + g.addr(), fmt.Sprintf("us=127.0.0.1:%d", ports[2])}, Home: "eu"})
	watching := connected(t, o)
	m := newMirror(t, watching, connected(t, client.Options{Seeds: []string{"eu=" + home}, Home: "eu", Timeout: 30 * time.Second}))
	isAt := func(region string) func() bool {
		return func() bool {
			_, _ = watching.Get(context.Background(), "mirror:0")
			return last.Load().Region == region
		}
	}

	for i := range h.nodes {
		m.during(fmt.Sprintf("node %d was killed and started", i+1), func() {
			h.kill(i)
			m.write()
			h.start(i)
		})
	}
	for _, state := range []gateState{isCut, isHole} {
		m.during(fmt.Sprintf("the home region was cut away (%d)", state), func() {
			g.set(state)
			eventually(t, "the next region is asked", isAt("us"))
			m.write()
			g.set(isOpen)
			eventually(t, "the watcher is home", isAt("eu"))
		})
	}
	m.during("the NATS server was restarted", func() {
		eu.Shutdown()
		eu.WaitForShutdown()
		eu = joinedNATS(t, "eu", ports[0], ports[1], "us", ports[3])
		m.write()
	})
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.gaps == 0 {
		t.Error("the watcher was told of no gap")
	}
}
