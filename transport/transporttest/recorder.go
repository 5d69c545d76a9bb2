package transporttest

import (
	"encoding/binary"
	"hash/crc32"
	"math/rand/v2"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/atollcache/atoll/transport"
)

// encode makes a message of random length that carries the stream it belongs to, its number there and a checksum.
func encode(random *rand.Rand, stream byte, number uint32) []byte {
	payload := make([]byte, 9+random.IntN(300))
	payload[0] = stream
	binary.BigEndian.PutUint32(payload[1:], number)
	for i := 9; i < len(payload); i++ {
		payload[i] = byte(random.Uint32())
	}
	binary.BigEndian.PutUint32(payload[5:], checksum(payload))
	return payload
}

func decode(payload []byte) (stream byte, number uint32, intact bool) {
	if len(payload) < 9 {
		return 0, 0, false
	}
	return payload[0], binary.BigEndian.Uint32(payload[1:]), binary.BigEndian.Uint32(payload[5:]) == checksum(payload)
}

func checksum(payload []byte) uint32 {
	return crc32.Update(crc32.ChecksumIEEE(payload[:5]), crc32.IEEETable, payload[9:])
}

func fill(payload []byte, value byte) {
	for i := range payload {
		payload[i] = value
	}
}

// A recorder keeps copies of what a handler was given.
type recorder struct {
	mu       sync.Mutex
	payloads []string
}

func (r *recorder) handle(payload []byte) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.payloads = append(r.payloads, string(payload))
}

func (r *recorder) count() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return len(r.payloads)
}

func (r *recorder) has(payload string) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.Contains(r.payloads, payload)
}

func (r *recorder) reset() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.payloads = nil
}

// expect compares as multisets, since between a send and a broadcast there is no order.
func (r *recorder) expect(t *testing.T, want ...string) {
	t.Helper()
	r.mu.Lock()
	got := slices.Sorted(slices.Values(r.payloads))
	r.mu.Unlock()
	slices.Sort(want)
	if !slices.Equal(got, want) {
		t.Errorf("received %.200q, want %.200q", got, want)
	}
}

func open(t *testing.T, network Network, self transport.Address, handler transport.Handler) transport.Transport {
	t.Helper()
	opened, err := network.Open(self, handler)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = opened.Close() })
	return opened
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// promptly fails when something that must not wait takes long.
func promptly(t *testing.T, what string, do func()) {
	t.Helper()
	start := time.Now()
	do()
	if took := time.Since(start); took > patience/2 {
		t.Errorf("%s took %v", what, took)
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
