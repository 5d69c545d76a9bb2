package server

import (
	"cmp"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/url"
	"time"

	"github.com/atollcache/atoll/command"
	"github.com/atollcache/atoll/replica"
	"github.com/atollcache/atoll/server/broker"
	"github.com/atollcache/atoll/transport"
)

// Config says who a node is, where it listens and whom it knows. The zero value runs a lone node on the loopback
// interface. Load fills it from flags, the environment and a file; the names that these use stand behind each field.
type Config struct {
	// Cluster (cluster) names all regions together, "atoll" if empty. Region (region) is the place, "local" if empty.
	// Name (name) is the node's own, unique in its region, "n1" if empty. All are made of letters, digits, hyphens and
	// underscores.
	Cluster string
	Region  string
	Name    string

	// Memory (memory) is how many bytes of entries the node takes before it refuses writes of clients; what other nodes
	// send is still merged. 0 is no limit.
	Memory int64

	// Limits (max-key, max-value, max-name, max-fields) bound what a command may bring in.
	Limits command.Limits

	// Changes (changes) has the node publish what changes, see docs/protocol.md. ChangeValues (change-values) is how many
	// bytes the value of a string may have to come with the event; 0 is none.
	Changes      bool
	ChangeValues int

	// Replicas (replicas) is how many nodes of a region own each key, 2 if 0. It must be the same on all nodes.
	Replicas int

	// Weight (weight) is the node's share of the keys beside that of others, 1 if 0.
	Weight int

	// DataDir (data-dir) is where the node remembers the epoch of its last start, so that it takes a higher one even
	// if the clock was set back and nobody else is there to tell. Without it the clock and the other nodes must do.
	DataDir string

	// Host (host) is the IP address on which the node listens for NATS clients, other NATS servers and gossip;
	// 127.0.0.1 if empty. Any but a loopback address needs credentials, or Insecure.
	Host string

	// ClientPort (client-port) is for NATS clients, 4222 if 0. ClusterPort (cluster-port) is for the NATS servers of
	// the other nodes of the region, GatewayPort (gateway-port) for those of other regions; if 0, there is one only if
	// Routes or Gateways are given, and any that is free. GossipPort (gossip-port) is for TCP and UDP, 7946 if 0.
	// -1 is any that is free.
	ClientPort  int
	ClusterPort int
	GatewayPort int
	GossipPort  int

	// Seeds (seeds) are gossip addresses, host:port, of other nodes of the region; Routes (routes) those of their NATS
	// servers. One that is reachable is enough of each, and a node may name itself.
	Seeds  []string
	Routes []string

	// Gateways (gateways: a list of region=host:port) are all other regions, each with addresses of its NATS servers.
	Gateways map[string][]string

	// GatewayAdvertise (gateway-advertise) and GossipAdvertise (gossip-advertise) are host:port at which others reach
	// GatewayPort and GossipPort, if these are not what the node itself listens on.
	GatewayAdvertise string
	GossipAdvertise  string

	// HTTP (http) is host:port for /healthz, /readyz and /metrics; none of them exists if it is empty.
	HTTP string

	// NATS (nats) is the URL of a NATS server to use in place of the embedded one; the ports, Routes, Gateways and the
	// credentials of the embedded one must then be left out. The regions must be joined by its operator.
	NATS string

	// Files of lines user:password, readable by their owner alone. ClientCredentials (client-credentials) are who may
	// use the embedded NATS server, PeerCredentials (peer-credentials) holds the one line that NATS servers of the
	// cluster show each other. LinkCredentials (link-credentials) and DoorCredentials (door-credentials) hold the one
	// line with which this node logs in to an external NATS: for replication, and to answer clients. These should be
	// two accounts, else clients can forge replication.
	ClientCredentials string
	PeerCredentials   string
	LinkCredentials   string
	DoorCredentials   string

	// GossipKey (gossip-key) is a file with the key of all gossip in the region, 16, 24 or 32 bytes in base64.
	// Secret (secret) is a file with any text that keys the digests, the same in the whole cluster; whoever does not
	// know it cannot make two states look equal. It is derived from Cluster if there is none. HTTPToken (http-token) is
	// a file with the token that /metrics wants as a bearer. All must be readable by their owner alone.
	GossipKey string
	Secret    string
	HTTPToken string

	// Pace (pace) is how soon a silence is noticed: Normal, or Fast for tests and demonstrations on one machine.
	Pace Pace

	// Insecure (insecure) permits to listen where everybody can reach it without credentials.
	Insecure bool

	// Broker is a NATS server of this process that several nodes of a region share, in place of one of their own. The
	// caller stops it, after the nodes. What Config says of ports and of NATS servers then goes unused.
	Broker *broker.Broker

	// Logger hears what happens; slog.Default if nil.
	Logger *slog.Logger
}

// Pace is how soon a node notices and acts.
type Pace string

// The paces. With Normal a dead node is missed after some three seconds, and a silent link as well; with Fast in well
// under one, at the price of false alarms on a busy network.
const (
	Normal Pace = "normal"
	Fast   Pace = "fast"
)

// The ports at which a node is looked for.
const (
	defaultClientPort = 4222
	defaultGossipPort = 7946
	anyPort           = -1
)

const defaultHost = "127.0.0.1"

