package world

import (
	"errors"
	"fmt"
	"time"

	"github.com/atollcache/atoll/antientropy"
	"github.com/atollcache/atoll/replica"
	"github.com/atollcache/atoll/ring"
	"github.com/atollcache/atoll/simulate/scenario"
)

// ErrScenario is wrapped by what New says of a scenario that cannot be run.
var ErrScenario = errors.New("the scenario cannot be simulated")

// Config says what is run.
type Config struct {
	Scenario *scenario.Scenario // is not changed
	Seed     uint64
	Observer Observer // none if nil

	// Trace gets a record of every event, in order. The record is valid during
	// the call. Without it nothing is recorded.
	Trace func(*Record)

	// Omit, if set, tells which operations are left out, by Op.ID. Everything
	// else stays as it would be with them, up to what they change.
	Omit func(op uint64) bool
}

// Phase is a part of a run.
type Phase uint8

// The phases, in their order.
const (
	Warmup  Phase = iota // load without faults
	Chaos                // load and faults
	Heal                 // load; faults are off, clocks sane, nodes up
	Quiesce              // the load is off as well
	Final                // the run is over
)

// String names the phase.
func (p Phase) String() string {
	return [...]string{"warm-up", "chaos", "heal", "quiesce", "final"}[p]
}

// WallStart is what a right clock shows when a run begins, in unix milliseconds.
const WallStart = 1_700_000_000_000

// A World is one run of a scenario.
type World struct {
	sc      *scenario.Scenario
	seed    chance
	obs     Observer
	omit    func(uint64) bool
	scope   antientropy.Scope
	cluster string

	now    time.Duration
	queue  queue
	phase  Phase
	ended  bool
	broken string
	burst  int           // events at this very moment
	moment time.Duration // which moment that is

	regions []*place
	nodes   []*Node
	letters []letter
	free    []int32 // letters not in use
	calls   []func()
	spare   []int32 // calls not in use
	called  uint64
	sent    uint64
	leaving Message          // that is being sent
	coming  letter           // that is being handed over
	fate    fate             // of the message that is being sent
	out     []replica.Packet // of the step under way

	pipes    []*pipe  // by pair of regions
	faults   []*fault // that are on
	wiring   uint32   // changes with them
	clients  []*client
	sessions [][]*session // by load
	enrolled int
	keys     keyring

	totals Totals
	marks  []int
	trace  tracer
}

// New makes the world of a scenario at time zero, with its nodes started.
func New(cfg Config) (*World, error) {
	sc := cfg.Scenario
	if err := runnable(sc); err != nil {
		return nil, err
	}
	w := &World{
		sc: sc, seed: chance(mix(cfg.Seed + golden)), obs: cfg.Observer, omit: cfg.Omit, cluster: "simulated",
		marks: make([]int, len(MarkNames())), trace: tracer{to: cfg.Trace},
	}
	if w.obs == nil {
		w.obs = Nobody{}
	}
	if n := sc.Partitions(); n < ring.Partitions {
		for part := range uint16(n) {
			w.scope.Add(part)
		}
	}
	w.keys.init(w)
	w.settle()
	w.totals.init(len(w.regions))
	w.schedule()
	for _, n := range w.nodes {
		n.begin()
	}
	w.employ()
	w.obs.Phase(Warmup)
	return w, nil
}

// runnable refuses what the world cannot do.
func runnable(sc *scenario.Scenario) error {
	switch {
	case sc == nil || len(sc.Topology.Regions) == 0:
		return fmt.Errorf("%w: it has no region", ErrScenario)
	case sc.Phases.End() <= 0:
		return fmt.Errorf("%w: it takes no time", ErrScenario)
	}
	for _, step := range sc.Timeline {
		if _, ok := enactments[step.Kind]; !ok {
			return fmt.Errorf("%w: %s at %v is not modelled", ErrScenario, step.Kind, step.At)
		}
	}
	return nil
}

