// Package membership tells a node which nodes of its own region are alive.
//
// It gossips over UDP and TCP with hashicorp/memberlist, which does not show
// through:
//
//	g, err := membership.Start(membership.Config{
//		Cluster: "shop", Region: "eu", Name: "eu-1",
//		Seeds:    []string{"10.0.0.1:7946", "10.0.0.2:7946"},
//		Meta:     meta, // what the others should know of this boot
//		OnChange: func(members []membership.Member) { ... },
//	})
//	defer g.Close()
//
// With the default pace a node that dies is missed after about three seconds,
// and one that leaves at once. A restart within that time is seen as a change of
// Meta, so Meta should name the boot. After a split of any length the two sides
// find each other again through the seeds and the peers they remember.
//
// Membership is an opinion: it may be wrong for a while, and two nodes may
// disagree. It never decides a question of data, and it does not hold back a
// change; a hold-down belongs to whoever acts on it. It knows nothing of other
// regions. Whoever may send packets to it and knows the key, or anyone if there
// is no key, may pose as a member.
package membership

import (
	"errors"
	"fmt"
	"log/slog"
	"net"
	"strings"
	"time"
)

// MaxMeta is the longest Meta of a member, in bytes.
const MaxMeta = 512

var (
	// ErrNameTaken says that another live node has the name of the node that
	// starts; the error that wraps it names its address.
	ErrNameTaken = errors.New("another live node has this name")

	// ErrMetaTooLong says that Meta is longer than MaxMeta.
	ErrMetaTooLong = errors.New("meta is too long")

	// ErrClosed says that the node has left or was closed.
	ErrClosed = errors.New("membership is closed")
)

// Member is a live node of the region.
type Member struct {
	Name string
	Addr string // host:port of its gossip
	Meta []byte // as the node itself set it, at most MaxMeta bytes
}

// Group is what a node knows of its region. Its laws:
//
//  1. Members holds the node itself until it leaves, is sorted by name, holds
//     every name once, and belongs to the caller.
//  2. What SetMeta sets reaches every live member, and of several the last one
//     stays.
//  3. After Leave or Close the others drop the node: at once, or when they miss
//     it.
type Group interface {
	Members() []Member
	SetMeta(meta []byte) error
	Addr() string
	Leave(timeout time.Duration) error
	Close() error
}

// Config says who the node is and where to find the others.
type Config struct {
	// Cluster and Region must be the same on all nodes that are to see each
	// other; packets of any other pair are dropped.
	Cluster string
	Region  string

	// Name is this node's own, unique in the region.
	Name string

	// BindAddr is the IP address to listen on, 127.0.0.1 if empty. BindPort
	// serves TCP and UDP; with 0 the system picks a free one.
	BindAddr string
	BindPort int

	// AdvertiseAddr is the IP address that the others should use, BindAddr if
	// empty. AdvertisePort is BindPort if 0.
	AdvertiseAddr string
	AdvertisePort int

	// Seeds are host:port of nodes to look for at the start and whenever they
	// are not members. None of them has to be up, and this node may be one.
	Seeds []string

	// Meta is what the others see of this node, at most MaxMeta bytes.
	Meta []byte

	// Key encrypts and authenticates all gossip: 16, 24 or 32 bytes, the same in
	// the region. Without one everything is sent, and believed, in the clear.
	Key []byte

	// OnChange is called with all members whenever they or their Meta have
	// changed, the first time after the start. It is called from one goroutine,
	// one call at a time; changes that come meanwhile are merged into the next
	// call. The slice belongs to the callee. It must not call Close. May be nil.
	OnChange func([]Member)

	// Logger receives what memberlist has to say, slog.Default if nil.
	Logger *slog.Logger

	// ProbeInterval sets the pace: a dead node is missed after about six of
	// them. It is 500 ms if 0.
	ProbeInterval time.Duration

	// RejoinInterval is how often absent seeds and remembered peers are looked
	// for, 5 s if 0.
	RejoinInterval time.Duration

	wrap wrapper // tests cut the network here
}

// withDefaults returns the configuration to run with, or what is wrong with it.
func (c Config) withDefaults() (Config, error) {
	if c.BindAddr == "" {
		c.BindAddr = "127.0.0.1"
	}
	if c.Logger == nil {
		c.Logger = slog.Default()
	}
	if c.ProbeInterval == 0 {
		c.ProbeInterval = 500 * time.Millisecond
	}
	if c.RejoinInterval == 0 {
		c.RejoinInterval = 5 * time.Second
	}

	for _, err := range []error{c.checkNames(), c.checkAddrs(), checkKey(c.Key), checkMeta(c.Meta)} {
		if err != nil {
			return c, fmt.Errorf("membership: %w", err)
		}
	}
	return c, nil
}

// maxName keeps names, and the label made of two of them, within memberlist's
// limit of 255 bytes.
const maxName = 127

func (c Config) checkNames() error {
	for what, name := range map[string]string{"cluster": c.Cluster, "region": c.Region, "node": c.Name} {
		if name == "" || len(name) > maxName {
			return fmt.Errorf("%s name %q: use 1 to %d bytes", what, name, maxName)
		}
		if strings.Contains(name, "/") {
			return fmt.Errorf("%s name %q: the slash is reserved", what, name)
		}
	}
	return nil
}

func (c Config) checkAddrs() error {
	ip := net.ParseIP(c.BindAddr)
	if ip == nil {
		return fmt.Errorf("bind address %q is not an IP address", c.BindAddr)
	}
	if c.AdvertiseAddr == "" && ip.IsUnspecified() && ip.To4() == nil {
		return fmt.Errorf("bind address %q is not one that others can reach: set the advertised address", c.BindAddr)
	}
	if c.AdvertiseAddr != "" && net.ParseIP(c.AdvertiseAddr) == nil {
		return fmt.Errorf("advertised address %q is not an IP address", c.AdvertiseAddr)
	}
	for _, seed := range c.Seeds {
		if _, port, err := net.SplitHostPort(seed); err != nil || port == "" {
			return fmt.Errorf("seed %q: use host:port", seed)
		}
	}
	return nil
}

func checkKey(key []byte) error {
	switch len(key) {
	case 0, 16, 24, 32:
		return nil
	}
	return fmt.Errorf("the gossip key has %d bytes: use 16, 24 or 32", len(key))
}

func checkMeta(meta []byte) error {
	if len(meta) > MaxMeta {
		return fmt.Errorf("%w: %d bytes, at most %d fit", ErrMetaTooLong, len(meta), MaxMeta)
	}
	return nil
}
