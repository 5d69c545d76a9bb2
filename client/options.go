package client

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/url"
	"slices"
	"strings"
	"time"
)

// Options say where the cluster is and how patient a client is. The zero value connects to what `atoll up` opens on
// this machine.
type Options struct {
	// Seeds are NATS servers of the cluster, as "nats://10.0.0.1:4222", "10.0.0.1:4222" or "eu=10.0.0.1:4222"; one or
	// more of every region that is to be used. The client holds one connection to each, so that it has another one at
	// hand when a server or a region goes away. The region need not be given: a server introduces itself, unless it is
	// an external NATS. By default the three regions of `atoll up`: 127.0.0.1:14201 to 14203.
	Seeds []string

	// User and Password, Token, or the file Credentials (NATS .creds) log in to all seeds. None by default.
	User        string
	Password    string
	Token       string
	Credentials string

	// TLS, if set, is how all seeds are spoken to: with authorities of their own (RootCAs), a certificate of the client
	// (Certificates). Without, a tls:// seed is held to the authorities that this machine trusts, and the others are not
	// encrypted unless their server wants it.
	TLS *tls.Config

	// Name is what NATS monitoring shows; "atoll client" by default.
	Name string

	// Home is the region that is asked as long as it answers. By default the one that is nearest when Connect
	// returns, by round trip.
	Home string

	// Regions are those that may be asked when the home region is away, in this order. By default all that seeds lead
	// to, the nearest first, by the lowest of their latest round trips.
	Regions []string

	// Timeout bounds a command with all its attempts, unless the context ends earlier; 5 s by default.
	Timeout time.Duration

	// Attempt is how long one attempt waits, beside the round trip, before another node or region is asked; 300 ms by
	// default. A region that has said nothing at all in that time counts as away from then on. So a command of a
	// session takes as long at most, or 500 ms more where its node waits for what the session has seen.
	Attempt time.Duration

	// RetryReserve and RetryShare bound the attempts that may load a cluster which is slow already: each costs a token,
	// each command that succeeds adds RetryShare of one, up to RetryReserve; 500 and 0.2 by default. Commands that
	// certainly were not run, since nobody was there, cost nothing. RetryReserve -1 allows no others.
	RetryReserve int
	RetryShare   float64

	// Hedge sends a read to a second node when the first has not answered after so long, and takes what comes first. 0,
	// the default, does not. The 95th percentile of the latency is a good value: one read of twenty is sent twice.
	Hedge time.Duration

	// ConnectTimeout is how long Connect waits for the first region, 5 s by default; for the home region, if it has a
	// name, a fifth of that before it goes on without.
	ConnectTimeout time.Duration

	// NearCache keeps the values that Get reads in this process, in up to so many bytes; 0, the default, keeps none. It
	// needs nodes that publish their changes, and keeps nothing while they cannot be heard. A value is dropped when an
	// event says that it changed, usually within milliseconds; NearMaxAge is how old one can be at most when an event was
	// lost or comes late, 5 s by default. Sessions read past it.
	NearCache  int
	NearMaxAge time.Duration

	// Codec is that of typed values which have none of their own; JSON by default.
	Codec Codec

	// Trace, if set, is called when a command begins, and what it returns when that ends: to count, or to open and
	// close the span of a trace. Both must not block. A batch is one command.
	Trace func(ctx context.Context, op, key string) (context.Context, func(Outcome))
}

// Outcome is how a command ended.
type Outcome struct {
	Region   string // that answered
	Attempts int    // 1 if all went well; 0 in a client that is embedded in a node
	Err      error
}

// defaultSeeds are the ports of `atoll up`.
func defaultSeeds() []string {
	return []string{"127.0.0.1:14201", "127.0.0.1:14202", "127.0.0.1:14203"}
}

func (o Options) withDefaults() Options {
	if len(o.Seeds) == 0 {
		o.Seeds = defaultSeeds()
	}
	if o.Name == "" {
		o.Name = "atoll client"
	}
	for field, value := range map[*time.Duration]time.Duration{ // order-free: each sets its own field
		&o.Timeout: 5 * time.Second, &o.Attempt: 300 * time.Millisecond,
		&o.ConnectTimeout: 5 * time.Second, &o.NearMaxAge: 5 * time.Second,
	} {
		if *field == 0 {
			*field = value
		}
	}
	if o.RetryReserve == 0 {
		o.RetryReserve = 500
	}
	if o.RetryShare == 0 {
		o.RetryShare = 0.2
	}
	if o.Codec == nil {
		o.Codec = JSON
	}
	return o
}

func (o *Options) validate() error {
	for _, d := range []time.Duration{o.Timeout, o.Attempt, o.Hedge, o.ConnectTimeout, o.NearMaxAge} {
		if d < 0 {
			return fmt.Errorf("a duration of %v is negative; leave it 0 for the default", d)
		}
	}
	if o.NearCache < 0 || o.RetryReserve < -1 || o.RetryShare < 0 || o.RetryShare > 1 {
		return errors.New("NearCache must not be negative, RetryReserve not below -1, and RetryShare lies between 0 and 1")
	}
	if o.Credentials != "" && (o.User != "" || o.Token != "") || o.User != "" && o.Token != "" {
		return errors.New("give one of Credentials, User with Password, and Token")
	}
	for _, region := range append(slices.Clone(o.Regions), o.Home) {
		if strings.ContainsAny(region, ".*> \t\r\n") {
			return fmt.Errorf("%q is no name of a region: letters, digits, hyphens and underscores", region)
		}
	}
	return nil
}

// seed is one server to connect to.
type seed struct {
	region string // "" if it is to introduce itself
	url    string
}

// readSeeds reads Seeds. An element may itself be a list, parted by commas. Errors do not show passwords.
func readSeeds(list []string) ([]seed, error) {
	var all []seed
	for _, element := range strings.Split(strings.Join(list, ","), ",") {
		if element = strings.TrimSpace(element); element == "" {
			continue
		}
		s := seed{url: element}
		if region, address, named := strings.Cut(element, "="); named && !strings.Contains(region, "://") {
			s = seed{region, address}
		}
		if !strings.Contains(s.url, "://") {
			s.url = "nats://" + s.url
		}
		u, err := url.Parse(s.url)
		if err != nil || u.Host == "" {
			return nil, fmt.Errorf("%q is no seed; write host:port, nats://host:port or region=host:port", element[strings.LastIndexByte(element, '@')+1:])
		}
		if u.Port() == "" {
			u.Host = net.JoinHostPort(u.Hostname(), "4222")
		}
		if s.url = u.String(); !slices.Contains(all, s) {
			all = append(all, s)
		}
	}
	if len(all) == 0 {
		return nil, errors.New("no seed is given; name a NATS server of every region, as in eu=10.0.0.1:4222")
	}
	return all, nil
}

// shown gives the address of a seed without its password.
func (s seed) shown() string {
	u, err := url.Parse(s.url)
	if err != nil {
		return "?"
	}
	return u.Host
}
