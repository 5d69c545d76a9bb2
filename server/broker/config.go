package broker

import (
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"net"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/nats-io/nats-server/v2/server"
)

// A Config says where a server listens and whom it trusts. The zero value of every field but Region and Name is a
// sensible choice.
type Config struct {
	// Region is the name of the region, the same for all its servers. Region and Name are tokens of NATS subjects:
	// letters, digits, hyphens and underscores.
	Region string

	// Name is the name of this server, unique in its region.
	Name string

	// Host is the address to listen on, for all ports; 127.0.0.1 by default. Any other than a loopback address needs
	// Clients, and Peer if other servers are to connect.
	Host string

	// ClientPort is the port for clients; 0 or -1 takes any that is free.
	ClientPort int

	// ClusterPort is the port for the other servers of the region, -1 any that is free. By default there is none,
	// unless Routes are given; then any.
	ClusterPort int

	// Routes are the addresses, host:port, of other servers of the region. One that is reachable is enough.
	Routes []string

	// GatewayPort is the port for the other regions, -1 any that is free. By default there is none, unless Gateways
	// are given; then any.
	GatewayPort int

	// GatewayAdvertise is the address, host:port, at which other regions reach GatewayPort, if it is another one.
	GatewayAdvertise string

	// Gateways are the other regions, all of them, each with addresses, host:port, of its servers. A region that is not
	// named here is turned away.
	Gateways map[string][]string

	// Clients are the users of the account for clients. Without any, everybody who reaches the port is let in.
	Clients []Credential

	// Peer is what all servers of the cluster show to each other. Without it every server that reaches the port and
	// knows the names is let in.
	Peer Credential

	// Insecure permits a Host that is reachable from elsewhere without Clients and Peer.
	Insecure bool

	// PingInterval is the time between two pings; a connection on which three find no answer is closed. 5 s by default.
	PingInterval time.Duration

	// Logger hears what the NATS server logs: its notices at debug level, warnings and errors as warnings. Nil
	// discards.
	Logger *slog.Logger
}

const (
	defaultHost         = "127.0.0.1"
	defaultPingInterval = 5 * time.Second
	anyPort             = -1

	// maxPending bounds what waits in the server for one connection, in bytes. It is above what the credit windows of
	// all links together allow, since a connection that reaches it is closed.
	maxPending = 128 << 20

	// gatewayWriteDeadline is how long a write to another region may stall. Nothing else bounds what waits for a
	// gateway, so this is short.
	gatewayWriteDeadline = 3 * time.Second
)

func (c Config) withDefaults() Config {
	if c.Host == "" {
		c.Host = defaultHost
	}
	if c.ClientPort == 0 {
		c.ClientPort = anyPort
	}
	if c.ClusterPort == 0 && len(c.Routes) > 0 {
		c.ClusterPort = anyPort
	}
	if c.GatewayPort == 0 && len(c.Gateways) > 0 {
		c.GatewayPort = anyPort
	}
	if c.PingInterval == 0 {
		c.PingInterval = defaultPingInterval
	}
	if c.Logger == nil {
		c.Logger = discard
	}
	return c
}

func (c Config) validate() error {
	return errors.Join(c.validateNames(), c.validatePorts(), c.validateCredentials(), c.validateExposure())
}

// validateCredentials keeps the names of our own users from being given away.
func (c Config) validateCredentials() error {
	seen := map[string]bool{linksUser: true, doorUser: true, anonymousUser: true}
	for _, client := range c.Clients {
		if client.User == "" || client.Password == "" {
			return fmt.Errorf("client user %q: user and password must not be empty", client.User)
		}
		if seen[client.User] {
			return fmt.Errorf("client user %q is reserved or listed twice; choose another name", client.User)
		}
		seen[client.User] = true
	}
	if (c.Peer.User == "") != (c.Peer.Password == "") {
		return errors.New("the credential of the servers needs both a user and a password")
	}
	return nil
}

