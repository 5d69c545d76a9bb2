package client_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/atollcache/atoll/client"
	"github.com/atollcache/atoll/server"
)

// embedded gives a client of a node in this process, and ends both. A service that asks nodes elsewhere calls
// client.Connect in its place; what follows is the same.
func embedded(o client.Options) (c *client.Client, stop func()) {
	ctx := context.Background()
	node, err := server.Start(ctx, server.Config{
		Region: "eu", Replicas: 1, ClientPort: -1, GossipPort: -1, Changes: true, Logger: slog.New(slog.DiscardHandler),
	})
	check(err)
	c, err = node.Client(o)
	check(err)
	return c, func() {
		check(c.Close())
		check(node.Stop(ctx))
	}
}

func check(err error) {
	if err != nil {
		panic(err)
	}
}

func ExampleClient() {
	c, stop := embedded(client.Options{})
	defer stop()
	ctx := context.Background()

	check(c.Set(ctx, "greeting", []byte("hello"), time.Hour))
	value, err := c.Get(ctx, "greeting")
	check(err)
	left, err := c.TTL(ctx, "greeting")
	check(err)
	fmt.Println(string(value), left > 59*time.Minute)

	removed, err := c.Del(ctx, "greeting", "nothing")
	check(err)
	_, err = c.Get(ctx, "greeting")
	fmt.Println(removed, errors.Is(err, client.ErrNotFound))
	// Output:
	// hello true
	// 1 true
}

// What is asked of a key that holds another type changes nothing, and the error says what went wrong where.
func ExampleError() {
	c, stop := embedded(client.Options{})
	defer stop()
	ctx := context.Background()

	check(c.Set(ctx, "greeting", []byte("hello"), 0))
	_, err := c.Counter("greeting").Add(ctx, 1)
	var e *client.Error
	fmt.Println(errors.As(err, &e), e.Code, e.Op, e.Key, e.Maybe)
	_, err = c.Map("greeting").All(ctx)
	fmt.Println(errors.Is(err, client.ErrWrongType))
	// Output:
	// true ERR incrby greeting false
	// true
}

func ExampleCounter() {
	c, stop := embedded(client.Options{})
	defer stop()
	ctx := context.Background()

	visits := c.Counter("visits") // what regions add at the same time adds up
	n, err := visits.Get(ctx)
	check(err)
	fmt.Println(n)
	n, err = visits.Add(ctx, 5)
	check(err)
	fmt.Println(n)
	n, err = visits.Add(ctx, -2)
	check(err)
	fmt.Println(n)
	check(visits.Reset(ctx, 100))
	n, err = visits.Get(ctx)
	check(err)
	fmt.Println(n)
	// Output:
	// 0
	// 5
	// 3
	// 100
}

func ExampleMap() {
	c, stop := embedded(client.Options{})
	defer stop()
	ctx := context.Background()

	ada := c.Map("user:1") // regions that set different fields keep both
	check(ada.SetAll(ctx, map[string][]byte{"name": []byte("Ada"), "lang": []byte("en")}))
	check(ada.Set(ctx, "lang", []byte("fr")))
	logins, err := ada.Add(ctx, "logins", 1)
	check(err)
	all, err := ada.All(ctx)
	check(err)
	fmt.Printf("%d %q\n", logins, all)

	_, err = ada.Get(ctx, "email")
	fmt.Println(errors.Is(err, client.ErrNotFound))
	// Output:
	// 1 map["lang":"fr" "logins":"1" "name":"Ada"]
	// true
}

func ExampleSet() {
	c, stop := embedded(client.Options{})
	defer stop()
	ctx := context.Background()

	tags := c.SetOf("tags") // adding wins over a removal that has not seen it
	added, err := tags.Add(ctx, "new", "cheap", "new")
	check(err)
	removed, err := tags.Remove(ctx, "cheap", "old")
	check(err)
	has, err := tags.Has(ctx, "new")
	check(err)
	all, err := tags.All(ctx)
	check(err)
	fmt.Println(added, removed, has, all)
	// Output: 2 1 true [new]
}

func ExampleSortedSet() {
	c, stop := embedded(client.Options{})
	defer stop()
	ctx := context.Background()

	board := c.SortedSet("board")
	_, err := board.Add(ctx, client.Scored{Member: "ada", Score: 10}, client.Scored{Member: "bob", Score: 20}, client.Scored{Member: "eve", Score: 5})
	check(err)
	score, err := board.Incr(ctx, "ada", 15.5)
	check(err)
	top, err := board.Top(ctx, 2)
	check(err)
	low, err := board.RangeByScore(ctx, 0, 10)
	check(err)
	fmt.Println(score, top, low)
	// Output: 25.5 [{ada 25.5} {bob 20}] [{eve 5}]
}

func ExampleValueOf() {
	c, stop := embedded(client.Options{})
	defer stop()
	ctx := context.Background()

	type User struct {
		Name string
		Born int
	}
	ada := client.ValueOf[User](c.Commands, "user:1", client.CBOR)
	check(ada.Set(ctx, User{"Ada", 1815}, time.Hour))
	u, err := ada.Get(ctx)
	check(err)
	there, err := ada.Del(ctx)
	check(err)
	fmt.Println(u.Name, u.Born, there)
	// Output: Ada 1815 true
}

