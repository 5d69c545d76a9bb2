package replica

import (
	"slices"
	"time"

	"github.com/atollcache/atoll/command"
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
