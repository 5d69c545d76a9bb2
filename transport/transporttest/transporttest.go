// Package transporttest holds an implementation of [transport.Transport] to the laws that the interface states.
//
//	func TestLaws(t *testing.T) {
//		transporttest.Run(t, func(t *testing.T) transporttest.Network { … })
//	}
//
// Law 3, silent loss, is a permission and has no test; what an implementation does when its network is cut is tested
// beside it.
package transporttest

import (
	"bytes"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/atollcache/atoll/transport"
)

// A Network is a fresh place where transports of one cluster can be opened. It ends with the test it was made for.
type Network struct {
	Open       func(self transport.Address, handler transport.Handler) (transport.Transport, error)
	MaxPayload int // bytes

	// Settle waits until all transports that are open know of each other.
	Settle func()
}

// Three nodes in two regions.
var (
	euA = transport.Address{Region: "eu", Node: "a"}
	euB = transport.Address{Region: "eu", Node: "b"}
	usA = transport.Address{Region: "us", Node: "a"}
)

// patience limits every wait for something that must happen.
const patience = 10 * time.Second

// Run tests every law, each on a network of its own.
func Run(t *testing.T, newNetwork func(t *testing.T) Network) {
	for _, law := range []struct {
		name string
		test func(*testing.T, Network)
	}{
		{"1 a message reaches the addressed node only", addressing},
		{"1 a broadcast reaches all others and not its sender", broadcasting},
		{"2+4 order, integrity and no duplicates among many senders", orderAndIntegrity},
		{"4 every size arrives unchanged", sizes},
		{"5 a dead peer delays nobody", deadPeer},
		{"5 a stuck peer delays nobody", stuckPeer},
		{"6 the payload is the caller's again after Send", noRetention},
		{"7 one call of the handler at a time", oneAtATime},
		{"8 silence after Close", silenceAfterClose},
		{"8 Close waits for the handler", closeWaits},
		{"8 a closed transport refuses to send", closedRefuses},
		{"9 too large is an error", tooLarge},
		{"10 sending to oneself is an error", selfRefused},
		{"the handler may send", handlerMaySend},
		{"names that are no subject tokens are refused", badNames},
	} {
		t.Run(law.name, func(t *testing.T) { law.test(t, newNetwork(t)) })
	}
}

func addressing(t *testing.T, network Network) {
	var atA, atB, atUS recorder
	sender := open(t, network, euA, atA.handle)
	open(t, network, euB, atB.handle)
	open(t, network, usA, atUS.handle)
	network.Settle()

	must(t, sender.Send(usA, []byte("to us")))
	must(t, sender.Send(euB, []byte("to b")))
	eventually(t, "both messages", func() bool { return atB.count() == 1 && atUS.count() == 1 })

	// What was sent before the broadcasts would have arrived at the wrong node before them in any transport that has
	// one stream per receiver; and in others soon after.
	must(t, sender.Broadcast([]byte("end")))
	eventually(t, "the broadcast", func() bool { return atB.count() == 2 && atUS.count() == 2 })
	atB.expect(t, "to b", "end")
	atUS.expect(t, "to us", "end")
	atA.expect(t)
}

func broadcasting(t *testing.T, network Network) {
	var atA, atB, atUS recorder
	a := open(t, network, euA, atA.handle)
	b := open(t, network, euB, atB.handle)
	open(t, network, usA, atUS.handle)
	network.Settle()

	must(t, a.Broadcast([]byte("one")))
	must(t, a.Broadcast([]byte("two")))
	eventually(t, "the broadcasts", func() bool { return atB.count() == 2 && atUS.count() == 2 })
	atB.expect(t, "one", "two")
	atUS.expect(t, "one", "two")

	// b's broadcast comes to a after anything that a could have heard of itself.
	must(t, b.Broadcast([]byte("three")))
	eventually(t, "b's broadcast", func() bool { return atA.count() == 1 })
	atA.expect(t, "three")
}

