package client_test

import (
	"context"
	"io"
	"strconv"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/atollcache/atoll/client"
)

// silent is a backend with one key that counts, of whose changes nobody hears: it tells that it listens, and then
// nothing but gaps that the test asks for.
type silent struct {
	mu    sync.Mutex // guards what stands below
	value int
	reads int
	hear  func(client.Event)
}

func (s *silent) Run(context.Context, *client.Call) (client.Answer, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.reads++
	return client.Answer{Reply: client.Reply{Kind: client.Bytes, Bytes: strconv.AppendInt(nil, int64(s.value), 10)}, Region: "eu", First: true}, nil
}

func (s *silent) RunBatch(context.Context, []*client.Call) ([]client.Answer, error) { return nil, nil }

func (s *silent) Watch(_ context.Context, hear func(client.Event)) (io.Closer, error) {
	s.hear = hear
	hear(client.Event{Kind: client.Gap, Region: "eu", Partition: -1})
	return io.NopCloser(nil), nil
}

func (s *silent) Close() error { return nil }

func (s *silent) write() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.value++
}

// If every event is lost and no later one shows that, a value is given until it is NearMaxAge old, and no longer than
// the clock of the near cache is coarse; a gap ends it at once.
func TestNearIsBoundedWhenEventsAreLost(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const coarse = 50 * time.Millisecond
		behind := &silent{}
		c, err := client.New(behind, client.Options{NearCache: 1 << 20, NearMaxAge: 2 * time.Second})
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		synctest.Wait() // it has begun to listen
		get := func() string { return string(must[[]byte](t)(c.Get(t.Context(), "k"))) }

		oldest := time.Duration(0)
		for i := range 50 {
			time.Sleep(time.Duration(i) * 37 * time.Millisecond)
			get() // kept from now on, or since before
			behind.write()
			began, want := time.Now(), strconv.Itoa(i+1)
			for get() != want {
				time.Sleep(time.Millisecond)
			}
			oldest = max(oldest, time.Since(began))
		}
		if oldest > 2*time.Second+coarse+time.Millisecond || oldest < time.Second {
			t.Errorf("a value that had changed was given for %v", oldest)
		}
		if s := c.Stats(); s.NearHits < 10*uint64(behind.reads) {
			t.Errorf("%d hits, %d reads", s.NearHits, behind.reads)
		}

		get()
		behind.write()
		behind.hear(client.Event{Kind: client.Gap, Region: "eu", Partition: -1})
		if got := get(); got != "51" {
			t.Errorf("after a gap %s is given", got)
		}
	})
}
