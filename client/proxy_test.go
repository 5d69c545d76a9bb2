package client_test

import (
	"errors"
	"io"
	"net"
	"strings"
	"sync"
	"testing"
)

// A gate stands before a NATS server, and can be shut in two ways.
type gate struct {
	listener net.Listener
	to       string

	mu      sync.Mutex // guards what stands below
	changed *sync.Cond
	state   gateState
	conns   map[net.Conn]bool
	running sync.WaitGroup
}

type gateState int

const (
	isOpen gateState = iota
	isCut            // connections are closed, new ones too
	isHole           // nothing passes, and nobody is told
	isOver
)

func newGate(t testing.TB, to string) *gate {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	g := &gate{listener: l, to: strings.TrimPrefix(to, "nats://"), conns: map[net.Conn]bool{}}
	g.changed = sync.NewCond(&g.mu)
	g.running.Go(g.accept)
	t.Cleanup(func() {
		g.set(isOver)
		l.Close()
		g.running.Wait()
	})
	return g
}

func (g *gate) addr() string { return g.listener.Addr().String() }

// set opens or shuts the gate.
func (g *gate) set(s gateState) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.state = s
	g.changed.Broadcast()
	if s == isCut || s == isOver {
		for c := range g.conns {
			c.Close()
		}
	}
}

func (g *gate) accept() {
	for {
		in, err := g.listener.Accept()
		if err != nil {
			return
		}
		out, err := net.Dial("tcp", g.to)
		if err != nil || !g.enter(in, out) {
			in.Close()
			if out != nil {
				out.Close()
			}
			continue
		}
		g.running.Go(func() { g.pass(in, out) })
		g.running.Go(func() { g.pass(out, in) })
	}
}

func (g *gate) enter(conns ...net.Conn) bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	for _, c := range conns {
		g.conns[c] = true
	}
	return g.state == isOpen || g.state == isHole
}

func (g *gate) pass(from, to net.Conn) {
	defer from.Close()
	defer to.Close()
	buf := make([]byte, 64<<10)
	for {
		n, err := from.Read(buf)
		if err != nil && !errors.Is(err, io.EOF) || n == 0 || !g.wait() {
			return
		}
		if _, err := to.Write(buf[:n]); err != nil {
			return
		}
	}
}

// wait holds what passes while the gate is a hole.
func (g *gate) wait() bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	for g.state == isHole {
		g.changed.Wait()
	}
	return g.state == isOpen
}
