package world

import (
	"slices"
	"strings"
	"time"

	"github.com/atollcache/atoll/planted"
	"github.com/atollcache/atoll/region"
)

// opinion is what a node believes of another of its region.
type opinion struct {
	alive    bool
	node     region.Node // as it was last heard of; of no boot while it learns
	instance uint64
	missing  bool  // it does not answer, and will be missed soon
	turn     int64 // counts what was decided of it, to void what is under way
}

// How membership paces itself, as package membership sets it: probes every half
// second, a death believed after about six of them, a look for those who are
// absent every five seconds, and an exchange of all that is known every ten.
const (
	gossipLeast   = 20 * time.Millisecond
	gossipMost    = 300 * time.Millisecond
	missLeast     = 2500 * time.Millisecond
	missMost      = 3500 * time.Millisecond
	rejoinEvery   = 5 * time.Second
	exchangeEvery = 10 * time.Second
)

// isOf says whether the opinion is what a node says of itself now.
func (op *opinion) isOf(o *Node) bool {
	return op.alive && op.node == o.self() && op.instance == o.instance
}

func (n *Node) opinionOf(o *Node) *opinion {
	op := n.sees[o]
	if op == nil {
		op = &opinion{}
		n.sees[o] = op
	}
	return op
}

// roster is who serves or drains in the region, as the node sees it, and the
// lowest instance that anybody claims.
func (n *Node) roster() (nodes []region.Node, instance uint64) {
	for _, o := range n.region.nodes {
		op := n.sees[o]
		if o == n || op == nil || !op.alive || op.node.Boot == 0 {
			continue
		}
		nodes = append(nodes, op.node)
		if op.instance != 0 && (instance == 0 || op.instance < instance) {
			instance = op.instance
		}
	}
	slices.SortFunc(nodes, func(a, b region.Node) int { return strings.Compare(a.Name, b.Name) })
	nodes = slices.CompactFunc(nodes, func(a, b region.Node) bool { return a.Name == b.Name })
	return nodes, instance
}

// view tells the replica who is alive. When two parts of a region find each
// other, both go by the lower instance.
func (n *Node) view() {
	if n.replica == nil || n.frozen > 0 || n.pauses > 0 {
		return
	}
	nodes, instance := n.roster()
	if instance != 0 && instance < n.instance {
		n.w.mark(MarkPartsMet)
		n.instance = instance
		n.replica.SetInstance(instance)
		n.publish()
	}
	if !slices.ContainsFunc(nodes, func(o region.Node) bool { return o.Name == n.Name }) {
		nodes = append(nodes, n.self())
	}
	n.w.fold(recordView, n.id, uint64(len(nodes)), nil)
	n.w.record(recordView, n, "", viewText(nodes), 0)
	n.members(nodes)
	n.woken = true
	n.settle()
}

func (n *Node) members(nodes []region.Node) {
	defer n.rescue("a view")
	n.replica.Members(n.Time(), nodes)
}

func viewText(nodes []region.Node) string {
	names := make([]string, len(nodes))
	for i, o := range nodes {
		names[i] = o.Name
	}
	return strings.Join(names, " ")
}

// appear has a process join the gossip of its region through the seeds.
func (n *Node) appear() {
	for _, o := range n.region.nodes {
		*n.opinionOf(o) = opinion{turn: n.opinionOf(o).turn + 1}
	}
	for _, o := range n.region.nodes {
		if o == n || o.stage == down || !n.gossips(o) {
			continue
		}
		if op := o.sees[n]; op != nil && op.alive && op.node.Boot != 0 {
			n.w.mark(MarkRestartUnnoticed)
		}
		if n.w.now == 0 {
			n.meet(o)
			o.meet(n)
			continue
		}
		n.gossip(o, n.meet)
		o.gossip(n, o.meet)
	}
	n.w.reconsider(n.region)
}

// publish has the others hear what the node is now.
func (n *Node) publish() {
	for _, o := range n.region.nodes {
		if o == n || o.stage == down || !n.gossips(o) {
			continue
		}
		if n.w.now == 0 {
			o.meet(n)
			continue
		}
		o.gossip(n, o.meet)
	}
}

// gossip has a node hear of another soon, if they still can by then.
func (n *Node) gossip(of *Node, hear func(*Node)) {
	at := n.w.seed.draw(forGossip, pair(n.id, of.id), uint64(n.w.now)).between(gossipLeast, gossipMost)
	gen := of.gen
	n.w.after(at, pair(n.id, of.id), func() {
		if of.gen == gen && n.stage != down && n.gossips(of) {
			hear(of)
		}
	})
}

// meet has the node believe what another says of itself.
func (n *Node) meet(o *Node) {
	op := n.opinionOf(o)
	if op.isOf(o) {
		return
	}
	*op = opinion{alive: true, node: o.self(), instance: o.instance, turn: op.turn + 1}
	n.view()
}

// miss has the node believe that another is dead.
func (n *Node) miss(o *Node) {
	op := n.opinionOf(o)
	if !op.alive {
		return
	}
	if o.stage != down {
		n.w.mark(MarkFalseDeath)
	}
	op.alive, op.missing = false, false
	op.turn++
	n.view()
}

