package replica

import (
	"time"

	"github.com/atollcache/atoll/antientropy"
	"github.com/atollcache/atoll/command"
	"github.com/atollcache/atoll/crdt"
	"github.com/atollcache/atoll/planted"
	"github.com/atollcache/atoll/region"
	"github.com/atollcache/atoll/wire"
)

// patience keeps the commands that wait until what their sessions have seen is
// here. The replica's lock guards it.
type patience struct {
	waiting []*patient
	risen   antientropy.Scope // partitions whose context rose since they were last looked at
}

// patient is one of them.
type patient struct {
	req   Request
	done  func(Answer)
	part  uint16
	since time.Duration
	asked bool // a round that should bring what is missing was begun
}

// maxPatients bounds the commands that wait. Those that find the place full are
// run at once, and their answers say that they may be stale.
const maxPatients = 4096

// openSession reads the token of a command and sets the time until which it may
// wait. The command that is given back is a copy.
func (r *Replica) openSession(now Time, req *Request) (*Request, error) {
	seen, err := decodeSession(req.Session, r.cfg.Cluster)
	if err != nil {
		return nil, err
	}
	if planted.Is(planted.SessionTokenDropped) {
		seen = session{}
	}
	in := *req
	in.seen = &seen
	wait := in.Wait
	switch {
	case wait == 0:
		wait = r.t.Session
	case wait < 0 || seen.blind:
		wait = 0
	}
	in.until = now.Mono + wait
	return &in, nil
}

// current says whether a command may run on a partition now: all that its
// session has seen is here, or it has waited long enough. The partition's lock
// is held.
func (r *Replica) current(now Time, p *partition, req *Request) bool {
	return req.seen == nil || now.Mono >= req.until || req.seen.covered(p.number, p.origin, p.data.Context())
}

// attend sees to a command whose session has seen what is not here: the node
// that has shown it runs it, if it is near and answers; else it waits.
func (r *Replica) attend(now Time, p *partition, cmd *command.Command, hash uint64, req *Request, done func(Answer)) {
	p.data.Lock()
	moved := p.state != ready // while the lock of the replica was waited for
	p.data.Unlock()
	if moved {
		r.route(now, p, cmd, hash, req, done)
		return
	}
	to, ok := r.shower(p.number, req)
	if !ok {
		r.runHere(now, p, cmd, hash, req, done)
		return
	}
	r.note(MarkSessionMoved)
	r.ask(now, to, p.number, cmd == nil || !cmd.Write, req, done)
	f := r.calls[r.callIDs]
	if f.own = true; f.read {
		f.deadline = req.until // then it runs here, on what there is
	}
}

// shower finds the node that has shown the session what is missing here, if it
// is a co-owner of this region that answers.
func (r *Replica) shower(part uint16, req *Request) (region.Peer, bool) {
	id := req.seen.shownBy(part).Node
	if id == 0 || id == r.self.ID || req.hops >= maxHops || !contains(r.owned(part), id) {
		return region.Peer{}, false
	}
	peer, ok := r.peer(id)
	l := r.out[id]
	return peer, ok && l != nil && l.peer.Boot == peer.Boot && !r.quiet(l)
}

func (r *Replica) quiet(l *outLink) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.broken || !l.answered || l.tries > 0
}

// postpone has a command wait, and says whether there was room for it.
func (r *Replica) postpone(now Time, p *partition, req *Request, done func(Answer)) bool {
	if len(r.patience.waiting) >= maxPatients {
		return false
	}
	w := &patient{req: *req, done: done, part: p.number, since: now.Mono}
	w.req.Args = cloneArgs(req.Args)
	r.patience.waiting = append(r.patience.waiting, w)
	r.note(MarkSessionWaited)
	r.cfg.Wake()
	return true
}

// rose notes that the context of a partition has risen, for those who wait.
func (r *Replica) rose(p *partition) {
	if len(r.patience.waiting) > 0 {
		r.patience.risen.Add(p.number)
	}
}

