package world

import (
	"fmt"
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
	intercept func(l *link, slot int32) bool                 // what arrives, to let it wait
	damage    func(l *link, m *Message) []byte               // a message
	parts     func(a, b *Node) bool                          // two nodes, in both directions
	estranges func(n, of *Node) bool                         // the opinion of one node of another
	end       func()                                         // what was begun
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
		w.at(step.At, f.id, func() { w.strike(f) })
	}
	w.at(p.WarmUp, 1, func() { w.begin(Chaos) })
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
	until := f.step.Until(w.sc.Phases)
	enactments[f.step.Kind](f)
	if f.end == nil && f.strikes == nil && f.estranges == nil {
		return
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
	w.happened(fmt.Sprintf("over: %s", f.text()))
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

// estranged says whether membership keeps two nodes apart though messages pass.
func (w *World) estranged(a, b *Node) bool {
	for _, f := range w.faults {
		if f.estranges != nil && (f.estranges(a, b) || f.estranges(b, a)) {
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

// enactments says what each kind of step does. It is a function of the kind, not
// a state: nothing writes it.
var enactments = map[scenario.Kind]enactment{ // immutable: nothing writes it
	scenario.Cut:       cut,
	scenario.CutOneWay: cutOneWay,
	scenario.Crash:     crash,
	scenario.Restart:   restart,
}

// hits is what most faults of the network strike: what the target says.
func (f *fault) hits(from, to *Node) bool { return f.step.Target.Hits(from.Place(), to.Place()) }

func always(*link) bool { return true }

// cut parts sides from one another.
func cut(f *fault) {
	f.strikes, f.parts = f.hits, f.hits
	switch f.step.Mode {
	case scenario.Slow:
		f.parts = nil
		f.meddle = func(l *link, _ *Message, key uint64, x *fate) {
			x.add += sample(f.step.Add, f.w.seed.draw(forFault, f.id^l.id, key))
		}
	case scenario.Jam:
		f.jam()
	default:
		f.stop("cut")
	}
}

// stop loses what is sent, and what is on its way.
func (f *fault) stop(why string) {
	f.severs = always
	f.meddle = func(_ *link, _ *Message, _ uint64, x *fate) { x.lost = why }
}

// jam holds what arrives until the end, and then lets all of it through.
func (f *fault) jam() {
	var held []int32
	f.meddle = func(*link, *Message, uint64, *fate) {}
	f.intercept = func(_ *link, slot int32) bool {
		held = append(held, slot)
		return true
	}
	f.end = func() {
		for _, slot := range held {
			l := f.w.letters[slot].l
			l.last = max(l.last, f.w.now) + 1
			tie := f.w.seed.draw(forTie, l.id, uint64(l.last))
			f.w.queue.push(event{at: l.last, tie: uint64(tie), what: arrival, slot: slot})
		}
	}
}

func cutOneWay(f *fault) {
	f.strikes = f.hits
	f.stop("cut one way")
}

// crash kills nodes; they are back after a while.
func crash(f *fault) {
	for _, n := range f.targets() {
		n.stays = f.step.Restart == scenario.Never
		if f.step.Between && n.Up() {
			n.breaking = true
		} else {
			n.crash()
		}
		f.revive(n, f.step.Restart)
	}
}

// revive starts a node again after a while, or at the heal.
func (f *fault) revive(n *Node, after time.Duration) {
	if after < 0 {
		return
	}
	w := f.w
	at := max(min(w.now+after, w.sc.Phases.Healed()), w.now)
	w.at(at, mix(f.id^n.id), func() {
		if n.breaking { // it has sent nothing since
			n.crash()
		}
		if n.stage == down {
			n.begin()
		}
	})
}

func restart(f *fault) {
	for _, n := range f.targets() {
		if n.stage == down {
			n.begin()
		}
	}
}
