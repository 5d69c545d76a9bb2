package client

import (
	"context"
	"errors"
	"math/rand/v2"
	"time"
)

const (
	// probeEvery is how often a region is asked who its nodes are, and whether it is there at all.
	probeEvery = time.Second
	// recoverEvery is how often, while it is away.
	recoverEvery = 150 * time.Millisecond
)

// attend asks a region for its directory, now and then, and when somebody wants to know.
func (m *mesh) attend(p *place) {
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		select {
		case <-m.ctx.Done():
			return
		case <-timer.C:
		case <-p.kicked:
		}
		m.probe(p)
		pause := probeEvery
		if p.state() != Closed {
			pause = recoverEvery
		}
		timer.Reset(pause*3/4 + rand.N(pause/2))
	}
}

// probe asks once.
func (m *mesh) probe(p *place) {
	began := m.clock()
	payload, err := m.ask(p, "atoll."+p.name+".v1.directory")
	took := m.clock() - began
	if err != nil {
		if m.ctx.Err() != nil {
			return
		}
		if !errors.Is(err, errNoAnswer) || !p.heard(began) {
			m.trip(p)
		}
		return
	}
	if news, err := p.learn(payload); err == nil && news {
		m.stats.directories.Add(1)
	}
	first := p.rtt.Load() == 0
	if p.answered(took) {
		m.stats.recoveries.Add(1)
	}
	if p.state() == HalfOpen {
		p.kick()
	}
	m.sort()
	if first {
		m.signal()
	}
}

// trip opens the circuit of a region.
func (m *mesh) trip(p *place) {
	if p.trip() {
		m.stats.trips.Add(1)
	}
}

// ask sends a request without content, and waits for one attempt.
func (m *mesh) ask(p *place, subject string) ([]byte, error) {
	l := m.path(p)
	if l == nil {
		return nil, errNoLink
	}
	f, err := l.send(p, m.clock(), subject, nil, nil)
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(m.ctx, m.patience(p))
	defer cancel()
	select {
	case a := <-f.done:
		if a.err != nil {
			return nil, a.err
		}
		return a.msg.Data, nil
	case <-ctx.Done():
		f.drop()
		return nil, errNoAnswer
	}
}

// patience is how long one attempt may take in a region.
func (m *mesh) patience(p *place) time.Duration {
	return m.o.Attempt + min(2*time.Duration(p.rtt.Load()), m.o.Attempt)
}
