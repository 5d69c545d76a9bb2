package replica

import (
	"container/heap"
	"slices"
	"sync"
	"time"

	"github.com/atollcache/atoll/command"
	"github.com/atollcache/atoll/crdt"
	"github.com/atollcache/atoll/region"
)

// Level says how far a write must have come before its caller is answered.
type Level uint8

// The acknowledgement levels. Local is the default.
const (
	Local   Level = iota // in the memory of an owner, on its way to the others
	Region               // applied by every owner in the home region
	Regions              // applied by an owner in each of N regions, home included
)

// Answer is what became of a request.
type Answer struct {
	Reply   command.Reply
	Level   Level // reached; Local for reads
	Regions int   // in which an owner has applied the write, home included
	Short   bool  // the level that was asked for was not reached in time; the write stays

	// Session is the token to send with the next command of the session; nil if
	// there is none, or if nothing was seen and the last one still holds.
	Session []byte

	// Stale says that the command ran before all that its session has seen was
	// here: what it read may be older, and what it removed less.
	Stale bool

	// Leads says that this node ran the command, and tells the changes of the
	// partition: whoever hears them hears of all that the answer has not seen.
	Leads bool
}

// waiter is a write whose caller asked for more than Local.
type waiter struct {
	part uint16
	op   crdt.Dot // of the write

	mu       sync.Mutex // guards what stands below
	level    Level
	want     int       // regions
	near     []coOwner // the other owners in the home region
	few      bool      // there are fewer of them than the region should have
	regions  map[string]bool
	answer   Answer
	done     func(Answer)
	finished bool
	deadline time.Duration
}

// coOwner is another owner of a partition in the home region.
type coOwner struct {
	id, boot uint64
	applied  bool // it has what is waited for
}

// applied notes that a peer has applied the write, and says whether the caller
// can be answered now.
func (w *waiter) applied(peer region.Peer, home bool) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	if !home {
		w.regions[peer.Region] = true
		return w.ends()
	}
	for i := range w.near {
		if o := &w.near[i]; o.id == peer.ID && o.boot == peer.Boot {
			o.applied = true
		}
	}
	return w.ends()
}

// instant says whether nobody need be waited for, as in a region of one node.
func (w *waiter) instant() bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.ends()
}

// ends says once whether the caller can be answered. The lock is held.
func (w *waiter) ends() bool {
	if w.finished || !w.reached() {
		return false
	}
	w.finished = true
	return true
}

func (w *waiter) reached() bool {
	if w.level == Regions {
		return 1+len(w.regions) >= w.want
	}
	return w.everyOwner()
}

// everyOwner says whether the other owners in the home region have applied it.
func (w *waiter) everyOwner() bool {
	return !slices.ContainsFunc(w.near, func(o coOwner) bool { return !o.applied })
}

// over says whether the caller has been answered.
func (w *waiter) over() bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.finished
}

// expire ends the waiting, and says whether it had not ended before.
func (w *waiter) expire() bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	was := w.finished
	w.finished = true
	return !was
}

// result is the answer as far as the write has come.
func (w *waiter) result() Answer {
	w.mu.Lock()
	defer w.mu.Unlock()
	a := w.answer
	a.Regions = 1 + len(w.regions)
	if w.everyOwner() && !w.few {
		a.Level = Region
	}
	a.Short = !w.reached() || w.level == Region && w.few
	if w.level == Regions && !a.Short {
		a.Level = Regions
	}
	return a
}

// waiterHeap orders waiters by deadline.
type waiterHeap []*waiter

func (h waiterHeap) Len() int           { return len(h) }
func (h waiterHeap) Less(i, j int) bool { return h[i].deadline < h[j].deadline }
func (h waiterHeap) Swap(i, j int)      { h[i], h[j] = h[j], h[i] }

// Push adds a waiter, as container/heap asks.
func (h *waiterHeap) Push(x any) { *h = append(*h, x.(*waiter)) }

// Pop removes the last waiter, as container/heap asks.
func (h *waiterHeap) Pop() any {
	old := *h
	w := old[len(old)-1]
	old[len(old)-1] = nil
	*h = old[:len(old)-1]
	return w
}

// await registers a waiter until its deadline, and asks for a tick if that is
// the next one. The lock of the partition is held since before the write: no
// change of owners may come between the two.
func (r *Replica) await(w *waiter) {
	r.waitMu.Lock()
	heap.Push(&r.waiters, w)
	next := r.waiters[0] == w
	r.waitMu.Unlock()
	if next {
		r.cfg.Wake()
	}
}

// expireWaiters answers those whose time is up, and gives the next deadline.
func (r *Replica) expireWaiters(now Time) time.Duration {
	r.waitMu.Lock()
	defer r.waitMu.Unlock()
	for len(r.waiters) > 0 && r.waiters[0].deadline <= now.Mono {
		w := heap.Pop(&r.waiters).(*waiter)
		if w.expire() {
			r.note(MarkShort)
			r.finish(w.done, w.result())
		}
	}
	if len(r.waiters) == 0 {
		return never
	}
	return r.waiters[0].deadline
}

// reached answers those for whom this acknowledgement was the last.
func (r *Replica) reached(waiters []*waiter, peer region.Peer) {
	for _, w := range waiters {
		if w.applied(peer, peer.Region == r.cfg.Region) {
			r.finish(w.done, w.result())
		}
	}
}
