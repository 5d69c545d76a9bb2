// Package stopwatch measures benchmarks by the processor time that they take, beside the time that passes.
//
//	stopwatch.Loop(b, func() { … }) // reports cpu-ns/op
//
// Where others work on the same cores, what passes is mostly waiting for them, and differs from run to run; what was
// computed does so much less. Loop counts neither other goroutines nor the collector when that runs on another thread:
// what a benchmark allocates stands beside it.
package stopwatch

import (
	"runtime"
	"syscall"
	"testing"
	"time"
)

// Loop runs f as often as the benchmark asks for.
func Loop(b *testing.B, f func()) {
	b.Helper()
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	b.ReportAllocs()
	began, n := usage(thread), 0
	for b.Loop() {
		f()
		n++
	}
	b.ReportMetric(float64(usage(thread)-began)/float64(n), "cpu-ns/op")
}

// Process is the processor time of the whole process so far, for benchmarks of more than one goroutine.
func Process() time.Duration { return usage(syscall.RUSAGE_SELF) }

func usage(who int) time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(who, &u); err != nil {
		return 0
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}
