package replica

import (
	"slices"
	"strconv"
	"sync"
	"time"

	"github.com/atollcache/atoll/command"
	"github.com/atollcache/atoll/crdt"
	"github.com/atollcache/atoll/planted"
	"github.com/atollcache/atoll/ring"
	"github.com/atollcache/atoll/store"
)

// Request is a command of a client.
type Request struct {
	Args    [][]byte // name first
	Level   Level
	Regions int           // for level Regions
	Timeout time.Duration // for the acknowledgements; Timing.Ack if zero

	// Session is the token that the last answer of the client's session gave, not
	// nil but empty for its first command; nil outside of sessions. Where what the
	// session has seen is not here yet, the command waits for it for Wait,
	// Timing.Session if zero, not at all if negative, and is then run on what
	// there is.
	Session []byte
	Wait    time.Duration

	command *command.Command

	hops  uint8         // between nodes so far
	seen  *session      // of the token; not changed
	until time.Duration // when it has waited long enough
}

// Command gives the command that the request was found to be when it was last
// run; nil if there is no such one.
func (req *Request) Command() *command.Command { return req.command }

// Do runs a command and calls done once, at once or from a later call of
// Receive or Tick. The bytes of the answer belong to the receiver.
func (r *Replica) Do(now Time, req *Request, done func(Answer)) {
	r.do(now, req, done)
	r.deliver()
}

// Try runs a command of one key if that needs nobody else and no waiting: the
// node owns the key, what the session has seen is here, and no write is to be
// acknowledged by others. If not it says so, nothing has happened, and Do is to be
// called. It goes the way of Do without what that takes to answer later, and
// keeps nothing of the request.
func (r *Replica) Try(now Time, req *Request) (Answer, bool) {
	cmd, opened, refusal := r.prepare(now, req)
	if cmd == nil {
		return Answer{Reply: refusal}, true
	}
	if cmd.Keys != command.OneKey || cmd.Write && req.Level != Local {
		return Answer{}, false
	}
	hash := store.Hash(opened.Args[1])
	t := r.attempt(now, r.partitionOf(hash), cmd, hash, opened, nil)
	return t.answer, t.ran
}

// prepare finds a command and checks its arguments and its session. Without a
// command there is a refusal. The request that is given back may be a copy.
func (r *Replica) prepare(now Time, req *Request) (*command.Command, *Request, command.Reply) {
	req.command = nil
	if len(req.Args) == 0 {
		return nil, nil, command.Fail("ERR", "no command given")
	}
	cmd, ok := command.Lookup(string(req.Args[0]))
	if req.command = cmd; !ok {
		return nil, nil, command.Unknown(string(req.Args[0]))
	}
	if refusal, ok := cmd.Check(req.Args[1:], r.cfg.Limits); !ok {
		return nil, nil, refusal
	}
	if req.Session != nil && req.seen == nil {
		opened, err := r.openSession(now, req)
		if err != nil {
			return nil, nil, command.Fail("SESSION", "%v", err)
		}
		req = opened
	}
	return cmd, req, command.Reply{}
}

func (r *Replica) do(now Time, req *Request, done func(Answer)) {
	cmd, req, refusal := r.prepare(now, req)
	if cmd == nil {
		r.finish(done, Answer{Reply: refusal})
		return
	}
	switch cmd.Keys {
	case command.NoKey:
		call := command.Call{Args: req.Args[1:], Now: now.Wall, Limits: r.cfg.Limits}
		r.finish(done, Answer{Reply: cmd.Perform(&call).Clone()})
	case command.OneKey:
		r.doKey(now, cmd, req, done)
	case command.EachKey:
		r.doEach(now, cmd, req, done)
	case command.AllKeys:
		r.scan(now, req, done)
	}
}

// doKey runs a command of one key, here if this node can, else at an owner.
func (r *Replica) doKey(now Time, cmd *command.Command, req *Request, done func(Answer)) {
	hash := store.Hash(req.Args[1])
	p := r.partitionOf(hash)
	t := r.attempt(now, p, cmd, hash, req, done)
	if t.ran {
		if t.waiter == nil {
			done(t.answer) // at once, since no lock is held
		}
		return
	}

	r.mu.Lock()
	defer r.mu.Unlock()
	if t.here {
		r.attend(now, p, cmd, hash, req, done)
		return
	}
	if cmd.Write && r.passOn(now, p.number, req, done) {
		return
	}
	r.route(now, p, cmd, hash, req, done)
}

// attempt is what became of a command where it was tried at once.
type attempt struct {
	here   bool // the node may run it
	ran    bool // and what its session has seen is here, so it did
	answer Answer
	waiter *waiter // for the acknowledgements, if some were asked for
}