func (c Config) withDefaults() Config {
	c.Cluster = cmp.Or(c.Cluster, "atoll")
	c.Region = cmp.Or(c.Region, "local")
	c.Name = cmp.Or(c.Name, "n1")
	c.Host = cmp.Or(c.Host, defaultHost)
	c.ClientPort = cmp.Or(c.ClientPort, defaultClientPort)
	c.GossipPort = cmp.Or(c.GossipPort, defaultGossipPort)
	c.Weight = cmp.Or(c.Weight, 1)
	c.Pace = cmp.Or(c.Pace, Normal)
	if c.Logger == nil {
		c.Logger = slog.Default()
	}
	c.Logger = c.Logger.With("node", c.Region+"/"+c.Name)
	return c
}

// validate looks for what is wrong without touching anything. What only the broker and gossip know they say themselves.
func (c *Config) validate() error {
	names := errors.Join(
		transport.ValidateName("cluster", c.Cluster), transport.ValidateName("region", c.Region), transport.ValidateName("node", c.Name))
	if names != nil {
		return names
	}
	if net.ParseIP(c.Host) == nil {
		return fmt.Errorf("--host %q is not an IP address", c.Host)
	}
	if c.Memory < 0 || c.Replicas < 0 || c.Weight < 1 || c.Weight > 65535 {
		return errors.New("--memory and --replicas must not be negative, and --weight lies between 1 and 65535")
	}
	if most := broker.MaxPayload - roomForOneEntry; c.Limits.MaxValue > most {
		return fmt.Errorf("--max-value of %d bytes does not fit into a message between nodes: use at most %d", c.Limits.MaxValue, most)
	}
	if c.Pace != Normal && c.Pace != Fast {
		return fmt.Errorf("--pace %q is neither %s nor %s", c.Pace, Normal, Fast)
	}
	return errors.Join(c.validateNATS(), c.validateExposure())
}

func (c *Config) validateNATS() error {
	if c.NATS == "" {
		if c.LinkCredentials != "" || c.DoorCredentials != "" {
			return errors.New("--link-credentials and --door-credentials are for an external NATS server; name it with --nats, or leave them out")
		}
		return nil
	}
	u, err := url.Parse(c.NATS)
	if err != nil || u.Host == "" {
		return fmt.Errorf("--nats %q is not a URL such as nats://10.0.0.1:4222", c.NATS)
	}
	if u.User != nil {
		return errors.New("--nats holds a password, which every user of this machine can see; put it into the files of --link-credentials and --door-credentials")
	}
	embedded := len(c.Routes) > 0 || len(c.Gateways) > 0 || c.ClusterPort != 0 || c.GatewayPort != 0 || c.GatewayAdvertise != "" ||
		c.ClientCredentials != "" || c.PeerCredentials != ""
	if embedded {
		return errors.New("--nats names an external NATS server, but ports, routes, gateways or credentials of the embedded one are set too; leave one of both out")
	}
	return nil
}

// validateExposure refuses to let strangers in. The broker looks after its own ports.
func (c *Config) validateExposure() error {
	if c.Insecure {
		return nil
	}
	var missing []error
	if !net.ParseIP(c.Host).IsLoopback() && c.GossipKey == "" {
		missing = append(missing, fmt.Errorf("gossip on %s would let everybody who can reach it pose as a node of the region: set --gossip-key, listen on 127.0.0.1, or allow it with --insecure", c.Host))
	}
	if c.HTTP != "" && !loopbackAddr(c.HTTP) && c.HTTPToken == "" {
		missing = append(missing, fmt.Errorf("HTTP on %s would show the metrics to everybody who can reach it: set --http-token, listen on 127.0.0.1, or allow it with --insecure", c.HTTP))
	}
	return errors.Join(missing...)
}

// exposed says whether strangers can reach the node although nothing keeps them out.
func (c *Config) exposed() bool {
	open := c.GossipKey == "" || c.Broker == nil && c.NATS == "" && c.ClientCredentials == ""
	return c.Insecure && (!net.ParseIP(c.Host).IsLoopback() && open || c.HTTP != "" && !loopbackAddr(c.HTTP) && c.HTTPToken == "")
}

func loopbackAddr(addr string) bool {
	host, _, err := net.SplitHostPort(addr)
	if err != nil {
		return false
	}
	return host == "localhost" || net.ParseIP(host).IsLoopback()
}

// durations are what a pace comes down to. Zero values are the defaults of those who take them.
type durations struct {
	replica  replica.Timing
	probe    time.Duration // of gossip
	rejoin   time.Duration // of gossip
	ping     time.Duration // of the NATS server
	learning time.Duration // at most until the others have announced themselves
	opening  time.Duration // at most until the partitions are here
}

func (p Pace) durations() durations {
	if p == Normal {
		return durations{learning: 3 * time.Second, opening: 10 * time.Second}
	}
	return durations{
		replica: replica.Timing{
			Heartbeat: 200 * time.Millisecond, HoldDown: 500 * time.Millisecond, Announce: 200 * time.Millisecond,
			RoundEvery: 2 * time.Second, PullTimeout: time.Second, HandOff: 100 * time.Millisecond, Settle: 200 * time.Millisecond,
			Foreign: 3 * time.Second,
		},
		probe: 100 * time.Millisecond, rejoin: time.Second, ping: time.Second,
		learning: 2 * time.Second, opening: 5 * time.Second,
	}
}
