// Package transport carries messages between the nodes of a cluster and knows nothing of what is in them.
//
// An implementation is opened with the address of its node and a [Handler], and hands back a [Transport]:
//
//	network := memory.NewNetwork()
//	t, err := network.Open(transport.Address{Region: "eu", Node: "n1"}, func(payload []byte) { … })
//	…
//	err = t.Send(transport.Address{Region: "us", Node: "n1"}, payload)
//
// There are two implementations: [github.com/atollcache/atoll/transport/nats] for production and
// [github.com/atollcache/atoll/transport/memory] for tests. Both obey the laws below, and
// [github.com/atollcache/atoll/transport/transporttest] holds them to it.
//
// A transport does not acknowledge, retry, batch, compress or authenticate: the links above it number what they
// send, notice gaps and close them. It does not say who is alive either.
package transport

import (
	"errors"
	"fmt"
)

var (
	// ErrClosed is returned by Send and Broadcast once Close has been called.
	ErrClosed = errors.New("the transport is closed")

	// ErrTooLarge is returned by Send and Broadcast for a payload that the transport cannot carry in one message;
	// the sender splits it.
	ErrTooLarge = errors.New("the payload is larger than the transport can carry")
)

// A Transport sends messages from one node to the others. Its methods may be called by several goroutines, and by the
// handler, except for Close.
//
// These laws hold for every implementation:
//
//  1. Addressing: a message that is sent reaches the addressed node or nobody; a broadcast reaches every other node of
//     the cluster, in every region, or only some of them, and never its sender.
//  2. Order: while the sender stays connected, what one node sends to another arrives in the order of sending, and so
//     do its broadcasts. Between a Send and a Broadcast there is no order.
//  3. Silent loss: a message may be lost although Send returned nil, one alone or all of an hour. An error from Send
//     means that the message was not sent.
//  4. Integrity: what arrives was sent, is unchanged, and arrives at most once per receiver.
//  5. No waiting for peers: Send and Broadcast return promptly, whether the receiver is dead, unreachable or slow.
//  6. No retention: the payload belongs to the caller again as soon as Send or Broadcast returns.
//  7. One at a time: the handler is never called by two goroutines at once.
//  8. Silence after Close: when Close has returned, the handler is not running and is never called again, and Send and
//     Broadcast return ErrClosed. Closing twice does nothing.
//  9. Limit: a payload that is too large is refused with ErrTooLarge, not cut and not lost silently.
//  10. Self: sending to the own address is an error, as nothing that a node has to tell itself travels by transport.
type Transport interface {
	// Send gives the payload to the node at address to.
	Send(to Address, payload []byte) error

	// Broadcast gives the payload to every other node of the cluster, in the other regions too.
	Broadcast(payload []byte) error

	// Close stops receiving and sending, and waits for a handler that is running; the handler must not call it.
	Close() error
}

// A Handler receives the messages for one node. The payload is valid only during the call, and while the call lasts no
// other message is delivered, so a handler that has much to do hands a copy over.
type Handler func(payload []byte)

// An Address is the place of one node: unique in a cluster as long as names of nodes are unique in their region.
type Address struct {
	Region string
	Node   string
}

// String returns the address as region/node.
func (a Address) String() string { return a.Region + "/" + a.Node }

// Validate reports whether both parts of the address are names, as told by [ValidateName].
func (a Address) Validate() error {
	if err := ValidateName("region", a.Region); err != nil {
		return err
	}
	return ValidateName("node", a.Node)
}

// maxNameLength keeps subjects that are built of three names far below the limits of NATS.
const maxNameLength = 64

// ValidateName reports whether a name can be one token of a NATS subject: 1 to 64 letters, digits, hyphens and
// underscores. The error says what is named, as in `region "eu.west"`.
func ValidateName(what, name string) error {
	if name == "" {
		return fmt.Errorf("the name of the %s is empty", what)
	}
	if len(name) > maxNameLength {
		return fmt.Errorf("%s %q is longer than %d bytes", what, name, maxNameLength)
	}
	for _, r := range name {
		if !nameRune(r) {
			return fmt.Errorf("%s %q contains %q; use letters, digits, - and _ only", what, name, r)
		}
	}
	return nil
}

func nameRune(r rune) bool {
	return 'a' <= r && r <= 'z' || 'A' <= r && r <= 'Z' || '0' <= r && r <= '9' || r == '-' || r == '_'
}