// attempt runs a command of one key if nothing stands in its way.
func (r *Replica) attempt(now Time, p *partition, cmd *command.Command, hash uint64, req *Request, done func(Answer)) (t attempt) {
	p.data.Lock()
	defer p.data.Unlock()
	t.here = p.state == ready && (!cmd.Write || r.stamps(now))
	if t.ran = t.here && r.current(now, p, req); t.ran {
		t.answer, t.waiter = r.run(now, p, cmd, hash, req, done)
	}
	return t
}

// doEach splits a command of several keys into one per key and adds the
// replies up.
func (r *Replica) doEach(now Time, cmd *command.Command, req *Request, done func(Answer)) {
	keys := req.Args[1:]
	sum := &gather{left: len(keys), done: done, r: r}
	sum.answer.Reply = command.Reply{Type: command.Int}
	for _, key := range keys {
		one := *req
		one.Args = [][]byte{req.Args[0], key}
		r.doKey(now, cmd, &one, sum.add)
	}
}

// gather adds up the answers of a command that was split.
type gather struct {
	mu     sync.Mutex // guards left and answer
	left   int
	answer Answer
	seen   session
	done   func(Answer)
	r      *Replica
}

func (g *gather) add(a Answer) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.see(&a)
	switch {
	case g.answer.Reply.Type == command.Error:
	case a.Reply.Type == command.Error:
		g.answer.Reply = a.Reply
	default:
		g.answer.Reply.Int += a.Reply.Int
		g.reach(&a)
	}
	if g.left--; g.left == 0 {
		if g.answer.Session != nil {
			g.answer.Session = g.seen.encode(g.r.cfg.Cluster)
		}
		g.r.finish(g.done, g.answer)
	}
}

// see notes what one part has seen.
func (g *gather) see(a *Answer) {
	g.answer.Stale = g.answer.Stale || a.Stale
	if a.Session == nil {
		return
	}
	if seen, err := decodeSession(a.Session, g.r.cfg.Cluster); err == nil {
		g.seen.join(&seen)
		g.answer.Session = a.Session
	}
}

// reach notes how far one part has come: the whole has come as far as the part
// that came least far. A part that changed nothing does not count.
func (g *gather) reach(a *Answer) {
	g.answer.Short = g.answer.Short || a.Short
	switch {
	case a.Regions == 0:
	case g.answer.Regions == 0:
		g.answer.Level, g.answer.Regions = a.Level, a.Regions
	default:
		g.answer.Level, g.answer.Regions = min(g.answer.Level, a.Level), min(g.answer.Regions, a.Regions)
	}
}

// run executes a command on a partition that is held here: observe, stamp,
// decide, merge and queue for every peer are one critical section (rules W1 and
// L3). The lock of the partition is held.
func (r *Replica) run(now Time, p *partition, cmd *command.Command, hash uint64, req *Request, done func(Answer)) (Answer, *waiter) {
	if cmd.Grows && r.store.Full() {
		r.note(MarkMemory)
		return Answer{Reply: command.OutOfMemory()}, nil
	}
	if cmd.Write && !r.stamps(now) {
		return Answer{Reply: r.clockWrong(now)}, nil
	}
	if top := req.top(p); cmd.Write && top <= r.horizon(now) {
		r.clock.Observe(top) // what is written now comes after what was seen
	}

	key := req.Args[1]
	e := p.data.Get(hash, key)
	if e == nil {
		e = &p.none
	}
	c := &p.call
	c.Args, c.Entry, c.Now = req.Args[1:], e, now.Wall
	c.Context, c.Delta, c.Limits = p.data.Context(), &p.delta, r.cfg.Limits
	if cmd.Write {
		c.Op = crdt.Dot{Stamp: r.clock.Tick(now.Wall), Origin: p.origin}
	}

	reply := cmd.Perform(c).Clone() // prepare has checked it
	writes := cmd.Write && !p.delta.Empty()
	if r.cfg.Witness != nil {
		r.executed(p, c, req, reply, writes)
	}
	if writes {
		r.write(p, hash, key, c)
	}
	a := p.answered(r.cfg.Cluster, req, reply, c.Op, writes)
	if !writes {
		return a, nil
	}
	return a, r.commit(now, p, hash, req, a, done)
}

// write applies the delta of a command.
func (r *Replica) write(p *partition, hash uint64, key []byte, c *command.Call) {
	var before look
	if p.leads {
		before = r.look(c.Entry, &p.delta, c.Now)
	}
	p.data.Write(hash, key, &p.delta)
	p.change++
	p.seen.Raise(c.Op)
	if p.leads {
		r.changed(p, hash, key, &p.delta, before, c.Now, r.cfg.Region)
	}
}

