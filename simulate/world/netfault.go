package world

import (
	"slices"
	"time"

	"github.com/atollcache/atoll/simulate/scenario"
	"github.com/atollcache/atoll/wire"
)

// hits is what most faults of the network strike: what the target says.
func (f *fault) hits(from, to *Node) bool { return f.step.Target.Hits(from.Place(), to.Place()) }

// chance says whether a message is one of the share that a fault strikes.
func (f *fault) chance(l *link, key uint64) bool {
	return f.w.seed.draw(forFault, f.id^l.id, key).hits(f.step.Chance)
}

// part cuts links in both directions: what is sent is lost, and so is what is on
// its way.
func (f *fault) part(which func(a, b *Node) bool, why string) {
	f.strikes, f.parts = which, which
	f.severs = func(*link) bool { return true }
	f.meddle = func(_ *link, _ *Message, _ uint64, x *fate) { x.lost = why }
	f.end = func() { f.w.reconnect(f) }
}

// A connection between regions that was cut for long is gone, and the gateways
// dial again within a second.
const (
	connectionLife = 5 * time.Second
	redial         = time.Second
)

// reconnect keeps regions apart until their gateways have found each other.
func (w *World) reconnect(after *fault) {
	if w.now-after.since < connectionLife || w.phase > Chaos {
		return
	}
	since := w.now
	opens := func(l *link) time.Duration {
		regions := pair(entity(l.from.Region), entity(l.to.Region))
		return since + w.seed.draw(forReconnect, regions, uint64(since)).upTo(redial)
	}
	w.hold(&fault{
		w: w, id: after.id + 2, since: w.now,
		strikes: func(a, b *Node) bool { return a.Region != b.Region && after.strikes(a, b) },
		meddle: func(l *link, _ *Message, _ uint64, x *fate) {
			if w.now < opens(l) {
				x.lost = "not connected yet"
			}
		},
	}, w.now+redial)
}

// cut parts sides from one another.
func cut(f *fault) {
	switch f.step.Mode {
	case scenario.Slow:
		f.strikes = f.hits
		f.meddle = func(l *link, _ *Message, key uint64, x *fate) {
			x.add += sample(f.step.Add, f.w.seed.draw(forFault, f.id^l.id, key))
		}
	case scenario.Jam:
		f.jam()
	default:
		f.part(f.hits, "cut")
	}
}

// jam holds what arrives until the end, and then lets all of it through at once.
func (f *fault) jam() {
	var held []int32
	f.strikes, f.parts = f.hits, f.hits
	f.meddle = func(*link, *Message, uint64, *fate) {}
	f.intercept = func(slot int32) { held = append(held, slot) }
	f.end = func() {
		for _, slot := range held {
			l := f.w.letters[slot].l
			l.last = max(l.last, f.w.now) + 1
			f.w.post(l, slot, l.last)
		}
	}
}

func cutOneWay(f *fault) { f.swallow("cut one way") }

func blackHole(f *fault) { f.swallow("black hole") }

// swallow loses messages without membership noticing.
func (f *fault) swallow(why string) {
	f.part(f.hits, why)
	f.parts, f.end = nil, nil
}

// bridge parts sides, and leaves a go-between.
func bridge(f *fault) {
	between := func(n *Node) bool {
		return slices.ContainsFunc(f.step.Via, func(p scenario.Place) bool { return p.Has(n.Place()) })
	}
	f.part(func(a, b *Node) bool { return f.hits(a, b) && !between(a) && !between(b) }, "cut")
}

// isolate cuts places off from everybody else, and those of a list from one
// another.
func isolate(f *fault) {
	t := &f.step.Target
	if len(t.Sides) != 1 || t.Inside {
		f.part(f.hits, "isolated")
		return
	}
	which := func(n *Node) int {
		return slices.IndexFunc(t.Sides[0], func(p scenario.Place) bool { return p.Has(n.Place()) })
	}
	f.part(func(a, b *Node) bool { return which(a) != which(b) }, "isolated")
}

// away takes regions out of everybody's reach.
func away(f *fault) {
	has := func(n *Node) bool { return f.step.Target.Has(scenario.Place{Region: n.Region}) }
	f.part(func(a, b *Node) bool { return a.Region != b.Region && (has(a) || has(b)) }, "away")
}

// swizzle clogs nodes one by one, and unclogs them in another order, so that the
// last is free when it ends.
func swizzle(f *fault) {
	w := f.w
	clogged := map[*Node]bool{}
	f.part(func(a, b *Node) bool { return clogged[a] || clogged[b] }, "clogged")
	nodes := f.targets()
	order := make([]*Node, 0, len(nodes))
	for i, n := range nodes {
		at := int(w.seed.draw(forOrder, f.id, uint64(i)).below(uint64(i + 1)))
		order = slices.Insert(order, at, n)
	}
	turn := func(at time.Duration, n *Node, on bool) {
		w.at(at, mix(f.id^n.id), func() {
			if slices.Contains(w.faults, f) {
				clogged[n] = on
				w.rewired()
			}
		})
	}
	until := f.step.Until(w.sc.Phases)
	for i, n := range nodes {
		turn(w.now+time.Duration(i)*f.step.Every, n, true)
		free := until - time.Duration(len(nodes)-slices.Index(order, n))*f.step.Every
		turn(max(free, w.now+time.Duration(len(nodes))*f.step.Every), n, false)
	}
}