// settle lays the regions out with their nodes.
func (w *World) settle() {
	for _, r := range w.sc.Topology.Regions {
		p := &place{name: r.Name, index: len(w.regions)}
		w.regions = append(w.regions, p)
		for i := range r.Nodes {
			w.add(p, i+1, r.Weight(i+1))
		}
	}
}

// Now gives the time since the start of the run.
func (w *World) Now() time.Duration { return w.now }

// Phase gives the part of the run that the world is in.
func (w *World) Phase() Phase { return w.phase }

// Nodes gives all nodes that there ever were, twins included.
func (w *World) Nodes() []*Node { return w.nodes }

// Scope gives the partitions that hold keys, nothing if all do.
func (w *World) Scope() antientropy.Scope { return w.scope }

// Scenario gives what is run.
func (w *World) Scenario() *scenario.Scenario { return w.sc }

// Done says whether the run is over.
func (w *World) Done() bool { return w.ended }

// Breakdown says what broke, "" if nothing did: a panic of a replica, or a step
// without bound. The replicas must not be looked at after one.
func (w *World) Breakdown() string { return w.broken }

// RunUntil lets time pass up to t, or to the end of the run.
func (w *World) RunUntil(t time.Duration) {
	for !w.ended && len(w.queue) > 0 && w.queue[0].at <= t && w.Step() {
	}
	if !w.ended {
		w.now = max(w.now, min(t, w.sc.Phases.End()))
	}
}

// Step lets the next event happen, and says whether the run goes on.
func (w *World) Step() bool {
	if w.ended {
		return false
	}
	if len(w.queue) == 0 {
		w.enter(Final)
		return false
	}
	e := w.queue.pop()
	w.now = e.at
	w.dispatch(&e)
	return !w.ended
}

// crowd is how many events may fall on one nanosecond: more are a circle.
const crowd = 1 << 18

func (w *World) dispatch(e *event) {
	if w.now != w.moment {
		w.moment, w.burst = w.now, 0
	}
	if w.burst++; w.burst > crowd {
		w.breakDown(nil, fmt.Sprintf("%d events at %v, and no end", w.burst, w.now))
		return
	}
	switch e.what {
	case arrival:
		w.arrive(e.slot)
	case tick:
		w.nodes[e.slot].tick(e)
	case serve:
		w.nodes[e.slot].serve(e.gen)
	case request:
		w.clients[e.slot].ask()
	case call:
		f := w.calls[e.slot]
		w.calls[e.slot] = nil
		w.spare = append(w.spare, e.slot)
		f()
	}
}

// at has something rare happen at a time, or now if that is past. The order of
// what is due together is drawn by entity.
func (w *World) at(t time.Duration, entity uint64, f func()) {
	slot := int32(len(w.calls))
	if n := len(w.spare); n > 0 {
		slot = w.spare[n-1]
		w.spare = w.spare[:n-1]
		w.calls[slot] = f
	} else {
		w.calls = append(w.calls, f)
	}
	t = max(t, w.now)
	w.called++
	w.queue.push(event{at: t, tie: uint64(w.seed.draw(forTie, entity, uint64(t))), what: call, slot: slot})
}

// after is at, from now on.
func (w *World) after(d time.Duration, entity uint64, f func()) { w.at(w.now+d, entity, f) }

// enter begins a phase.
func (w *World) enter(p Phase) {
	if p <= w.phase {
		return
	}
	w.phase = p
	w.totals.Phases = append(w.totals.Phases, PhaseStart{p, w.now})
	w.fold(recordPhase, uint64(p), 0, nil)
	w.obs.Happened(w.now, p.String())
	w.obs.Phase(p)
	w.ended = p == Final
}

// breakDown ends the run since something went wrong that no run survives.
func (w *World) breakDown(n *Node, what string) {
	if w.broken != "" {
		return
	}
	w.broken, w.ended = what, true
	if n != nil {
		w.broken = n.String() + ": " + what
	}
	w.fold(recordBreak, 0, 0, []byte(what))
	w.obs.Broke(n, what)
}
