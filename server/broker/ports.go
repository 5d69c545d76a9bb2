package broker

import (
	"errors"
	"fmt"
	"net"
	"strconv"
	"syscall"

	"github.com/atollcache/atoll/transport"
)

// A PortInUseError tells that another process listens where the server was to listen.
type PortInUseError struct {
	Flag string // of the command line, that chooses another port: "client-port", "cluster-port" or "gateway-port"
	Host string
	Port int
}

func (e *PortInUseError) Error() string {
	return fmt.Sprintf("port %d on %s is already in use by another process; choose another with --%s", e.Port, e.Host, e.Flag)
}

// A listener is one of the ports that the server may open.
type listener struct {
	flag string
	port int
}

func (c Config) listeners() []listener {
	return []listener{{"client-port", c.ClientPort}, {"cluster-port", c.ClusterPort}, {"gateway-port", c.GatewayPort}}
}

func (c Config) validateNames() error {
	if err := transport.ValidateName("region", c.Region); err != nil {
		return err
	}
	if err := transport.ValidateName("node", c.Name); err != nil {
		return err
	}
	for region, addresses := range c.Gateways {
		if err := transport.ValidateName("region", region); err != nil {
			return err
		}
		if region == c.Region {
			return fmt.Errorf("region %s is listed as another region of its own", region)
		}
		if len(addresses) == 0 {
			return fmt.Errorf("region %s has no address; give host:port of one of its servers", region)
		}
	}
	return nil
}

func (c Config) validatePorts() error {
	flags := make(map[int]string)
	for _, l := range c.listeners() {
		if l.port < anyPort || l.port > 65535 {
			return fmt.Errorf("--%s: %d is not a port", l.flag, l.port)
		}
		if l.port <= 0 {
			continue
		}
		if other, taken := flags[l.port]; taken {
			return fmt.Errorf("--%s and --%s are both %d; choose two different ports", other, l.flag, l.port)
		}
		flags[l.port] = l.flag
	}
	return nil
}

// diagnose finds out why the server, which is stopped by now, could not listen: what it logs does not tell the address
// and is not made for branching.
func (c Config) diagnose(logged error) error {
	for _, l := range c.listeners() {
		if l.port == 0 {
			continue
		}
		probe, err := net.Listen("tcp", net.JoinHostPort(c.Host, strconv.Itoa(max(l.port, 0))))
		switch {
		case err == nil:
			_ = probe.Close()
		case errors.Is(err, syscall.EADDRINUSE):
			return &PortInUseError{Flag: l.flag, Host: c.Host, Port: l.port}
		case errors.Is(err, syscall.EADDRNOTAVAIL):
			return fmt.Errorf("%s is not an address of this machine; choose another host to listen on: %w", c.Host, err)
		case errors.Is(err, syscall.EACCES):
			return fmt.Errorf("this user may not open port %d; choose one above 1023 with --%s: %w", l.port, l.flag, err)
		default:
			return fmt.Errorf("--%s: %w", l.flag, err)
		}
	}
	return logged
}
