package world

import (
	"cmp"
	"math"
	"time"

	"github.com/atollcache/atoll/region"
	"github.com/atollcache/atoll/replica"
)

// never is later than any deadline.
const never = time.Duration(math.MaxInt64)

// Drained is why a process ends that has handed everything over.
const Drained = "drained"

// How long a process waits, as in the server.
const (
	learnTime = 3 * time.Second        // for the others to announce themselves
	openTime  = 10 * time.Second       // for its partitions
	lookTime  = 20 * time.Millisecond  // between two looks at what nobody tells
	probeTime = 250 * time.Millisecond // for a node of its own name to answer
)

// begin starts the process. At the very beginning of a run the cluster is
// formed at once; later a node finds its place in it.
func (n *Node) begin() {
	w := n.w
	n.gen++
	n.stays = false
	n.stage, n.since, n.boot, n.instance = learning, w.now, 0, 0
	n.tickAt, n.ticked, n.woken, n.busyTill, n.breaking = never, w.now-minTick, false, 0, false
	n.learner = replica.NewLearner(w.cluster, n.Region, n.Name)
	w.fold(recordStart, n.id, uint64(n.gen), nil)
	w.record(recordStart, n, "", "process", 0)
	n.appear()
	if w.now == 0 {
		n.think()
		return
	}
	gen := n.gen
	w.after(learnTime, n.id, func() {
		if n.gen == gen && n.stage == learning {
			w.mark(MarkLearnTimeout)
			n.think()
		}
	})
	n.look(gen)
}

// look asks now and then whether enough was heard: nobody tells when a region
// turns out to be deserted.
func (n *Node) look(gen uint32) {
	if n.gen != gen || n.stage != learning {
		return
	}
	n.learned()
	if n.stage == learning {
		n.w.after(lookTime, n.id, func() { n.look(gen) })
	}
}

// learned ends the learning once everybody who is known to be there has spoken.
func (n *Node) learned() {
	if n.stage != learning || n.pauses > 0 || n.w.now < n.since+lookTime || !n.heardEnough() {
		return
	}
	n.think()
}

func (n *Node) heardEnough() bool {
	nodes, _ := n.roster()
	if len(nodes) == 0 || !n.learner.HeardNodes(n.Region, nodes) {
		return false
	}
	for _, p := range n.w.regions {
		if p != n.region && !n.learner.HeardRegion(p.name) && !n.deserted(p) {
			return false
		}
	}
	return true
}

// deserted says whether a region can be reached and has nobody who serves.
func (n *Node) deserted(p *place) bool {
	for _, other := range p.nodes {
		if other.Serves() || n.w.parted(n, other) {
			return false
		}
	}
	return true
}

// think gives the process an epoch and a replica.
func (n *Node) think() {
	w := n.w
	if n.named() {
		n.fail("another node answers to its name")
		return
	}
	known := n.learner.Epoch()
	n.boot = replica.NextEpoch(n.Wall(), n.saved, known)
	if known > n.saved {
		w.mark(MarkEpochLearned)
	}
	n.saved = n.boot
	_, instance := n.roster()
	if n.instance = instance; instance == 0 {
		n.instance = w.instance(n)
	}
	n.stage, n.openBy = joining, w.now+openTime
	n.replica = replica.New(n.config())
	for _, message := range n.learner.Messages() {
		n.hearAgain(message)
	}
	w.fold(recordStart, n.id, n.boot, nil)
	w.record(recordStart, n, "", "replica", 0)
	w.obs.Started(n)
	n.view()
	n.publish()
	n.woken = true
	n.settle()
	n.waitOpen(n.gen)
}

// instance names a region that is set up now: what is set up later has a higher
// one.
func (w *World) instance(n *Node) uint64 {
	const randomBits = 20
	return uint64(n.Wall())<<randomBits | w.seed.draw(forInstance, n.id, uint64(w.now)).below(1<<randomBits)
}

func (n *Node) hearAgain(message []byte) {
	defer n.rescue("an announcement")
	_ = n.replica.Receive(n.Time(), message) // what is wrong with it is no news
}

// named says whether another node of this name would answer now. A twin is one
// whose question got lost.
func (n *Node) named() bool {
	for _, other := range n.region.nodes {
		if other != n && other.Name == n.Name && other.Serves() && other.pauses == 0 && !n.Twin {
			return true
		}
	}
	return false
}

