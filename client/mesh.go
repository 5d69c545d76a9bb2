package client

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

// mesh is the [Backend] over NATS: it knows the regions and their nodes, and finds a way for every command. It has one
// goroutine for each region, and those of nats.go for each connection; Close ends them.
type mesh struct {
	o       Options
	started time.Time
	budget  budget
	stats   *counters
	ctx     context.Context // ends when the client is closed
	stop    context.CancelFunc
	running sync.WaitGroup

	places atomic.Pointer[[]*place] // in the order in which they are asked
	rose   chan struct{}            // holds one signal that a link has come up

	mu    sync.Mutex // guards what stands below
	links []*link
	known map[string]*place
	home  string
}

// clock is the time since the client began.
func (m *mesh) clock() time.Duration { return time.Since(m.started) }

// open connects to all seeds, and waits for the home region, or for the nearest.
func open(ctx context.Context, o Options, stats *counters) (*mesh, error) {
	seeds, err := readSeeds(o.Seeds)
	if err != nil {
		return nil, err
	}
	m := &mesh{
		o: o, started: time.Now(), stats: stats, home: o.Home, rose: make(chan struct{}, 1),
		known: map[string]*place{},
	}
	m.budget.init(o.RetryReserve, o.RetryShare)
	m.places.Store(&[]*place{})
	m.ctx, m.stop = context.WithCancel(context.WithoutCancel(ctx))
	for _, region := range append([]string{o.Home}, o.Regions...) {
		m.add(region)
	}
	failed := make(chan error, len(seeds))
	for _, s := range seeds {
		m.running.Go(func() { failed <- m.dial(s) })
	}
	if err := m.settle(ctx, failed, seeds); err != nil {
		return nil, errors.Join(err, m.Close())
	}
	return m, nil
}

// dial keeps a connection to a seed.
func (m *mesh) dial(s seed) error {
	l, err := dial(&m.o, s, m.changed)
	if err != nil {
		return fmt.Errorf("%s: %w", s.shown(), err)
	}
	if !m.keep(l) {
		l.close()
	}
	m.changed(l) // it may have come up before it was known
	return nil
}

// keep takes a link in, unless the client is closed.
func (m *mesh) keep(l *link) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.ctx.Err() != nil {
		return false
	}
	m.links = append(m.links, l)
	return true
}

// headStart is how long Connect waits for nearer regions once one has answered.
const headStart = 150 * time.Millisecond

// settle waits until commands can be run.
func (m *mesh) settle(ctx context.Context, failed <-chan error, seeds []seed) error {
	patience := time.NewTimer(m.o.ConnectTimeout)
	defer patience.Stop()
	grace := time.NewTimer(m.o.ConnectTimeout)
	defer grace.Stop()
	dialed, waits := 0, false
	for {
		ready, all := m.ready()
		if ready && (m.o.Home == "" && all == len(seeds) || m.reachable(m.o.Home)) {
			return m.choose()
		}
		if ready && !waits {
			waits = true
			grace.Reset(headStart)
			if m.o.Home != "" {
				grace.Reset(m.o.ConnectTimeout / 5)
			}
		}
		select {
		case <-m.rose:
		case err := <-failed:
			if dialed++; err != nil {
				return err // of the options; a server that is away is no error here
			}
		case <-grace.C:
			if ready {
				return m.choose()
			}
		case <-patience.C:
			return m.unreachable()
		case <-ctx.Done():
			return errors.Join(ctx.Err(), m.unreachable())
		}
	}
}

// ready says whether a region has told its nodes, and how many links are up.
func (m *mesh) ready() (ready bool, up int) {
	m.mu.Lock()
	defer m.mu.Unlock()
	regions := map[string]bool{}
	for _, l := range m.links {
		if r := l.region.Load(); r != nil && l.up.Load() {
			up++
			regions[*r] = true
		}
	}
	answered := 0
	for name, p := range m.known { // order-free: counted
		if regions[name] && p.rtt.Load() > 0 {
			answered++
		}
	}
	if answered < len(regions) {
		up = 0 // not all of them have
	}
	return answered > 0, up
}

func (m *mesh) reachable(region string) bool {
	p := m.place(region)
	return p != nil && p.rtt.Load() > 0 && p.state() == Closed
}

