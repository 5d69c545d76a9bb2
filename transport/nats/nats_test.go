package natstransport_test

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/atollcache/atoll/transport"
	natstransport "github.com/atollcache/atoll/transport/nats"
	"github.com/atollcache/atoll/transport/transporttest"
	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const maxPayload = 2 << 20

var (
	euA = transport.Address{Region: "eu", Node: "a"}
	usA = transport.Address{Region: "us", Node: "a"}
)

func TestLaws(t *testing.T) {
	transporttest.Run(t, func(t *testing.T) transporttest.Network {
		url := start(t, nil).ClientURL()
		return transporttest.Network{
			Open: func(self transport.Address, handler transport.Handler) (transport.Transport, error) {
				return natstransport.Open(connect(t, url, natstransport.Events{}), "test", self, handler)
			},
			MaxPayload: maxPayload,
			Settle:     func() {},
		}
	})
}

func TestClustersDoNotHearEachOther(t *testing.T) {
	url := start(t, nil).ClientURL()
	heard := make(chan string, 10)
	open(t, connect(t, url, natstransport.Events{}), "other", usA, func(payload []byte) { heard <- "other: " + string(payload) })
	open(t, connect(t, url, natstransport.Events{}), "one", usA, func(payload []byte) { heard <- "one: " + string(payload) })
	sender := open(t, connect(t, url, natstransport.Events{}), "one", euA, func([]byte) {})

	if err := errors.Join(sender.Send(usA, []byte("hello")), sender.Broadcast([]byte("all"))); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if got := <-heard; !strings.HasPrefix(got, "one: ") {
			t.Errorf("heard %q", got)
		}
	}
}

// A server that goes away and comes back is a gap: sends fail while it is away instead of filling a buffer, both ends
// are told, and traffic goes on without anybody opening anything again.
func TestServerRestartIsAToldGap(t *testing.T) {
	first := start(t, nil)
	port := first.Addr().String()[strings.LastIndex(first.Addr().String(), ":")+1:]

	var disconnected, reconnected, received atomic.Int32
	events := natstransport.Events{
		Disconnected: func(error) { disconnected.Add(1) },
		Reconnected:  func() { reconnected.Add(1) },
	}
	open(t, connect(t, first.ClientURL(), events), "test", usA, func([]byte) { received.Add(1) })
	sender := open(t, connect(t, first.ClientURL(), events), "test", euA, func([]byte) {})

	first.Shutdown()
	first.WaitForShutdown()
	eventually(t, "both to notice", func() bool { return disconnected.Load() == 2 })
	if err := sender.Send(usA, []byte("lost")); err == nil || !strings.Contains(err.Error(), "not connected to NATS") {
		t.Errorf("a send without a server gave %v", err)
	}

	start(t, func(options *server.Options) { _, _ = fmt.Sscan(port, &options.Port) })
	eventually(t, "both to come back", func() bool { return reconnected.Load() == 2 })
	eventually(t, "traffic to go on", func() bool {
		return sender.Send(usA, []byte("again")) == nil && received.Load() > 0
	})
}

func TestForbiddenSubjectsAreAnError(t *testing.T) {
	forbid := func(options *server.Options) {
		options.Users = []*server.User{{Username: "u", Password: "p", Permissions: &server.Permissions{
			Publish:   &server.SubjectPermission{Deny: []string{"atoll.*.link.>"}},
			Subscribe: &server.SubjectPermission{Deny: []string{"atoll.denied.link.>"}},
		}}}
	}
	url := strings.Replace(start(t, forbid).ClientURL(), "nats://", "nats://u:p@", 1)

	refused := make(chan error, 10)
	conn := connect(t, url, natstransport.Events{Refused: func(err error) { refused <- err }})
	if _, err := natstransport.Open(conn, "denied", euA, func([]byte) {}); !errors.Is(err, nats.ErrPermissionViolation) {
		t.Errorf("Open gave %v, want a permission violation", err)
	}
	<-refused

	sender := open(t, conn, "allowed", euA, func([]byte) {})
	if err := sender.Send(usA, []byte("x")); err != nil {
		t.Fatal(err)
	}
	if err := <-refused; !strings.Contains(strings.ToLower(err.Error()), "atoll.allowed.link.us.a") {
		t.Errorf("the refusal %q does not name the subject", err)
	}
}

