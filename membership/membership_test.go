package membership

import (
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// patience is how long a test waits for what should take a second.
const patience = 20 * time.Second

func eventually(t *testing.T, what string, condition func() bool) {
	t.Helper()
	deadline := time.Now().Add(patience)
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for !condition() {
		if time.Now().After(deadline) {
			t.Fatalf("not within %s: %s", patience, what)
		}
		<-tick.C
	}
}

// transcript is the log of a test, until the test ends: memberlist may finish
// what it is at after it was shut down, and complain.
type transcript struct {
	mu  sync.Mutex
	out io.Writer
}

func newTranscript(t *testing.T) *transcript {
	s := &transcript{out: t.Output()}
	t.Cleanup(func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		s.out = io.Discard
	})
	return s
}

func (s *transcript) Write(line []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.out.Write(line)
}

// fast returns a configuration that notices a death in about 0.6 s.
func fast(t *testing.T, name string, seeds ...*Gossip) Config {
	c := Config{
		Cluster: "shop", Region: "eu", Name: name,
		Meta:           []byte("boot 1 of " + name),
		Logger:         slog.New(slog.NewTextHandler(newTranscript(t), nil)),
		ProbeInterval:  100 * time.Millisecond,
		RejoinInterval: 200 * time.Millisecond,
	}
	for _, s := range seeds {
		c.Seeds = append(c.Seeds, s.Addr())
	}
	return c
}

func start(t *testing.T, c Config) *Gossip {
	t.Helper()
	g, err := Start(c)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := g.Close(); err != nil {
			t.Error(err)
		}
	})
	return g
}

// names lists the members as g sees them.
func names(g *Gossip) string {
	var all []string
	for _, m := range g.Members() {
		all = append(all, m.Name)
	}
	return strings.Join(all, " ")
}

func sees(t *testing.T, g *Gossip, want string) {
	t.Helper()
	eventually(t, fmt.Sprintf("%s sees %q", g.config.Name, want), func() bool { return names(g) == want })
}

func meta(g *Gossip, name string) string {
	for _, m := range g.Members() {
		if m.Name == name {
			return string(m.Meta)
		}
	}
	return ""
}

func port(t *testing.T, g *Gossip) int {
	t.Helper()
	addr, err := net.ResolveTCPAddr("tcp", g.Addr())
	if err != nil {
		t.Fatal(err)
	}
	return addr.Port
}

// trio starts three nodes that see each other.
func trio(t *testing.T) (a, b, c *Gossip) {
	t.Helper()
	a = start(t, fast(t, "a"))
	b = start(t, fast(t, "b", a))
	c = start(t, fast(t, "c", a))
	for _, g := range []*Gossip{a, b, c} {
		sees(t, g, "a b c")
	}
	return a, b, c
}

func TestJoinAndLeave(t *testing.T) {
	a, b, c := trio(t)
	if got := meta(b, "c"); got != "boot 1 of c" {
		t.Errorf("b sees %q in the meta of c", got)
	}

	begin := time.Now()
	if err := c.Leave(patience); err != nil {
		t.Fatal(err)
	}
	sees(t, a, "a b")
	sees(t, b, "a b")
	t.Logf("a leave is seen after %s", time.Since(begin).Round(time.Millisecond))
	if err := c.SetMeta(nil); !errors.Is(err, ErrClosed) {
		t.Errorf("SetMeta after Leave: %v, want ErrClosed", err)
	}
}

func TestDeathIsNoticed(t *testing.T) {
	a, b, c := trio(t)
	begin := time.Now()
	if err := c.Close(); err != nil {
		t.Fatal(err)
	}
	sees(t, a, "a b")
	sees(t, b, "a b")
	t.Logf("a death is seen after %s", time.Since(begin).Round(time.Millisecond))
}

func TestSetMeta(t *testing.T) {
	a, b, _ := trio(t)
	for i := range 20 {
		if err := a.SetMeta(fmt.Append(nil, "change ", i)); err != nil {
			t.Fatal(err)
		}
	}
	eventually(t, "b sees the last meta of a", func() bool { return meta(b, "a") == "change 19" })

	if err := a.SetMeta(make([]byte, MaxMeta)); err != nil {
		t.Errorf("meta of the greatest length: %v", err)
	}
	if err := a.SetMeta(make([]byte, MaxMeta+1)); !errors.Is(err, ErrMetaTooLong) {
		t.Errorf("meta too long: %v", err)
	}
}

// A restart that is faster than the suspicion shows as a change of Meta.
func TestRestartIsSeen(t *testing.T) {
	a, _, c := trio(t)
	if err := c.Close(); err != nil {
		t.Fatal(err)
	}

	again := fast(t, "c", a)
	again.Meta = []byte("boot 2 of c")
	again.BindPort = port(t, c)
	start(t, again)
	eventually(t, "a sees the second boot of c", func() bool { return meta(a, "c") == "boot 2 of c" })
}

func TestOnChange(t *testing.T) {
	var mu sync.Mutex
	var calls [][]Member
	config := fast(t, "a")
	config.OnChange = func(members []Member) {
		mu.Lock()
		defer mu.Unlock()
		calls = append(calls, members)
		members[0].Meta[0] = 'X' // ours to change
	}
	seen := func() (list string) {
		mu.Lock()
		defer mu.Unlock()
		if len(calls) == 0 {
			return ""
		}
		for _, m := range calls[len(calls)-1] {
			list += m.Name + " "
		}
		return list
	}

	a := start(t, config)
	eventually(t, "the first call", func() bool { return seen() == "a " })
	b := start(t, fast(t, "b", a))
	eventually(t, "b joins", func() bool { return seen() == "a b " })
	if err := b.Leave(patience); err != nil {
		t.Fatal(err)
	}
	eventually(t, "b leaves", func() bool { return seen() == "a " })
	if got := meta(a, "a"); got != "boot 1 of a" {
		t.Errorf("the callee changed what others see: %q", got)
	}

	mu.Lock()
	defer mu.Unlock()
	for i := 1; i < len(calls); i++ {
		if slices.EqualFunc(calls[i-1], calls[i], Member.equal) {
			t.Errorf("calls %d and %d are equal: %v", i-1, i, calls[i])
		}
	}
}

