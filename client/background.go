package client

import (
	"context"
	"sync"
)

// background runs what goes on when nobody waits for it any more, until the client is closed.
type background struct {
	ctx    context.Context
	cancel context.CancelFunc

	mu      sync.Mutex // guards over, and the first Add against Wait
	over    bool
	running sync.WaitGroup
}

func (b *background) init() { b.ctx, b.cancel = context.WithCancel(context.Background()) }

// start runs f, and says whether the client is still open for it. The context of f has the values of ctx, and ends with
// the client.
func (b *background) start(ctx context.Context, f func(context.Context)) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.over {
		return false
	}
	b.running.Go(func() {
		ctx, cancel := context.WithCancel(context.WithoutCancel(ctx))
		defer cancel()
		defer context.AfterFunc(b.ctx, cancel)()
		f(ctx)
	})
	return true
}

func (b *background) close() {
	b.mu.Lock()
	b.over = true
	b.mu.Unlock()
	b.cancel()
}

func (b *background) wait() { b.running.Wait() }
