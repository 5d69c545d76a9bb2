// Package broker runs one NATS server inside the process: it carries the links between nodes, joins the regions by
// gateways and the servers of one region by routes, and is the door for NATS clients.
//
//	b, err := broker.Start(broker.Config{
//		Region: "eu", Name: "n1", ClientPort: 4222, GatewayPort: 7222,
//		Gateways: map[string][]string{"us": {"10.0.1.1:7222"}},
//	})
//	…
//	defer b.Stop()
//	links, err := b.LinkConn(natstransport.Options(events)...)
//
// The server has two accounts. LINKS carries replication; only this process can log in to it, with a password that it
// makes up at every start. CLIENTS is for everybody else. What one account says the other cannot hear, so a client
// cannot even name the subject of a link. Accounts of the same name in all servers of the cluster are one account.
//
// It has no JetStream, WebSocket, MQTT, leaf nodes or monitoring port, and it does not encrypt yet.
package broker

import (
	"crypto/rand"
	"fmt"
	"log/slog"
	"net"
	"slices"
	"strconv"
	"sync"
	"time"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"
)

// The accounts. Regions find each other's accounts by name, so these never change.
const (
	linksAccount   = "LINKS"
	clientsAccount = "CLIENTS"
)

// The users that only this process knows the passwords of, and the one that clients without credentials become.
const (
	linksUser     = "atoll-links"
	doorUser      = "atoll-door"
	anonymousUser = "atoll-anonymous"
)

const (
	// startTimeout limits how long Start waits for the listeners.
	startTimeout = 10 * time.Second
	// readyCheck is how long one look at the listeners lasts; between two looks Start asks for fatal errors.
	readyCheck = 50 * time.Millisecond
	// solicitDelay replaces the second that a NATS server waits before it dials the other regions first.
	solicitDelay = 10 * time.Millisecond
)

// MaxPayload is the size in bytes of the largest message. NATS enforces it between a client and its server, not
// between servers.
const MaxPayload = 8 << 20

// A Broker is a running NATS server. Its methods may be called by any goroutine.
type Broker struct {
	config Config
	server *server.Server
	links  Credential // of this process in LINKS
	door   Credential // of this process in CLIENTS

	stopping sync.Once
	kept     []*nats.Conn  // see keep
	closed   chan struct{} // takes a value for each of them whose last callback is over
}

// Start starts a server and returns when it listens on all its ports. Whether other servers can be reached does not
// matter: it goes on trying to reach them until Stop.
//
// A port that another process holds is told by a [PortInUseError].
func Start(config Config) (*Broker, error) {
	config = config.withDefaults()
	if err := config.validate(); err != nil {
		return nil, fmt.Errorf("start broker: %w", err)
	}

	b := &Broker{
		config: config,
		links:  Credential{User: linksUser, Password: rand.Text()},
		door:   Credential{User: doorUser, Password: rand.Text()},
		closed: make(chan struct{}, 2),
	}
	options, err := b.options()
	if err != nil {
		return nil, fmt.Errorf("start broker: %w", err)
	}
	server.SetGatewaysSolicitDelay(solicitDelay)
	b.server, err = server.NewServer(options)
	if err != nil {
		return nil, fmt.Errorf("start broker: %w", err)
	}
	if err := b.start(newCatcher(config.Logger)); err != nil {
		b.Stop()
		return nil, fmt.Errorf("start broker: %w", config.diagnose(err))
	}
	if err := b.keep(); err != nil {
		b.Stop()
		return nil, fmt.Errorf("start broker: %w", err)
	}
	return b, nil
}

// start waits until the server listens or has logged why it does not: it returns no error itself.
func (b *Broker) start(log *catcher) error {
	b.server.SetLogger(log, log.debug(), false)
	b.server.Start()

	for deadline := time.Now().Add(startTimeout); time.Now().Before(deadline); {
		ready := b.server.ReadyForConnections(readyCheck)
		if err := log.fatal(); err != nil {
			return err
		}
		if ready {
			return nil
		}
	}
	return fmt.Errorf("the NATS server does not listen after %v", startTimeout)
}

