package wan

import (
	"slices"
	"sync/atomic"
)

// maxHeldLinks bounds the connections of a path in a black hole; a new one takes the place of the oldest. In a black hole each attempt of a server to connect leaves one behind,
// whose end nobody hears.
const maxHeldLinks = 16

// A pair is a directed pair of regions.
type pair struct{ from, to string }

// A path is the state of one directed pair, and its connections.
type path struct {
	pair
	sw    *Switch
	delay atomic.Int64 // a time.Duration
	bytes atomic.Uint64

	// Guarded by sw.mu.
	state   State
	changed chan struct{} // closed, and replaced, when the state changes
	links   []*link       // oldest first
}

func newPath(sw *Switch, between pair) *path {
	return &path{pair: between, sw: sw, changed: make(chan struct{})}
}

// set changes the state. The caller holds sw.mu.
func (p *path) set(state State) {
	if p.state == state {
		return
	}
	p.state = state
	if state == Cut {
		for _, l := range p.links {
			l.reset()
		}
	}
	close(p.changed)
	p.changed = make(chan struct{})
}

// join adds a connection to the path and reports whether the path takes it.
func (p *path) join(l *link) bool {
	p.sw.mu.Lock()
	defer p.sw.mu.Unlock()
	if p.state == Cut || p.sw.ended {
		return false
	}
	if len(p.links) >= maxHeldLinks && p.state == BlackHole {
		p.links[0].reset()
		p.links = slices.Delete(p.links, 0, 1)
	}
	p.links = append(p.links, l)
	return true
}

// leave removes a connection that has ended.
func (p *path) leave(l *link) {
	p.sw.mu.Lock()
	defer p.sw.mu.Unlock()
	p.links = slices.DeleteFunc(p.links, func(other *link) bool { return other == l })
}

// look returns the state, and a channel that is closed when it changes.
func (p *path) look() (State, <-chan struct{}) {
	p.sw.mu.Lock()
	defer p.sw.mu.Unlock()
	return p.state, p.changed
}

// waitOpen waits out a black hole. It returns false when done is closed first.
func (p *path) waitOpen(done <-chan struct{}) bool {
	for {
		state, changed := p.look()
		if state != BlackHole {
			return true
		}
		select {
		case <-changed:
		case <-done:
			return false
		}
	}
}
