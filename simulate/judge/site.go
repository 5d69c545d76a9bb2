package judge

import (
	"time"

	"github.com/atollcache/atoll/crdt"
	"github.com/atollcache/atoll/replica"
	"github.com/atollcache/atoll/simulate/world"
)

// site is a node as the judge sees it, in its present boot.
type site struct {
	name, region string
	id           uint64
	up           bool
	twin         bool
	wall         func() int64
	look         func(part uint16, see func(*view)) bool // false if the partition is not held
	status       func() replica.Status
	burden       func() (outbox int, entries int64)
	receive      func(message []byte) // delivers to the replica

	marks   map[*key]*mark // what it has shown of each key
	began   int            // how many boots it has had
	ended   time.Duration  // when the last one ended; zero if none has
	drained bool           // and then it had handed everything over, and said so
	unheard time.Duration  // when an announcement of it got lost last
	off     clockOff

	damaged uint64 // messages that came damaged in this boot
	refused uint64 // those of them that were refused
}

// mark is what a site has shown of a key since it booted.
type mark struct {
	high crdt.Dot
	ops  crdt.Context // the highest operation of each origin that was merged into the key
}

// view is one partition at a site. It is valid during the call that shows it.
type view struct {
	state   string
	whole   bool
	context *crdt.Context
	root    uint64
	contents
}

// contents is what a partition holds, as a replica.Inspection shows it.
type contents interface {
	Each(f func(hash uint64, key []byte, e *crdt.Entry) bool)
	Entry(hash uint64, key []byte) *crdt.Entry
	Digest(hash uint64, e *crdt.Entry) uint64
}

// siteOf gives the site of a node.
func (j *Judge) siteOf(n *world.Node) *site {
	if s := j.byNode[n]; s != nil {
		return s
	}
	s := &site{
		name: n.String(), region: n.Region, id: n.ID(), twin: n.Twin, wall: n.Wall,
		look:   func(part uint16, see func(*view)) bool { return inspect(n.Replica(), part, see) },
		status: func() replica.Status { return n.Replica().Status(n.Time()) },
		burden: func() (int, int64) { return n.Replica().Burden() },
		receive: func(message []byte) {
			_ = n.Replica().Receive(n.Time(), message) // what is wrong with it was judged when it came first
		},
	}
	j.byNode[n] = s
	return j.add(s)
}

func (j *Judge) add(s *site) *site {
	s.marks = map[*key]*mark{}
	j.sites = append(j.sites, s)
	return s
}

func inspect(r *replica.Replica, part uint16, see func(*view)) bool {
	return r != nil && r.Inspect(part, func(i *replica.Inspection) {
		see(&view{state: i.State, whole: i.Whole, context: i.Context, root: i.Root, contents: i})
	})
}

// mark gives what a site has shown of a key.
func (s *site) mark(k *key) *mark {
	m := s.marks[k]
	if m == nil {
		m = &mark{}
		s.marks[k] = m
	}
	return m
}

// heard says whether an operation on a key has reached a site, which holds the
// partition with that context.
func (s *site) heard(k *key, ctx *crdt.Context, op crdt.Dot) bool {
	if ctx.Covers(op) {
		return true
	}
	m := s.marks[k]
	return m != nil && m.ops.Covers(op)
}

// others gives the sites with memory but one.
func (j *Judge) others(but *site) []*site {
	var all []*site
	for _, s := range j.sites {
		if s.up && s != but {
			all = append(all, s)
		}
	}
	return all
}
