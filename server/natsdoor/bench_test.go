package natsdoor_test

import (
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/nats-io/nats.go"

	"github.com/atollcache/atoll/internal/stopwatch"
	"github.com/atollcache/atoll/server/broker"
	"github.com/atollcache/atoll/server/natsdoor"
)

// BenchmarkDoor compares a GET through the door with a bare request that is answered with as many bytes, on the same
// server and connections: one after the other, and with 64 under way. It reports the median latency and the time of all
// processors, since client, server and node share them.
func BenchmarkDoor(b *testing.B) {
	server, err := broker.Start(broker.Config{Region: "eu", Name: "n1"})
	if err != nil {
		b.Fatal(err)
	}
	defer server.Stop()
	dial := func() *nats.Conn {
		conn, err := nats.Connect(server.ClientURL())
		if err != nil {
			b.Fatal(err)
		}
		b.Cleanup(conn.Close)
		return conn
	}
	door, err := natsdoor.Open(natsdoor.Config{Conn: dial(), Cluster: "test", Region: "eu", Node: "n1", Behind: newLone()})
	if err != nil {
		b.Fatal(err)
	}
	defer func() { _ = door.Close(b.Context()) }()
	answer := []byte(`{"value":"0123456789abcdef"}`)
	if _, err := dial().Subscribe("bare", func(m *nats.Msg) { _ = m.Respond(answer) }); err != nil {
		b.Fatal(err)
	}
	conn := dial()
	if _, err := conn.Request("atoll.eu.v1.set", []byte(`{"args":["k","0123456789abcdef"]}`), patience); err != nil {
		b.Fatal(err)
	}

	payload := []byte(`{"args":["k"]}`)
	for _, flying := range []struct {
		name string
		n    int
	}{{"one", 1}, {"64", 64}} {
		for _, path := range []struct{ name, subject string }{{"bare", "bare"}, {"door", "atoll.eu.v1.get"}, {"raw", "atoll.eu.v1.raw.get.k"}} {
			b.Run(flying.name+"/"+path.name, func(b *testing.B) { requests(b, conn, path.subject, payload, flying.n) })
		}
	}
}

func requests(b *testing.B, conn *nats.Conn, subject string, payload []byte, flying int) {
	took := make([]time.Duration, b.N)
	var next atomic.Int64
	var wg sync.WaitGroup
	before := stopwatch.Process()
	b.ResetTimer()
	for range flying {
		wg.Go(func() {
			for i := next.Add(1) - 1; i < int64(b.N); i = next.Add(1) - 1 {
				at := time.Now()
				if _, err := conn.Request(subject, payload, patience); err != nil {
					b.Error(err)
					return
				}
				took[i] = time.Since(at)
			}
		})
	}
	wg.Wait()
	b.StopTimer()
	b.ReportMetric(float64(median(took).Nanoseconds())/1000, "µs-median")
	b.ReportMetric(float64((stopwatch.Process()-before).Nanoseconds())/1000/float64(b.N), "µs-cpu/op")
}

func median(all []time.Duration) time.Duration {
	slices.Sort(all)
	return all[len(all)/2]
}
