package simulate

import (
	"context"
	"slices"
	"sync"
	"sync/atomic"
)

// inParallel calls f for the numbers below n on several cores, in order, until
// one fails or the context ends. It gives the first error.
func inParallel(ctx context.Context, n, cores int, f func(ctx context.Context, i int) error) error {
	ctx, stop := context.WithCancelCause(ctx)
	defer stop(nil)
	var next atomic.Int64
	var all sync.WaitGroup
	for range max(min(cores, n), 1) {
		all.Go(func() {
			for i := int(next.Add(1)) - 1; i < n && ctx.Err() == nil; i = int(next.Add(1)) - 1 {
				if err := f(ctx, i); err != nil {
					stop(err)
				}
			}
		})
	}
	all.Wait()
	return context.Cause(ctx)
}

// Quantiles are what 5, 50 and 95 of a hundred seeds do not exceed. Of few seeds
// the outer ones are the least and the most.
type Quantiles struct {
	P5  int64 `json:"p5"`
	P50 int64 `json:"p50"`
	P95 int64 `json:"p95"`
}

func quantilesOf(values []int64) Quantiles {
	return Quantiles{P5: quantile(values, 5), P50: quantile(values, 50), P95: quantile(values, 95)}
}

// quantile gives the value of the nearest rank, zero of none.
func quantile(values []int64, percent int) int64 {
	if len(values) == 0 {
		return 0
	}
	sorted := slices.Sorted(slices.Values(values))
	rank := (len(sorted)*percent + 99) / 100
	return sorted[max(0, min(len(sorted), rank)-1)]
}