// config is what the replica is told.
func (n *Node) config() replica.Config {
	c := n.w.sc.Config
	if n.set != nil {
		c = *n.set
	}
	return replica.Config{
		Cluster: n.w.cluster, Region: n.Region, Name: n.Name, Boot: n.boot, Instance: n.instance,
		Weight: n.weight, Replicas: cmp.Or(c.Replicas, 2), Secret: uint64(n.w.seed), Memory: c.Memory,
		Timing: n.w.timing(&c), Scope: n.w.scope, Witness: witness{n},
		Wake: func() { n.woken = true },
	}
}

// waitOpen opens the door to clients when the partitions are there, or after the
// time that this may take.
func (n *Node) waitOpen(gen uint32) {
	if n.gen != gen || n.stage != joining || n.replica == nil {
		return
	}
	late := n.w.now >= n.openBy
	if n.pauses == 0 && (late || n.booting() == 0) {
		n.stage, n.region.opened = serving, true
		if late {
			n.w.mark(MarkOpenedLate)
		}
		return
	}
	n.w.after(lookTime, n.id+1, func() { n.waitOpen(gen) })
}

func (n *Node) booting() int { return n.replica.Status(n.Time()).Partitions["booting"] }

// conclude stops a node that must not go on.
func (n *Node) conclude() {
	if n.replica == nil {
		return
	}
	if err := n.replica.Conflict(); err != nil {
		n.fail(err.Error())
	}
}

// fail has a process end by itself.
func (n *Node) fail(why string) {
	n.w.mark(MarkNameConflict)
	n.w.happened(n.String() + " stops: " + why)
	n.leave(why)
}

// crash ends the process with all that was in its memory, at once and without a
// word.
func (n *Node) crash() {
	if n.stage == down {
		return
	}
	if n.Up() {
		n.w.obs.Crashing(n)
	}
	n.w.totals.Crashes++
	n.end("crash")
	n.vanish()
}

// leave ends the process in order: it says goodbye to its region.
func (n *Node) leave(why string) {
	if n.stage == down {
		return
	}
	if n.Up() {
		n.w.obs.Leaving(n, why)
	}
	n.farewell()
	n.end(why)
}

// end ends the process.
func (n *Node) end(why string) {
	n.w.fold(recordStop, n.id, n.boot, nil)
	n.w.record(recordStop, n, "", why, 0)
	n.gen++
	n.stage, n.replica, n.learner, n.boot = down, nil, nil, 0
	n.tickAt, n.breaking = never, false
	n.emptyInbox()
	if len(n.open) > 0 {
		n.w.mark(MarkCrashUnacked)
	}
	open := n.open
	n.open = nil
	for _, op := range open {
		n.w.settleOp(op, Abandoned)
	}
}

// drain has the node leave: it hands over what it holds, then its process ends.
func (n *Node) drain(then func()) {
	if n.replica == nil {
		n.leave("drain")
		then()
		return
	}
	n.stage = draining
	n.drainReplica()
	n.publish()
	n.settle()
	n.waitDrained(n.gen, then)
}

func (n *Node) drainReplica() {
	defer n.rescue("a drain")
	n.replica.Drain(n.Time())
}

func (n *Node) waitDrained(gen uint32, then func()) {
	if n.gen != gen {
		return
	}
	if n.pauses == 0 && n.replica.Drained() && n.flushed() {
		n.w.mark(MarkDrained)
		n.leave(Drained)
		then()
		return
	}
	n.w.after(lookTime, n.id+2, func() { n.waitDrained(gen, then) })
}

// flushed says whether every peer that answers has acknowledged everything.
func (n *Node) flushed() bool {
	for _, l := range n.replica.Status(n.Time()).Links {
		if l.State != "silent" && l.OutboxBytes+l.Unacked > 0 {
			return false
		}
	}
	return true
}

// self is the node as its region sees it.
func (n *Node) self() region.Node {
	state := region.Serving
	if n.stage == draining {
		state = region.Draining
	}
	return region.Node{Name: n.Name, ID: n.id, Boot: n.boot, Weight: n.weight, State: state}
}
