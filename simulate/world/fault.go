package world

import (
	"slices"
	"strconv"
	"time"

	"github.com/atollcache/atoll/simulate/scenario"
)

// fault is a step of the timeline that is on. What it does not do is nil.
type fault struct {
	w     *World
	step  *scenario.Step
	id    uint64 // of the step, whatever other steps there are
	since time.Duration

	strikes   func(from, to *Node) bool                      // which links
	meddle    func(l *link, m *Message, key uint64, f *fate) // with a message that is sent
	severs    func(l *link) bool                             // a link, for what is on its way too
	intercept func(slot int32)                               // what arrives, to let it wait
	damage    func(l *link, m *Message) []byte               // a message
	parts     func(a, b *Node) bool                          // two nodes, in both directions
	estranges func(n, of *Node) bool                         // the opinion of one node of another
	end       func()                                         // what was begun
	heals     bool                                           // not before the heal
}

// enactment begins a fault.
type enactment func(f *fault)

// schedule puts the timeline and the phases into the queue.
func (w *World) schedule() {
	p := w.sc.Phases
	seen := map[uint64]uint64{}
	for i := range w.sc.Timeline {
		step := &w.sc.Timeline[i]
		id := stepID(step)
		seen[id]++
		f := &fault{w: w, step: step, id: mix(id + seen[id])}
		if step.At == 0 && formative(step.Kind) {
			w.strike(f)
			continue
		}
		w.at(step.At, f.id, func() { w.strike(f) })
	}
	w.at(p.WarmUp, 1, func() { w.begin(Chaos) })
}

// formative says whether a step shapes how the cluster is formed, and must come
// before its nodes.
func formative(kind scenario.Kind) bool {
	fault, _ := scenario.FaultOf(kind)
	return fault.Group == scenario.Net || kind == scenario.Unequal || fault.Group == scenario.Clock
}

// begin begins a phase, and has the next one follow.
func (w *World) begin(phase Phase) {
	p := w.sc.Phases
	ends := [...]time.Duration{Chaos: p.Healed(), Heal: p.Quiet(), Quiesce: p.End(), Final: never}
	w.enter(phase)
	if phase == Heal {
		w.lift()
	}
	if phase < Final {
		w.at(ends[phase], uint64(phase), func() { w.begin(phase + 1) })
	}
}

// stepID tells a step by what it does, so that its draws stay when another step
// is taken away.
func stepID(s *scenario.Step) uint64 {
	return entity(string(s.Kind) + " " + s.Target.String() + " " + strconv.FormatInt(int64(s.At), 10))
}

// strike begins a fault and sees to its end.
func (w *World) strike(f *fault) {
	if w.phase > Chaos {
		return
	}
	f.since = w.now
	w.happened(f.text())
	enactments[f.step.Kind](f)
	if f.end == nil && f.strikes == nil && f.estranges == nil {
		return
	}
	w.hold(f, f.step.Until(w.sc.Phases))
}

// hold keeps a fault on until a time.
func (w *World) hold(f *fault, until time.Duration) {
	if f.heals {
		until = w.sc.Phases.Healed()
	}
	w.faults = append(w.faults, f)
	w.rewired()
	w.at(max(until, w.now), f.id+1, func() { w.relent(f) })
}

// relent ends a fault.
func (w *World) relent(f *fault) {
	i := slices.Index(w.faults, f)
	if i < 0 {
		return
	}
	w.faults = slices.Delete(w.faults, i, i+1)
	w.rewired()
	if f.end != nil {
		f.end()
	}
	if f.step != nil {
		w.happened("over: " + f.text())
	}
	w.rewired()
}

// rewired has all links, and membership, look at the faults again.
func (w *World) rewired() {
	w.wiring++
	for _, p := range w.regions {
		w.reconsider(p)
	}
}

func (f *fault) text() string {
	text := string(f.step.Kind) + " " + f.step.Target.String()
	if f.step.Why != "" {
		text += ": " + f.step.Why
	}
	return text
}

// happened tells people what begins and ends.
func (w *World) happened(text string) {
	w.fold(recordFault, 0, 0, []byte(text))
	w.record(recordFault, nil, "", text, 0)
	w.obs.Happened(w.now, text)
}

// lift ends the chaos: whatever is still wrong is set right, in the order in
// which it went wrong.
func (w *World) lift() {
	for _, f := range slices.Clone(w.faults) {
		w.relent(f)
	}
	for _, n := range w.nodes {
		if n.stage == down && !n.stays && !n.Twin {
			n.begin()
		}
	}
}

// targets lists the nodes that a fault strikes.
func (f *fault) targets() []*Node {
	var hit []*Node
	for _, n := range f.w.nodes {
		if !n.Twin && f.step.Target.Has(n.Place()) {
			hit = append(hit, n)
		}
	}
	return hit
}

// places lists the regions that a fault strikes.
func (f *fault) places() []*place {
	var hit []*place
	for _, p := range f.w.regions {
		if f.step.Target.Has(scenario.Place{Region: p.name}) {
			hit = append(hit, p)
		}
	}
	return hit
}

// parted says whether nothing passes between two nodes, in either direction.
func (w *World) parted(a, b *Node) bool {
	for _, f := range w.faults {
		if f.parts != nil && f.parts(a, b) {
			return true
		}
	}
	return false
}

// estranged says whether membership has a node believe that another is dead
// though messages pass.
func (w *World) estranged(n, of *Node) bool {
	for _, f := range w.faults {
		if f.estranges != nil && f.estranges(n, of) {
			return true
		}
	}
	return false
}

// cuts says whether some link is cut now.
func (w *World) cuts() bool {
	for _, f := range w.faults {
		if f.severs != nil {
			return true
		}
	}
	return false
}
