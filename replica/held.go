package replica

import (
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
	return now.Mono < p.since+r.t.Settle && anyOf(owners, speaks) && !anyOf(owners, ready)
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

// windows remember which forwarded commands have come from each peer: a message
// that a network repeats must not run twice.
type windows map[uint64]*window

// window holds the last numbers of one sender, which counts up.
type window struct {
	top  uint64
	seen [windowSize / 64]uint64 // a ring of bits, those above top-windowSize
}

const windowSize = 4096

// fresh notes a number, and says whether it is new. One that is too old to tell
// is not: its sender has given it up long ago.
func (ws windows) fresh(from, id uint64) bool {
	w := ws[from]
	if w == nil {
		w = &window{top: id}
		ws[from] = w
	}
	if id+windowSize <= w.top {
		return false
	}
	if id > w.top+windowSize {
		w.seen = [windowSize / 64]uint64{}
		w.top = id
	}
	for w.top < id {
		w.top++
		w.seen[w.top/64%uint64(len(w.seen))] &^= 1 << (w.top % 64)
	}
	word, bit := &w.seen[id/64%uint64(len(w.seen))], uint64(1)<<(id%64)
	was := *word&bit != 0
	*word |= bit
	return !was
}

// forget drops the windows of senders that are not known any more.
func (ws windows) forget(known func(id uint64) bool) {
	for _, id := range sortedKeys(ws) {
		if !known(id) {
			delete(ws, id)
		}
	}
}
