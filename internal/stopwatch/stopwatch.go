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

// Turns runs some functions in turns, each n times in a row with ascending numbers, and gives the nanoseconds that each
// took in one call: what falls on all of them alike does not show in their ratios. An operation of the benchmark is a
// turn of all.
func Turns(b *testing.B, n int, all ...func(i int)) []float64 {
	b.Helper()
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	took, calls := make([]time.Duration, len(all)), 0
	for b.Loop() {
		for i, f := range all {
			began := usage(thread)
			for k := range n {
				f(calls + k)
			}
			took[i] += usage(thread) - began
		}
		calls += n
	}
	each := make([]float64, len(all))
	for i := range took {
		each[i] = float64(took[i]) / float64(calls)
	}
	return each
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
