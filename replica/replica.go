// Package replica is one node's mind: it runs commands on the partitions that
// the node owns, sends and receives deltas over links, repairs what links lost,
// takes partitions over and hands them on, and decides all of this on a tick.
//
//	r := replica.New(replica.Config{...})
//	r.Do(now, &replica.Request{Args: args}, func(a replica.Answer) { ... })
//	r.Receive(now, message)   // what a peer sent
//	next := r.Tick(now)       // time has passed
//	for _, p := range r.Outgoing() { carry(p) }
//
// A replica owns no goroutine, socket, timer or source of randomness: time and
// messages come in as arguments, and what should be sent is collected until the
// caller asks for it. Given the same calls it does the same, so the simulator
// runs the very code that a server runs.
//
// Locks are taken in one order: the replica's, then a partition's, then a
// link's. A command on a partition that is ready here takes only the last two.
package replica

import (
	"cmp"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/time/rate"

	"github.com/atollcache/atoll/antientropy"
	"github.com/atollcache/atoll/command"
	"github.com/atollcache/atoll/crdt"
	"github.com/atollcache/atoll/region"
	"github.com/atollcache/atoll/ring"
	"github.com/atollcache/atoll/store"
	"github.com/atollcache/atoll/wire"
)

// Time is a reading of the two clocks of a node.
type Time struct {
	Wall int64         // unix milliseconds; may jump
	Mono time.Duration // since some start; never goes back
}

// Config says who a replica is. Zero fields take the defaults given.
type Config struct {
	Cluster  string
	Region   string
	Name     string
	Boot     uint64 // epoch of this run, above every earlier one of this node
	Instance uint64 // of the region
	Weight   int    // 1
	Replicas int    // owners of a partition in a region: 2
	Secret   uint64 // keys the digests; the same in the whole cluster
	Memory   int64  // bytes of entries at which client writes are refused: no limit
	Limits   command.Limits
	Timing   Timing
	Changes  Changes // what is told of them: nothing

	// Scope narrows the cluster to some partitions, the same in every node: all
	// if empty. A simulated cluster that needs few keys is faster with few.
	Scope antientropy.Scope

	// Witness, if set, sees what the replica does.
	Witness Witness

	// Wake is called when there is something to send that no Tick is due for
	// yet. It must not block or call the replica.
	Wake func()
}

// Replica is one node's mind. Its methods are safe for concurrent use.
type Replica struct {
	cfg   Config
	t     Timing
	self  region.Node
	scope antientropy.Scope
	clock crdt.Clock
	guard clockGuard
	store *store.Store
	parts [ring.Partitions]partition

	mu        sync.Mutex // guards what stands below, up to the next mutex
	dir       *region.Directory
	pending   *heldView
	draining  bool
	out       map[uint64]*outLink
	outOrder  []uint64 // their ids, ascending; nil if they have changed
	in        map[uint64]*inLink
	links     uint64 // incarnations opened so far
	pulls     map[uint64]*pull
	pullIDs   uint64
	repair    repairBook
	backlog   backlog
	pace      *rate.Limiter
	calls     map[uint64]*forward
	callIDs   uint64
	held      []*heldCommand
	absent    absentees
	inquiry   inquiry
	windows   windows
	downs     map[uint64]time.Duration // peers whose links are silent while their regions are not, and when to try them again
	speech    map[string]speech        // of every region
	foreign   sighting
	announce  announcer
	forgotAt  time.Duration // when receiving ends of unknown nodes were last dropped
	tenures   atomic.Uint64 // gained and dropped
	expireAt  time.Duration // when to look for expired keys
	heldBack  bool          // the last look was put off, after a pause
	patience  patience
	teller    teller
	leadIDs   uint64   // epochs of Change so far
	later     []func() // commands to run when the lock is free
	names     wire.Names
	reading   wire.BatchReader
	body      []byte     // scratch: of the message that is written
	incoming  crdt.Delta // scratch
	rise      crdt.Context
	marking   []wire.Mark
	merging   Merging
	fetched   crdt.Entry
	piece     crdt.Entry // a part of an entry that is too large for a message
	answering wire.AnswerWriter
	stats     Stats

	waitMu  sync.Mutex // guards waiters
	waiters waiterHeap

	outMu    sync.Mutex // guards outgoing and finished
	outgoing []Packet
	finished []completion
	waiting  atomic.Int64 // how many have finished, to look at without the lock
	sending  atomic.Bool  // whether something is outgoing, for the same
}

// Packet is a message that should be carried.
type Packet struct {
	Region, Name string // the receiver; both empty for every node of the cluster
	Kind         wire.Kind
	Payload      []byte
}

