package server

import (
	"fmt"
	"slices"

	"github.com/nats-io/nats.go"

	"github.com/atollcache/atoll/server/broker"
	natstransport "github.com/atollcache/atoll/transport/nats"
)

// wires are the connections of a node to NATS, and the server if it is the node's own.
type wires struct {
	own    *broker.Broker // nil if it is shared or external
	broker *broker.Broker // own or shared, nil if external
	links  *nats.Conn     // replication
	door   *nats.Conn     // clients
	url    string         // for clients on this machine
	closed chan struct{}  // takes a value for each connection whose last callback is over
}

// connect starts or finds the NATS server, and connects to both of its accounts.
func connect(cfg *Config, s *secrets, pace durations, events natstransport.Events) (*wires, error) {
	w := &wires{broker: cfg.Broker, closed: make(chan struct{}, 2)}
	if err := w.open(cfg, s, pace, events); err != nil {
		w.close()
		return nil, err
	}
	return w, nil
}

func (w *wires) open(cfg *Config, s *secrets, pace durations, events natstransport.Events) error {
	if cfg.NATS != "" {
		w.url = cfg.NATS
		return w.openExternal(cfg, s, events)
	}
	if w.broker == nil {
		own, err := broker.Start(broker.Config{
			Region: cfg.Region, Name: cfg.Name, Host: cfg.Host,
			ClientPort: cfg.ClientPort, ClusterPort: cfg.ClusterPort, GatewayPort: cfg.GatewayPort,
			Routes: cfg.Routes, Gateways: cfg.Gateways, GatewayAdvertise: cfg.GatewayAdvertise,
			Clients: s.clients, Peer: s.peer, Insecure: cfg.Insecure, PingInterval: pace.ping, Logger: cfg.Logger,
		})
		if err != nil {
			return err
		}
		w.own, w.broker = own, own
	}
	w.url = w.broker.ClientURL()

	var err error
	if w.links, err = w.broker.LinkConn(w.options(events)...); err != nil {
		return err
	}
	w.door, err = w.broker.ClientConn(w.options(doorEvents(events))...)
	return err
}

// openExternal connects to a server that somebody else runs.
func (w *wires) openExternal(cfg *Config, s *secrets, events natstransport.Events) error {
	dial := func(purpose string, as broker.Credential, events natstransport.Events) (*nats.Conn, error) {
		options := append(w.options(events), nats.Name(cfg.Region+"-"+cfg.Name+" "+purpose))
		if as.User != "" {
			options = append(options, nats.UserInfo(as.User, as.Password))
		}
		conn, err := nats.Connect(cfg.NATS, options...)
		if err != nil {
			return nil, fmt.Errorf("connect to the NATS server at %s for %s: %w; start it, or correct --nats and --%s-credentials", cfg.NATS, purpose, err, purpose)
		}
		return conn, nil
	}
	var err error
	if w.links, err = dial("link", s.link, events); err != nil {
		return err
	}
	if w.door, err = dial("door", s.door, doorEvents(events)); err != nil {
		return err
	}
	return checkPayload(cfg, w.links)
}

// roomForOneEntry is what a message needs beside the largest value.
const roomForOneEntry = 512 << 10

// checkPayload refuses a server that could not carry the largest value. NATS takes 1 MiB unless told otherwise.
func checkPayload(cfg *Config, conn *nats.Conn) error {
	largest := cfg.Limits.MaxValue
	if largest == 0 {
		largest = 1 << 20
	}
	if need := int64(largest + roomForOneEntry); conn.MaxPayload() < need {
		return fmt.Errorf("the NATS server at %s takes messages of %d bytes, and a value of %d needs %d: raise its max_payload to %d, or lower --max-value",
			cfg.NATS, conn.MaxPayload(), largest, need, broker.MaxPayload)
	}
	return nil
}

// options are those of links, for the door too: a client had better be told that nobody answers than be answered late.
func (w *wires) options(events natstransport.Events) []nats.Option {
	return append(natstransport.Options(events), nats.ClosedHandler(func(*nats.Conn) { w.closed <- struct{}{} }))
}

// doorEvents leaves out what is no loss for a door, whose clients ask again.
func doorEvents(events natstransport.Events) natstransport.Events {
	return natstransport.Events{Refused: events.Refused, Failed: events.Failed, Lost: events.Failed}
}

// close ends the connections and waits for their last callbacks, then stops the own server.
func (w *wires) close() {
	for _, conn := range []*nats.Conn{w.door, w.links} {
		if conn != nil {
			conn.Close()
			<-w.closed
		}
	}
	if w.own != nil {
		w.own.Stop()
	}
}

// otherRegions names the regions that are or should be connected.
func (w *wires) otherRegions(cfg *Config) []string {
	var names []string
	for name := range cfg.Gateways {
		names = append(names, name)
	}
	if len(names) == 0 && w.broker != nil {
		names = w.broker.Gateways().Outbound
	}
	return names
}

// connected says whether what this region says can reach another.
func (w *wires) connected(region string) bool {
	return w.broker != nil && slices.Contains(w.broker.Gateways().Outbound, region)
}
