package world

import (
	"slices"
	"time"

	"github.com/atollcache/atoll/simulate/scenario"
)

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

// revive starts a node again after a while, at the heal at the latest.
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

// wipe kills nodes and empties their disks.
func wipe(f *fault) {
	for _, n := range f.targets() {
		n.crash()
		n.saved = 0
		n.stays = f.step.Restart == scenario.Never
		f.revive(n, f.step.Restart)
	}
}

// pause stops nodes: their clocks go on, messages and clients wait.
func pause(f *fault) {
	nodes := f.targets()
	for _, n := range nodes {
		n.pauses++
	}
	f.w.rewired()
	f.end = func() {
		for _, n := range nodes {
			n.resume()
		}
	}
}

// resume has a node go on with whatever waits for it.
func (n *Node) resume() {
	if n.pauses--; n.pauses > 0 || n.stage == down {
		return
	}
	if len(n.inbox) > 0 {
		n.serveAt(n.w.now)
	}
	for _, op := range slices.Clone(n.open) {
		if op.Outcome == Pending && !op.taken {
			n.run(op)
		}
	}
	n.learned()
	if n.replica == nil {
		return
	}
	n.view()
	n.tickAt = never
	n.tickBy(n.w.now)
}

// stepTime is what a step takes on a node that is slow by a factor of one.
const stepTime = 50 * time.Microsecond

func slowNode(f *fault) { f.slow(time.Duration(f.step.Factor)*stepTime, inboxLetters) }

// overload has messages come faster than a node handles them. Fewer may wait
// than on a node that is merely slow, so that a short fault shows the overflow.
func overload(f *fault) {
	const waiting = 256
	f.slow(time.Duration(int64(time.Second)*1000/max(int64(f.step.Ops), 1)), waiting)
}

func (f *fault) slow(each time.Duration, waiting int) {
	nodes := f.targets()
	s := &nodeSpeed{each: each, waiting: waiting}
	for _, n := range nodes {
		n.speeds = append(n.speeds, s)
	}
	f.end = func() {
		for _, n := range nodes {
			n.speeds = slices.DeleteFunc(n.speeds, func(x *nodeSpeed) bool { return x == s })
		}
	}
}

// twin has a second node live under the name of the first, as when the one did
// not hear the other's answer at its start. One of them finds out and stops; in
// the end it is the first that goes on.
func twin(f *fault) {
	w := f.w
	for _, n := range f.targets() {
		second := w.add(n.region, n.Number, n.weight)
		second.Twin = true
		second.clock = &clock{natural: -n.clock.natural}
		second.begin()
		f.end = func() {
			second.leave("the fault is over")
			if n.stage == down && !n.stays {
				n.begin()
			}
		}
	}
}

// wrong makes the clocks of nodes wrong while the fault lasts.
func (f *fault) wrong(how clockFault) {
	how.since = f.w.now
	nodes := f.targets()
	for _, n := range nodes {
		n.clock.faults = append(n.clock.faults, &how)
	}
	f.end = func() {
		for _, n := range nodes {
			n.clock.faults = slices.DeleteFunc(n.clock.faults, func(x *clockFault) bool { return x == &how })
			n.stepped()
		}
	}
}

func clockSkew(f *fault) { f.wrong(clockFault{offset: f.step.Offset}) }

func clockDrift(f *fault) { f.wrong(clockFault{drift: int64(f.step.Drift)}) }

func clockStrobe(f *fault) {
	f.wrong(clockFault{offset: f.step.Offset, strobe: max(f.step.Every, time.Millisecond)})
}

// clockJump makes the clocks wrong until the heal.
func clockJump(f *fault) {
	f.wrong(clockFault{offset: f.step.Offset})
	f.heals = true
}

// clockPoison makes the clocks wrong, and those of the peers seem as wrong, so
// that the node's own guard does not notice.
func clockPoison(f *fault) {
	f.wrong(clockFault{offset: f.step.Offset})
	nodes, off, right := f.targets(), f.step.Offset.Milliseconds(), f.end
	for _, n := range nodes {
		n.clock.poison += off
	}
	f.end = func() {
		right()
		for _, n := range nodes {
			n.clock.poison -= off
		}
	}
}

// unequal has nodes run with settings of their own. They are restarted for it.
func unequal(f *fault) {
	nodes := f.targets()
	for _, n := range nodes {
		n.set = &f.step.Set
		n.again()
	}
	f.end = func() {
		for _, n := range nodes {
			n.set = nil
			n.again()
		}
	}
}

// again restarts a node that runs, in order.
func (n *Node) again() {
	if n.Up() && n.stage == serving {
		n.drain(n.begin)
	}
}
