package server_test

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/atollcache/atoll/client"
	"github.com/atollcache/atoll/server"
)

// The client of a node does what one over NATS does.
func TestClientInProcess(t *testing.T) {
	cfg := local("n1")
	cfg.Changes, cfg.Replicas = true, 1
	n := start(t, cfg)
	c, err := n.Client(client.Options{NearCache: 1 << 20})
	if err != nil {
		t.Fatal(err)
	}
	ctx := t.Context()
	w, err := c.Watch(ctx, "k")
	if err != nil {
		t.Fatal(err)
	}

	value := []byte("v")
	if err := c.Set(ctx, "k", value, time.Minute); err != nil {
		t.Fatal(err)
	}
	value[0] = 'x' // the caller's own again
	if v, err := c.Get(ctx, "k"); err != nil || string(v) != "v" {
		t.Errorf("%q, %v", v, err)
	}
	e, err := w.Next(ctx)
	for err == nil && e.Kind == client.Gap { // the node had only begun to tell what changes
		e, err = w.Next(ctx)
	}
	if err != nil || e.Kind != client.Changed || e.Key != "k" {
		t.Errorf("%+v, %v", e, err)
	}
	if _, err := c.Get(ctx, "none"); !errors.Is(err, client.ErrNotFound) {
		t.Errorf("%v", err)
	}
	if err := c.Set(ctx, "empty", nil, 0); err != nil {
		t.Error(err)
	}
	for range 3 { // read, then kept
		if v, err := c.Get(ctx, "empty"); err != nil || len(v) > 0 {
			t.Errorf("%q, %v", v, err)
		}
	}
	if _, err := c.Map("k").All(ctx); !errors.Is(err, client.ErrWrongType) {
		t.Errorf("%v", err)
	}
	if err := c.Map("m").SetAll(ctx, map[string][]byte{"a": []byte("1")}); err != nil {
		t.Error(err)
	}
	if all, err := c.Map("m").All(ctx); err != nil || string(all["a"]) != "1" {
		t.Errorf("%q, %v", all, err)
	}
	if f, err := c.SortedSet("z").Incr(ctx, "ada", 1.5); err != nil || f != 1.5 {
		t.Errorf("%v, %v", f, err)
	}

	s := c.Session(client.SessionOptions{})
	b := s.Batch()
	sum, got := b.Add("n", 2), b.Get("n")
	if err := b.Run(ctx); err != nil || sum.Int() != 2 || string(got.Bytes()) != "2" || len(s.Token()) == 0 {
		t.Errorf("%d, %q, %v", sum.Int(), got.Bytes(), err)
	}
	if err := c.Close(); err != nil {
		t.Error(err)
	}
}

// A value that is at hand is what running the GET gives, in whatever state the key is, errors included.
func TestGetAtOnceIsGet(t *testing.T) {
	cfg := local("n1")
	cfg.Replicas, cfg.Limits.MaxKey = 1, 16
	n := start(t, cfg)
	quick := embed(t, n, client.Options{})
	traced := 0
	usual := embed(t, n, client.Options{Trace: func(ctx context.Context, _, _ string) (context.Context, func(client.Outcome)) {
		traced++
		return ctx, func(client.Outcome) {}
	}})
	keys := []string{"a", "b", "c", "", "a key that is longer than the limit"}
	reads := 0
	rapid.Check(t, func(rt *rapid.T) {
		for range rapid.IntRange(1, 20).Draw(rt, "commands") {
			key := rapid.SampledFrom(keys).Draw(rt, "key")
			words := rapid.SampledFrom([][]string{
				{"set", key, "v"}, {"set", key, ""}, {"set", key, "1", "PX", "1"}, {"incr", key}, {"hset", key, "f", "v"}, {"del", key}, {"del", key},
			}).Draw(rt, "command")
			args := make([][]byte, len(words))
			for i := range words {
				args[i] = []byte(words[i])
			}
			_, _ = quick.Do(t.Context(), args...) // a refusal changes nothing
			key = rapid.SampledFrom(keys).Draw(rt, "key to read")
			reads++
			before, err1 := usual.Get(t.Context(), key)
			got, err2 := quick.Get(t.Context(), key)
			after, err3 := usual.Get(t.Context(), key)
			like := func(v []byte, err error) bool {
				return string(got) == string(v) && (got == nil) == (v == nil) && fmt.Sprint(err2) == fmt.Sprint(err)
			}
			if !like(before, err1) && !like(after, err3) { // it may expire in between
				rt.Fatalf("%q is %q, %v, want %q, %v", key, got, err2, after, err3)
			}
		}
	})
	if traced != 2*reads {
		t.Errorf("%d of %d reads were run", traced, 2*reads)
	}
}

func embed(t *testing.T, n *server.Node, o client.Options) *client.Client {
	t.Helper()
	c, err := n.Client(o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	return c
}

func TestClientOfAStoppedNode(t *testing.T) {
	n := start(t, local("n1"))
	c, err := n.Client(client.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if _, err := c.Watch(t.Context(), "k"); err == nil {
		t.Error("a node that tells no changes is watched")
	}
	if err := n.Stop(t.Context()); err != nil {
		t.Fatal(err)
	}
	if _, err := c.Get(t.Context(), "k"); !errors.Is(err, client.ErrUnavailable) || !errors.Is(err, server.ErrStopped) {
		t.Errorf("%v", err)
	}
}

// A node inside of a service: what it holds is read without a message.
func ExampleNode_Client() {
	ctx := context.Background()
	node, err := server.Start(ctx, server.Config{Region: "eu", Replicas: 1, ClientPort: -1, GossipPort: -1})
	if err != nil {
		panic(err)
	}
	defer node.Stop(ctx)
	c, err := node.Client(client.Options{})
	if err != nil {
		panic(err)
	}
	defer c.Close()

	if _, err := c.Counter("visits").Add(ctx, 2); err != nil {
		panic(err)
	}
	visits, err := c.Counter("visits").Get(ctx)
	fmt.Println(visits, err)
	// Output: 2 <nil>
}