// reviewPatients runs the commands whose waiting is over, once the locks are
// free, and gives the next deadline.
func (r *Replica) reviewPatients(now Time) time.Duration {
	next := never
	kept := r.patience.waiting[:0]
	for _, w := range r.patience.waiting {
		if !r.waits(now, w) {
			r.later = append(r.later, func() { r.do(now, &w.req, w.done) })
			continue
		}
		kept = append(kept, w)
		next = min(next, w.req.until)
		if !w.asked {
			next = min(next, max(w.since+r.impatient(), now.Mono+r.t.Watermark))
		}
	}
	clear(r.patience.waiting[len(kept):])
	r.patience.waiting = kept
	r.patience.risen = antientropy.Scope{}
	return next
}

func (r *Replica) waits(now Time, w *patient) bool {
	if now.Mono >= w.req.until {
		return false
	}
	if !r.patience.risen.Has(w.part) {
		return true
	}
	p := &r.parts[w.part]
	p.data.Lock()
	defer p.data.Unlock()
	return p.holds() && !r.current(now, p, &w.req)
}

// impatient is how long a command waits for the links alone, which bring a
// context along with each watermark.
func (r *Replica) impatient() time.Duration { return 2 * r.t.Watermark }

// urge adds the partitions to a round with a peer that commands wait for in
// vain: one round with the node that has shown the session what is missing
// brings this node level, or one with anybody if that node is gone.
func (r *Replica) urge(now Time, peer region.Peer, scope *antientropy.Scope) {
	for _, w := range r.patience.waiting {
		if w.asked || now.Mono-w.since < r.impatient() || scope.Has(w.part) {
			continue
		}
		id := w.req.seen.shownBy(w.part).Node
		if _, alive := r.peer(id); !alive && r.owns(peer, w.part) || id == peer.ID {
			scope.Add(w.part)
			w.asked = true
		}
	}
}

// answered makes an answer of a reply that was given on a partition. In a
// session the answer has a token that knows of it. The partition's lock is held.
func (p *partition) answered(cluster string, req *Request, reply command.Reply, op crdt.Dot, writes bool) Answer {
	a := Answer{Reply: reply, Leads: p.leads}
	if req.seen == nil {
		return a
	}
	a.Stale = !req.seen.covered(p.number, p.origin, p.data.Context())
	dots := &p.seen
	var own crdt.Context
	if writes && reply.Type == command.Status { // says nothing of what was there
		own.Raise(op)
		dots = &own
	}
	next := req.seen.shallow()
	next.see(p.number, p.origin, dots, a.Stale)
	a.Session = next.encode(cluster)
	return a
}

// show notes what a delta shows to readers of the partition from now on.
func (p *partition) show(d *crdt.Delta) {
	d.Dots(func(dot crdt.Dot) { p.seen.Raise(dot) })
	for _, op := range d.Ops {
		p.seen.Raise(op)
	}
}

// showApplied notes what the content of an answer may show, before it is merged:
// what the peer removed left nothing that would name who did so.
func (r *Replica) showApplied(pl *pull, a *wire.AnswerReader) {
	for i := range a.Applied {
		part := a.Applied[i].Partition
		if st := pl.parts[part]; st == nil || st.failed {
			continue
		}
		p := &r.parts[part]
		p.data.Lock()
		if p.holds() {
			p.seen.Join(&a.Applied[i].Context)
		}
		p.data.Unlock()
	}
}

// serveApplied tells what the content of an answer may show.
func (r *Replica) serveApplied(a *wire.AnswerWriter, wants []wire.Want) {
	var told antientropy.Scope
	for _, w := range wants {
		if int(w.Partition) >= len(r.parts) || told.Has(w.Partition) {
			continue
		}
		told.Add(w.Partition)
		p := &r.parts[w.Partition]
		p.data.Lock()
		if p.seen.Len() > 0 {
			a.Applied(w.Partition, &p.seen)
		}
		p.data.Unlock()
	}
}
