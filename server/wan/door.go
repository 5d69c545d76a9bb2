package wan

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"sync"
	"time"
)

const (
	// handshakeTimeout limits how long a door waits for the server behind it, and for the first line of each side.
	handshakeTimeout = 5 * time.Second
	// acceptPause follows an accept that failed, as when no file descriptor is left.
	acceptPause = 50 * time.Millisecond
	// maxLine bounds the first line of each side, in bytes.
	maxLine = 64 << 10
)

// A door is where the gateways of other regions connect to the server of one.
type door struct {
	sw       *Switch
	region   string
	listener net.Listener
	attached chan struct{} // closed when server is set first

	mu     sync.Mutex // guards server
	server string
}

func newDoor(sw *Switch, region string, listener net.Listener) *door {
	return &door{sw: sw, region: region, listener: listener, attached: make(chan struct{})}
}

func (d *door) attach(server string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.server == "" {
		close(d.attached)
	}
	d.server = server
}

func (d *door) accept() {
	for {
		conn, err := d.listener.Accept()
		if errors.Is(err, net.ErrClosed) {
			return
		}
		if err != nil {
			pause(acceptPause, d.sw.closed)
			continue
		}
		d.sw.running.Go(func() { d.serve(conn) })
	}
}

// serve is the life of one connection.
func (d *door) serve(caller net.Conn) {
	server, err := d.dial()
	if err != nil {
		hangUp(caller)
		return
	}
	l := newLink(caller, server)
	if !d.sw.enter(l) {
		return
	}
	defer d.sw.exit(l)

	// 1. The server greets, the caller answers with the name of its region.
	from, err := l.shakeHands()
	if err != nil {
		l.reset()
		return
	}

	// 2. The path between the two takes the connection, or it does not.
	path, err := d.sw.path(from, d.region)
	if err != nil || !path.join(l) {
		l.reset()
		return
	}
	defer path.leave(l)

	// 3. Bytes move until one side hangs up, or the path is cut.
	l.run(path, d.sw.paths[pair{d.region, from}])
}

// dial connects to the server behind the door.
func (d *door) dial() (net.Conn, error) {
	timeout := time.NewTimer(handshakeTimeout)
	defer timeout.Stop()
	select {
	case <-d.attached:
	case <-timeout.C:
		return nil, fmt.Errorf("no server is attached to region %s", d.region)
	case <-d.sw.closed:
		return nil, net.ErrClosed
	}

	d.mu.Lock()
	server := d.server
	d.mu.Unlock()
	return net.DialTimeout("tcp", server, handshakeTimeout)
}

// enter makes a connection known to Close, or ends it when that has been called.
func (sw *Switch) enter(l *link) bool {
	sw.mu.Lock()
	defer sw.mu.Unlock()
	if sw.ended {
		l.reset()
		return false
	}
	sw.links[l] = true
	return true
}

func (sw *Switch) exit(l *link) {
	sw.mu.Lock()
	defer sw.mu.Unlock()
	delete(sw.links, l)
}

// shakeHands passes the greeting of the server on and returns the region that the caller names in its answer. The
// answer itself stays to be sent: it is the first of what the path decides about.
func (l *link) shakeHands() (from string, err error) {
	deadline := time.Now().Add(handshakeTimeout)
	_ = l.caller.SetDeadline(deadline)
	_ = l.server.SetDeadline(deadline)

	greeting := bufio.NewReaderSize(l.server, maxLine)
	line, err := greeting.ReadSlice('\n')
	if err != nil {
		return "", fmt.Errorf("read the greeting: %w", err)
	}
	if _, err := l.caller.Write(line); err != nil {
		return "", fmt.Errorf("pass on the greeting: %w", err)
	}
	l.fromServer = greeting

	answer := bufio.NewReaderSize(l.caller, maxLine)
	line, err = answer.ReadSlice('\n')
	if err != nil {
		return "", fmt.Errorf("read the answer: %w", err)
	}
	l.answer = bytes.Clone(line)
	l.fromCaller = answer

	_ = l.caller.SetDeadline(time.Time{})
	_ = l.server.SetDeadline(time.Time{})
	return gatewayName(line)
}

// gatewayName returns the region that stands in the first line of a gateway: CONNECT {…,"gateway":"eu"}.
func gatewayName(line []byte) (string, error) {
	const verb = "CONNECT "
	if len(line) < len(verb) || !bytes.EqualFold(line[:len(verb)], []byte(verb)) {
		return "", errors.New("the first line is not CONNECT")
	}
	var options struct {
		Gateway string `json:"gateway"`
	}
	if err := json.Unmarshal(line[len(verb):], &options); err != nil {
		return "", fmt.Errorf("the first line is not CONNECT and JSON: %w", err)
	}
	if options.Gateway == "" {
		return "", errors.New("the caller is no gateway")
	}
	return options.Gateway, nil
}
