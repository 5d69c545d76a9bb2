package world

import (
	"fmt"
	"slices"
	"time"

	"github.com/atollcache/atoll/replica"
	"github.com/atollcache/atoll/simulate/scenario"
)

// client is a stream of operations that enters in one region.
type client struct {
	w        *World
	name     string
	id       uint64
	index    int
	region   *place
	load     *scenario.Load
	keys     *chooser
	weights  int
	sessions []*session
	classes  classMix
	hot      bool // all commands go to one key
	extra    bool // it came with a step of the timeline
	from     time.Duration
	until    time.Duration
	count    uint64        // operations so far
	at       time.Duration // when the next is due, before the pattern moves it
}

// employ hires a client for every load and region.
func (w *World) employ() {
	for i := range w.sc.Load {
		load := &w.sc.Load[i]
		for _, p := range w.regions {
			if len(load.In) > 0 && !slices.Contains(load.In, p.name) {
				continue
			}
			until := w.sc.Phases.Quiet()
			if load.Until > 0 {
				until = min(load.Until, until)
			}
			w.hire(&client{
				name: fmt.Sprintf("load %d in %s", i+1, p.name), id: pair(uint64(i), entity(p.name)),
				region: p, load: load, sessions: w.enroll(i, load.Sessions), from: load.From, until: until,
			})
		}
	}
}

// hire has a client begin.
func (w *World) hire(c *client) *client {
	c.w, c.index = w, len(w.clients)
	c.keys = newChooser(c.load.Keys)
	for _, m := range c.load.Mix {
		c.weights += m.Weight
	}
	c.classes = classesOf(c.load)
	w.clients = append(w.clients, c)
	c.at = max(c.from, w.now)
	c.next()
	return c
}

// next puts the next operation into the queue. The gaps are exponential, as of
// many clients who know nothing of each other.
func (c *client) next() {
	if c.load.Ops <= 0 || c.weights <= 0 {
		return
	}
	mean := time.Duration(int64(time.Second) * 1000 / int64(c.load.Ops))
	gap := c.w.seed.draw(forGap, c.id, c.count)
	c.at += max(time.Duration(int64(mean)*exponentialAt(gap)/1000), 1)
	if c.at >= c.until {
		return
	}
	due := max(c.move(c.at), c.w.now)
	tie := c.w.seed.draw(forTie, c.id, c.count)
	c.w.queue.push(event{at: due, tie: uint64(tie), what: request, slot: int32(c.index)})
}

// move puts an operation where the pattern wants it: a burst is all of a period
// in its first tenth.
func (c *client) move(at time.Duration) time.Duration {
	if c.load.Pattern != scenario.Burst || c.load.Every <= 0 {
		return at
	}
	into := at % c.load.Every
	return at - into + into/10
}

// ask makes the operation that is due.
func (c *client) ask() {
	if c.w.now >= c.until {
		return
	}
	number := c.count
	c.count++
	id := c.id<<24 + number
	if c.region.opened && c.makes(id, number) {
		c.w.perform(c.compose(id, number), number)
	}
	c.next()
}

// makes says whether an operation is made, or left out.
func (c *client) makes(id, number uint64) bool {
	return c.w.sc.Keeps(c.name, number) && (c.w.omit == nil || !c.w.omit(id))
}

// compose makes an operation.
func (c *client) compose(id, number uint64) *Op {
	op := &Op{ID: id, Client: c.name, Number: number, Region: c.region.name, Asked: c.w.now, Level: replica.Local}
	c.command(op, number)
	if op.Write {
		switch c.load.Level {
		case scenario.AtNode:
		case scenario.AtRegion:
			op.Level = replica.Region
		default:
			op.Level, op.Regions = replica.Regions, int(c.load.Level)
		}
	}
	return op
}

// perform sends an operation to a node of the region. A client goes on to the
// next node if the first does not serve.
func (w *World) perform(op *Op, number uint64) {
	home := w.place(op.Region)
	first := int(w.seed.draw(forNode, op.ID, 0).below(uint64(len(home.nodes))))
	for i := range home.nodes {
		n := home.nodes[(first+i)%len(home.nodes)]
		if n.Serves() {
			if i > 0 {
				w.mark(MarkFailedOver)
			}
			op.Node = n
			break
		}
	}
	w.totals.Ops++
	if op.Write {
		w.totals.Writes++
	}
	w.fold(recordAsk, op.ID, number, op.Token)
	w.record(recordAsk, op.Node, op.Client, string(op.Args[0])+" "+string(op.Args[1]), 0)
	w.obs.Asked(op)
	if op.Node == nil {
		w.settleOp(op, Unreachable)
		return
	}
	op.Node.open = append(op.Node.open, op)
	if op.Node.pauses > 0 {
		w.mark(MarkPausedOp)
		return // it is run when the node goes on
	}
	op.Node.run(op)
}

// run has the node run an operation.
func (n *Node) run(op *Op) {
	gen := n.gen
	op.taken = true
	n.stepped()
	n.do(op, func(a replica.Answer) {
		if n.gen != gen || op.Outcome != Pending {
			return
		}
		op.Answer = a
		n.open = slices.DeleteFunc(n.open, func(o *Op) bool { return o == op })
		n.w.settleOp(op, Answered)
	})
	n.settle()
}

func (n *Node) do(op *Op, done func(replica.Answer)) {
	defer n.rescue("a command")
	n.replica.Do(n.Time(), &replica.Request{Args: op.Args, Level: op.Level, Regions: op.Regions, Session: op.Token}, done)
}

// settleOp tells the client how its operation ended.
func (w *World) settleOp(op *Op, how Outcome) {
	op.Done, op.Outcome = w.now, how
	if op.session != nil {
		op.session.heard(op)
	}
	if !op.OK() {
		w.totals.OpsFailed++
	}
	w.fold(recordAnswer, op.ID, uint64(how)<<8|uint64(op.Answer.Reply.Type), op.Answer.Reply.Bytes)
	w.record(recordAnswer, op.Node, op.Client, how.String(), 0)
	w.obs.Answered(op)
}

func (w *World) place(name string) *place {
	for _, p := range w.regions {
		if p.name == name {
			return p
		}
	}
	return nil
}