// orderAndIntegrity lets two nodes send to a third, alternating sends and broadcasts. Each message carries its sender,
// kind, number and a checksum; a receiver that sees a number twice, late or damaged says so.
func orderAndIntegrity(t *testing.T, network Network) {
	const messages = 2000

	var lastSeen sync.Map // stream byte to the last number
	var received atomic.Int64
	target := open(t, network, usA, func(payload []byte) {
		stream, number, intact := decode(payload)
		if !intact {
			t.Errorf("a message of %d bytes arrived damaged", len(payload))
			return
		}
		previous, seen := lastSeen.Swap(stream, number)
		if seen && number <= previous.(uint32) {
			t.Errorf("stream %q: %d arrived after %d", stream, number, previous)
		}
		received.Add(1)
	})
	a := open(t, network, euA, func([]byte) {})
	b := open(t, network, euB, func([]byte) {})
	network.Settle()

	var senders sync.WaitGroup
	for i, sender := range []transport.Transport{a, b} {
		senders.Go(func() {
			random := rand.New(rand.NewPCG(1, uint64(i)))
			for number := range uint32(messages) {
				if err := sender.Send(usA, encode(random, 'a'+byte(i), number)); err != nil {
					t.Errorf("send: %v", err)
				}
				if err := sender.Broadcast(encode(random, 'A'+byte(i), number)); err != nil {
					t.Errorf("broadcast: %v", err)
				}
			}
		})
	}
	senders.Wait()
	eventually(t, "all messages", func() bool { return received.Load() == 4*messages })
	must(t, target.Close())
}

func sizes(t *testing.T, network Network) {
	var at recorder
	open(t, network, euB, at.handle)
	sender := open(t, network, euA, func([]byte) {})
	network.Settle()

	random := rand.New(rand.NewPCG(2, 2))
	for _, size := range []int{0, 1, 2, 3, 1023, 4096, 65535, 65536, 1 << 20, network.MaxPayload} {
		at.reset()
		payload := make([]byte, min(size, network.MaxPayload))
		for i := range payload {
			payload[i] = byte(random.Uint32())
		}
		must(t, sender.Send(euB, payload))
		eventually(t, fmt.Sprintf("the message of %d bytes", len(payload)), func() bool { return at.count() == 1 })
		at.expect(t, string(payload))
	}
}

func deadPeer(t *testing.T, network Network) {
	var at recorder
	open(t, network, euB, at.handle)
	gone := open(t, network, usA, func([]byte) {})
	sender := open(t, network, euA, func([]byte) {})
	network.Settle()
	must(t, gone.Close())

	promptly(t, "5,000 sends to peers that are gone or never were", func() {
		payload := make([]byte, 4096)
		for range 2500 {
			must(t, sender.Send(usA, payload))
			must(t, sender.Send(transport.Address{Region: "nowhere", Node: "nobody"}, payload))
		}
	})
	must(t, sender.Send(euB, []byte("still here")))
	eventually(t, "a message to the living", func() bool { return at.count() == 1 })
}

func stuckPeer(t *testing.T, network Network) {
	stay := make(chan struct{})
	release := sync.OnceFunc(func() { close(stay) })
	defer release()
	var at recorder
	stuck := open(t, network, usA, func([]byte) { <-stay })
	open(t, network, euB, at.handle)
	sender := open(t, network, euA, func([]byte) {})
	network.Settle()

	promptly(t, "2,000 sends to a peer whose handler does not return", func() {
		payload := make([]byte, 4096)
		for range 1000 {
			must(t, sender.Send(usA, payload))
			must(t, sender.Broadcast(payload))
		}
	})
	must(t, sender.Send(euB, []byte("end")))
	eventually(t, "a message to a free peer", func() bool { return at.has("end") })
	release()
	must(t, stuck.Close())
}

func noRetention(t *testing.T, network Network) {
	const messages = 500
	var at recorder
	open(t, network, euB, at.handle)
	sender := open(t, network, euA, func([]byte) {})
	network.Settle()

	payload := make([]byte, 100)
	var want []string
	for i := range messages {
		fill(payload, byte(i))
		want = append(want, string(payload))
		must(t, sender.Send(euB, payload))
		fill(payload, 0xEE)
	}
	eventually(t, "all messages", func() bool { return at.count() == messages })
	at.expect(t, want...)
}

func oneAtATime(t *testing.T, network Network) {
	const messages = 300
	var running, received atomic.Int32
	open(t, network, usA, func([]byte) {
		if running.Add(1) > 1 {
			t.Error("the handler is called while it runs")
		}
		received.Add(1)
		running.Add(-1)
	})
	a := open(t, network, euA, func([]byte) {})
	b := open(t, network, euB, func([]byte) {})
	network.Settle()

	var senders sync.WaitGroup
	for _, sender := range []transport.Transport{a, b} {
		for range 2 {
			senders.Go(func() {
				for range messages {
					_ = sender.Send(usA, []byte("x"))
					_ = sender.Broadcast([]byte("y"))
				}
			})
		}
	}
	senders.Wait()
	eventually(t, "all messages", func() bool { return received.Load() == 2*4*messages })
}