// New gives a replica that is alone in the world until Members or a message of
// a peer tells otherwise.
func New(cfg Config) *Replica {
	cfg.Weight = cmp.Or(cfg.Weight, 1)
	cfg.Replicas = cmp.Or(cfg.Replicas, 2)
	if cfg.Wake == nil {
		cfg.Wake = func() {}
	}
	t := cfg.Timing.withDefaults()
	r := &Replica{
		cfg:   cfg,
		t:     t,
		self:  region.Node{Name: cfg.Name, ID: region.NodeID(cfg.Region, cfg.Name), Boot: cfg.Boot, Weight: cfg.Weight},
		store: store.New(store.Config{Secret: cfg.Secret, MemoryBytes: cfg.Memory}),
		dir:   region.New(cfg.Region, cfg.Replicas),
		// An answer to an earlier boot must not be taken for one to this.
		pullIDs: cfg.Boot << 20,
		callIDs: cfg.Boot << 20,
		leadIDs: cfg.Boot << 20,
		scope:   cfg.Scope,
		out:     map[uint64]*outLink{},
		in:      map[uint64]*inLink{},
		pulls:   map[uint64]*pull{},
		pace:    rate.NewLimiter(rate.Limit(t.RepairBytes), t.AskBytes),
		calls:   map[uint64]*forward{},
		windows: windows{},
		downs:   map[uint64]time.Duration{},
		speech:  map[string]speech{},
		guard:   clockGuard{readings: map[uint64]reading{}},
	}
	if r.scope.Len() == 0 {
		r.scope = scopeOf(func(uint16) bool { return true })
	}
	r.repair.init()
	for p := range r.parts {
		r.parts[p].init(r.store, uint16(p), cfg.Boot)
	}
	return r
}

// Self gives the identity of the node, and whether it drains.
func (r *Replica) Self() region.Node {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.self
}

// Boot gives the epoch of this run.
func (r *Replica) Boot() uint64 { return r.cfg.Boot }

// Outgoing gives what should be sent, in order, and forgets it.
func (r *Replica) Outgoing() []Packet { return r.AppendOutgoing(nil) }

// AppendOutgoing appends what Outgoing gives to dst.
func (r *Replica) AppendOutgoing(dst []Packet) []Packet {
	r.outMu.Lock()
	defer r.outMu.Unlock()
	dst = append(dst, r.outgoing...)
	clear(r.outgoing)
	r.outgoing = r.outgoing[:0]
	r.sending.Store(false)
	if cap(r.outgoing) > maxIdle {
		r.outgoing = nil
	}
	return dst
}

// Idle says whether there is nothing in Outgoing and Changes. It takes no lock,
// so it can be asked after every command.
func (r *Replica) Idle() bool { return !r.sending.Load() && !r.teller.telling.Load() }

// maxIdle is for how many messages room is kept while nothing waits.
const maxIdle = 1024

// post queues a message for one node. It does not keep body.
func (r *Replica) post(to region.Peer, kind wire.Kind, body []byte) {
	r.queue(Packet{Region: to.Region, Name: to.Name, Kind: kind, Payload: r.seal(kind, body)})
}

func (r *Replica) seal(kind wire.Kind, body []byte) []byte {
	return wire.Seal(make([]byte, 0, len(body)+64), r.cfg.Cluster, r.sender(), kind, body)
}

func (r *Replica) queue(p Packet) {
	r.outMu.Lock()
	r.outgoing = append(r.outgoing, p)
	r.sending.Store(true)
	r.outMu.Unlock()
}

func (r *Replica) sender() wire.Sender {
	return wire.Sender{Region: r.cfg.Region, Name: r.cfg.Name, Node: r.self.ID, Boot: r.cfg.Boot}
}

// completion is an answer whose caller waits.
type completion struct {
	done   func(Answer)
	answer Answer
}

func (r *Replica) finish(done func(Answer), a Answer) {
	r.outMu.Lock()
	r.finished = append(r.finished, completion{done, a})
	r.waiting.Add(1)
	r.outMu.Unlock()
}

// deliver calls back whoever waited; no lock may be held, since they may call
// the replica again.
func (r *Replica) deliver() {
	for fin := r.takeFinished(); len(fin) > 0; fin = r.takeFinished() {
		for _, c := range fin {
			c.done(c.answer)
		}
	}
}

// takeFinished gives the answers that are due. A call back may finish others: a
// command of several keys ends with its last part.
func (r *Replica) takeFinished() []completion {
	if r.waiting.Load() == 0 {
		return nil
	}
	r.outMu.Lock()
	defer r.outMu.Unlock()
	fin := r.finished
	r.finished = nil
	r.waiting.Store(0)
	return fin
}

// peer finds a node by its identity.
func (r *Replica) peer(id uint64) (region.Peer, bool) {
	n, in, ok := r.dir.Node(id)
	return region.Peer{Node: n, Region: in}, ok
}

// outIDs lists the links that send, in a fixed order. The list stays as it is
// while links come and go.
func (r *Replica) outIDs() []uint64 {
	if r.outOrder == nil {
		r.outOrder = sortedKeys(r.out)
	}
	return r.outOrder
}

func sortedKeys[V any](m map[uint64]V) []uint64 {
	if len(m) == 0 {
		return nil
	}
	ids := make([]uint64, 0, len(m))
	for id := range m { // order-free: sorted below
		ids = append(ids, id)
	}
	slices.Sort(ids)
	return ids
}

// scopeOf is the set of partitions for which keep says yes.
func scopeOf(keep func(p uint16) bool) antientropy.Scope {
	var s antientropy.Scope
	for p := range uint16(ring.Partitions) {
		if keep(p) {
			s.Add(p)
		}
	}
	return s
}