func drop(f *fault) {
	f.strikes = f.hits
	f.meddle = func(l *link, _ *Message, key uint64, x *fate) {
		if f.chance(l, key) {
			x.lost = "dropped"
		}
	}
}

// burstLoss loses messages in bursts, whose lengths and distances are
// exponential.
func burstLoss(f *fault) {
	bursting := false
	f.alternate(func(n uint64) time.Duration {
		bursting = !bursting
		mean := f.step.Every
		if n%2 == 1 {
			mean = f.step.Length
		}
		return scale(mean, exponentialAt(f.w.seed.draw(forBurst, f.id, n)))
	})
	bursting = false // the first turn ends a distance
	f.strikes = f.hits
	f.meddle = func(l *link, _ *Message, key uint64, x *fate) {
		if bursting && f.chance(l, key) {
			x.lost = "burst"
		}
	}
}

// alternate calls turn now, and again after what it gives, while the fault is on.
func (f *fault) alternate(turn func(n uint64) time.Duration) {
	n := uint64(0)
	var again func()
	again = func() {
		if n > 0 && !slices.Contains(f.w.faults, f) {
			return
		}
		wait := turn(n)
		n++
		f.w.after(max(wait, time.Millisecond), f.id+3, again)
	}
	again()
}

func duplicate(f *fault) {
	f.strikes = f.hits
	f.meddle = func(l *link, _ *Message, key uint64, x *fate) {
		if f.chance(l, key) {
			x.again = f.w.seed.draw(forTail, f.id^l.id, key).between(time.Microsecond, 200*time.Millisecond)
		}
	}
}

func reorder(f *fault) {
	f.strikes = f.hits
	f.meddle = func(l *link, _ *Message, key uint64, x *fate) {
		if f.chance(l, key) {
			x.loose = max(x.loose, f.w.seed.draw(forTail, f.id^l.id, key).between(time.Microsecond, f.step.Within))
		}
	}
}

func delayed(f *fault) {
	f.strikes = f.hits
	f.meddle = func(l *link, _ *Message, key uint64, x *fate) {
		x.add += sample(f.step.Add, f.w.seed.draw(forTail, f.id^l.id, key))
	}
}

// throttle limits what regions say to each other, in each direction.
func throttle(f *fault) {
	pipes := make([]*pipe, len(f.w.regions)*len(f.w.regions))
	f.strikes = f.hits
	f.meddle = func(l *link, m *Message, _ uint64, x *fate) {
		i := l.from.region.index*len(f.w.regions) + l.to.region.index
		if pipes[i] == nil {
			pipes[i] = &pipe{bits: max(f.step.Bits, 1), queue: f.step.Queue}
		}
		if x.lost == "" && !pipes[i].admit(x, f.w.now, m.Size) {
			f.w.mark(MarkTailDrop)
			x.lost = "tail drop"
		}
	}
}

func frameLimit(f *fault) {
	f.strikes = f.hits
	f.meddle = func(_ *link, m *Message, _ uint64, x *fate) {
		if int64(m.Size) > f.step.Size {
			x.lost = "frame limit"
		}
	}
}

// flap cuts and mends by turns, and begins with a cut.
func flap(f *fault) {
	cut := false
	f.part(func(a, b *Node) bool { return cut && f.hits(a, b) }, "flap")
	f.end = nil
	f.alternate(func(uint64) time.Duration {
		cut = !cut
		f.w.rewired()
		if cut {
			return f.step.Down
		}
		return f.step.Up
	})
}

// gray loses messages of one class or size.
func gray(f *fault) {
	f.strikes = f.hits
	f.meddle = func(l *link, m *Message, key uint64, x *fate) {
		struck := f.step.Class == scenario.AnyClass || f.step.Class == "" || m.Class.String() == string(f.step.Class)
		if struck && int64(m.Size) >= f.step.Size && f.chance(l, key) {
			x.lost = "gray"
		}
	}
}

// corrupt flips a bit of messages.
func corrupt(f *fault) {
	f.strikes = f.hits
	f.meddle = func(l *link, _ *Message, key uint64, x *fate) {
		if f.chance(l, key) {
			x.damaged = f
		}
	}
	f.damage = func(l *link, m *Message) []byte {
		damaged := slices.Clone(m.Payload)
		bit := f.w.seed.draw(forTail, f.id^l.id, uint64(m.At)).below(uint64(len(damaged)) * 8)
		damaged[bit/8] ^= 1 << (bit % 8)
		return damaged
	}
}

// blind shifts what the peers of a poisoned node say of their clocks by what its
// own is off, so that its guard finds all of them in agreement.
func (n *Node) blind(m *Message) {
	if n.clock.poison == 0 || m.Class != wire.KindAck {
		return
	}
	e, err := wire.Open(m.Payload)
	if err != nil {
		return
	}
	a, err := wire.ReadAck(e.Body)
	if err != nil || a.Wall == 0 {
		return
	}
	a.Wall += n.clock.poison
	m.Payload = wire.Seal(nil, e.Cluster, e.From, e.Kind, a.Append(nil))
}