func TestBadNamesOfClustersAreRefused(t *testing.T) {
	conn := connect(t, start(t, nil).ClientURL(), natstransport.Events{})
	if _, err := natstransport.Open(conn, "my.shop", euA, func([]byte) {}); err == nil || !strings.Contains(err.Error(), `cluster "my.shop"`) {
		t.Errorf("Open gave %v", err)
	}
	sender := open(t, conn, "test", euA, func([]byte) {})
	if err := sender.Send(transport.Address{Region: "*", Node: "a"}, nil); err == nil {
		t.Error("sending to a wildcard gave no error")
	}
}

func TestOptionsAreWhatLinksNeed(t *testing.T) {
	var options nats.Options
	for _, option := range natstransport.Options(natstransport.Events{}) {
		if err := option(&options); err != nil {
			t.Fatal(err)
		}
	}
	if options.MaxReconnect != -1 || options.ReconnectBufSize != -1 || options.ReconnectWait != 250*time.Millisecond || options.PingInterval != 5*time.Second {
		t.Errorf("the options are %+v", options)
	}
}

func start(t *testing.T, change func(*server.Options)) *server.Server {
	t.Helper()
	options := &server.Options{Host: "127.0.0.1", Port: -1, NoSigs: true, NoLog: true, MaxPayload: maxPayload}
	if change != nil {
		change(options)
	}
	s, err := server.NewServer(options)
	if err != nil {
		t.Fatal(err)
	}
	s.Start()
	if !s.ReadyForConnections(10 * time.Second) {
		t.Fatal("the server does not start")
	}
	t.Cleanup(func() {
		s.Shutdown()
		s.WaitForShutdown()
	})
	return s
}

// connect closes the connection at the end of the test, and waits for its last callback, which is its last goroutine.
func connect(t *testing.T, url string, events natstransport.Events) *nats.Conn {
	t.Helper()
	closed := make(chan struct{})
	conn, err := nats.Connect(url, append(natstransport.Options(events), nats.ClosedHandler(func(*nats.Conn) { close(closed) }))...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		conn.Close()
		<-closed
	})
	return conn
}

func open(t *testing.T, conn *nats.Conn, cluster string, self transport.Address, handler transport.Handler) transport.Transport {
	t.Helper()
	opened, err := natstransport.Open(conn, cluster, self, handler)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = opened.Close() })
	return opened
}

func eventually(t *testing.T, what string, holds func() bool) {
	t.Helper()
	deadline := time.Now().Add(10 * time.Second)
	for !holds() {
		if time.Now().After(deadline) {
			t.Fatalf("waited in vain for %s", what)
		}
		time.Sleep(time.Millisecond)
	}
}

func TestErrorsReachTheEventTheyMean(t *testing.T) {
	var heard []string
	record := func(event string) func(error) {
		return func(err error) { heard = append(heard, event+": "+err.Error()) }
	}
	var options nats.Options
	for _, option := range natstransport.Options(natstransport.Events{Lost: record("lost"), Refused: record("refused"), Failed: record("failed")}) {
		if err := option(&options); err != nil {
			t.Fatal(err)
		}
	}
	options.AsyncErrorCB(nil, &nats.Subscription{Subject: "s"}, nats.ErrSlowConsumer)
	options.AsyncErrorCB(nil, nil, nats.ErrPermissionViolation)
	options.AsyncErrorCB(nil, nil, errors.New("other"))

	want := []string{"lost: subscription to s: " + nats.ErrSlowConsumer.Error(), "refused: " + nats.ErrPermissionViolation.Error(), "failed: other"}
	if !slices.Equal(heard, want) {
		t.Errorf("heard %q, want %q", heard, want)
	}
}
