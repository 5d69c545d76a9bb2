package memory_test

import (
	"strings"
	"sync"
	"testing"
	"testing/synctest"

	"github.com/atollcache/atoll/transport"
	"github.com/atollcache/atoll/transport/memory"
	"github.com/atollcache/atoll/transport/transporttest"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestLaws(t *testing.T) {
	transporttest.Run(t, func(*testing.T) transporttest.Network {
		network := memory.NewNetwork()
		return transporttest.Network{Open: network.Open, MaxPayload: memory.MaxPayload, Settle: func() {}}
	})
}

// An inbox of a test: the payloads that a node was given, as one string.
type heard struct {
	mu  sync.Mutex
	all strings.Builder
}

func (h *heard) handle(payload []byte) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.all.Write(payload)
}

func (h *heard) String() string {
	synctest.Wait()
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.all.String()
}

// story opens eu/a and us/a on a network inside a synctest bubble.
func story(t *testing.T, tell func(network *memory.Network, eu, us transport.Transport, atEU, atUS *heard)) {
	synctest.Test(t, func(t *testing.T) {
		network := memory.NewNetwork()
		var atEU, atUS heard
		eu, err := network.Open(transport.Address{Region: "eu", Node: "a"}, atEU.handle)
		if err != nil {
			t.Fatal(err)
		}
		us, err := network.Open(transport.Address{Region: "us", Node: "a"}, atUS.handle)
		if err != nil {
			t.Fatal(err)
		}
		tell(network, eu, us, &atEU, &atUS)
		_ = eu.Close()
		_ = us.Close()
	})
}

func send(t *testing.T, from transport.Transport, region, payload string) {
	t.Helper()
	if err := from.Send(transport.Address{Region: region, Node: "a"}, []byte(payload)); err != nil {
		t.Fatal(err)
	}
}

func TestCutIsOneWayAndSilent(t *testing.T) {
	story(t, func(network *memory.Network, eu, us transport.Transport, atEU, atUS *heard) {
		network.Cut("eu", "us")
		send(t, eu, "us", "1")
		if err := eu.Broadcast([]byte("2")); err != nil {
			t.Fatal(err)
		}
		send(t, us, "eu", "3")
		if got := atUS.String(); got != "" {
			t.Errorf("through the cut came %q", got)
		}
		if got := atEU.String(); got != "3" {
			t.Errorf("against the cut came %q, want 3", got)
		}

		network.Heal("eu", "us")
		send(t, eu, "us", "4")
		if got := atUS.String(); got != "4" {
			t.Errorf("after the heal came %q, want 4", got)
		}
	})
}

func TestDropDecidesAboutEachMessage(t *testing.T) {
	story(t, func(network *memory.Network, eu, us transport.Transport, atEU, atUS *heard) {
		network.Drop(func(from, to transport.Address, payload []byte) bool {
			return from.Region == "eu" && to.Region == "us" && payload[0]%2 == 0
		})
		for _, payload := range []string{"1", "2", "3", "4"} {
			send(t, eu, "us", payload)
			send(t, us, "eu", payload)
		}
		if got := atUS.String(); got != "13" {
			t.Errorf("us heard %q, want 13", got)
		}
		if got := atEU.String(); got != "1234" {
			t.Errorf("eu heard %q, want 1234", got)
		}

		network.Drop(nil)
		send(t, eu, "us", "6")
		if got := atUS.String(); got != "136" {
			t.Errorf("us heard %q, want 136", got)
		}
	})
}

func TestInboxIsBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		network := memory.NewNetwork()
		release := make(chan struct{})
		received := 0
		slow, err := network.Open(transport.Address{Region: "us", Node: "a"}, func([]byte) {
			<-release
			received++
		})
		if err != nil {
			t.Fatal(err)
		}
		fast, err := network.Open(transport.Address{Region: "eu", Node: "a"}, func([]byte) {})
		if err != nil {
			t.Fatal(err)
		}

		payload := strings.Repeat("x", memory.MaxPayload)
		for range 20 {
			send(t, fast, "us", payload)
		}
		close(release)
		synctest.Wait()
		if received < 8 || received > 9 {
			t.Errorf("%d messages of 8 MiB got through an inbox of 64 MiB, want 8 and at most one being handled", received)
		}
		_ = slow.Close()
		_ = fast.Close()
	})
}

func TestAddressIsTakenOnceAndFreedByClose(t *testing.T) {
	network := memory.NewNetwork()
	self := transport.Address{Region: "eu", Node: "a"}
	first, err := network.Open(self, func([]byte) {})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := network.Open(self, func([]byte) {}); err == nil || !strings.Contains(err.Error(), "eu/a is in use") {
		t.Errorf("opening an address twice gave %v", err)
	}
	_ = first.Close()
	second, err := network.Open(self, func([]byte) {})
	if err != nil {
		t.Fatalf("the address is not free after Close: %v", err)
	}
	_ = second.Close()
}

func TestPayloadIsScribbledOverAfterTheHandler(t *testing.T) {
	story(t, func(network *memory.Network, eu, _ transport.Transport, _, _ *heard) {
		var kept []byte
		b, err := network.Open(transport.Address{Region: "eu", Node: "b"}, func(payload []byte) { kept = payload })
		if err != nil {
			t.Fatal(err)
		}
		if err := eu.Send(transport.Address{Region: "eu", Node: "b"}, []byte("keep")); err != nil {
			t.Fatal(err)
		}
		_ = b.Close()
		synctest.Wait()
		if string(kept) == "keep" {
			t.Error("a payload that a handler kept is still readable")
		}
	})
}