// validateExposure refuses to let strangers in.
func (c Config) validateExposure() error {
	if c.Insecure || isLoopback(c.Host) {
		return nil
	}
	var missing []error
	if len(c.Clients) == 0 {
		missing = append(missing, fmt.Errorf(
			"listening on %s would let everybody who can reach it read and write: set credentials for clients, listen on 127.0.0.1, or allow it with --insecure", c.Host))
	}
	if c.Peer.User == "" && (c.ClusterPort != 0 || c.GatewayPort != 0) {
		missing = append(missing, fmt.Errorf(
			"listening on %s would let everybody who can reach it join as a server of the cluster: set the credential of the servers, the same everywhere, listen on 127.0.0.1, or allow it with --insecure", c.Host))
	}
	return errors.Join(missing...)
}

func isLoopback(host string) bool {
	if host == "localhost" {
		return true
	}
	ip := net.ParseIP(host)
	return ip != nil && ip.IsLoopback()
}

// options translates the config for the NATS server.
func (b *Broker) options() (*server.Options, error) {
	c := b.config
	options := &server.Options{
		ServerName: c.Region + "-" + c.Name,
		Host:       c.Host,
		Port:       c.ClientPort,

		NoSigs:          true,
		NoSystemAccount: true, // its events would travel to all regions, and nobody listens

		MaxPayload:   MaxPayload,
		MaxPending:   maxPending,
		PingInterval: c.PingInterval,
		MaxPingsOut:  2,

		// A region that reads slowly must not hold up the connection that also feeds the others. With a flood of
		// 700 MB/s into a black hole, messages to a third region waited up to 402 ms with the stall and 9 ms without.
		NoFastProducerStall: true,
	}
	b.authorize(options)

	routes, err := serverURLs(c.Routes, c.Peer)
	if err != nil {
		return nil, err
	}
	options.Routes = routes
	options.Cluster = server.ClusterOpts{
		Name:     c.Region,
		Host:     c.Host,
		Port:     c.ClusterPort,
		Username: c.Peer.User,
		Password: c.Peer.Password,
	}
	if c.GatewayPort == 0 {
		return options, nil
	}
	options.Gateway, err = c.gateway()
	return options, err
}

// gateway names every other region explicitly: NATS gives up on one that it knows from gossip only.
func (c Config) gateway() (server.GatewayOpts, error) {
	options := server.GatewayOpts{
		Name:          c.Region,
		Host:          c.Host,
		Port:          c.GatewayPort,
		Username:      c.Peer.User,
		Password:      c.Peer.Password,
		Advertise:     c.GatewayAdvertise,
		RejectUnknown: true,
		WriteDeadline: gatewayWriteDeadline,
		WriteTimeout:  server.WriteTimeoutPolicyClose,
	}
	for _, region := range slices.Sorted(maps.Keys(c.Gateways)) {
		urls, err := serverURLs(c.Gateways[region], c.Peer)
		if err != nil {
			return options, fmt.Errorf("region %s: %w", region, err)
		}
		options.Gateways = append(options.Gateways, &server.RemoteGatewayOpts{Name: region, URLs: urls})
	}
	return options, nil
}

// authorize sets up the accounts and who may log in to them.
func (b *Broker) authorize(options *server.Options) {
	links, clients := server.NewAccount(linksAccount), server.NewAccount(clientsAccount)
	options.Accounts = []*server.Account{links, clients}
	options.Users = []*server.User{
		{Username: b.links.User, Password: b.links.Password, Account: links},
		{Username: b.door.User, Password: b.door.Password, Account: clients},
	}
	for _, client := range b.config.Clients {
		options.Users = append(options.Users, &server.User{Username: client.User, Password: client.Password, Account: clients})
	}
	if len(b.config.Clients) == 0 {
		options.Users = append(options.Users, &server.User{Username: anonymousUser, Account: clients})
		options.NoAuthUser = anonymousUser
	}
}

// serverURLs makes URLs of addresses. The credential must stand in them: routes take it from nowhere else.
func serverURLs(addresses []string, peer Credential) ([]*url.URL, error) {
	var urls []*url.URL
	for _, address := range addresses {
		host := strings.TrimPrefix(address, "nats://")
		if _, _, err := net.SplitHostPort(host); err != nil {
			return nil, fmt.Errorf("the server address %q is not host:port: %w", address, err)
		}
		u := &url.URL{Scheme: "nats", Host: host}
		if peer.User != "" {
			u.User = url.UserPassword(peer.User, peer.Password)
		}
		urls = append(urls, u)
	}
	return urls, nil
}
