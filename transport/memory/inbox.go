package memory

import "sync"

// The bounds of an inbox: what arrives beyond them is lost, as a slow receiver loses it on a real network.
const (
	maxInboxMessages = 64 << 10
	maxInboxBytes    = 64 << 20
)

// An inbox queues what has arrived for a node and not been handled yet.
type inbox struct {
	mu      sync.Mutex // guards what follows
	arrived sync.Cond  // a payload was put, or the inbox closed
	queue   [][]byte
	bytes   int // sum of the lengths in queue
	closed  bool
}

func newInbox() *inbox {
	in := &inbox{}
	in.arrived.L = &in.mu
	return in
}

// put queues a payload, or loses it when the inbox is full or closed.
func (in *inbox) put(payload []byte) {
	in.mu.Lock()
	defer in.mu.Unlock()
	if in.closed || len(in.queue) >= maxInboxMessages || in.bytes+len(payload) > maxInboxBytes {
		return
	}
	in.queue = append(in.queue, payload)
	in.bytes += len(payload)
	in.arrived.Signal()
}

// take waits for the next payload. It returns false, and forgets what is queued, once the inbox is closed.
func (in *inbox) take() ([]byte, bool) {
	in.mu.Lock()
	defer in.mu.Unlock()
	for len(in.queue) == 0 && !in.closed {
		in.arrived.Wait()
	}
	if in.closed {
		in.queue, in.bytes = nil, 0
		return nil, false
	}
	payload := in.queue[0]
	in.queue[0] = nil
	in.queue = in.queue[1:]
	in.bytes -= len(payload)
	return payload, true
}

func (in *inbox) close() {
	in.mu.Lock()
	defer in.mu.Unlock()
	in.closed = true
	in.arrived.Signal()
}

func (in *inbox) isClosed() bool {
	in.mu.Lock()
	defer in.mu.Unlock()
	return in.closed
}
