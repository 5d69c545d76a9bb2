package client

import (
	"encoding/json"
	"errors"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"github.com/cespare/xxhash/v2"

	"github.com/atollcache/atoll/ring"
)

// Circuit is whether a region is asked.
type Circuit int32

// The states of a circuit.
const (
	Closed   Circuit = iota // it is
	Open                    // it is not: it did not answer
	HalfOpen                // it is not yet: it has answered again once
)

// String names the state.
func (c Circuit) String() string { return [...]string{"closed", "open", "half-open"}[c] }

// place is a region as the client sees it.
type place struct {
	name  string
	clock func() time.Duration

	circuit atomic.Int32
	heardAt atomic.Int64 // when a node of it last answered anything
	rtt     atomic.Int64 // the lowest of the latest; 0 if unknown
	view    atomic.Pointer[view]

	publishes atomic.Bool   // its nodes publish what changes
	kicked    chan struct{} // holds one signal that a probe is wanted now

	mu       sync.Mutex // guards what stands below
	samples  [8]time.Duration
	sampled  int
	suspects map[string]time.Duration // nodes that did not answer, and until when they are passed by
}

func newPlace(name string, clock func() time.Duration) *place {
	return &place{name: name, clock: clock, kicked: make(chan struct{}, 1), suspects: map[string]time.Duration{}}
}

func (p *place) state() Circuit { return Circuit(p.circuit.Load()) }

// hear notes that a node of the region has answered.
func (p *place) hear() { p.heardAt.Store(int64(p.clock())) }

// heard says whether the region has said anything since some time.
func (p *place) heard(since time.Duration) bool { return p.heardAt.Load() > int64(since) }

// kick asks for a probe.
func (p *place) kick() {
	select {
	case p.kicked <- struct{}{}:
	default:
	}
}

// trip opens the circuit: nothing is sent to the region until probes have found it again.
func (p *place) trip() (news bool) {
	news = Circuit(p.circuit.Swap(int32(Open))) == Closed
	p.kick()
	return news
}

// answered notes that a probe was answered, and says whether the region is asked again because of that. Two in a row
// have to be, but for the first of all: one may have slipped through a network that is just going.
func (p *place) answered(rtt time.Duration) (news bool) {
	if p.rtt.Load() == 0 {
		p.circuit.Store(int32(Closed))
	}
	p.measure(rtt)
	if p.circuit.CompareAndSwap(int32(HalfOpen), int32(Closed)) {
		return true
	}
	p.circuit.CompareAndSwap(int32(Open), int32(HalfOpen))
	return false
}

// measure keeps the lowest of the latest round trips: what is above it is waiting, not distance.
func (p *place) measure(rtt time.Duration) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.samples[p.sampled%len(p.samples)] = rtt
	p.sampled++
	lowest := rtt
	for _, s := range p.samples[:min(p.sampled, len(p.samples))] {
		lowest = min(lowest, s)
	}
	p.rtt.Store(int64(lowest))
}

// suspicion is how long a node that did not answer is passed by.
const suspicion = time.Second

func (p *place) suspect(node string) {
	if node == "" {
		return
	}
	p.mu.Lock()
	p.suspects[node] = p.clock() + suspicion
	p.mu.Unlock()
	p.kick()
}

func (p *place) suspected(node string) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	until, ok := p.suspects[node]
	if ok && p.clock() >= until {
		delete(p.suspects, node)
		return false
	}
	return ok
}

// view is who owns what in a region. It is never changed.
type view struct {
	key   string // tells views apart
	ring  *ring.Ring
	names []string // by place in the ring
}

// directory is what a node tells of its region.
type directory struct {
	Cluster  string `json:"cluster"`
	Region   string `json:"region"`
	Replicas int    `json:"replicas"`
	Changes  bool   `json:"changes"`
	Nodes    []struct {
		Name   string `json:"name"`
		ID     string `json:"id"` // in hexadecimal digits
		Weight int    `json:"weight"`
	} `json:"nodes"`
}

var errDirectory = errors.New("the directory of the region cannot be read")

// learn reads the directory of the region, and says whether it was news. A ring is computed only then.
func (p *place) learn(payload []byte) (news bool, err error) {
	var d struct {
		Value *directory `json:"value"`
	}
	if err := json.Unmarshal(payload, &d); err != nil || d.Value == nil || d.Value.Region == "" {
		return false, errDirectory
	}
	p.publishes.Store(d.Value.Changes)
	v := &view{key: strconv.Itoa(d.Value.Replicas)}
	nodes := make([]ring.Node, len(d.Value.Nodes))
	for i, n := range d.Value.Nodes {
		id, err := strconv.ParseUint(n.ID, 16, 64)
		if err != nil {
			return false, errDirectory
		}
		nodes[i] = ring.Node{Name: n.Name, ID: id, Weight: n.Weight}
		v.key += " " + n.Name + "/" + n.ID + "/" + strconv.Itoa(n.Weight)
	}
	if old := p.view.Load(); old != nil && old.key == v.key {
		return false, nil
	}
	if v.ring, err = ring.New(nodes, d.Value.Replicas); err != nil {
		return false, errors.Join(errDirectory, err)
	}
	for _, n := range v.ring.Nodes() {
		v.names = append(v.names, n.Name)
	}
	p.view.Store(v)
	return true, nil
}

// owner gives the owner of a partition at a place, 0 being the first; "" if there are not so many.
func (v *view) owner(part uint16, place int) string {
	if v == nil || len(v.names) == 0 {
		return ""
	}
	owners := v.ring.Owners(part)
	if place >= len(owners) {
		return ""
	}
	return v.names[owners[place]]
}

const partitions = ring.Partitions

// partitionOf gives the partition of a key, as the nodes do.
func partitionOf(key []byte) uint16 { return ring.Partition(xxhash.Sum64(key)) }
