package replica

import (
	"encoding/binary"
	"slices"
	"time"

	"github.com/atollcache/atoll/command"
	"github.com/atollcache/atoll/crdt"
	"github.com/atollcache/atoll/region"
	"github.com/atollcache/atoll/wire"
)

// maxHops bounds how often a command is passed on while views differ.
const maxHops = 4

// forward is a command that another node runs for this one.
type forward struct {
	part     uint16
	read     bool
	req      Request
	done     func(Answer)
	asked    []uint64 // nodes
	deadline time.Duration
	own      bool // this node can run it itself, if need be
}

// route finds who runs a command that this node cannot simply run itself: a
// co-owner that is ready; else, while the partition boots here and nobody in the
// region has it, this node; a read then rather asks another region.
func (r *Replica) route(now Time, p *partition, cmd *command.Command, hash uint64, req *Request, done func(Answer)) {
	p.data.Lock()
	state, whole := p.state, p.whole
	there := cmd != nil && state == booting && p.data.Get(hash, req.Args[1]) != nil
	p.data.Unlock()

	if state == booting && r.hold(now, &heldCommand{p, cmd, hash, req, done}) {
		return
	}

	read := cmd == nil || !cmd.Write
	if read && state == leaving && whole && req.hops > 0 { // an owner asks that boots
		r.runHere(now, p, cmd, hash, req, done)
		return
	}
	if to, ok := r.helper(now, p.number, state == booting, read && !there, nil); ok && req.hops < maxHops {
		r.ask(now, to, p.number, read, req, done)
		return
	}
	if state == absent || state == leaving {
		r.finish(done, Answer{Reply: noOwner(p.number)})
		return
	}
	r.runHere(now, p, cmd, hash, req, done)
}

// runHere runs a command on a partition that boots or has become ready, or has
// it wait for what its session has seen.
func (r *Replica) runHere(now Time, p *partition, cmd *command.Command, hash uint64, req *Request, done func(Answer)) {
	p.data.Lock()
	defer p.data.Unlock()
	if p.state == absent || p.state == leaving && cmd != nil && cmd.Write { // nothing may be stamped without a tenure
		r.finish(done, Answer{Reply: noOwner(p.number)})
		return
	}
	if !r.current(now, p, req) && r.postpone(now, p, req, done) {
		return
	}
	if cmd == nil {
		s, _, _ := command.ParseScan(req.Args[1:], r.cfg.Limits)
		r.finish(done, p.answered(r.cfg.Cluster, req, r.scanHere(now, p, &s), crdt.Dot{}, false))
		return
	}
	if a, w := r.run(now, p, cmd, hash, req, done); w == nil {
		r.finish(done, a)
	}
}

// helper names a node to ask. A node that boots the partition itself asks only
// those that are known to be ready, and for a read of what it does not hold yet
// also who hands the partition over and the other regions; any other asks the
// owners in their order.
func (r *Replica) helper(now Time, part uint16, boots, read bool, asked []uint64) (region.Peer, bool) {
	var near []region.Node
	for _, n := range r.owned(part) {
		if n.ID != r.self.ID && !slices.Contains(asked, n.ID) && (!boots || r.knownReady(n.ID, part)) {
			near = append(near, n)
		}
	}
	if len(near) > 0 {
		first := max(0, slices.IndexFunc(near, func(n region.Node) bool { return !r.fellSilent(now, n.ID) }))
		return region.Peer{Node: near[first], Region: r.cfg.Region}, true
	}
	if !boots || !read {
		return region.Peer{}, false
	}
	if id, ok := r.repair.holders[part]; ok && !slices.Contains(asked, id) {
		if peer, ok := r.peer(id); ok {
			return peer, true
		}
	}
	for _, name := range r.dir.Regions() {
		for _, n := range r.dir.Owners(name, part) {
			if name != r.cfg.Region && !slices.Contains(asked, n.ID) && r.knownReady(n.ID, part) {
				return region.Peer{Node: n, Region: name}, true
			}
		}
	}
	return region.Peer{}, false
}

// knownReady says whether a peer is known to have the whole partition: only
// then does it send watermarks for it (rule L9).
func (r *Replica) knownReady(id uint64, part uint16) bool {
	l := r.in[id]
	return l != nil && l.ready.Has(part)
}

// ask sends a command to another node.
func (r *Replica) ask(now Time, to region.Peer, part uint16, read bool, req *Request, done func(Answer)) {
	r.callIDs++
	f := &forward{part: part, read: read, req: *req, done: done, asked: []uint64{to.ID}, deadline: now.Mono + r.t.Forward}
	if req.Level != Local {
		f.deadline += max(req.Timeout, r.t.Ack)
	}
	if req.seen != nil {
		f.deadline += max(req.until-now.Mono, 0)
	}
	f.req.Args = cloneArgs(req.Args)
	r.calls[r.callIDs] = f
	r.send(now, to, r.callIDs, f)
	r.note(MarkForwarded)
	r.cfg.Wake()
}

