package stopwatch

import (
	"testing"
	"time"
)

func TestLoopCountsWhatIsComputed(t *testing.T) {
	waits := testing.Benchmark(func(b *testing.B) { Loop(b, func() { <-time.After(time.Millisecond) }) })
	works := testing.Benchmark(func(b *testing.B) { Loop(b, compute) })
	waited, worked := waits.Extra["cpu-ns/op"], works.Extra["cpu-ns/op"]
	if waited <= 0 || waited > float64(time.Millisecond)/2 {
		t.Errorf("to wait for a millisecond takes %.0f ns", waited)
	}
	if worked < sums/10 || worked > 1.5*float64(works.NsPerOp()) {
		t.Errorf("%d sums take %.0f ns of %d", sums, worked, works.NsPerOp())
	}
}

const sums = 100_000

var total int

func compute() {
	for i := range sums {
		total += i ^ total>>3
	}
}

func TestProcess(t *testing.T) {
	before := Process()
	for Process() == before {
		compute()
	}
	if Process() < before {
		t.Error("time goes back")
	}
}

func TestTurns(t *testing.T) {
	var once, twice, last int
	var took []float64
	testing.Benchmark(func(b *testing.B) {
		once, twice = 0, 0
		took = Turns(b, 3, func(i int) {
			once++
			last = i
			compute()
		}, func(int) {
			twice++
			compute()
			compute()
		})
	})
	if once != twice || once%3 != 0 || last != once-1 {
		t.Errorf("%d and %d calls, the last with %d", once, twice, last)
	}
	if ratio := took[1] / took[0]; ratio < 1.5 || ratio > 3 {
		t.Errorf("what is done twice takes %.2f times as long", ratio)
	}
}
