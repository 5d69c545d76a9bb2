package e2e_test

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"net"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
)

// A lossyPath stands between one node and a NATS server that somebody else runs, and swallows messages of links that
// come for the node. Neither the node nor the server can see it: connections stay open and pings are answered.
type lossyPath struct {
	server   string
	listener net.Listener
	lose     func(message []byte) bool // asked by several goroutines
	running  sync.WaitGroup

	mu    sync.Mutex // guards what follows
	conns []net.Conn
	lost  int
	err   error
}

// linkSubjects begin with this in the cluster of the tests of loss.
const linkSubjects = "atoll.lossy.link."

func openLossyPath(t *testing.T, server string, lose func(message []byte) bool) *lossyPath {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	p := &lossyPath{server: server, listener: listener, lose: lose}
	p.running.Go(p.accept)
	t.Cleanup(p.close)
	return p
}

func (p *lossyPath) close() {
	_ = p.listener.Close()
	p.mu.Lock()
	for _, conn := range p.conns {
		_ = conn.Close()
	}
	p.mu.Unlock()
	p.running.Wait()
}

// counts gives how many messages were lost, and how many connections the node has ever opened.
func (p *lossyPath) counts() (lost, opened int, err error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.lost, len(p.conns) / 2, p.err
}

func (p *lossyPath) accept() {
	for {
		near, err := p.listener.Accept()
		if err != nil {
			return // closed
		}
		far, err := net.Dial("tcp", p.server)
		if err != nil {
			_ = near.Close()
			continue
		}
		p.mu.Lock()
		p.conns = append(p.conns, near, far)
		p.mu.Unlock()
		p.running.Go(func() { p.copy(near, far, func() error { _, err := io.Copy(far, near); return err }) })
		p.running.Go(func() { p.copy(far, near, func() error { return p.filter(near, bufio.NewReader(far)) }) })
	}
}

// copy moves bytes until one end closes, and then closes the other.
func (p *lossyPath) copy(from, to net.Conn, move func() error) {
	_ = move()
	_ = from.Close()
	_ = to.Close()
}

// filter copies what the server says, message by message, without those to be lost.
func (p *lossyPath) filter(to io.Writer, from *bufio.Reader) error {
	for {
		line, err := from.ReadBytes('\n')
		if err != nil {
			return err
		}
		frame, message, err := readFrame(line, from)
		if err != nil {
			p.fail(err)
			return err
		}
		if strings.HasPrefix(subjectOf(line), linkSubjects) && p.lose(message) {
			p.mu.Lock()
			p.lost++
			p.mu.Unlock()
			continue
		}
		if _, err := to.Write(frame); err != nil {
			return err
		}
	}
}

func (p *lossyPath) fail(err error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.err = err
}

// readFrame reads what belongs to a line of the protocol: MSG and HMSG end with the length of what follows.
func readFrame(line []byte, from io.Reader) (frame, message []byte, err error) {
	if !bytes.HasPrefix(line, []byte("MSG ")) && !bytes.HasPrefix(line, []byte("HMSG ")) {
		return line, nil, nil
	}
	words := strings.Fields(string(line))
	size, err := strconv.Atoi(words[len(words)-1])
	if err != nil {
		return nil, nil, fmt.Errorf("%q: %w", line, err)
	}
	const newline = 2
	frame = slices.Concat(line, make([]byte, size+newline))
	message = frame[len(line) : len(line)+size]
	_, err = io.ReadFull(from, frame[len(line):])
	return frame, message, err
}

// subjectOf gives the subject of a line that brings a message without headers, "" of any other.
func subjectOf(line []byte) string {
	words := strings.Fields(string(line))
	if len(words) < 2 || words[0] != "MSG" {
		return ""
	}
	return words[1]
}
