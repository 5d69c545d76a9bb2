package client_test

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"testing"
	"time"

	"github.com/cespare/xxhash/v2"
	natsserver "github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"

	"github.com/atollcache/atoll/client"
	"github.com/atollcache/atoll/ring"
)

// A level that takes longer than the command has time is no error: the node says in time how far the write has come.
func TestLevelWithinTheTimeout(t *testing.T) {
	l := started(t, 2, "eu", "us")
	c := connected(t, client.Options{Seeds: seeds(l), Home: "eu", Timeout: 1500 * time.Millisecond})
	beyond := c.With(client.Ack{Level: client.Regions, Regions: 9})
	for what, limit := range map[string]time.Duration{"Timeout": time.Hour, "the context": 800 * time.Millisecond} {
		ctx, cancel := context.WithTimeout(t.Context(), limit)
		began := time.Now()
		if err := beyond.Set(ctx, "k", []byte(what), 0); !errors.Is(err, client.ErrShort) {
			t.Errorf("bound by %s: %v after %v", what, err, time.Since(began))
		}
		cancel()
	}
	b := beyond.Batch()
	item := b.Set("k", []byte("in a batch"), 0)
	if err := b.Run(t.Context()); !errors.Is(item.Err(), client.ErrShort) {
		t.Errorf("%v, %v", err, item.Err())
	}
	if v := must[[]byte](t)(c.Get(t.Context(), "k")); string(v) != "in a batch" {
		t.Errorf("%q", v)
	}
}

// scripted is a region of two nodes that are not there: what they answer is written in the test.
type scripted struct {
	t    testing.TB
	url  string
	conn *nats.Conn
	sets [2]atomic.Int64
}

func newScripted(t testing.TB) *scripted {
	s := natsAt(t, freePorts(t, 1)[0])
	t.Cleanup(func() {
		s.Shutdown()
		s.WaitForShutdown()
	})
	return scriptedAt(t, s)
}

// scriptedAt is the same at a server that wants more than to be called.
func scriptedAt(t testing.TB, s *natsserver.Server, options ...nats.Option) *scripted {
	t.Helper()
	conn, err := nats.Connect(s.ClientURL(), options...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(conn.Close)
	r := &scripted{t: t, url: s.ClientURL(), conn: conn}
	r.answer("atoll.eu.v1.directory", func() string {
		return `{"value":{"cluster":"atoll","region":"eu","replicas":2,"changes":true,"nodes":[{"name":"eu-1","id":"1","weight":1},{"name":"eu-2","id":"2","weight":1}]}}`
	})
	return r
}

// answer has a subject answered; with nothing, if that is empty.
func (r *scripted) answer(subject string, text func() string) {
	_, err := r.conn.Subscribe(subject, func(m *nats.Msg) {
		if out := text(); out != "" {
			_ = m.Respond([]byte(out))
		}
	})
	if err == nil {
		err = r.conn.Flush()
	}
	if err != nil {
		r.t.Fatal(err)
	}
}

// The last event of a partition is lost on the way. The next tally shows that, to a watcher as a gap; the near cache drops
// what it has.
func TestTheLastEventIsLost(t *testing.T) {
	r := newScripted(t)
	var value atomic.Pointer[string]
	set := func(v string) { value.Store(&v) }
	for i := range r.sets {
		r.answer(fmt.Sprintf("atoll.eu.node.eu-%d.v1.get", i+1), func() string { return "\xa1\x65value\x41" + *value.Load() })
	}
	c := connected(t, client.Options{Seeds: []string{"eu=" + r.url}, NearCache: 1 << 20, NearMaxAge: time.Hour})
	get := func() string { return string(must[[]byte](t)(c.Get(t.Context(), "k"))) }
	w, err := c.Watch(t.Context(), "k")
	if err != nil {
		t.Fatal(err)
	}
	tell := func(subject, payload string) {
		if err := r.conn.Publish("atoll.eu.v1."+subject, []byte(payload)); err != nil {
			t.Fatal(err)
		}
	}
	part := ring.Partition(xxhash.Sum64String("k"))
	next := func() client.Event {
		ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
		defer cancel()
		return must[client.Event](t)(w.Next(ctx))
	}
	set("1")
	tell("changes.k", fmt.Sprintf(`{"kind":"set","key":"k","type":"string","node":"eu-1","partition":%d,"epoch":"7","seq":1}`, part))
	for next().Kind != client.Changed {
	}
	eventually(t, "the value is kept", func() bool { hits := c.Stats().NearHits; return get() == "1" && c.Stats().NearHits > hits })

	set("2") // the event of this is lost
	if get() != "1" {
		t.Fatal("nobody can know yet, and the test shows nothing")
	}
	tell("tallies.eu-1", fmt.Sprintf(`{"kind":"tally","node":"eu-1","tallies":[{"partition":%d,"epoch":"7","seq":2,"age_ms":0}]}`, part))
	if e := next(); e.Kind != client.Gap || !e.Concerns("k") || e.Partition != int(part) {
		t.Errorf("%+v", e)
	}
	eventually(t, "the near cache has dropped it", func() bool { return get() == "2" })
}

// A node that dies with a write in it that waits for a level is not waited for as long as the level may take: it is not
// there any more, and the next owner is asked.
func TestWriteInANodeThatDies(t *testing.T) {
	for _, lives := range []bool{false, true} {
		t.Run(fmt.Sprintf("lives=%v", lives), func(t *testing.T) {
			r := newScripted(t)
			for i := range r.sets {
				r.answer(fmt.Sprintf("atoll.eu.node.eu-%d.v1.set", i+1), func() string {
					if r.sets[0].Load()+r.sets[1].Load() == 0 {
						r.sets[i].Add(1)
						return "" // the first that is asked never answers
					}
					r.sets[i].Add(1)
					return "\xa2\x65value\x62OK\x63ack\x66region"
				})
				if lives {
					r.answer(fmt.Sprintf("atoll.eu.node.eu-%d.v1.ping", i+1), func() string { return `{"value":"PONG"}` })
				}
			}
			o, last := traced(client.Options{Seeds: []string{"eu=" + r.url}})
			c := connected(t, o)
			began := time.Now()
			if err := c.With(client.Ack{Level: client.Region}).Set(t.Context(), "k", []byte("v"), 0); err != nil {
				t.Fatal(err)
			}
			took := time.Since(began)
			if early := took < 1500*time.Millisecond; early == lives || last.Load().Attempts != 2 || r.sets[0].Load() != 1 || r.sets[1].Load() != 1 {
				t.Errorf("it took %v: %+v, the nodes were asked %d and %d times", took, last.Load(), r.sets[0].Load(), r.sets[1].Load())
			}
		})
	}
}