// vanish has the others miss a process that ended without a word.
func (n *Node) vanish() { n.w.reconsider(n.region) }

// farewell has the others hear that the node leaves.
func (n *Node) farewell() {
	gen := n.gen
	for _, o := range n.region.nodes {
		if o == n || o.stage == down || !n.gossips(o) {
			continue
		}
		at := n.w.seed.draw(forGossip, pair(o.id, n.id), uint64(n.w.now)).between(gossipLeast, gossipMost)
		n.w.after(at, pair(o.id, n.id), func() {
			if n.gen == gen+1 && o.stage != down {
				o.miss(n)
			}
		})
	}
}

// gossips says whether two nodes of a region can hear of each other: both run,
// and a path of links that are not cut leads from one to the other. A cut in one
// direction alone does not part them, for membership asks others to probe, and
// falls back to connections.
func (n *Node) gossips(o *Node) bool {
	return n.talks() && o.talks() && !n.w.estranged(n, o) && n.region.connected(n, o)
}

func (n *Node) talks() bool { return n.stage != down && n.pauses == 0 }

// connected looks for a path between two nodes.
func (p *place) connected(from, to *Node) bool {
	if !from.w.parted(from, to) {
		return true
	}
	reached := []*Node{from}
	for i := 0; i < len(reached); i++ {
		for _, o := range p.nodes {
			if !o.talks() || slices.Contains(reached, o) || from.w.parted(reached[i], o) {
				continue
			}
			if o == to {
				return true
			}
			reached = append(reached, o)
		}
	}
	return false
}

// reconsider looks at every pair of a region after something changed who can
// hear whom: who cannot be heard is missed after a while, who can be heard again
// is found by the rejoin loop.
func (w *World) reconsider(p *place) {
	for _, n := range p.nodes {
		if n.stage == down {
			continue
		}
		for _, o := range p.nodes {
			if o != n {
				w.reconsiderPair(n, o)
			}
		}
	}
}

func (w *World) reconsiderPair(n, o *Node) {
	op := n.opinionOf(o)
	heard := n.gossips(o)
	switch {
	case heard && op.missing:
		op.missing = false
		op.turn++
	case !heard && op.alive && !op.missing:
		op.missing = true
		op.turn++
		w.missLater(n, o, op.turn)
	case heard && !op.alive && !op.missing:
		w.rejoinLater(n, o, op.turn)
	case heard && op.alive && !op.isOf(o):
		w.exchangeLater(n, o, op.turn)
	}
}

// exchangeLater has a node hear what another has become while the two did not
// hear each other, too short for a death. What a node says of itself is gossiped
// once; after that it is in what any two exchange now and then.
func (w *World) exchangeLater(n, o *Node, turn int64) {
	in := w.seed.draw(forExchange, pair(n.id, o.id), uint64(w.now)).upTo(exchangeEvery)
	gen, other := n.gen, o.gen
	w.after(in, pair(n.id, o.id), func() {
		if op := n.opinionOf(o); n.gen == gen && o.gen == other && op.turn == turn && n.gossips(o) {
			n.meet(o)
		}
	})
}

func (w *World) missLater(n, o *Node, turn int64) {
	in := w.seed.draw(forMiss, pair(n.id, o.id), uint64(w.now)).between(missLeast, missMost)
	gen := n.gen
	w.after(in, pair(n.id, o.id), func() {
		if op := n.opinionOf(o); n.gen == gen && op.turn == turn && op.missing {
			n.miss(o)
			w.reconsiderPair(n, o)
		}
	})
}

// rejoinLater has two nodes that lost each other meet when either looks for
// those who are absent. Nothing else brings them together.
func (w *World) rejoinLater(n, o *Node, turn int64) {
	if planted.Is(planted.NoRejoin) {
		return
	}
	at := min(w.nextRejoin(n), w.nextRejoin(o))
	gen, other := n.gen, o.gen
	w.at(at, pair(n.id, o.id), func() {
		op := n.opinionOf(o)
		if n.gen != gen || o.gen != other || op.turn != turn || op.alive || !n.gossips(o) {
			return
		}
		w.mark(MarkRejoin)
		n.meet(o)
	})
}

// nextRejoin is when a node looks for the absent next.
func (w *World) nextRejoin(n *Node) time.Duration {
	phase := w.seed.draw(forRejoin, n.id, 0).upTo(rejoinEvery - 1)
	since := w.now - n.since - phase
	if since < 0 {
		return n.since + phase
	}
	return w.now + rejoinEvery - since%rejoinEvery
}

// Sees lists who is alive in the region, as the node believes, itself included;
// nobody if its process does not run.
func (n *Node) Sees() []region.Node {
	if n.stage == down {
		return nil
	}
	nodes, _ := n.roster()
	if n.boot != 0 && !slices.ContainsFunc(nodes, func(o region.Node) bool { return o.Name == n.Name }) {
		nodes = append(nodes, n.self())
	}
	slices.SortFunc(nodes, func(a, b region.Node) int { return strings.Compare(a.Name, b.Name) })
	return nodes
}
