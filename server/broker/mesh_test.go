package broker_test

import (
	"maps"
	"net"
	"slices"
	"testing"
	"time"

	"github.com/atollcache/atoll/server/broker"
	"github.com/atollcache/atoll/transport"
	natstransport "github.com/atollcache/atoll/transport/nats"
	"github.com/nats-io/nats.go"
)

const patience = 20 * time.Second

func start(t *testing.T, config broker.Config) *broker.Broker {
	t.Helper()
	b, err := broker.Start(config)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(b.Stop)
	return b
}

// startMesh starts one server per region. Each must know the ports of all before the first has one, so they are chosen
// here.
func startMesh(t *testing.T, regions ...string) map[string]*broker.Broker {
	t.Helper()
	addrs := make(map[string][]string)
	for _, region := range regions {
		addrs[region] = []string{unused(t)}
	}
	brokers := make(map[string]*broker.Broker)
	for _, region := range regions {
		others := maps.Clone(addrs)
		delete(others, region)
		_, port, _ := net.SplitHostPort(addrs[region][0])
		number, err := net.LookupPort("tcp", port)
		if err != nil {
			t.Fatal(err)
		}
		brokers[region] = start(t, broker.Config{Region: region, Name: "n1", GatewayPort: number, Gateways: others, Peer: testPeer, PingInterval: time.Second})
	}
	return brokers
}

// meshed waits until every region is connected with every other in both directions.
func meshed(t *testing.T, brokers map[string]*broker.Broker) {
	t.Helper()
	for region, b := range brokers {
		others := slices.DeleteFunc(slices.Sorted(maps.Keys(brokers)), func(other string) bool { return other == region })
		eventually(t, region+" to be connected", func() bool {
			status := b.Gateways()
			return slices.Equal(status.Outbound, others) && slices.Equal(status.Inbound, others)
		})
	}
}

// unused returns an address on which nobody listens.
func unused(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().String()
}

func linkConn(t *testing.T, b *broker.Broker) *nats.Conn {
	t.Helper()
	return ended(t, func(options ...nats.Option) (*nats.Conn, error) {
		return b.LinkConn(append(natstransport.Options(natstransport.Events{}), options...)...)
	})
}

func clientConn(t *testing.T, b *broker.Broker) *nats.Conn {
	t.Helper()
	return ended(t, b.ClientConn)
}

func connect(t *testing.T, url string, options ...nats.Option) *nats.Conn {
	t.Helper()
	return ended(t, func(more ...nats.Option) (*nats.Conn, error) { return nats.Connect(url, append(options, more...)...) })
}

// ended closes the connection at the end of the test and waits for its last callback, which is its last goroutine.
func ended(t *testing.T, connect func(...nats.Option) (*nats.Conn, error)) *nats.Conn {
	t.Helper()
	closed := make(chan struct{})
	conn, err := connect(nats.ClosedHandler(func(*nats.Conn) { close(closed) }))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		conn.Close()
		<-closed
	})
	return conn
}

// openTransport opens a transport whose messages go to got, if that is not nil.
func openTransport(t *testing.T, conn *nats.Conn, region, node string, got chan<- string) transport.Transport {
	t.Helper()
	opened, err := natstransport.Open(conn, "shop", transport.Address{Region: region, Node: node}, func(payload []byte) {
		if got != nil {
			got <- string(payload)
		}
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = opened.Close() })
	return opened
}

// arrives sends until the first message arrives: the interest of a new receiver takes a moment to travel.
func arrives(t *testing.T, from transport.Transport, to transport.Address, got <-chan string) {
	t.Helper()
	eventually(t, "a message to "+to.String(), func() bool {
		if err := from.Send(to, []byte("hello")); err != nil {
			t.Fatal(err)
		}
		select {
		case payload := <-got:
			return payload == "hello"
		case <-time.After(5 * time.Millisecond):
			return false
		}
	})
}

func publish(t *testing.T, conn *nats.Conn, subject, payload string) {
	t.Helper()
	if err := conn.Publish(subject, []byte(payload)); err != nil {
		t.Fatal(err)
	}
	flush(t, conn)
}

func flush(t *testing.T, conn *nats.Conn) {
	t.Helper()
	if err := conn.FlushTimeout(patience); err != nil {
		t.Fatal(err)
	}
}

// expect receives exactly these payloads; a flush proves that no other is under way.
func expect(t *testing.T, sub *nats.Subscription, want ...string) {
	t.Helper()
	for _, payload := range want {
		msg, err := sub.NextMsg(patience)
		if err != nil {
			t.Fatalf("waiting for %q: %v", payload, err)
		}
		if string(msg.Data) != payload {
			t.Errorf("received %q, want %q", msg.Data, payload)
		}
	}
	if n, _, err := sub.Pending(); err != nil || n != 0 {
		t.Errorf("%d more messages are waiting, %v", n, err)
	}
}

func eventually(t *testing.T, what string, holds func() bool) {
	t.Helper()
	deadline := time.Now().Add(patience)
	for !holds() {
		if time.Now().After(deadline) {
			t.Fatalf("waited %v in vain for %s", patience, what)
		}
		time.Sleep(time.Millisecond)
	}
}
