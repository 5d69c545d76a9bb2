package server

import (
	"errors"
	"fmt"
	"math"
	"strconv"
	"strings"

	"github.com/spf13/pflag"
)

// A setting is a field of Config as people write it: on the command line, in the environment, in a file.
type setting struct {
	key   string
	usage string
	kind  kind
	set   func(c *Config, values []string) error
}

// kind is the shape of a value.
type kind uint8

const (
	scalar kind = iota
	list        // separated by commas, or a sequence in a file
	boolean
)

// settings are all of them, in the order of the help.
func settings() []setting {
	return []setting{
		text("cluster", "name of all regions together (atoll)", func(c *Config) *string { return &c.Cluster }),
		text("region", "name of this region (local)", func(c *Config) *string { return &c.Region }),
		text("name", "name of this node, unique in its region (n1)", func(c *Config) *string { return &c.Name }),
		{"memory", "bytes of entries, such as 512MiB, at which writes are refused (no limit)", scalar, func(c *Config, v []string) (err error) {
			c.Memory, err = parseBytes(v[0])
			return err
		}},
		size("max-key", "longest key (512)", func(c *Config) *int { return &c.Limits.MaxKey }),
		size("max-value", "longest value (1MiB)", func(c *Config) *int { return &c.Limits.MaxValue }),
		size("max-name", "longest field or member (64KiB)", func(c *Config) *int { return &c.Limits.MaxName }),
		number("max-fields", "most fields or members of a key (1048576)", func(c *Config) *int { return &c.Limits.MaxFields }),
		yes("changes", "publish what changes in this region", func(c *Config) *bool { return &c.Changes }),
		size("change-values", "largest value of a string that comes with its event (none)", func(c *Config) *int { return &c.ChangeValues }),
		number("replicas", "owners of each key in a region, the same on all nodes (2)", func(c *Config) *int { return &c.Replicas }),
		number("weight", "share of the keys beside other nodes (1)", func(c *Config) *int { return &c.Weight }),
		text("data-dir", "directory that remembers the epoch of the last start (none)", func(c *Config) *string { return &c.DataDir }),

		text("host", "IP address to listen on (127.0.0.1)", func(c *Config) *string { return &c.Host }),
		number("client-port", "port for NATS clients, -1 for any (4222)", func(c *Config) *int { return &c.ClientPort }),
		number("cluster-port", "port for NATS servers of this region, -1 for any (none)", func(c *Config) *int { return &c.ClusterPort }),
		number("gateway-port", "port for NATS servers of other regions, -1 for any (none)", func(c *Config) *int { return &c.GatewayPort }),
		number("gossip-port", "TCP and UDP port for gossip of this region, -1 for any (7946)", func(c *Config) *int { return &c.GossipPort }),
		texts("seeds", "gossip addresses, host:port, of nodes of this region", func(c *Config) *[]string { return &c.Seeds }),
		texts("routes", "cluster addresses, host:port, of NATS servers of this region", func(c *Config) *[]string { return &c.Routes }),
		{"gateways", "all other regions, each as region=host:port, repeated for more addresses", list, setGateways},
		text("gateway-advertise", "host:port at which other regions reach the gateway port", func(c *Config) *string { return &c.GatewayAdvertise }),
		text("gossip-advertise", "host:port at which this region reaches the gossip port", func(c *Config) *string { return &c.GossipAdvertise }),
		text("http", "host:port for /healthz, /readyz and /metrics (none)", func(c *Config) *string { return &c.HTTP }),
		text("nats", "URL of a NATS server to use in place of the embedded one", func(c *Config) *string { return &c.NATS }),

		text("client-credentials", "file of lines user:password: who may use the embedded NATS server", func(c *Config) *string { return &c.ClientCredentials }),
		text("peer-credentials", "file of one line user:password that NATS servers of the cluster show each other", func(c *Config) *string { return &c.PeerCredentials }),
		text("link-credentials", "file of one line user:password for replication over an external NATS server", func(c *Config) *string { return &c.LinkCredentials }),
		text("door-credentials", "file of one line user:password to answer clients over an external NATS server", func(c *Config) *string { return &c.DoorCredentials }),
		text("gossip-key", "file with the key of gossip, 16, 24 or 32 bytes in base64", func(c *Config) *string { return &c.GossipKey }),
		text("secret", "file with a text that keys the digests, the same in the whole cluster", func(c *Config) *string { return &c.Secret }),
		text("http-token", "file with the bearer token for /metrics", func(c *Config) *string { return &c.HTTPToken }),
		text("pace", "normal, or fast for tests on one machine (normal)", func(c *Config) *Pace { return &c.Pace }),
		yes("insecure", "let everybody in where others need credentials", func(c *Config) *bool { return &c.Insecure }),
	}
}

