package cli

import (
	"context"
	"errors"
	"slices"
	"sync"
	"testing"
)

func TestByteSize(t *testing.T) {
	for text, want := range map[string]byteSize{"1": 1, "64": 64, "64B": 64, "4KiB": 4096, "1024KiB": 1 << 20} {
		var b byteSize
		if err := b.Set(text); err != nil || b != want {
			t.Errorf("%q is %d, %v, want %d", text, b, err, want)
		}
	}
	for _, text := range []string{"", "0", "-1B", "B", "64b", "4K", "2048KiB", "1MiB"} {
		b := byteSize(7)
		if err := b.Set(text); err == nil || b != 7 {
			t.Errorf("%q was taken as %d", text, b)
		}
	}
}

func TestBenchRegions(t *testing.T) {
	for n, want := range map[int][]string{2: {"eu", "us"}, 3: {"eu", "us", "ap"}, 5: {"eu", "us", "ap", "r4", "r5"}} {
		if got, err := benchRegions(n); err != nil || !slices.Equal(got, want) {
			t.Errorf("%d regions are %v, %v, want %v", n, got, err, want)
		}
	}
	for _, n := range []int{-1, 0, 1, 9} {
		if _, err := benchRegions(n); exitCode(err) != exitUsage {
			t.Errorf("%d regions: %v, want a usage error", n, err)
		}
	}
	if !slices.Equal(defaultRegions, []string{"eu", "us", "ap"}) {
		t.Errorf("the default regions have become %v", defaultRegions)
	}
}

// What the first region wrote crosses to every other; what the second wrote has only to come to the first.
func TestPayloadThatCrosses(t *testing.T) {
	for regions, crossings := range map[int]uint64{2: 10, 3: 15, 4: 20} {
		o := healOptions{keys: 10, value: 64, regions: regions}
		if got, want := o.payload(), crossings*(16+64); got != want {
			t.Errorf("%d regions: %d bytes, want %d", regions, got, want)
		}
	}
}

func TestInFlight(t *testing.T) {
	var mu sync.Mutex
	seen := map[int]int{}
	err := inFlight(t.Context(), 4, 100, func(_ context.Context, i int) error {
		mu.Lock()
		defer mu.Unlock()
		seen[i]++
		return nil
	})
	if err != nil || len(seen) != 100 {
		t.Fatalf("%d of 100 calls were made, %v", len(seen), err)
	}
	for i, times := range seen {
		if i < 0 || i > 99 || times != 1 {
			t.Errorf("%d was called %d times", i, times)
		}
	}

	failure := errors.New("the sixth")
	err = inFlight(t.Context(), 4, -1, func(_ context.Context, i int) error {
		if i == 5 {
			return failure
		}
		return nil
	})
	if !errors.Is(err, failure) {
		t.Errorf("ended with %v, want %v", err, failure)
	}
}
