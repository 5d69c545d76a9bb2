package replica

import (
	"fmt"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/atollcache/atoll/command"
	"github.com/atollcache/atoll/region"
)

// pair is two replicas of one region whose messages a loop carries.
type pair struct {
	start time.Time
	nodes [2]*Replica
	wake  [2]chan struct{}
	stop  chan struct{}
	loop  sync.WaitGroup
}

func (p *pair) time() Time {
	now := time.Now()
	return Time{Wall: now.UnixMilli(), Mono: now.Sub(p.start)}
}

func newPair(t *testing.T, timing Timing) *pair {
	p := &pair{start: time.Now(), stop: make(chan struct{})}
	var alive []region.Node
	for i := range p.nodes {
		p.wake[i] = make(chan struct{}, 1)
		p.nodes[i] = New(Config{
			Cluster: "test", Region: "a", Name: fmt.Sprint("a", i+1), Boot: 1, Instance: 1, Secret: 42,
			Scope: (&world{}).few(16).scope, Timing: timing,
			Wake: func() {
				select {
				case p.wake[i] <- struct{}{}:
				default:
				}
			},
		})
		alive = append(alive, p.nodes[i].Self())
	}
	for _, r := range p.nodes {
		r.Members(p.time(), alive)
	}
	for i := range p.nodes {
		p.loop.Go(func() { p.run(t, i) })
	}
	return p
}

// run is what a server does: one loop that ticks, and carries what should be
// sent.
func (p *pair) run(t *testing.T, i int) {
	r, other := p.nodes[i], p.nodes[1-i]
	for {
		now := p.time()
		next := r.Tick(now)
		for _, m := range r.Outgoing() {
			if m.Name == "" || m.Name == other.Self().Name {
				if err := other.Receive(p.time(), m.Payload); err != nil {
					t.Error(err)
				}
			}
		}
		timer := time.NewTimer(min(next-now.Mono, 5*time.Millisecond))
		select {
		case <-p.stop:
			return
		case <-p.wake[i]:
		case <-timer.C:
		}
		timer.Stop()
	}
}

func (p *pair) close() {
	close(p.stop)
	p.loop.Wait()
}

// do runs a command and waits for its answer.
func (p *pair) do(r *Replica, level Level, args ...string) Answer {
	req := Request{Level: level, Timeout: 10 * time.Second}
	for _, a := range args {
		req.Args = append(req.Args, []byte(a))
	}
	got := make(chan Answer, 1)
	r.Do(p.time(), &req, func(a Answer) { got <- a })
	return <-got
}

// Clients on both nodes at once, while messages come and go and others look at
// the state: every increment counts, and every answer comes.
func TestConcurrentClients(t *testing.T) {
	const clients, writes = 6, 150
	p := newPair(t, Timing{})
	keys := (&world{}).few(16).keys("k", 5)
	var failed atomic.Int64
	var wg sync.WaitGroup
	for c := range clients {
		wg.Go(func() {
			r := p.nodes[c%2]
			for i := range writes {
				a := p.do(r, Level(c%3%2), "incr", keys[i%len(keys)])
				if a.Reply.Type != command.Int || a.Short {
					failed.Add(1)
				}
				p.do(r, Local, "get", keys[i%len(keys)])
			}
		})
	}
	wg.Go(func() {
		for range 50 {
			for _, r := range p.nodes {
				r.Status(p.time())
				r.Digests()
				r.Self()
				r.Drained()
				if err := r.Conflict(); err != nil {
					t.Error(err)
				}
			}
		}
	})
	wg.Wait()
	if failed.Load() > 0 {
		t.Errorf("%d commands failed", failed.Load())
	}

	deadline := time.Now().Add(20 * time.Second)
	for _, k := range keys {
		want := strconv.Itoa(clients * writes / len(keys))
		for _, r := range p.nodes {
			for show(p.do(r, Local, "get", k).Reply) != want {
				if time.Now().After(deadline) {
					t.Fatalf("%s: %s is %s, want %s", r.Self().Name, k, show(p.do(r, Local, "get", k).Reply), want)
				}
			}
		}
	}

	wg.Go(func() {
		for p.nodes[0].Self().State == region.Serving {
			p.nodes[0].Boot()
		}
	})
	p.nodes[0].Drain(p.time())
	wg.Wait()
	alive := []region.Node{p.nodes[0].Self(), p.nodes[1].Self()}
	for _, r := range p.nodes {
		r.Members(p.time(), alive)
	}
	for !p.nodes[0].Drained() {
		if time.Now().After(deadline) {
			t.Fatal("not drained")
		}
		p.nodes[0].Self()
	}
	p.close()
}

// A write is stamped and queued in one step (rules W1 and L3), or a watermark
// could vouch for what is not on the link yet, and the write would be taken for
// removed: watermarks as often as can be, and writes that nothing follows.
func TestStampingAndQueueingAreOneStep(t *testing.T) {
	const clients, writes = 8, 1000
	p := newPair(t, Timing{Watermark: time.Microsecond, Linger: time.Microsecond})
	keys := (&world{}).few(16).keys("k", clients*writes)
	var wg sync.WaitGroup
	for c := range clients {
		wg.Go(func() {
			for _, k := range keys[c*writes : (c+1)*writes] {
				p.do(p.nodes[c%2], Local, "set", k, "v")
			}
		})
	}
	wg.Wait()
	deadline := time.Now().Add(10 * time.Second)
	for _, k := range keys {
		for _, r := range p.nodes {
			for show(p.do(r, Local, "get", k).Reply) != "v" {
				if time.Now().After(deadline) {
					t.Fatalf("%s: %s is lost", r.Self().Name, k)
				}
			}
		}
	}
	p.close()
}
