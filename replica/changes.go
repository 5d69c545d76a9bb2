package replica

import (
	"container/heap"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/cespare/xxhash/v2"

	"github.com/atollcache/atoll/command"
	"github.com/atollcache/atoll/crdt"
)

// Changes says whether a replica tells what changes. Without it nothing is
// looked at.
type Changes struct {
	Pending    int // events that may wait to be fetched; what comes on top is lost. None is told if 0
	ValueBytes int // the value of a string comes with the event if it has no more bytes than that
}

// Change is something that readers of a region see otherwise from now on,
// whichever region it came from. It is told by the first live owner of the key
// in the region, at most once: by two nodes only while they disagree on who
// lives. Whoever is told everything of a partition sees by Epoch and Seq what it
// has missed.
type Change struct {
	Kind      ChangeKind
	Partition uint16
	Key       []byte
	Type      crdt.Kind // of what is there now; None if nothing is
	Dot       crdt.Dot  // of the operation, the latest if there were several; zero if only absence was learned
	Region    string    // of the node that stamped it; empty if it is not known
	Deadline  int64     // unix milliseconds; 0 for none
	Value     []byte    // of a string, if it is small; else nil

	Epoch uint64 // of the time that this node tells the changes of the partition; ascending, never used again
	Seq   uint64 // from 1 within an epoch, without gaps unless something was lost

	seen seenPart // what who reads the key now is shown here
}

// Session gives the token of a session that has seen the change, or for a lead
// all that the node shows of the partition: a co-owner that is behind runs no
// command of it without a word. It is nil if there is nothing to wait for.
func (c *Change) Session(cluster string) []byte {
	if c.seen.dots.Len() == 0 {
		return nil
	}
	s := session{parts: []seenPart{c.seen}}
	return s.encode(cluster)
}

// ChangeKind says what has become of a key. A merged delta does not tell which
// command it was.
type ChangeKind uint8

// The kinds of changes.
const (
	ChangeLead    ChangeKind = iota // a node begins to tell; of no key, and with Seq 0
	ChangeSet                       // the key shows another value or type, or is new
	ChangeDel                       // the key is gone
	ChangeExpire                    // only the deadline is another
	ChangeExpired                   // the deadline has passed
)

// String gives the name in events.
func (k ChangeKind) String() string { return [...]string{"lead", "set", "del", "expire", "expired"}[k] }

// teller keeps what a replica has to tell.
type teller struct {
	mu      sync.Mutex // guards what stands below
	pending []Change
	lost    uint64
	due     dueHeap

	telling atomic.Bool // whether something is pending, to look at without the lock

	sweptAt atomic.Int64 // up to where deadlines have been told, unix milliseconds
}

// due is a deadline that will pass.
type due struct {
	at   int64
	hash uint64
}

type dueHeap []due

func (h dueHeap) Len() int           { return len(h) }
func (h dueHeap) Less(i, j int) bool { return h[i].at < h[j].at }
func (h dueHeap) Swap(i, j int)      { h[i], h[j] = h[j], h[i] }

// Push adds a deadline, as container/heap asks.
func (h *dueHeap) Push(x any) { *h = append(*h, x.(due)) }

// Pop removes the last deadline, as container/heap asks.
func (h *dueHeap) Pop() any {
	old := *h
	last := old[len(old)-1]
	*h = old[:len(old)-1]
	return last
}

// maxDue bounds the deadlines that are remembered. One on top is not told when
// it passes, and shows as a gap now.
const maxDue = 1 << 20

// Changes gives what has changed, in the order of each partition, and forgets it.
func (r *Replica) Changes() []Change {
	t := &r.teller
	t.mu.Lock()
	defer t.mu.Unlock()
	out := t.pending
	t.pending = nil
	t.telling.Store(false)
	return out
}

// ChangesLost counts the events that found no room.
func (r *Replica) ChangesLost() uint64 {
	r.teller.mu.Lock()
	defer r.teller.mu.Unlock()
	return r.teller.lost
}

// Leads says whether this node tells the changes of a partition.
func (r *Replica) Leads(part uint16) bool {
	p := &r.parts[part]
	p.data.Lock()
	defer p.data.Unlock()
	return p.leads
}

// relead begins and ends telling where ownership has moved. The replica's lock
// is held.
func (r *Replica) relead() {
	if r.cfg.Changes.Pending == 0 {
		return
	}
	for part := range r.scope.All() {
		p := &r.parts[part]
		p.data.Lock()
		r.leadOne(p)
		p.data.Unlock()
	}
}

