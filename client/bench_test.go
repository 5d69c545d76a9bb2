package client_test

import (
	"context"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/nats-io/nats.go"

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

// BenchmarkPipelined has many goroutines read over one client, whose requests share packets, alone and in batches, and
// compares that with bare requests to a subscriber of the same NATS server that answers with as many bytes. They take
// turns, so that what others do on the machine falls on all alike. It reports reads per second, and of the client the
// ratio of these and of the processor time of a read to those of bare requests; node and server share the process.
func BenchmarkPipelined(b *testing.B) {
	list := seeds(started(b, 1, "eu", "us"))
	c := connected(b, client.Options{Seeds: list, Home: "eu"})
	ctx := context.Background()
	value := make([]byte, 64)
	if err := c.Set(ctx, "k", value, 0); err != nil {
		b.Fatal(err)
	}
	bare, err := nats.Connect(list[0])
	if err != nil {
		b.Fatal(err)
	}
	defer bare.Close()
	answering, err := nats.Connect(list[0])
	if err != nil {
		b.Fatal(err)
	}
	defer answering.Close()
	if _, err := answering.Subscribe("bare", func(m *nats.Msg) { _ = m.Respond(value) }); err != nil {
		b.Fatal(err)
	}
	if err := answering.Flush(); err != nil {
		b.Fatal(err)
	}

	ways := []*way{
		{name: "bare", each: 1, read: func() error {
			_, err := bare.Request("bare", []byte("k"), time.Minute)
			return err
		}},
		{name: "get", each: 1, read: func() error {
			_, err := c.Get(ctx, "k")
			return err
		}},
		{name: "batch", each: 32, read: func() error {
			batch := c.Batch()
			for range 32 {
				batch.Get("k")
			}
			return batch.Run(ctx)
		}},
	}
	for b.Loop() {
		for _, w := range ways {
			w.run(b, 2048)
		}
	}
	base := ways[0]
	for _, w := range ways {
		b.ReportMetric(w.perSecond(), w.name+"/s")
		if w != base {
			b.ReportMetric(w.perSecond()/base.perSecond(), "x-rate-"+w.name)
			b.ReportMetric(w.cpu.Seconds()/base.cpu.Seconds()*float64(base.reads)/float64(w.reads), "x-cpu-"+w.name)
		}
	}
}

// way is a way to read, and what it took.
type way struct {
	name string
	each int // reads in a request
	read func() error

	reads     int
	took, cpu time.Duration
}

func (w *way) perSecond() float64 { return float64(w.reads) / w.took.Seconds() }

// run reads so many values with 64 goroutines.
func (w *way) run(b *testing.B, reads int) {
	const workers = 64
	var next atomic.Int64
	var running sync.WaitGroup
	before, began := stopwatch.Process(), time.Now()
	for range workers {
		running.Go(func() {
			for next.Add(int64(w.each)) <= int64(reads) {
				if err := w.read(); err != nil {
					b.Error(err)
					return
				}
			}
		})
	}
	running.Wait()
	w.took += time.Since(began)
	w.cpu += stopwatch.Process() - before
	w.reads += reads
}
