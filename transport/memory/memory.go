// Package memory is a network of transports inside one process, for tests: what one node sends, another receives, but
// for what the test cuts or drops.
//
//	network := memory.NewNetwork()
//	a, err := network.Open(transport.Address{Region: "eu", Node: "n1"}, handle)
//	…
//	network.Cut("eu", "us") // nothing from eu arrives in us any more
//	network.Heal("eu", "us")
//
// It has no delays and reorders nothing. It is stricter than the law: a payload is overwritten as soon as its handler
// returns, so a handler that keeps one is found out.
package memory

import (
	"bytes"
	"fmt"
	"sync"

	"github.com/atollcache/atoll/transport"
)

// MaxPayload is the size in bytes of the largest payload that the network carries.
const MaxPayload = 8 << 20

// A DropFunc decides whether one message gets lost on its way. It is called with no lock held that a transport needs,
// but by the goroutine that sends.
type DropFunc func(from, to transport.Address, payload []byte) bool

// A path is a directed pair of regions; from and to may be equal.
type path struct{ from, to string }

// A Network joins the transports that were opened on it. Its methods may be called at any time by any goroutine.
type Network struct {
	mu    sync.Mutex // guards what follows; while it is held nothing is called or waited for
	nodes map[transport.Address]*node
	cut   map[path]bool
	drop  DropFunc
}

// NewNetwork returns a network with no node and no fault.
func NewNetwork() *Network {
	return &Network{nodes: make(map[transport.Address]*node), cut: make(map[path]bool)}
}

// Open joins a node to the network. The address must not be in use.
func (n *Network) Open(self transport.Address, handler transport.Handler) (transport.Transport, error) {
	if err := self.Validate(); err != nil {
		return nil, fmt.Errorf("open transport: %w", err)
	}

	n.mu.Lock()
	defer n.mu.Unlock()
	if n.nodes[self] != nil {
		return nil, fmt.Errorf("open transport: the address %v is in use", self)
	}
	joined := &node{network: n, self: self, inbox: newInbox(), done: make(chan struct{})}
	n.nodes[self] = joined
	go joined.receive(handler)
	return joined, nil
}

// Cut loses everything that nodes of one region send to nodes of the other from now on; the way back stays open. A
// region can be cut from itself: then its nodes do not hear each other.
func (n *Network) Cut(from, to string) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.cut[path{from, to}] = true
}

// Heal ends a cut. What was lost stays lost.
func (n *Network) Heal(from, to string) {
	n.mu.Lock()
	defer n.mu.Unlock()
	delete(n.cut, path{from, to})
}

// Drop sets the function that decides about each message that no cut has lost; nil loses none.
func (n *Network) Drop(drop DropFunc) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.drop = drop
}

// others returns all nodes but self.
func (n *Network) others(self transport.Address) []*node {
	n.mu.Lock()
	defer n.mu.Unlock()
	others := make([]*node, 0, len(n.nodes))
	for address, other := range n.nodes {
		if address != self {
			others = append(others, other)
		}
	}
	return others
}

// carry takes one message from a node to another, or loses it.
func (n *Network) carry(from transport.Address, to *node, payload []byte) {
	n.mu.Lock()
	lost, drop := n.cut[path{from.Region, to.self.Region}], n.drop
	n.mu.Unlock()

	if lost || drop != nil && drop(from, to.self, payload) {
		return
	}
	to.inbox.put(bytes.Clone(payload))
}

func (n *Network) find(address transport.Address) *node {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.nodes[address]
}

// leave frees the address of a node, unless another has taken it since.
func (n *Network) leave(gone *node) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.nodes[gone.self] == gone {
		delete(n.nodes, gone.self)
	}
}

// A node is one transport. A goroutine of its own calls its handler until the inbox is closed.
type node struct {
	network *Network
	self    transport.Address
	inbox   *inbox
	done    chan struct{} // closed when the handler has returned for the last time
}

func (n *node) Send(to transport.Address, payload []byte) error {
	if err := n.check(payload); err != nil {
		return fmt.Errorf("send to %v: %w", to, err)
	}
	if to == n.self {
		return fmt.Errorf("send to %v: that is the sender itself", to)
	}
	if receiver := n.network.find(to); receiver != nil {
		n.network.carry(n.self, receiver, payload)
	}
	return nil
}

func (n *node) Broadcast(payload []byte) error {
	if err := n.check(payload); err != nil {
		return fmt.Errorf("broadcast: %w", err)
	}
	for _, receiver := range n.network.others(n.self) {
		n.network.carry(n.self, receiver, payload)
	}
	return nil
}

func (n *node) check(payload []byte) error {
	if n.inbox.isClosed() {
		return transport.ErrClosed
	}
	if len(payload) > MaxPayload {
		return fmt.Errorf("%w: %d bytes, at most %d", transport.ErrTooLarge, len(payload), MaxPayload)
	}
	return nil
}

func (n *node) Close() error {
	n.network.leave(n)
	n.inbox.close()
	<-n.done
	return nil
}

func (n *node) receive(handler transport.Handler) {
	defer close(n.done)
	for {
		payload, open := n.inbox.take()
		if !open {
			return
		}
		handler(payload)
		for i := range payload {
			payload[i] = 0xDB
		}
	}
}
