package client_test

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/atollcache/atoll/client"
	"github.com/atollcache/atoll/cmd/atoll/up"
)

// cluster runs what the examples connect to, and gives its seeds. A service names those of its own cluster.
func cluster() (list []string, stop func()) {
	ctx := context.Background()
	c, err := up.Start(ctx, up.Config{Regions: []string{"eu", "us"}, Nodes: 1, Changes: true})
	if err != nil {
		panic(err)
	}
	return seeds(c.Layout()), func() { _ = c.Stop(ctx) }
}

func Example() {
	list, stop := cluster()
	defer stop()

	ctx := context.Background()
	c, err := client.Connect(ctx, client.Options{Seeds: list, Home: "eu"})
	if err != nil {
		panic(err)
	}
	defer c.Close()

	if err := c.Set(ctx, "greeting", []byte("hello"), time.Hour); err != nil {
		panic(err)
	}
	value, err := c.Get(ctx, "greeting")
	fmt.Println(string(value), err)
	_, err = c.Get(ctx, "nothing")
	fmt.Println(errors.Is(err, client.ErrNotFound))
	visits, err := c.Counter("visits").Add(ctx, 1)
	fmt.Println(visits, err)
	// Output:
	// hello <nil>
	// true
	// 1 <nil>
}

// A session goes on in another region, and sees there what it wrote here.
func ExampleClient_Session() {
	list, stop := cluster()
	defer stop()

	ctx := context.Background()
	eu, err := client.Connect(ctx, client.Options{Seeds: list, Home: "eu"})
	if err != nil {
		panic(err)
	}
	defer eu.Close()
	us, err := client.Connect(ctx, client.Options{Seeds: list, Home: "us"})
	if err != nil {
		panic(err)
	}
	defer us.Close()

	here := eu.Session(client.SessionOptions{Wait: 5 * time.Second})
	if err := here.Set(ctx, "cart", []byte("book"), 0); err != nil {
		panic(err)
	}
	there := us.Session(client.SessionOptions{Token: here.Token(), Wait: 5 * time.Second})
	cart, err := there.Get(ctx, "cart")
	fmt.Println(string(cart), err)
	// Output: book <nil>
}