func silenceAfterClose(t *testing.T, network Network) {
	sender := open(t, network, euA, func([]byte) {})
	stop := make(chan struct{})
	var traffic sync.WaitGroup
	traffic.Go(func() {
		for {
			select {
			case <-stop:
				return
			default:
				_ = sender.Send(usA, []byte("x"))
				_ = sender.Broadcast([]byte("y"))
			}
		}
	})
	defer traffic.Wait()
	defer close(stop)

	for range 20 {
		var closed atomic.Bool
		var received atomic.Int32
		receiver := open(t, network, usA, func([]byte) {
			received.Add(1)
			if closed.Load() {
				t.Error("the handler is called after Close")
			}
		})
		eventually(t, "the first message", func() bool { return received.Load() > 0 })
		must(t, receiver.Close())
		closed.Store(true)
		must(t, receiver.Close())
	}
}

func closeWaits(t *testing.T, network Network) {
	entered, stay := make(chan struct{}), make(chan struct{})
	release := sync.OnceFunc(func() { close(stay) })
	defer release()
	var returned atomic.Bool
	var first sync.Once
	receiver := open(t, network, usA, func([]byte) {
		first.Do(func() {
			close(entered)
			<-stay
			returned.Store(true)
		})
	})
	sender := open(t, network, euA, func([]byte) {})
	network.Settle()
	must(t, sender.Send(usA, []byte("x")))
	<-entered

	done := make(chan struct{})
	go func() {
		defer close(done)
		_ = receiver.Close()
		if !returned.Load() {
			t.Error("Close returned while the handler was running")
		}
	}()
	eventually(t, "Send to notice Close", func() bool { return errors.Is(receiver.Send(euA, nil), transport.ErrClosed) })
	release()
	<-done
}

func closedRefuses(t *testing.T, network Network) {
	closed := open(t, network, euA, func([]byte) {})
	must(t, closed.Close())
	must(t, closed.Close())
	if err := closed.Send(euB, []byte("x")); !errors.Is(err, transport.ErrClosed) {
		t.Errorf("Send after Close gave %v, want ErrClosed", err)
	}
	if err := closed.Broadcast([]byte("x")); !errors.Is(err, transport.ErrClosed) {
		t.Errorf("Broadcast after Close gave %v, want ErrClosed", err)
	}
}

func tooLarge(t *testing.T, network Network) {
	var at recorder
	open(t, network, euB, at.handle)
	sender := open(t, network, euA, func([]byte) {})
	network.Settle()

	payload := make([]byte, network.MaxPayload+1)
	if err := sender.Send(euB, payload); !errors.Is(err, transport.ErrTooLarge) {
		t.Errorf("Send gave %v, want ErrTooLarge", err)
	}
	if err := sender.Broadcast(payload); !errors.Is(err, transport.ErrTooLarge) {
		t.Errorf("Broadcast gave %v, want ErrTooLarge", err)
	}
	must(t, sender.Send(euB, []byte("small")))
	eventually(t, "the next message", func() bool { return at.count() == 1 })
	at.expect(t, "small")
}

func selfRefused(t *testing.T, network Network) {
	if err := open(t, network, euA, func([]byte) {}).Send(euA, []byte("x")); err == nil {
		t.Error("sending to oneself gave no error")
	}
}

func handlerMaySend(t *testing.T, network Network) {
	var at recorder
	var echo atomic.Pointer[transport.Transport]
	answering := open(t, network, euB, func(payload []byte) {
		_ = (*echo.Load()).Send(euA, bytes.ToUpper(payload))
	})
	echo.Store(&answering)
	asking := open(t, network, euA, at.handle)
	network.Settle()

	must(t, asking.Send(euB, []byte("hello")))
	eventually(t, "the answer", func() bool { return at.count() == 1 })
	at.expect(t, "HELLO")
}

func badNames(t *testing.T, network Network) {
	for _, address := range []transport.Address{{}, {Region: "eu"}, {Region: "e.u", Node: "a"}, {Region: "eu", Node: ">"}, {Region: "eu", Node: "a b"}} {
		if opened, err := network.Open(address, func([]byte) {}); err == nil {
			t.Errorf("Open(%+v) gave no error", address)
			_ = opened.Close()
		}
	}
}