// choose settles which region is home.
func (m *mesh) choose() error {
	m.mu.Lock()
	if m.home == "" {
		nearest := time.Duration(0)
		for _, p := range m.known { // order-free: the lowest, names break ties
			rtt := time.Duration(p.rtt.Load())
			if rtt > 0 && (m.home == "" || rtt < nearest || rtt == nearest && p.name < m.home) {
				m.home, nearest = p.name, rtt
			}
		}
	}
	m.mu.Unlock()
	m.sort()
	return nil
}

func (m *mesh) unreachable() error {
	m.mu.Lock()
	defer m.mu.Unlock()
	tried := make([]string, 0, len(m.links))
	for _, l := range m.links {
		if l.up.Load() {
			tried = append(tried, l.seed.shown()+": "+errNobody.Error())
		} else {
			tried = append(tried, l.seed.shown()+": "+l.why())
		}
	}
	slices.Sort(tried)
	return &Error{Code: CodeUnavailable, Message: fmt.Sprintf("no region answers (%s); start a cluster with `atoll up`, or name its servers in Seeds", strings.Join(tried, "; "))}
}

// add makes a region known.
func (m *mesh) add(region string) {
	if region == "" {
		return
	}
	m.mu.Lock()
	p := m.known[region]
	fresh := p == nil && m.ctx.Err() == nil
	if fresh {
		p = newPlace(region, m.clock)
		m.known[region] = p
		m.running.Go(func() { m.attend(p) })
	}
	m.mu.Unlock()
	if fresh {
		m.sort()
	}
	if p != nil {
		p.kick()
	}
}

// place finds a region.
func (m *mesh) place(region string) *place {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.known[region]
}

// changed hears that a link came up or was lost.
func (m *mesh) changed(l *link) {
	region := l.region.Load()
	if region == nil {
		return
	}
	if l.up.Load() {
		m.add(*region)
		m.kickAll()
	} else if p := m.place(*region); p != nil {
		p.kick()
	}
	m.signal()
}

// kickAll has every region probed.
func (m *mesh) kickAll() {
	for _, p := range *m.places.Load() {
		p.kick()
	}
}

// signal wakes Connect.
func (m *mesh) signal() {
	select {
	case m.rose <- struct{}{}:
	default:
	}
}

// sort puts the regions into the order in which they are asked: home, then those of Options, then the nearest.
func (m *mesh) sort() {
	m.mu.Lock()
	defer m.mu.Unlock()
	all := make([]*place, 0, len(m.known))
	for _, p := range m.known { // order-free: sorted below
		if len(m.o.Regions) == 0 || p.name == m.home || slices.Contains(m.o.Regions, p.name) {
			all = append(all, p)
		}
	}
	rank := func(p *place) int {
		switch at := slices.Index(m.o.Regions, p.name); {
		case p.name == m.home:
			return -1
		case at >= 0:
			return at
		}
		return len(m.o.Regions)
	}
	slices.SortFunc(all, func(a, b *place) int {
		return cmp.Or(cmp.Compare(rank(a), rank(b)), cmp.Compare(distance(a), distance(b)), cmp.Compare(a.name, b.name))
	})
	m.places.Store(&all)
}

// distance is the round trip in steps of a millisecond, so that neighbours do not change places all the time.
func distance(p *place) int64 {
	rtt := p.rtt.Load()
	if rtt == 0 {
		return int64(time.Hour)
	}
	return rtt / int64(time.Millisecond)
}

// path finds a connection for a region: one that leads there, or if there never was one any that is up, since the
// regions are joined.
func (m *mesh) path(p *place) *link {
	m.mu.Lock()
	defer m.mu.Unlock()
	var any *link
	direct := false
	for _, l := range m.links {
		if l.in(p.name) {
			direct = true
			if l.up.Load() && l.nc.IsConnected() {
				return l
			}
		}
		if any == nil && l.up.Load() {
			any = l
		}
	}
	if direct {
		return nil
	}
	return any
}

// Close ends all connections and goroutines.
func (m *mesh) Close() error {
	m.stop()
	m.mu.Lock()
	links := m.links
	m.mu.Unlock()
	for _, l := range links {
		l.close()
	}
	m.running.Wait()
	return nil
}
