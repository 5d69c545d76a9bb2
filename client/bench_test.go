package client_test

import (
	"context"
	"testing"
	"time"

	"github.com/atollcache/atoll/client"
	"github.com/atollcache/atoll/internal/stopwatch"
)

func BenchmarkNearHit(b *testing.B) {
	c := connected(b, client.Options{Seeds: seeds(started(b, 1, "eu", "us")), Home: "eu", NearCache: 1 << 20, NearMaxAge: time.Hour})
	ctx := context.Background()
	if err := c.Set(ctx, "k", make([]byte, 64), 0); err != nil {
		b.Fatal(err)
	}
	eventually(b, "it is kept", func() bool {
		_, _ = c.Get(ctx, "k")
		return c.Stats().NearHits > 0
	})
	stopwatch.Loop(b, func() {
		if _, err := c.Get(ctx, "k"); err != nil {
			b.Fatal(err)
		}
	})
}