func text[T ~string](key, usage string, field func(*Config) *T) setting {
	return setting{key, usage, scalar, func(c *Config, v []string) error {
		*field(c) = T(v[0])
		return nil
	}}
}

func yes(key, usage string, field func(*Config) *bool) setting {
	return setting{key, usage, boolean, func(c *Config, v []string) (err error) {
		if *field(c), err = strconv.ParseBool(v[0]); err != nil {
			return fmt.Errorf("%q is neither true nor false", v[0])
		}
		return nil
	}}
}

func texts(key, usage string, field func(*Config) *[]string) setting {
	return setting{key, usage, list, func(c *Config, v []string) error {
		*field(c) = v
		return nil
	}}
}

func number(key, usage string, field func(*Config) *int) setting {
	return setting{key, usage, scalar, func(c *Config, v []string) error {
		n, err := strconv.Atoi(v[0])
		if err != nil {
			return fmt.Errorf("%q is not a whole number", v[0])
		}
		*field(c) = n
		return nil
	}}
}

func size(key, usage string, field func(*Config) *int) setting {
	return setting{key, usage, scalar, func(c *Config, v []string) error {
		n, err := parseBytes(v[0])
		if err != nil {
			return err
		}
		if n > math.MaxInt32 {
			return fmt.Errorf("%q is more than 2 GiB", v[0])
		}
		*field(c) = int(n)
		return nil
	}}
}

// setGateways reads region=host:port, a region once for each of its addresses.
func setGateways(c *Config, values []string) error {
	c.Gateways = map[string][]string{}
	for _, v := range values {
		region, addr, found := strings.Cut(v, "=")
		if !found || region == "" || addr == "" {
			return fmt.Errorf("%q is not region=host:port", v)
		}
		c.Gateways[region] = append(c.Gateways[region], addr)
	}
	return nil
}

// parseBytes reads a number of bytes, with or without a unit.
func parseBytes(text string) (int64, error) {
	digits := strings.TrimRight(text, "KMGTiB")
	units := map[string]int64{
		"": 1, "B": 1, "KiB": 1 << 10, "MiB": 1 << 20, "GiB": 1 << 30, "TiB": 1 << 40, "KB": 1e3, "MB": 1e6, "GB": 1e9, "TB": 1e12,
	}
	unit, known := units[text[len(digits):]]
	n, err := strconv.ParseInt(digits, 10, 64)
	if err != nil || !known || n < 0 || n > math.MaxInt64/unit {
		return 0, fmt.Errorf("%q is not a number of bytes such as 1048576, 512MiB or 2GB", text)
	}
	return n * unit, nil
}

// configFlag names the file of the other settings.
const configFlag = "config"

// Flags defines the flags of a node. Their values are for [Load] to read.
func Flags(fs *pflag.FlagSet) {
	fs.String(configFlag, "", "YAML file with any of these settings; flags and ATOLL_* variables go before it")
	for _, s := range settings() {
		switch s.kind {
		case boolean:
			fs.Bool(s.key, false, s.usage)
		case list:
			fs.StringSlice(s.key, nil, s.usage)
		case scalar:
			fs.String(s.key, "", s.usage)
		}
	}
}

// ErrConfig is wrapped by the errors of Load, and by those of Start that are about the Config alone.
var ErrConfig = errors.New("bad configuration")
