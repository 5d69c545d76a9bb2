package client_test

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/atollcache/atoll/client"
)

func TestLoader(t *testing.T) {
	c := connected(t, client.Options{Seeds: seeds(started(t, 1, "eu", "us"))})
	ctx := t.Context()

	t.Run("one loads for all", func(t *testing.T) {
		var calls atomic.Int64
		release := make(chan struct{})
		l := client.NewLoader(c.Commands, func(context.Context, string) (string, error) {
			calls.Add(1)
			<-release
			return "Ada", nil
		}, client.LoaderOptions{})
		var waiting sync.WaitGroup
		for range 20 {
			waiting.Go(func() {
				if v, err := l.GetOrLoad(ctx, "one"); err != nil || v != "Ada" {
					t.Errorf("%q, %v", v, err)
				}
			})
		}
		shared := c.Stats().LoadsShared
		eventually(t, "all wait for one", func() bool { return c.Stats().LoadsShared == shared+19 || c.Stats().LoadsShared >= 19 })
		close(release)
		waiting.Wait()
		if v := must[string](t)(l.GetOrLoad(ctx, "one")); v != "Ada" || calls.Load() != 1 {
			t.Errorf("%q, loaded %d times", v, calls.Load())
		}
		if err := l.Forget(ctx, "one"); err != nil {
			t.Fatal(err)
		}
		must[string](t)(l.GetOrLoad(ctx, "one"))
		if calls.Load() != 2 {
			t.Errorf("loaded %d times", calls.Load())
		}
	})
	t.Run("who gives up does not end it", func(t *testing.T) {
		release := make(chan struct{})
		l := client.NewLoader(c.Commands, func(ctx context.Context, _ string) (int, error) {
			<-release
			return 7, ctx.Err()
		}, client.LoaderOptions{})
		short, cancel := context.WithTimeout(ctx, 50*time.Millisecond)
		defer cancel()
		if _, err := l.GetOrLoad(short, "slow"); !errors.Is(err, client.ErrTimeout) {
			t.Errorf("%v", err)
		}
		close(release)
		if v := must[int](t)(l.GetOrLoad(ctx, "slow")); v != 7 {
			t.Errorf("%d", v)
		}
	})
	t.Run("nothing to load is remembered", func(t *testing.T) {
		calls := 0
		load := func(context.Context, string) (int, error) {
			calls++
			return 0, fmt.Errorf("users: %w", client.ErrNotFound)
		}
		for name, want := range map[string]int{"kept": 1, "not": 3} {
			calls = 0
			o := client.LoaderOptions{NegativeTTL: time.Minute, EarlyRefresh: -1}
			if name == "not" {
				o.NegativeTTL = 0
			}
			l := client.NewLoader(c.Commands, load, o)
			for range 3 {
				if _, err := l.GetOrLoad(ctx, "negative:"+name); !errors.Is(err, client.ErrNotFound) {
					t.Errorf("%v", err)
				}
			}
			if calls != want {
				t.Errorf("%s: loaded %d times, want %d", name, calls, want)
			}
		}
	})
	t.Run("stale if error", func(t *testing.T) {
		broken := errors.New("the database is away")
		fails := false
		l := client.NewLoader(c.Commands, func(context.Context, string) (int, error) {
			if fails {
				return 0, broken
			}
			return 1, nil
		}, client.LoaderOptions{TTL: time.Millisecond, StaleIfError: time.Minute, EarlyRefresh: -1})
		must[int](t)(l.GetOrLoad(ctx, "stale"))
		<-time.After(5 * time.Millisecond)
		fails = true
		if v, err := l.GetOrLoad(ctx, "stale"); err != nil || v != 1 || c.Stats().StaleServed == 0 {
			t.Errorf("%d, %v", v, err)
		}
		if _, err := l.GetOrLoad(ctx, "never loaded"); !errors.Is(err, broken) {
			t.Errorf("%v", err)
		}
	})
	t.Run("early refresh", func(t *testing.T) {
		var calls atomic.Int64
		l := client.NewLoader(c.Commands, func(context.Context, string) (int64, error) {
			<-time.After(2 * time.Millisecond)
			return calls.Add(1), nil
		}, client.LoaderOptions{TTL: time.Minute, EarlyRefresh: 1e9})
		must[int64](t)(l.GetOrLoad(ctx, "early"))
		eventually(t, "a reader has it loaded anew, and is not kept waiting", func() bool {
			return must[int64](t)(l.GetOrLoad(ctx, "early")) > 1
		})
	})
}
