// Package wan is a switch between regions that run on one machine: it cuts, black-holes and delays what their NATS
// gateways say to each other, through real TCP connections.
//
//	sw, err := wan.New("ap", "eu", "us")
//	doors := sw.Doors()
//	// Start each region's server with doors[region] as the address that it advertises, and the doors of the others as
//	// their addresses. Then say where the server really listens:
//	err = sw.Attach("eu", b.GatewayAddr())
//	…
//	err = sw.Cut("eu", "us")
//	err = sw.Heal("eu", "us")
//
// Every region has one front door, which all others use, because gateways tell each other every address they know: a
// door per pair of regions would be bypassed. Who knocks is read from the first line that a gateway says. So this
// works for gateways that do not encrypt, and for nothing but gateways.
//
// # What a path is
//
// Two regions are joined by two connections, one dialled by each. Messages flow only from the dialling region to the
// dialled one; the way back carries what the dialled region is interested in, and the answers to pings. A [Path] is
// therefore what one region has dialled to another. That makes a one-way cut possible that lasts: nothing moves, either
// way, on the connection dialled by one region, while the connection dialled by the other is left alone with its
// interest and its pings. To lose every byte of one direction would not be one-way for long: the pings of the other
// connection find no answers, and both are closed after three ping intervals.
//
// # What a server sees
//
// The door learns who knocks only after it has passed on the greeting of the server behind it, and a NATS server counts
// a gateway as connected from that greeting on. So while a path is cut, its dialling server believes for an instant of
// every attempt that it is connected; and while a path is black-holed, until its pings find no answer. A heartbeat of
// the links themselves is not fooled.
//
// The switch cannot lose single messages between servers, as TCP does not.
package wan

import (
	"cmp"
	"fmt"
	"net"
	"slices"
	"sync"
	"time"

	"github.com/atollcache/atoll/transport"
)

// A State says what happens on a path.
type State int

// The states of a path.
const (
	Up        State = iota // bytes move
	Cut                    // connections are reset, new ones too
	BlackHole              // connections stay open, nothing moves
)

// String returns the state as one or two words.
func (s State) String() string {
	switch s {
	case Up:
		return "up"
	case Cut:
		return "cut"
	case BlackHole:
		return "black hole"
	}
	return fmt.Sprintf("State(%d)", int(s))
}

// A Path is what one region has dialled to another, and carries the messages between them in this direction.
type Path struct {
	From, To string
	State    State
	Delay    time.Duration // of what From says, on connections of both paths between the two
	Bytes    uint64        // that From has said on this path and To has received since the switch was made
}

// A Switch joins the regions. Its methods may be called at any time by any goroutine. It has one goroutine for each
// door, and four for each connection; Close ends them all.
type Switch struct {
	doors   map[string]*door
	paths   map[pair]*path // all directed pairs; the map never changes
	running sync.WaitGroup
	closed  chan struct{}

	mu    sync.Mutex     // guards what follows, and the state and links of every path; nothing is waited for under it
	links map[*link]bool // that are between their handshake and their end, and those shaking hands
	ended bool
}

// New returns a switch whose doors are open and whose paths are all up. It needs two regions or more.
func New(regions ...string) (*Switch, error) {
	sw := &Switch{
		doors:  make(map[string]*door),
		paths:  make(map[pair]*path),
		closed: make(chan struct{}),
		links:  make(map[*link]bool),
	}
	if err := sw.open(regions); err != nil {
		sw.Close()
		return nil, fmt.Errorf("open the switch between regions: %w", err)
	}
	return sw, nil
}

func (sw *Switch) open(regions []string) error {
	if len(regions) < 2 {
		return fmt.Errorf("it needs at least two regions, not %d", len(regions))
	}
	for _, region := range regions {
		if err := transport.ValidateName("region", region); err != nil {
			return err
		}
		if sw.doors[region] != nil {
			return fmt.Errorf("region %s is listed twice", region)
		}
		for other := range sw.doors {
			sw.paths[pair{region, other}] = newPath(sw, pair{region, other})
			sw.paths[pair{other, region}] = newPath(sw, pair{other, region})
		}
		listener, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			return err
		}
		sw.doors[region] = newDoor(sw, region, listener)
	}
	for _, door := range sw.doors {
		sw.running.Go(door.accept)
	}
	return nil
}

