package world_test

import (
	"syscall"
	"testing"
	"time"
)

// oceans is the cluster by which the simulator measures itself: three regions of
// three nodes, 90 writes a second, one link cut for five minutes.
const oceans = `
version: 1
name: oceans
topology:
  regions: {us: {nodes: 3}, eu: {nodes: 3}, ap: {nodes: 3}}
  rtt: {us-eu: 80ms±10%, us-ap: 160ms, eu-ap: 220ms, local: 0.5ms}
phases: {warm-up: 30s, chaos: 6m, heal: 30s, quiesce: 30s}
load:
  - {ops: 30/s, mix: {set: 60, incr: 20, hset: 20}, keys: 1000 uniform, value: 64B}
timeline:
  - {at: 30s, cut: us | eu, for: 5m}
`

func bench(b *testing.B, text string) {
	s := parse(b, text)
	events, simulated, began := uint64(0), int64(0), processorTime(b)
	for i := 0; b.Loop(); i++ {
		w := startOf(b, s, uint64(i+1), nil)
		run(b, w)
		if where := equal(w); where != "" {
			b.Fatal(where)
		}
		events += w.Totals().Events
		simulated += int64(w.Now())
	}
	took := processorTime(b) - began
	b.ReportMetric(float64(simulated)/float64(b.Elapsed()), "x-real-time")
	b.ReportMetric(float64(simulated)/float64(took), "x-cpu-time")
	b.ReportMetric(float64(events)/took.Seconds(), "events/cpu-s")
}

// processorTime is what the process has computed so far: on a machine that is
// shared it says more than the time that has passed.
func processorTime(b *testing.B) time.Duration {
	b.Helper()
	var used syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &used); err != nil {
		b.Fatal(err)
	}
	return time.Duration(used.Utime.Nano() + used.Stime.Nano())
}

// BenchmarkCut runs a cut of five minutes under 90 writes a second.
func BenchmarkCut(b *testing.B) { bench(b, oceans) }

// BenchmarkIdle runs the same cluster without load or faults.
func BenchmarkIdle(b *testing.B) {
	bench(b, `
version: 1
name: idle
topology:
  regions: {us: {nodes: 3}, eu: {nodes: 3}, ap: {nodes: 3}}
  rtt: {default: 100ms, local: 0.5ms}
phases: {warm-up: 10s, chaos: 10m, heal: 1s, quiesce: 1s}
load: []
`)
}
