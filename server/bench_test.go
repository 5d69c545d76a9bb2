package server

import (
	"context"
	"fmt"
	"log/slog"
	"testing"
	"time"

	"github.com/atollcache/atoll/client"
	"github.com/atollcache/atoll/internal/stopwatch"
	"github.com/atollcache/atoll/replica"
)

// BenchmarkEmbeddedGet reads through the client of a node in this process, of 10,000 keys. Beside that it asks the
// replica itself, and reads the clock as often as a command does. They take turns, so x-replica is what carries.
func BenchmarkEmbeddedGet(b *testing.B) {
	n, err := Start(b.Context(), Config{Region: "eu", Replicas: 1, ClientPort: -1, GossipPort: -1, Pace: Fast, Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		b.Fatal(err)
	}
	defer n.Stop(context.Background())
	c, err := n.Client(client.Options{})
	if err != nil {
		b.Fatal(err)
	}
	defer c.Close()
	ctx := context.Background()
	keys, names := make([][]byte, 10_000), make([]string, 10_000)
	for i := range keys {
		keys[i] = fmt.Appendf(nil, "key:%d", i)
		names[i] = string(keys[i])
		if err := c.Set(ctx, names[i], make([]byte, 64), 0); err != nil {
			b.Fatal(err)
		}
	}

	r, now := n.mind.Load(), n.now()
	direct := &replica.Request{Args: [][]byte{[]byte("get"), nil}}
	var began time.Time
	took := stopwatch.Turns(b, 1000, func(i int) {
		if v, err := c.Get(ctx, names[i*7%len(names)]); err != nil || len(v) != 64 {
			b.Fatal(len(v), err)
		}
	}, func(i int) {
		direct.Args[1] = keys[i*7%len(keys)]
		if a, ok := r.Try(now, direct); !ok || len(a.Reply.Bytes) != 64 {
			b.Fatal(a, ok)
		}
	}, func(int) {
		if began = time.Now(); time.Since(began) < 0 {
			b.Fatal("time goes back")
		}
	})
	b.ReportMetric(took[0], "cpu-ns/get")
	b.ReportMetric(took[1], "cpu-ns/replica")
	b.ReportMetric(took[2], "cpu-ns/clock")
	b.ReportMetric(took[0]/took[1], "x-replica")
}
