package wan

import (
	"bufio"
	"bytes"
	"io"
	"net"
	"sync"
	"sync/atomic"
	"time"
)

const (
	// chunkSize and queuedChunks bound what is under way on one connection in one direction, to 32 MiB. A fast stream
	// fills its chunks, so a delay of 100 ms still lets 320 MB/s through.
	chunkSize    = 32 << 10
	queuedChunks = 1024

	// heldChunks is what a black hole swallows before its sender feels that nothing moves.
	heldChunks = 16
)

// A link is one connection through the switch: from a gateway that called to the server that answered.
type link struct {
	caller, server         net.Conn
	fromCaller, fromServer *bufio.Reader
	answer                 []byte // the first line of the caller, not yet passed on

	ended atomic.Int32 // of the two sides, how many have hung up
	once  sync.Once
	done  chan struct{} // closed when the link ends
}

func newLink(caller, server net.Conn) *link {
	return &link{caller: caller, server: server, done: make(chan struct{})}
}

// run moves bytes both ways until the link ends. What the caller says is subject to the delay of the path, what the
// server says to that of the way back. A black hole on the path holds both.
func (l *link) run(path, back *path) {
	there := &pump{link: l, gate: path, lag: path, moved: &path.bytes, to: l.server, queue: make(chan chunk, queuedChunks)}
	here := &pump{link: l, gate: path, lag: back, moved: new(atomic.Uint64), to: l.caller, queue: make(chan chunk, queuedChunks)}

	var pumps sync.WaitGroup
	pumps.Go(func() { there.read(io.MultiReader(bytes.NewReader(l.answer), l.fromCaller)) })
	pumps.Go(func() { here.read(l.fromServer) })
	pumps.Go(here.write)
	there.write()
	pumps.Wait()
}

// hungUp tells that no more comes from one side. When both have hung up there is nobody left to keep the link for, not
// even in a black hole.
func (l *link) hungUp() {
	if l.ended.Add(1) == 2 {
		l.close()
	}
}

// close ends the link; what has been written arrives.
func (l *link) close() {
	l.once.Do(func() {
		close(l.done)
		_ = l.caller.Close()
		_ = l.server.Close()
	})
}

// reset ends the link as a broken network does. It does not wait.
func (l *link) reset() {
	l.once.Do(func() {
		close(l.done)
		hangUp(l.caller)
		hangUp(l.server)
	})
}

// hangUp closes a connection by a reset.
func hangUp(conn net.Conn) {
	if tcp, ok := conn.(*net.TCPConn); ok {
		_ = tcp.SetLinger(0)
	}
	_ = conn.Close()
}

// A chunk is what was read at once. The one without data says that its side has hung up.
type chunk struct {
	due  time.Time
	data []byte
}

// A pump moves the bytes of one direction. It reads ahead, so that a delay costs time but no bandwidth.
type pump struct {
	link  *link
	gate  *path // nothing passes while this path is a black hole
	lag   *path // whose delay applies
	moved *atomic.Uint64
	to    net.Conn
	queue chan chunk
}

func (p *pump) read(from io.Reader) {
	buffer := make([]byte, chunkSize)
	for {
		if len(p.queue) >= heldChunks && !p.gate.waitOpen(p.link.done) {
			return
		}
		n, err := from.Read(buffer)
		if n > 0 && !p.put(bytes.Clone(buffer[:n])) {
			return
		}
		if err != nil {
			p.link.hungUp()
			p.put(nil)
			return
		}
	}
}

// put queues a chunk. It returns false when the link has ended.
func (p *pump) put(data []byte) bool {
	select {
	case p.queue <- chunk{due: time.Now().Add(time.Duration(p.lag.delay.Load())), data: data}:
		return true
	case <-p.link.done:
		return false
	}
}

// write delivers chunks when they are due. When the receiver is gone it goes on without delivering: the receiver's own
// end is on its way in the other direction, and whether it arrives is for the path to decide.
func (p *pump) write() {
	broken := false
	for {
		var next chunk
		select {
		case next = <-p.queue:
		case <-p.link.done:
			return
		}
		if !pause(time.Until(next.due), p.link.done) || !p.gate.waitOpen(p.link.done) {
			return
		}
		if next.data == nil {
			p.link.close()
			return
		}
		if broken {
			continue
		}
		n, err := p.to.Write(next.data)
		p.moved.Add(uint64(n))
		broken = err != nil
	}
}

// pause waits for a while. It returns false when done is closed first.
func pause(d time.Duration, done <-chan struct{}) bool {
	if d <= 0 {
		return true
	}
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-done:
		return false
	}
}