// Close closes the doors, resets all connections and waits until all goroutines have ended. Closing twice does nothing.
func (sw *Switch) Close() {
	sw.mu.Lock()
	if sw.ended {
		sw.mu.Unlock()
		return
	}
	sw.ended = true
	close(sw.closed)
	for l := range sw.links {
		l.reset()
	}
	sw.mu.Unlock()

	for _, door := range sw.doors {
		_ = door.listener.Close()
	}
	sw.running.Wait()
}

// Doors returns the address of each region's front door, host:port.
func (sw *Switch) Doors() map[string]string {
	addrs := make(map[string]string, len(sw.doors))
	for region, door := range sw.doors {
		addrs[region] = door.listener.Addr().String()
	}
	return addrs
}

// Attach says at which address, host:port, the server behind a region's door listens. It may be called again when
// the server has moved. Who knocks before the first call waits for it, for some seconds.
func (sw *Switch) Attach(region, server string) error {
	door := sw.doors[region]
	if door == nil {
		return sw.unknown(region)
	}
	if _, _, err := net.SplitHostPort(server); err != nil {
		return fmt.Errorf("attach a server to region %s: %w", region, err)
	}
	door.attach(server)
	return nil
}

// Cut resets all connections between two regions and refuses new ones.
func (sw *Switch) Cut(a, b string) error { return sw.setBoth(a, b, Cut) }

// BlackHole stops all bytes between two regions, and leaves their connections open. What is under way arrives after
// the heal on connections that are still open then.
func (sw *Switch) BlackHole(a, b string) error { return sw.setBoth(a, b, BlackHole) }

// CutOneWay stops the messages from one region to the other, by a black hole; the way back is not touched.
func (sw *Switch) CutOneWay(from, to string) error {
	p, err := sw.path(from, to)
	if err != nil {
		return err
	}
	sw.set(BlackHole, p)
	return nil
}

// Heal lets bytes move again in both directions. Servers whose connections are gone dial again within one or two
// seconds. The delays stay.
func (sw *Switch) Heal(a, b string) error { return sw.setBoth(a, b, Up) }

// HealAll heals every path.
func (sw *Switch) HealAll() {
	for _, p := range sw.paths {
		sw.set(Up, p)
	}
}

// Delay lets everything between two regions arrive later by this much, each way, so a round trip takes twice as long.
// Bandwidth is not limited. What is under way is not changed.
func (sw *Switch) Delay(a, b string, oneWay time.Duration) error {
	if err := sw.DelayOneWay(a, b, oneWay); err != nil {
		return err
	}
	return sw.DelayOneWay(b, a, oneWay)
}

// DelayOneWay is Delay for what one region says to the other.
func (sw *Switch) DelayOneWay(from, to string, delay time.Duration) error {
	p, err := sw.path(from, to)
	if err != nil {
		return err
	}
	if delay < 0 {
		return fmt.Errorf("delay %s to %s: %v is negative", from, to, delay)
	}
	p.delay.Store(int64(delay))
	return nil
}

// Status returns all paths, sorted by From and To.
func (sw *Switch) Status() []Path {
	paths := make([]Path, 0, len(sw.paths))
	for between, p := range sw.paths {
		state, _ := p.look()
		paths = append(paths, Path{
			From:  between.from,
			To:    between.to,
			State: state,
			Delay: time.Duration(p.delay.Load()),
			Bytes: p.bytes.Load(),
		})
	}
	slices.SortFunc(paths, func(a, b Path) int {
		return cmp.Or(cmp.Compare(a.From, b.From), cmp.Compare(a.To, b.To))
	})
	return paths
}

func (sw *Switch) setBoth(a, b string, state State) error {
	there, err := sw.path(a, b)
	if err != nil {
		return err
	}
	sw.set(state, there, sw.paths[pair{b, a}])
	return nil
}

// set changes all the paths at once, so that no connection finds one of them changed and the other not.
func (sw *Switch) set(state State, paths ...*path) {
	sw.mu.Lock()
	defer sw.mu.Unlock()
	for _, p := range paths {
		p.set(state)
	}
}

func (sw *Switch) path(from, to string) (*path, error) {
	for _, region := range []string{from, to} {
		if sw.doors[region] == nil {
			return nil, sw.unknown(region)
		}
	}
	if from == to {
		return nil, fmt.Errorf("there is no path from region %s to itself", from)
	}
	return sw.paths[pair{from, to}], nil
}

func (sw *Switch) unknown(region string) error {
	known := make([]string, 0, len(sw.doors))
	for name := range sw.doors {
		known = append(known, name)
	}
	slices.Sort(known)
	return fmt.Errorf("unknown region %q; the regions are %v", region, known)
}