// Each command of a batch succeeds or fails alone.
func ExampleCommands_Batch() {
	c, stop := embedded(client.Options{})
	defer stop()
	ctx := context.Background()
	check(c.Set(ctx, "name", []byte("Ada"), 0))

	b := c.Batch()
	name := b.Get("name")
	views := b.Add("views", 1)
	none := b.Get("nothing")
	wrong := b.Do([]byte("hget"), []byte("name"), []byte("field"))
	err := b.Run(ctx) // the first error but for what is not there
	fmt.Println(string(name.Bytes()), views.Int())
	fmt.Println(errors.Is(err, client.ErrWrongType), errors.Is(none.Err(), client.ErrNotFound), errors.Is(wrong.Err(), client.ErrWrongType))
	// Output:
	// Ada 1
	// true true true
}

func ExampleCommands_Scan() {
	c, stop := embedded(client.Options{})
	defer stop()
	ctx := context.Background()
	for _, key := range []string{"user:1", "user:2", "cart:1"} {
		check(c.Set(ctx, key, []byte("v"), 0))
	}

	for key, err := range c.Scan(ctx, "user:*") {
		check(err)
		fmt.Println(key)
	}
	// Unordered output:
	// user:1
	// user:2
}

// A level says how far a write has come when it is answered. If it is not reached in time the write stays all the same.
func ExampleClient_With() {
	c, stop := embedded(client.Options{})
	defer stop()
	ctx := context.Background()

	everywhere := c.With(client.Ack{Level: client.Regions, Regions: 3, Within: 50 * time.Millisecond})
	err := everywhere.Set(ctx, "greeting", []byte("hello"), 0)
	fmt.Println(errors.Is(err, client.ErrShort)) // there is but one region
	value, err := c.Get(ctx, "greeting")
	fmt.Println(string(value), err)
	// Output:
	// true
	// hello <nil>
}

func ExampleClient_Watch() {
	c, stop := embedded(client.Options{})
	defer stop()
	ctx := context.Background()

	w, err := c.Watch(ctx, "user:*")
	check(err)
	defer w.Close()
	check(c.Set(ctx, "user:1", []byte("Ada"), 0))
	_, err = c.Del(ctx, "user:1")
	check(err)

	for e, err := range w.Events(ctx) {
		check(err)
		if e.Kind == client.Gap {
			continue // something may have been missed, at the beginning all: read again what is of interest
		}
		fmt.Println(e.Kind, e.Key)
		if e.Kind == client.Removed {
			break
		}
	}
	// Output:
	// changed user:1
	// removed user:1
}

// Of all who want a key at the same time one loads it. That there is nothing is remembered as well.
func ExampleNewLoader() {
	c, stop := embedded(client.Options{})
	defer stop()
	ctx := context.Background()

	load := func(_ context.Context, key string) (string, error) { // from a database
		fmt.Println("loading", key)
		if key != "user:1" {
			return "", client.ErrNotFound
		}
		return "Ada", nil
	}
	users := client.NewLoader(c.Commands, load, client.LoaderOptions{TTL: time.Hour, NegativeTTL: time.Hour, EarlyRefresh: -1})
	for range 2 {
		name, err := users.GetOrLoad(ctx, "user:1")
		check(err)
		_, err = users.GetOrLoad(ctx, "user:2")
		fmt.Println(name, errors.Is(err, client.ErrNotFound))
	}
	// Output:
	// loading user:1
	// loading user:2
	// Ada true
	// Ada true
}

// The near cache gives a value out of this process until an event says that it has changed.
func ExampleOptions_nearCache() {
	c, stop := embedded(client.Options{NearCache: 1 << 20})
	defer stop()
	ctx := context.Background()
	get := func() string {
		value, err := c.Get(ctx, "greeting")
		check(err)
		return string(value)
	}

	check(c.Set(ctx, "greeting", []byte("hello"), 0))
	for c.Stats().NearHits == 0 { // it is kept from when changes are heard on, which is soon
		get()
	}
	fmt.Println(get())
	check(c.Set(ctx, "greeting", []byte("good day"), 0))
	for get() == "hello" { // until the event is here
	}
	fmt.Println(get())
	// Output:
	// hello
	// good day
}

// What a service may count, or open and close spans with.
func ExampleOptions_trace() {
	c, stop := embedded(client.Options{Trace: func(ctx context.Context, op, key string) (context.Context, func(client.Outcome)) {
		return ctx, func(o client.Outcome) { fmt.Println(op, key, o.Err == nil) }
	}})
	defer stop()
	ctx := context.Background()

	_, err := c.Counter("visits").Add(ctx, 1)
	check(err)
	_, err = c.SetOf("visits").All(ctx)
	fmt.Println(errors.Is(err, client.ErrWrongType))
	// Output:
	// incrby visits true
	// smembers visits false
	// true
}
