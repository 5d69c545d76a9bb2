package replica

import (
	"slices"
	"time"

	"github.com/atollcache/atoll/command"
	"github.com/atollcache/atoll/crdt"
	"github.com/atollcache/atoll/region"
)

// heldCommand waits while its partition boots here and it is not known yet
// whether a co-owner has it all.
type heldCommand struct {
	p    *partition
	cmd  *command.Command // nil for a scan
	hash uint64
	req  *Request
	done func(Answer)
}

// maxHeld bounds the commands that wait.
const maxHeld = 10_000

// hold has a command wait, if that may help: the partition has begun to boot
// just now, and a co-owner that lives has not spoken about it. Were the command
// run here at once it would not see what was acknowledged by both of them: a DEL
// would find nothing to remove.
func (r *Replica) hold(now Time, c *heldCommand) bool {
	if len(r.held) >= maxHeld || !r.worthWaiting(now, c.p) {
		return false
	}
	req := *c.req
	req.Args = cloneArgs(req.Args)
	c.req = &req
	r.held = append(r.held, c)
	r.cfg.Wake()
	return true
}

func (r *Replica) worthWaiting(now Time, p *partition) bool {
	speaks := func(n region.Node) bool { return n.ID != r.self.ID && !r.fellSilent(now, n.ID) }
	ready := func(n region.Node) bool { return r.knownReady(n.ID, p.number) }
	owners := r.owned(p.number)
	return now.Mono < p.since+r.t.Settle && slices.ContainsFunc(owners, speaks) && !slices.ContainsFunc(owners, ready)
}

// releaseHeld runs or routes the commands for which waiting is over, and gives
// when to look again.
func (r *Replica) releaseHeld(now Time) time.Duration {
	if len(r.held) == 0 {
		return never
	}
	waiting, next := r.held, never
	r.held = nil
	for _, c := range waiting {
		c.p.data.Lock()
		state, since := c.p.state, c.p.since
		c.p.data.Unlock()
		switch {
		case state == booting && r.worthWaiting(now, c.p):
			r.held = append(r.held, c)
			next = min(next, since+r.t.Settle)
		case state == ready:
			r.runHere(now, c.p, c.cmd, c.hash, c.req, c.done)
		default:
			r.route(now, c.p, c.cmd, c.hash, c.req, c.done)
		}
	}
	return next
}

// Unmet counts the partitions of which a co-owner that lives does not send its
// writes here yet, or of which something that it knew when it began to is still
// missing here. While views differ just after a start, what the others have
// acknowledged among themselves is not seen here.
func (r *Replica) Unmet(now Time) int {
	r.mu.Lock()
	defer r.mu.Unlock()
	unmet := 0
	for part := range r.scope.All() {
		owners := r.owned(part)
		strange := func(n region.Node) bool {
			return n.ID != r.self.ID && !r.fellSilent(now, n.ID) && !r.met(n, part)
		}
		if contains(owners, r.self.ID) && slices.ContainsFunc(owners, strange) {
			unmet++
		}
	}
	return unmet
}

// met says whether a co-owner sends its writes of a partition here, and all that
// nodes which live had written when it began to has come. What waits for a node
// that is dead may wait for long.
func (r *Replica) met(n region.Node, part uint16) bool {
	l := r.in[n.ID]
	if l == nil || l.boot != n.Boot || !l.ready.Has(part) {
		return false
	}
	p := &r.parts[part]
	p.data.Lock()
	defer p.data.Unlock()
	bd := l.bound[part]
	if bd == nil || bd.tenure != p.origin.Epoch {
		return false
	}
	context := p.data.Context()
	return !slices.ContainsFunc(bd.base.Dots(), func(d crdt.Dot) bool {
		writer, _, lives := r.dir.Node(d.Origin.Node)
		return lives && d.Origin.Epoch >= writer.Boot && d.Origin != p.origin && context.At(d.Origin) < d.Stamp
	})
}
