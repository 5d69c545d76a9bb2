package client_test

import (
	"context"
	"errors"
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

	// A gap may come at any time: a node cannot tell that what it told just before the watcher came was told before.
	next := func(w *client.Watcher) (e client.Event) {
		t.Helper()
		ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
		defer cancel()
		for e.Kind == client.Gap {
			e = must[client.Event](t)(w.Next(ctx))
		}
		return e
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
	var last error
	for e, err := range all.Events(over) {
		if last = err; err == nil && e.Kind != client.Gap {
			t.Errorf("%+v", e)
		}
	}
	if !errors.Is(last, context.Canceled) {
		t.Errorf("%v", last)
	}
	if _, err := c.Watch(ctx, "a*b*"); err == nil {
		t.Error("a pattern that is no prefix was taken")
	}
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