// top is the highest stamp that the session of the command has seen of a
// partition.
func (req *Request) top(p *partition) crdt.Stamp {
	if req.seen == nil {
		return 0
	}
	return req.seen.top(p.number)
}

func (r *Replica) executed(p *partition, c *command.Call, req *Request, reply command.Reply, writes bool) {
	x := Execution{
		Partition: p.number, Args: req.Args, Session: req.Session, Wall: c.Now, Op: c.Op, Observed: c.Entry, Context: p.data.Context(), Reply: reply,
	}
	if writes {
		x.Delta = &p.delta
	}
	r.cfg.Witness.Executed(&x)
}

// commit queues the delta of a command, which has been applied, for the
// audience.
func (r *Replica) commit(now Time, p *partition, hash uint64, req *Request, a Answer, done func(Answer)) *waiter {
	key := req.Args[1]
	w := r.newWaiter(now, p, req, a, done)
	if planted.Is(planted.AckBeforeApply) && w != nil {
		w.near, w.want = nil, 0
	}
	for _, l := range p.links {
		r.enqueue(now, l, p.number, hash, key, &p.delta, w)
	}
	switch {
	case w == nil:
	case w.instant():
		r.finish(done, w.result())
	default:
		r.await(w)
	}
	return w
}

// newWaiter gives what counts the acknowledgements of a write, nil if its
// caller asked for none.
func (r *Replica) newWaiter(now Time, p *partition, req *Request, a Answer, done func(Answer)) *waiter {
	if req.Level == Local {
		return nil
	}
	timeout := req.Timeout
	if timeout == 0 {
		timeout = r.t.Ack
	}
	return &waiter{
		part: p.number, op: p.call.Op, level: req.Level, want: req.Regions, near: slices.Clone(p.near),
		few: len(p.near) < r.cfg.Replicas-1, regions: map[string]bool{}, answer: a, done: done, deadline: now.Mono + timeout,
	}
}

// scanChunk bounds how many keys one step of a scan looks at.
const scanChunk = 1000

// scan serves one step of SCAN. The cursor is the partition in its top bits and
// the hash to go on from below; a step stays within one partition, at an owner
// of it.
func (r *Replica) scan(now Time, req *Request, done func(Answer)) {
	s, refusal, ok := command.ParseScan(req.Args[1:], r.cfg.Limits)
	if !ok {
		r.finish(done, Answer{Reply: refusal})
		return
	}
	p := &r.parts[ring.Partition(s.Cursor)]

	p.data.Lock()
	here := p.state == ready
	if here && r.current(now, p, req) {
		defer p.data.Unlock()
		r.finish(done, p.answered(r.cfg.Cluster, req, r.scanHere(now, p, &s), crdt.Dot{}, false))
		return
	}
	p.data.Unlock()

	r.mu.Lock()
	defer r.mu.Unlock()
	if here {
		r.attend(now, p, nil, s.Cursor, req, done)
		return
	}
	r.route(now, p, nil, s.Cursor, req, done)
}

// scanHere gives the next keys of a partition and the cursor to go on with.
func (r *Replica) scanHere(now Time, p *partition, s *command.Scan) command.Reply {
	var keys [][]byte
	next, more := p.data.Scan(s.Cursor, now.Wall, min(s.Count, scanChunk), func(key []byte, _ *crdt.Entry) {
		if s.Pattern == nil || command.Match(s.Pattern, key) {
			keys = append(keys, slices.Clone(key))
		}
	})
	if !more && int(p.number) < ring.Partitions-1 {
		next = uint64(p.number+1) << partitionShift
	}
	return scanReply(next, keys)
}

// partitionShift brings the number of a partition to the top of a hash.
const partitionShift = 54

// scanReply is the cursor to go on with, 0 at the end, and the keys.
func scanReply(next uint64, keys [][]byte) command.Reply {
	list := make([]command.Reply, len(keys))
	for i, key := range keys {
		list[i] = command.Reply{Type: command.Bytes, Bytes: key}
	}
	cursor := command.Reply{Type: command.Bytes, Bytes: strconv.AppendUint(nil, next, 10)}
	return command.Reply{Type: command.Array, List: []command.Reply{cursor, {Type: command.Array, List: list}}}
}

// noOwner is the answer when nobody who owns the partition can be asked.
func noOwner(p uint16) command.Reply {
	return command.Fail("UNAVAILABLE", "no owner of partition %d can be reached in this region; try again", p)
}

func timedOut(after time.Duration) command.Reply {
	return command.Fail("TIMEOUT", "the owner of the key did not answer within %v; a write may have been applied", after)
}