// leadOne begins or ends telling one partition. Its lock is held too.
func (r *Replica) leadOne(p *partition) {
	owners := r.owned(p.number)
	leads := r.cfg.Changes.Pending > 0 && p.state == ready && len(owners) > 0 && owners[0].ID == r.self.ID
	if leads == p.leads {
		return
	}
	p.leads = leads
	if !leads {
		return
	}
	r.leadIDs++
	p.lead, p.told, p.tallied = r.leadIDs, 0, notTallied
	r.put(Change{Kind: ChangeLead, Partition: p.number, Epoch: p.lead, seen: p.shows(p.seen.Clone())})
	first := uint64(p.number) << partitionShift
	p.data.Range(first, first+1<<partitionShift, func(hash uint64, _ []byte, e *crdt.Entry) bool {
		if at := e.Deadline(); at != 0 && e.Type() != crdt.None {
			r.remind(p, at, hash)
		}
		return true
	})
}

// tell queues an event of a partition. Its lock is held.
func (r *Replica) tell(p *partition, c *Change) {
	p.told++
	c.Partition, c.Epoch, c.Seq = p.number, p.lead, p.told
	r.put(*c)
}

func (r *Replica) put(c Change) {
	t := &r.teller
	t.mu.Lock()
	defer t.mu.Unlock()
	if len(t.pending) >= r.cfg.Changes.Pending {
		t.lost++
		return
	}
	t.pending = append(t.pending, c)
	t.telling.Store(true)
}

// remind notes that a deadline will pass.
func (r *Replica) remind(p *partition, at int64, hash uint64) {
	t := &r.teller
	t.mu.Lock()
	full := len(t.due) >= maxDue
	if !full {
		heap.Push(&t.due, due{at, hash})
	}
	first := !full && t.due[0].at == at
	t.mu.Unlock()
	if full {
		p.told++
	}
	if first {
		r.cfg.Wake()
	}
}

// look is what a reader sees of a key, as far as a delta can change it.
type look struct {
	kind     crdt.Kind // None if the key does not exist
	deadline int64
	sum      uint64 // of the cells that the delta touches
	lapsed   int64  // the deadline that has passed and has not been told; 0 if none
}

// look looks at a key through a delta.
func (r *Replica) look(e *crdt.Entry, d *crdt.Delta, wall int64) (l look) {
	if e == nil || e.Type() == crdt.None {
		return l
	}
	if !e.Alive(wall) {
		if at := e.Deadline(); at > r.teller.sweptAt.Load() {
			l.lapsed = at
		}
		return l
	}
	l.kind, l.deadline = e.Type(), e.Deadline()
	if len(d.Cleared()) > 0 {
		cells := e.Cells()
		for i := range cells {
			l.add(&cells[i])
		}
		return l
	}
	cells := d.Cells()
	for i := range cells {
		if c := e.Cell(cells[i].Kind, cells[i].Name); c != nil {
			l.add(c)
		}
	}
	return l
}

// add counts a cell in, in whatever order.
func (l *look) add(c *crdt.Cell) {
	if c.Kind != l.kind || !c.Visible() {
		return
	}
	var h xxhash.Digest
	h.Reset()
	_, _ = h.WriteString(c.Name)
	_, _ = h.Write([]byte{0})
	_, _ = h.Write(command.AppendShown(nil, c))
	l.sum += h.Sum64() | 1
}

// changed tells what a delta has changed, if a reader can see it. The key was
// looked at before, and the partition's lock is held since.
func (r *Replica) changed(p *partition, hash uint64, key []byte, d *crdt.Delta, before look, wall int64, from string) {
	e := p.data.Get(hash, key)
	after := r.look(e, d, wall)
	if before.lapsed != 0 && after.lapsed != before.lapsed {
		r.tell(p, &Change{Kind: ChangeExpired, Key: slices.Clone(key), Deadline: before.lapsed, Region: r.cfg.Region})
	}
	if after.deadline != 0 && after.deadline != before.deadline {
		r.remind(p, after.deadline, hash)
	}
	before.lapsed, after.lapsed = 0, 0
	if before == after {
		return
	}

	c := Change{Kind: ChangeSet, Key: slices.Clone(key), Type: after.kind, Dot: latestOf(d), Region: from, Deadline: after.deadline}
	switch {
	case after.kind == crdt.None:
		c.Kind = ChangeDel
	case after.kind == before.kind && after.sum == before.sum:
		c.Kind = ChangeExpire
	case after.kind == crdt.String:
		c.Value = r.smallValue(e)
	}
	c.seen = p.shows(shownOf(p, d))
	r.tell(p, &c)
}

