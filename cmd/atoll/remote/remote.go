// Package remote asks the regions of a running cluster, each through a NATS endpoint of its own.
//
//	endpoints, err := remote.ParseEndpoints([]string{"127.0.0.1:4222", "us=127.0.0.1:5222"})
//	eu, err := remote.Find(ctx, endpoints, "eu", remote.Options{})
//	defer eu.Close()
//	reply, err := eu.Do(ctx, remote.Request{Command: "get", Args: []string{"greeting"}})
//
// It finds out which endpoint belongs to which region by asking all of them at once, and never reaches one region
// through another, so it works while they are cut from each other.
//
// It is made for one command after which the process ends: it does not reconnect, and it does not pool. A service uses
// the client library instead.
package remote

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net"
	"slices"
	"strings"
	"time"

	"github.com/nats-io/nats.go"
)

// Options say how to connect. The zero value is without credentials.
type Options struct {
	User, Password string
}

const (
	// connectTimeout is short, since all endpoints are asked at once and some may be away.
	connectTimeout = 2 * time.Second

	// headStart is how long an endpoint that comes later in the list waits for those before it. So the same region
	// answers every time, and one that is away costs little.
	headStart = 150 * time.Millisecond
)

// A Region is one region that answers.
type Region struct {
	Name     string
	Endpoint Endpoint
	conn     *nats.Conn
}

// Close ends the connection.
func (r *Region) Close() { r.conn.Close() }

// A Failure is an endpoint that did not answer.
type Failure struct {
	Endpoint Endpoint
	Err      error
}

// An UnreachableError tells that a region, or any, could not be asked.
type UnreachableError struct {
	Region string // "" for any
	Failed []Failure
	Known  []string // regions that answer
}

func (e *UnreachableError) Error() string {
	var tried []string
	for _, f := range e.Failed {
		tried = append(tried, fmt.Sprintf("%s: %v", f.Endpoint, f.Err))
	}
	who := "no region answers"
	if e.Region != "" {
		who = fmt.Sprintf("region %s does not answer", e.Region)
	}
	if len(e.Known) > 0 {
		who += "; those that do are " + strings.Join(e.Known, ", ")
	}
	return fmt.Sprintf("%s (%s)", who, strings.Join(tried, "; "))
}

// Unwrap gives what was wrong with each endpoint.
func (e *UnreachableError) Unwrap() []error {
	var errs []error
	for _, f := range e.Failed {
		errs = append(errs, f.Err)
	}
	return errs
}

// An UnknownRegionError tells that no endpoint belongs to a region.
type UnknownRegionError struct {
	Region string
	Known  []string
}

func (e *UnknownRegionError) Error() string {
	return fmt.Sprintf("unknown region %q; the regions are %s", e.Region, strings.Join(e.Known, ", "))
}

// ErrUnauthorised tells that an endpoint wants other credentials, or some.
var ErrUnauthorised = errors.New("not authorised")

// outcome is what became of the endpoint at a place of the list.
type outcome struct {
	place  int
	region *Region
	err    error
}

// Find connects to the named region; with an empty name to the first in the list that answers.
func Find(ctx context.Context, endpoints []Endpoint, name string, options Options) (*Region, error) {
	s := search{name: name, endpoints: endpoints, found: make([]*Region, len(endpoints)), ended: make([]bool, len(endpoints))}
	defer s.closeOthers()

	outcomes := dialAll(ctx, endpoints, options)
	var patience <-chan time.Time
	for range endpoints {
		select {
		case o := <-outcomes:
			s.note(o)
		case <-patience:
			go closeRest(outcomes)
			return s.take(), nil
		}
		if s.decided() {
			go closeRest(outcomes)
			return s.take(), nil
		}
		if patience == nil && s.first() >= 0 {
			patience = time.After(headStart)
		}
	}
	return nil, s.failure()
}

// All connects to every endpoint, and keeps one of each region. Regions come in the order of the list.
func All(ctx context.Context, endpoints []Endpoint, options Options) ([]*Region, []Failure) {
	outcomes := make([]outcome, 0, len(endpoints))
	for o := range dialAll(ctx, endpoints, options) {
		outcomes = append(outcomes, o)
	}
	slices.SortFunc(outcomes, func(a, b outcome) int { return cmp.Compare(a.place, b.place) })

	var regions []*Region
	var failed []Failure
	for _, o := range outcomes {
		switch {
		case o.err != nil:
			failed = append(failed, Failure{endpoints[o.place], o.err})
		case slices.ContainsFunc(regions, func(r *Region) bool { return r.Name == o.region.Name }):
			o.region.Close()
		default:
			regions = append(regions, o.region)
		}
	}
	return regions, failed
}