// Stop closes all listeners and connections and waits until the server has ended. Connections that LinkConn and
// ClientConn returned are closed by who asked for them, best before. Stopping twice does nothing.
func (b *Broker) Stop() {
	b.stopping.Do(b.release)
	b.server.Shutdown()
	b.server.WaitForShutdown()
}

// ClientURL returns the URL at which a client on this machine reaches the server, without credentials.
func (b *Broker) ClientURL() string { return "nats://" + b.clientAddr() }

// clientAddr is a loopback address when the server listens on all interfaces.
func (b *Broker) clientAddr() string {
	addr := b.server.Addr().(*net.TCPAddr)
	host := addr.IP.String()
	if addr.IP.IsUnspecified() {
		host = "127.0.0.1"
	}
	return net.JoinHostPort(host, strconv.Itoa(addr.Port))
}

// GatewayAddr returns the address on which the server listens for other regions, or "" if it does not.
func (b *Broker) GatewayAddr() string {
	if addr := b.server.GatewayAddr(); addr != nil {
		return addr.String()
	}
	return ""
}

// RouteAddr returns the address on which the server listens for other servers of its region, or "" if it does not.
func (b *Broker) RouteAddr() string {
	if addr := b.server.ClusterAddr(); addr != nil {
		return addr.String()
	}
	return ""
}

// LinkConn connects this process to the account of the links.
func (b *Broker) LinkConn(options ...nats.Option) (*nats.Conn, error) {
	return b.connect("links", b.links, options)
}

// ClientConn connects this process to the account of the clients, where it can answer their requests.
func (b *Broker) ClientConn(options ...nats.Option) (*nats.Conn, error) {
	return b.connect("door", b.door, options)
}

// connect goes over TCP: a connection inside the process is an unbuffered pipe, no faster, and stalls both ends when
// one is slow. It sticks to the own server, since no other one knows the password.
func (b *Broker) connect(purpose string, as Credential, options []nats.Option) (*nats.Conn, error) {
	options = append(slices.Clone(options),
		nats.Name(b.config.Name+" "+purpose),
		nats.UserInfo(as.User, as.Password),
		nats.IgnoreDiscoveredServers(),
	)
	conn, err := nats.Connect(b.ClientURL(), options...)
	if err != nil {
		return nil, fmt.Errorf("connect to the own NATS server at %s: %w", b.clientAddr(), err)
	}
	return conn, nil
}

// GatewayStatus names the regions that are connected. What this region says travels by the outbound connection, what it
// hears by the inbound one; each can be missing alone. A connection is counted until it is found dead, which takes
// three ping intervals when the network is silent.
type GatewayStatus struct {
	Outbound []string // sorted
	Inbound  []string // sorted
}

// Gateways returns which regions are connected now.
func (b *Broker) Gateways() GatewayStatus {
	var status GatewayStatus
	gateways, err := b.server.Gatewayz(nil)
	if err != nil {
		return status
	}
	for region := range gateways.OutboundGateways {
		status.Outbound = append(status.Outbound, region)
	}
	for region, connections := range gateways.InboundGateways {
		if len(connections) > 0 {
			status.Inbound = append(status.Inbound, region)
		}
	}
	slices.Sort(status.Outbound)
	slices.Sort(status.Inbound)
	return status
}

// Peers returns the names of the other servers of this region that are connected, sorted.
func (b *Broker) Peers() []string {
	routes, err := b.server.Routez(nil)
	if err != nil {
		return nil
	}
	var names []string
	for _, route := range routes.Routes {
		names = append(names, route.RemoteName)
	}
	slices.Sort(names)
	return slices.Compact(names) // a pool of routes leads to each server
}

// discard is the logger of who wants none.
var discard = slog.New(slog.DiscardHandler)