// shows gives what a session has seen that was shown some operations here.
func (p *partition) shows(dots crdt.Context) seenPart {
	return seenPart{partition: p.number, shown: p.origin, dots: dots}
}

// shownOf gives the operations that a delta shows. What only tells of absence
// names none, so it stands for all that is shown.
func shownOf(p *partition, d *crdt.Delta) (dots crdt.Context) {
	d.Dots(func(dot crdt.Dot) { dots.Raise(dot) })
	for _, op := range d.Ops {
		dots.Raise(op)
	}
	if dots.Len() == 0 {
		return p.seen.Clone()
	}
	return dots
}

// smallValue gives the value of a string if events carry it.
func (r *Replica) smallValue(e *crdt.Entry) []byte {
	if r.cfg.Changes.ValueBytes == 0 {
		return nil
	}
	value := command.AppendShown([]byte{}, e.Cell(crdt.String, ""))
	if len(value) > r.cfg.Changes.ValueBytes {
		return nil
	}
	return value
}

// latestOf is the latest operation that a delta names, or the latest thing in it
// that lives.
func latestOf(d *crdt.Delta) (top crdt.Dot) {
	for _, op := range d.Ops {
		if op.Compare(top) > 0 {
			top = op
		}
	}
	if top != (crdt.Dot{}) {
		return top
	}
	cells := d.Cells()
	for i := range cells {
		if s := cells[i].Value(); s != nil && s.Dot.Compare(top) > 0 {
			top = s.Dot
		}
		for _, n := range cells[i].Counts {
			if !n.Dead && n.Dot.Compare(top) > 0 {
				top = n.Dot
			}
		}
	}
	return top
}

// stampedIn names the region of the node that stamped the latest of a delta. The
// replica's lock is held.
func (r *Replica) stampedIn(d *crdt.Delta) string {
	_, in, _ := r.dir.Node(latestOf(d).Origin.Node)
	return in
}

// tellExpired tells which deadlines have passed, and gives when the next one
// does.
func (r *Replica) tellExpired(now Time) time.Duration {
	if r.cfg.Changes.Pending == 0 {
		return never
	}
	for {
		d, wait := r.nextDue(now)
		if wait > 0 {
			r.teller.sweptAt.Store(now.Wall)
			return wait
		}
		p := r.partitionOf(d.hash)
		p.data.Lock()
		if p.leads && d.at > r.teller.sweptAt.Load() {
			r.tellLapsed(p, d)
		}
		p.data.Unlock()
	}
}

// nextDue takes out the first deadline if it has passed, or says when it does.
func (r *Replica) nextDue(now Time) (due, time.Duration) {
	t := &r.teller
	t.mu.Lock()
	defer t.mu.Unlock()
	if len(t.due) == 0 {
		return due{}, never
	}
	if wait := t.due[0].at - now.Wall; wait > 0 {
		return due{}, now.Mono + time.Duration(wait)*time.Millisecond
	}
	d := heap.Pop(&t.due).(due)
	for len(t.due) > 0 && t.due[0] == d {
		heap.Pop(&t.due)
	}
	return d, 0
}

func (r *Replica) tellLapsed(p *partition, d due) {
	p.data.Range(d.hash, d.hash+1, func(_ uint64, key []byte, e *crdt.Entry) bool {
		if e.Deadline() == d.at && e.Type() != crdt.None {
			r.tell(p, &Change{Kind: ChangeExpired, Key: slices.Clone(key), Deadline: d.at, Region: r.cfg.Region})
		}
		return true
	})
}

// tellRevealed tells which keys show again since what had expired was let go.
func (r *Replica) tellRevealed(p *partition, wall int64) {
	if !p.leads {
		return
	}
	var all crdt.Delta
	for _, hash := range p.data.Revealed() {
		p.data.Range(hash, hash+1, func(_ uint64, key []byte, e *crdt.Entry) bool {
			if now := r.look(e, &all, wall); now.kind != crdt.None {
				c := Change{Kind: ChangeSet, Key: slices.Clone(key), Type: now.kind, Region: r.cfg.Region, Deadline: now.deadline, seen: p.shows(p.seen.Clone())}
				if now.kind == crdt.String {
					c.Value = r.smallValue(e)
				}
				r.tell(p, &c)
			}
			return true
		})
	}
}