// dialAll dials every endpoint at once. The channel has room for all and is closed after the last.
func dialAll(ctx context.Context, endpoints []Endpoint, options Options) <-chan outcome {
	each := make(chan outcome)
	outcomes := make(chan outcome, len(endpoints))
	for place, e := range endpoints {
		go func() {
			region, err := dial(ctx, e, options)
			each <- outcome{place, region, err}
		}()
	}
	go func() {
		for range endpoints {
			outcomes <- <-each
		}
		close(outcomes)
	}()
	return outcomes
}

func closeRest(outcomes <-chan outcome) {
	for o := range outcomes {
		if o.region != nil {
			o.region.Close()
		}
	}
}

// dial connects to one endpoint and learns its region from how the server introduces itself: the servers of a region
// are one NATS cluster of its name.
func dial(ctx context.Context, e Endpoint, options Options) (*Region, error) {
	d := &dialer{ctx: ctx}
	o := []nats.Option{
		nats.Name("atoll command line"),
		nats.Timeout(connectTimeout),
		nats.NoReconnect(),
		nats.IgnoreDiscoveredServers(),
		nats.SetCustomDialer(d),
		nats.ErrorHandler(func(*nats.Conn, *nats.Subscription, error) {}), // requests report their own
	}
	if options.User != "" {
		o = append(o, nats.UserInfo(options.User, options.Password))
	}
	conn, err := nats.Connect(e.URL, o...)
	if err != nil {
		return nil, plain(cmp.Or(d.err, err))
	}
	name := cmp.Or(e.Region, conn.ConnectedClusterName())
	if name == "" {
		conn.Close()
		return nil, errors.New("it does not say which region it belongs to; write region=" + e.String())
	}
	return &Region{Name: name, Endpoint: e, conn: conn}, nil
}

// dialer lets a connection attempt end with its context, and keeps the error, of which NATS says only that there is no
// server.
type dialer struct {
	ctx context.Context
	err error
}

// Dial connects within the context.
func (d *dialer) Dial(network, address string) (net.Conn, error) {
	ctx, cancel := context.WithTimeout(d.ctx, connectTimeout)
	defer cancel()
	conn, err := new(net.Dialer).DialContext(ctx, network, address)
	d.err = err
	return conn, err
}

// plain says what went wrong in few words: the address stands beside it already.
func plain(err error) error {
	if errors.Is(err, nats.ErrAuthorization) || errors.Is(err, nats.ErrAuthExpired) {
		return ErrUnauthorised
	}
	if op, ok := errors.AsType[*net.OpError](err); ok && !op.Timeout() {
		return errors.New(strings.TrimPrefix(op.Err.Error(), "connect: "))
	}
	if timeout, ok := errors.AsType[net.Error](err); ok && timeout.Timeout() || errors.Is(err, nats.ErrTimeout) {
		return errors.New("no answer in time")
	}
	return errors.New(strings.TrimPrefix(err.Error(), "nats: "))
}

// search gathers outcomes until one can be chosen.
type search struct {
	name      string
	endpoints []Endpoint
	found     []*Region // by place, those that fit
	ended     []bool    // by place, those that have an outcome
	known     []string
	failed    []Failure
	taken     *Region
}

func (s *search) note(o outcome) {
	s.ended[o.place] = true
	switch {
	case o.err != nil:
		s.failed = append(s.failed, Failure{s.endpoints[o.place], o.err})
	case s.name == "" || o.region.Name == s.name:
		s.found[o.place] = o.region
	default:
		s.known = append(s.known, o.region.Name)
		o.region.Close()
	}
}

// first gives the place of the first that fits so far, or -1.
func (s *search) first() int {
	return slices.IndexFunc(s.found, func(r *Region) bool { return r != nil })
}

// decided says whether no endpoint before the first that fits can still answer.
func (s *search) decided() bool {
	first := s.first()
	return first >= 0 && !slices.Contains(s.ended[:first], false)
}

func (s *search) take() *Region {
	s.taken = s.found[s.first()]
	return s.taken
}

func (s *search) closeOthers() {
	for _, r := range s.found {
		if r != nil && r != s.taken {
			r.Close()
		}
	}
}

// failure says why nothing fits. A region is unknown only if no endpoint that could be its own was silent.
func (s *search) failure() error {
	slices.Sort(s.known)
	s.known = slices.Compact(s.known)
	slices.SortFunc(s.failed, func(a, b Failure) int { return cmp.Compare(a.Endpoint.URL, b.Endpoint.URL) })

	var own []Failure
	for _, f := range s.failed {
		if f.Endpoint.Region == "" || f.Endpoint.Region == s.name || s.name == "" {
			own = append(own, f)
		}
	}
	if len(own) == 0 {
		return &UnknownRegionError{Region: s.name, Known: s.known}
	}
	return &UnreachableError{Region: s.name, Failed: own, Known: s.known}
}