func (r *Replica) send(now Time, to region.Peer, id uint64, f *forward) {
	m := wire.Forward{
		ID: id, Args: f.req.Args, Level: uint8(f.req.Level), Regions: uint8(f.req.Regions),
		Hops: f.req.hops + 1, TimeoutMillis: uint32(f.req.Timeout.Milliseconds()),
	}
	if f.req.seen != nil {
		m.Session = &wire.Session{Token: f.req.Session, WaitMillis: uint32(max(f.req.until-now.Mono, 0).Milliseconds())}
	}
	r.post(to, wire.KindForward, m.Append(nil))
}

// onForward runs a command for another node.
func (r *Replica) onForward(now Time, from region.Peer, body []byte) error {
	m, err := wire.ReadForward(body)
	if err != nil {
		return err
	}
	if !r.windows.fresh(from.ID, m.ID) {
		return nil // the network repeats it, and once is enough
	}
	req := Request{
		Args: cloneArgs(m.Args), Level: Level(m.Level), Regions: int(m.Regions),
		Timeout: time.Duration(m.TimeoutMillis) * time.Millisecond, hops: m.Hops,
	}
	if m.Session != nil {
		req.Session = append([]byte{}, m.Session.Token...)
		req.Wait = time.Duration(m.Session.WaitMillis) * time.Millisecond
		if req.Wait == 0 {
			req.Wait = -1
		}
	}
	r.later = append(r.later, func() {
		r.do(now, &req, func(a Answer) {
			out := wire.Forwarded{ID: m.ID, Reply: encodeAnswer(a)}
			r.post(from, wire.KindForwarded, out.Append(nil))
		})
	})
	return nil
}

// onForwarded gives the answer of another node to whoever asked here.
func (r *Replica) onForwarded(body []byte) error {
	m, err := wire.ReadForwarded(body)
	if err != nil {
		return err
	}
	f := r.calls[m.ID]
	if f == nil {
		return nil
	}
	delete(r.calls, m.ID)
	a, err := decodeAnswer(m.Reply)
	if err != nil {
		a = Answer{Reply: command.Fail("ERR", "the owner answered what cannot be read: %v", err)}
	}
	r.finish(f.done, a)
	return err
}

// encodeAnswer gives the bytes of an answer between nodes: how far the write
// has come, flags, the token of the session if there is one, then the reply.
func encodeAnswer(a Answer) []byte {
	flags := byte(0)
	if a.Short {
		flags |= answerShort
	}
	if a.Stale {
		flags |= answerStale
	}
	dst := []byte{byte(a.Level), byte(a.Regions), flags}
	if a.Session != nil {
		dst[2] |= answerSession
		dst = binary.LittleEndian.AppendUint16(dst, uint16(len(a.Session)))
		dst = append(dst, a.Session...)
	}
	return a.Reply.Append(dst)
}

// The flags of an answer.
const (
	answerShort = 1 << iota
	answerStale
	answerSession
)

func decodeAnswer(b []byte) (Answer, error) {
	if len(b) < 3 {
		return Answer{}, wire.ErrMalformed
	}
	a := Answer{Level: Level(b[0]), Regions: int(b[1]), Short: b[2]&answerShort != 0, Stale: b[2]&answerStale != 0}
	rest := b[3:]
	if b[2]&answerSession != 0 {
		if len(rest) < 2 || len(rest[2:]) < int(binary.LittleEndian.Uint16(rest)) {
			return Answer{}, wire.ErrMalformed
		}
		n := int(binary.LittleEndian.Uint16(rest))
		a.Session, rest = append([]byte{}, rest[2:2+n]...), rest[2+n:]
	}
	var err error
	a.Reply, err = command.DecodeReply(rest)
	return a, err
}

// expireForwards asks the next owner for reads whose time is up, and fails
// writes, which may have been applied. It gives the next deadline.
func (r *Replica) expireForwards(now Time) time.Duration {
	next := never
	for _, id := range sortedKeys(r.calls) {
		f := r.calls[id]
		if f.deadline > now.Mono {
			next = min(next, f.deadline)
			continue
		}
		delete(r.calls, id)
		r.note(MarkForwardTimed)
		if f.own && f.read {
			r.later = append(r.later, func() { r.do(now, &f.req, f.done) })
			continue
		}
		if to, ok := r.helper(now, f.part, false, f.read, f.asked); ok && f.read {
			f.asked = append(f.asked, to.ID)
			f.deadline = now.Mono + r.t.Forward
			r.callIDs++
			r.calls[r.callIDs] = f
			r.send(now, to, r.callIDs, f)
			next = min(next, f.deadline)
			continue
		}
		r.finish(f.done, Answer{Reply: timedOut(r.t.Forward)})
	}
	return next
}

func cloneArgs(args [][]byte) [][]byte {
	out := make([][]byte, len(args))
	for i, a := range args {
		out[i] = slices.Clone(a)
	}
	return out
}
