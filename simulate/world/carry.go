package world

import (
	"time"

	"github.com/atollcache/atoll/replica"
	"github.com/atollcache/atoll/simulate/scenario"
	"github.com/atollcache/atoll/wire"
)

// maxPayload is the size of the largest message that the carrier takes.
const maxPayload = 8 << 20

// link is one direction between two nodes.
type link struct {
	id       uint64
	from, to *Node
	path     scenario.Link
	pipe     *pipe         // nil if nothing limits what the path carries
	last     time.Duration // when the last message in order arrives
	at       time.Duration // when the last was sent
	same     uint64        // how many others were sent then
	wiring   uint32        // for which the list is right
	hits     []*fault      // that strike it now
}

// pipe is what joins two regions in one direction, for all their nodes.
type pipe struct {
	bits  int64         // per second
	queue int64         // bytes that may wait
	free  time.Duration // when all that waits has gone
}

// letter is a message on its way.
type letter struct {
	m   Message
	gen uint32 // of the process at its end when it was sent
	l   *link
	mad *fault // that damaged it
}

// carry takes a packet of a node to everybody it is for. As with core NATS a
// send always succeeds, and what is lost is lost without a word.
func (w *World) carry(from *Node, p *replica.Packet) {
	if p.Name == "" {
		for _, to := range w.nodes {
			if to != from {
				w.send(from, to, p.Kind, p.Payload)
			}
		}
		return
	}
	for _, r := range w.regions {
		if r.name != p.Region {
			continue
		}
		for _, to := range r.nodes {
			if to != from && to.Name == p.Name {
				w.send(from, to, p.Kind, p.Payload)
			}
		}
	}
}

// send puts one copy of a message on its way.
func (w *World) send(from, to *Node, class wire.Kind, payload []byte) {
	l := w.linkOf(from, to)
	w.sent++
	m := &w.leaving
	*m = Message{ID: w.sent, From: from, To: to, Class: class, Size: len(payload), At: w.now, Payload: payload}
	w.traffic(m).Sent[classOf(class)].add(m.Size)
	w.obs.Sent(m)
	if to.stage == down {
		w.lose(m, "nobody there")
		return
	}
	if m.Size > maxPayload {
		w.mark(MarkOverCapacity)
		w.lose(m, "too large")
		return
	}
	w.dispatchLetter(l, m)
}

// lose ends a message that never arrives.
func (w *World) lose(m *Message, why string) {
	w.traffic(m).Lost[classOf(m.Class)].add(m.Size)
	w.fold(recordLose, pair(m.From.id, m.To.id), uint64(m.Size), nil)
	if w.traced() {
		w.record(recordLose, m.From, m.To.String(), why, m.Size)
	}
	w.obs.Lost(m, why)
}

// linkOf gives the link between two nodes, which is made when it is first used:
// in a large cluster most never are.
func (w *World) linkOf(from, to *Node) *link {
	for len(from.links) <= to.index {
		from.links = append(from.links, nil)
	}
	l := from.links[to.index]
	if l == nil {
		l = &link{id: pair(from.id, to.id), from: from, to: to, path: w.sc.Topology.Link(from.Region, to.Region), at: -1}
		if l.path.Bits > 0 {
			l.pipe = w.pipeOf(from.region, to.region, l.path.Bits)
		}
		from.links[to.index] = l
	}
	if l.wiring != w.wiring {
		w.rewire(l)
	}
	return l
}

// rewire finds the faults that strike a link.
func (w *World) rewire(l *link) {
	l.wiring = w.wiring
	l.hits = l.hits[:0]
	for _, f := range w.faults {
		if f.strikes != nil && f.strikes(l.from, l.to) {
			l.hits = append(l.hits, f)
		}
	}
}

// moment gives what tells apart the messages of a link: when they were sent, and
// how many others were at that very moment. Messages that are sent earlier do
// not move it.
func (l *link) moment(now time.Duration) uint64 {
	if l.at != now {
		l.at, l.same = now, 0
	}
	l.same++
	return uint64(now)<<12 + l.same
}

// dispatchLetter decides what becomes of a message on its way.
func (w *World) dispatchLetter(l *link, m *Message) {
	key := l.moment(w.now)
	if l.path.Loss > 0 && w.seed.draw(forLoss, l.id, key).hits(l.path.Loss) {
		w.lose(m, "loss")
		return
	}
	f := &w.fate
	*f = fate{due: w.now}
	for _, hit := range l.hits {
		if f.lost == "" {
			hit.meddle(l, m, key, f)
		}
	}
	if f.lost != "" {
		w.lose(m, f.lost)
		return
	}
	if l.pipe != nil && !l.pipe.admit(f, w.now, m.Size) {
		w.mark(MarkTailDrop)
		w.lose(m, "tail drop")
		return
	}

	due := f.due + f.add + sample(l.path.Delay, w.seed.draw(forDelay, l.id, key))
	if f.loose > 0 { // held back, out of order
		w.mark(MarkReordered)
		w.mail(l, m, due+f.loose, f.damaged)
	} else {
		due = max(due, l.last+1) // in order, as one connection carries it
		l.last = due
		w.mail(l, m, due, f.damaged)
	}
	if f.again > 0 {
		w.mark(MarkDuplicated)
		w.mail(l, m, due+f.again, nil)
	}
}

