package natsdoor_test

import (
	"fmt"
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
// server and connections: one after the other, and with 64 under way. What others do on the machine falls on all alike,
// since they take turns of some hundred requests. Of the bare request it reports the median latency and the time of all
// processors, since client, server and node share them; of the others how many times that they take.
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

	for _, flying := range []int{1, 64} {
		b.Run(fmt.Sprintf("flying=%d", flying), func(b *testing.B) {
			paths := []*path{
				{name: "bare", subject: "bare", payload: `{"args":["k"]}`},
				{name: "json", subject: "atoll.eu.v1.get", payload: `{"args":["k"]}`},
				{name: "cbor", subject: "atoll.eu.v1.get", payload: "\xa1\x64args\x81\x41k"},
				{name: "raw", subject: "atoll.eu.v1.raw.get.k"},
			}
			for b.Loop() {
				for _, p := range paths {
					p.send(b, conn, 256, flying)
				}
			}
			report(b, paths)
		})
	}
}

// path is a way to get an answer, and what it took.
type path struct {
	name, subject, payload string

	took []time.Duration
	cpu  time.Duration
}

// send sends n requests, so many at a time.
func (p *path) send(b *testing.B, conn *nats.Conn, n, flying int) {
	from := len(p.took)
	p.took = append(p.took, make([]time.Duration, n)...)
	var next atomic.Int64
	var wg sync.WaitGroup
	before := stopwatch.Process()
	for range flying {
		wg.Go(func() {
			for i := next.Add(1) - 1; i < int64(n); i = next.Add(1) - 1 {
				at := time.Now()
				if _, err := conn.Request(p.subject, []byte(p.payload), patience); err != nil {
					b.Error(err)
					return
				}
				p.took[from+int(i)] = time.Since(at)
			}
		})
	}
	wg.Wait()
	p.cpu += stopwatch.Process() - before
}

func report(b *testing.B, paths []*path) {
	bare := paths[0]
	median, cpu := middle(bare.took), bare.cpu
	b.ReportMetric(float64(median.Nanoseconds())/1000, "µs-bare")
	b.ReportMetric(float64(cpu.Nanoseconds())/1000/float64(len(bare.took)), "µs-cpu-bare")
	for _, p := range paths[1:] {
		b.ReportMetric(float64(middle(p.took))/float64(median), "x-"+p.name)
		b.ReportMetric(float64(p.cpu)/float64(cpu), "x-cpu-"+p.name)
	}
}

func middle(all []time.Duration) time.Duration {
	slices.Sort(all)
	return all[len(all)/2]
}
