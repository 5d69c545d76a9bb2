package membership

import (
	"errors"
	"fmt"
	"net"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/hashicorp/memberlist"
)

// blade cuts what its node sends.
type blade struct {
	mu  sync.Mutex
	cut map[string]bool // addresses that are out of reach
	hit int             // how much was lost
}

func (b *blade) set(cut bool, others ...*Gossip) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.cut = make(map[string]bool)
	for _, g := range others {
		b.cut[g.Addr()] = cut
	}
}

func (b *blade) reaches(addr string) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.cut[addr] {
		b.hit++
	}
	return !b.cut[addr]
}

func (b *blade) hits() int {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.hit
}

// cutTransport is a network with a blade in it: packets are lost, connections
// refused.
type cutTransport struct {
	*memberlist.NetTransport
	blade *blade
}

var errCut = errors.New("the network is cut")

func (b *blade) wrap(t *memberlist.NetTransport) memberlist.NodeAwareTransport {
	return &cutTransport{NetTransport: t, blade: b}
}

func (t *cutTransport) WriteTo(p []byte, addr string) (time.Time, error) {
	return t.WriteToAddress(p, memberlist.Address{Addr: addr})
}

func (t *cutTransport) WriteToAddress(p []byte, addr memberlist.Address) (time.Time, error) {
	if !t.blade.reaches(addr.Addr) {
		return time.Now(), nil
	}
	return t.NetTransport.WriteToAddress(p, addr)
}

func (t *cutTransport) DialTimeout(addr string, timeout time.Duration) (net.Conn, error) {
	return t.DialAddressTimeout(memberlist.Address{Addr: addr}, timeout)
}

func (t *cutTransport) DialAddressTimeout(addr memberlist.Address, timeout time.Duration) (net.Conn, error) {
	if !t.blade.reaches(addr.Addr) {
		return nil, errCut
	}
	return t.NetTransport.DialAddressTimeout(addr, timeout)
}

// What a node says of itself while nobody hears it is gossiped in vain, and heard
// when the others next exchange all that they know with it.
func TestMetaSetDuringACut(t *testing.T) {
	a, b, c := trio(t)
	var knife blade
	config := fast(t, "d", a)
	config.wrap = knife.wrap
	d := start(t, config)
	for _, g := range []*Gossip{a, b, c, d} {
		sees(t, g, "a b c d")
	}

	knife.set(true, a, b, c)
	if err := d.SetMeta([]byte("changed")); err != nil {
		t.Fatal(err)
	}
	eventually(t, "it is gossiped in vain", func() bool { return knife.hits() > 12 })
	if meta(a, "d") == "changed" {
		t.Error("the cut lets something through")
	}
	knife.set(false)
	eventually(t, "all hear what d says", func() bool {
		return meta(a, "d") == "changed" && meta(b, "d") == "changed" && meta(c, "d") == "changed"
	})
}

// Two sides that hold each other for dead, and no longer gossip to the dead,
// meet again through the peers they remember: the only seed is gone.
func TestSplitHeals(t *testing.T) {
	seed := start(t, fast(t, "seed"))
	var blades [4]blade
	var nodes [4]*Gossip
	for i := range nodes {
		config := fast(t, string(rune('a'+i)), seed)
		config.wrap = blades[i].wrap
		nodes[i] = start(t, config)
	}
	sees(t, seed, "a b c d seed")
	if err := seed.Leave(patience); err != nil {
		t.Fatal(err)
	}
	if err := seed.Close(); err != nil {
		t.Fatal(err)
	}
	for _, g := range nodes {
		sees(t, g, "a b c d")
	}

	for i := range nodes {
		blades[i].set(true, nodes[2-i/2*2:][:2]...)
	}
	for i, g := range nodes {
		sees(t, g, []string{"a b", "c d"}[i/2])
	}
	split := time.Now()
	eventually(t, "nobody gossips to the dead", func() bool {
		return time.Since(split) > 2*gossipToTheDead(nodes[0].config.ProbeInterval)
	})

	for i := range blades {
		blades[i].set(false)
	}
	healed := time.Now()
	for _, g := range nodes {
		sees(t, g, "a b c d")
	}
	t.Logf("healed after %s", time.Since(healed).Round(time.Millisecond))
}

func TestRemembered(t *testing.T) {
	v := newView(Config{}, "")
	now := time.Now()
	v.gone["old"] = now.Add(-rememberFor)
	for i := range maxRemembered + 10 {
		v.gone[fmt.Sprintf("peer %03d", i)] = now.Add(-time.Duration(i) * time.Second)
	}

	seen := make(map[string]int)
	rounds := maxRemembered / maxAtOnce
	for round := range rounds {
		addrs := v.remembered(round)
		if len(addrs) != maxAtOnce {
			t.Fatalf("round %d looks for %d peers, want %d", round, len(addrs), maxAtOnce)
		}
		for _, addr := range addrs {
			seen[addr]++
		}
	}
	if len(seen) != maxRemembered || seen["old"] > 0 || seen["peer 265"] > 0 || seen["peer 000"] != 1 {
		t.Errorf("%d peers were looked for in %d rounds, want each of the %d latest once", len(seen), rounds, maxRemembered)
	}
}

func TestAbsent(t *testing.T) {
	v := newView(Config{}, "")
	v.members["b"] = Member{Name: "b", Addr: "2:2"}
	if got := v.absent([]string{"3:3", "2:2", "1:1", "3:3"}); !slices.Equal(got, []string{"1:1", "3:3"}) {
		t.Errorf("absent: %v", got)
	}
}