// fate is what becomes of a message.
type fate struct {
	lost    string // why, "" if it is not
	due     time.Duration
	add     time.Duration // later by
	loose   time.Duration // later by, and not in order
	again   time.Duration // a second copy comes later by
	damaged *fault
}

// admit has a message wait for its turn in a narrow path, and says whether it
// found room to wait.
func (p *pipe) admit(f *fate, now time.Duration, size int) bool {
	wait := max(p.free-now, 0)
	waiting := int64(wait/time.Microsecond) * p.bits / 8_000_000
	if waiting+int64(size) > max(p.queue, int64(size)) {
		return false
	}
	p.free = max(p.free, now) + time.Duration(int64(size)*8_000_000/p.bits)*time.Microsecond
	f.due = max(f.due, p.free)
	return true
}

// mail puts a letter into the queue.
func (w *World) mail(l *link, m *Message, due time.Duration, damaged *fault) {
	slot := int32(len(w.letters))
	if n := len(w.free); n > 0 {
		slot = w.free[n-1]
		w.free = w.free[:n-1]
	} else {
		w.letters = append(w.letters, letter{})
	}
	w.letters[slot] = letter{m: *m, gen: l.to.gen, l: l, mad: damaged}
	w.totals.MaxLetters = max(w.totals.MaxLetters, len(w.letters)-len(w.free))
	w.post(l, slot, due)
}

// post has a letter arrive at a time.
func (w *World) post(l *link, slot int32, due time.Duration) {
	tie := w.seed.draw(forTie, l.id, uint64(due))
	w.queue.push(event{at: due, tie: uint64(tie), what: arrival, slot: slot})
}

func (w *World) release(slot int32) {
	w.letters[slot] = letter{}
	w.free = append(w.free, slot)
}

// arrive brings a letter to its receiver, unless the link was cut meanwhile.
func (w *World) arrive(slot int32) {
	t := &w.letters[slot]
	m := &t.m
	if t.l.wiring != w.wiring {
		w.rewire(t.l)
	}
	for _, hit := range t.l.hits {
		if hit.intercept != nil {
			hit.intercept(slot)
			return
		}
		if hit.severs != nil && hit.severs(t.l) {
			w.mark(MarkCutAtDelivery)
			w.lose(m, "cut on its way")
			w.release(slot)
			return
		}
	}
	if m.To.stage == down {
		w.lose(m, "nobody there")
		w.release(slot)
		return
	}
	if m.To.pauses > 0 || len(m.To.speeds) > 0 || len(m.To.inbox) > 0 {
		m.To.line(slot)
		return
	}
	w.hand(slot)
}

// hand gives a letter to the process.
func (w *World) hand(slot int32) {
	w.coming = w.letters[slot]
	w.release(slot)
	t := &w.coming
	m := &t.m
	if t.gen != m.To.gen {
		w.mark(MarkStaleBoot)
	}
	if t.mad != nil {
		m.Whole, m.Payload = m.Payload, t.mad.damage(t.l, m)
	}
	if m.Class == wire.KindAnswer && len(w.faults) > 0 && w.cuts() {
		w.mark(MarkRepairDuringCut)
	}
	w.traffic(m).Delivered[classOf(m.Class)].add(m.Size)
	w.fold(recordDeliver, pair(m.From.id, m.To.id), uint64(m.Size), m.Payload)
	if w.traced() {
		w.record(recordDeliver, m.To, m.From.String(), m.Class.String(), m.Size)
	}
	w.obs.Delivered(m)
	m.To.blind(m)
	m.To.receive(m)
	m.To.conclude()
}

// pipeOf gives the pipe between two regions. Up to a second of what it carries
// may wait.
func (w *World) pipeOf(from, to *place, bits int64) *pipe {
	i := from.index*len(w.regions) + to.index
	for len(w.pipes) <= i {
		w.pipes = append(w.pipes, nil)
	}
	if w.pipes[i] == nil {
		w.pipes[i] = &pipe{bits: bits, queue: max(bits/8, 256<<10)}
	}
	return w.pipes[i]
}