func TestNameTaken(t *testing.T) {
	a, b, _ := trio(t)
	g, err := Start(fast(t, "b", a))
	if !errors.Is(err, ErrNameTaken) || !strings.Contains(err.Error(), b.Addr()) {
		t.Fatalf("a second b: %v, %v; want ErrNameTaken with %s", g, err, b.Addr())
	}
	if _, err := Start(fast(t, "b", b)); !errors.Is(err, ErrNameTaken) {
		t.Fatalf("a second b that asks the first: %v, want ErrNameTaken", err)
	}

	// Nobody took the newcomer for b, or missed b.
	other := start(t, fast(t, "d", a))
	sees(t, other, "a b c d")
	for _, m := range a.Members() {
		if m.Name == "b" && m.Addr != b.Addr() {
			t.Errorf("b is now at %s", m.Addr)
		}
	}
}

// A name is free again when its node has been missed, also at another address.
func TestNameOfTheDead(t *testing.T) {
	a, _, c := trio(t)
	if err := c.Close(); err != nil {
		t.Fatal(err)
	}
	sees(t, a, "a b")
	start(t, fast(t, "c", a))
	sees(t, a, "a b c")
}

func TestPortTaken(t *testing.T) {
	a := start(t, fast(t, "a"))
	config := fast(t, "b")
	config.BindPort = port(t, a)
	if _, err := Start(config); err == nil || !strings.Contains(err.Error(), a.Addr()) {
		t.Errorf("port taken: %v, want an error that names %s", err, a.Addr())
	}
}

// A node that finds no seed starts alone, and joins when the seed comes up.
func TestSeedComesLate(t *testing.T) {
	a := start(t, fast(t, "a"))
	if err := a.Close(); err != nil {
		t.Fatal(err)
	}
	b := start(t, fast(t, "b", a))
	sees(t, b, "b")

	late := fast(t, "a")
	late.BindPort = port(t, a)
	start(t, late)
	sees(t, b, "a b")
}

func TestStrangersAreRefused(t *testing.T) {
	key := []byte("0123456789abcdef")
	config := fast(t, "a")
	config.Key = key
	a := start(t, config)

	var strangers []*Gossip
	for what, change := range map[string]func(*Config){
		"wrong key":     func(c *Config) { c.Key = []byte("fedcba9876543210") },
		"no key":        func(c *Config) { c.Key = nil },
		"wrong cluster": func(c *Config) { c.Cluster = "bank" },
		"wrong region":  func(c *Config) { c.Region = "us" },
	} {
		stranger := fast(t, what, a)
		stranger.Key = key
		change(&stranger)
		strangers = append(strangers, start(t, stranger))
	}

	friend := fast(t, "friend", a)
	friend.Key = key
	start(t, friend)
	sees(t, a, "a friend")
	for _, s := range strangers {
		if got := names(s); got != s.config.Name {
			t.Errorf("%s sees %q", s.config.Name, got)
		}
	}
}

func TestGarbageIsIgnored(t *testing.T) {
	a := start(t, fast(t, "a"))
	for _, network := range []string{"udp", "tcp"} {
		for _, packet := range []string{"\x00", "\x04\x81\xa4Node\xa1x", "\xf4\x07shop/eu\x04\x82", "GET / HTTP/1.1\r\n\r\n", strings.Repeat("\xff", 60000)} {
			conn, err := net.Dial(network, a.Addr())
			if err != nil {
				t.Fatal(err)
			}
			if _, err := conn.Write([]byte(packet)); err != nil && network == "udp" {
				t.Fatal(err)
			}
			if err := conn.Close(); err != nil {
				t.Fatal(err)
			}
		}
	}
	b := start(t, fast(t, "b", a))
	sees(t, a, "a b")
	sees(t, b, "a b")
}

func TestBadConfig(t *testing.T) {
	for what, change := range map[string]func(*Config){
		"no cluster":         func(c *Config) { c.Cluster = "" },
		"no region":          func(c *Config) { c.Region = "" },
		"no name":            func(c *Config) { c.Name = "" },
		"slash in the name":  func(c *Config) { c.Region = "a/b" },
		"long name":          func(c *Config) { c.Name = strings.Repeat("n", 200) },
		"host to bind":       func(c *Config) { c.BindAddr = "localhost" },
		"unspecified IPv6":   func(c *Config) { c.BindAddr = "::" },
		"host to advertise":  func(c *Config) { c.AdvertiseAddr = "localhost" },
		"seed without port":  func(c *Config) { c.Seeds = []string{"10.0.0.1"} },
		"key of three bytes": func(c *Config) { c.Key = []byte("abc") },
		"long meta":          func(c *Config) { c.Meta = make([]byte, MaxMeta+1) },
	} {
		config := fast(t, "a")
		change(&config)
		if g, err := Start(config); err == nil {
			t.Errorf("%s is accepted", what)
			if err := g.Close(); err != nil {
				t.Error(err)
			}
		}
	}
}
