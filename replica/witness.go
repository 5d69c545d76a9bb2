package replica

import (
	"github.com/atollcache/atoll/command"
	"github.com/atollcache/atoll/crdt"
	"github.com/atollcache/atoll/region"
)

// A Witness sees what a replica does, for those who judge a run. It is called
// while locks are held: it must not call the replica, and must not change or
// keep what it is shown.
type Witness interface {
	// Executed tells of a command that has run on a key here, just before what
	// it changes is applied.
	Executed(*Execution)

	// Merged tells of a delta of a peer that was taken in.
	Merged(*Merging)

	// Marked tells that the replica went somewhere that a test of it should
	// reach.
	Marked(Mark)
}

// Execution is one command on one key. A command of several keys is one for
// each of them.
type Execution struct {
	Partition uint16
	Args      [][]byte // name first, key second
	Session   []byte   // the token that the command came with, nil outside of sessions
	Wall      int64    // of this node, unix milliseconds
	Op        crdt.Dot // of a write
	Observed  *crdt.Entry
	Context   *crdt.Context // of the partition, before the command
	Delta     *crdt.Delta   // nil if nothing changes
	Reply     command.Reply
}

// Merging is one delta of a peer.
type Merging struct {
	Partition uint16
	Key       []byte
	From      region.Peer
	Repair    bool // it comes from a repair round, not from a link
	Changed   bool // it was news
	Delta     *crdt.Delta
}

// Mark names a rare turn of a replica.
type Mark uint8

// The marks.
const (
	MarkOverflow      Mark = iota // an outbox was full and its link was given up
	MarkCoalesced                 // deltas of one key were joined in an outbox
	MarkResent                    // a batch was sent again
	MarkGap                       // a batch came before one that is missing
	MarkRefused                   // a link was refused by its receiver
	MarkFuture                    // something was stamped too far ahead to be taken
	MarkStuck                     // a watermark could not be followed: the context is below the base
	MarkRaised                    // a round raised the base of a link
	MarkRepaired                  // a round changed a key
	MarkDetour                    // a round was made because another peer is silent
	MarkRoundFailed               // a round ended early
	MarkTenureMoved               // a round lost a partition because a tenure had changed
	MarkClosed                    // the gap of a dead origin was closed
	MarkBootedNear                // a partition was fetched from a co-owner
	MarkBootedFar                 // a partition was fetched from another region
	MarkBootedAlone               // a partition began empty since nobody has it
	MarkDropped                   // a partition was handed over and dropped
	MarkForwarded                 // a command went to another node
	MarkForwardTimed              // an owner did not answer in time
	MarkShort                     // a write did not reach its level in time
	MarkExpired                   // a key that had expired was let go
	MarkMemory                    // a write was refused for want of memory
	MarkRelayed                   // a delta was passed on inside the region
	MarkClockOff                  // a write was passed on or refused because the clock here is off
	MarkSessionMoved              // a command went to the node that had shown its session more
	MarkSessionWaited             // a command waited for what its session had seen
	marks
)

// markNames holds the names, in the order of the marks.
var markNames = [marks]string{
	"outbox-overflowed", "coalesced", "batch-resent", "gap-in-link", "link-refused", "future-stamp", "watermark-stuck",
	"base-raised", "repaired", "detour", "round-failed", "tenure-moved", "gap-closed", "booted-near", "booted-far",
	"booted-alone", "partition-dropped", "forwarded", "forward-timed-out", "level-short", "expired", "out-of-memory",
	"relayed", "clock-off", "session-moved", "session-waited",
}

// String names the mark as reports do.
func (m Mark) String() string { return markNames[m] }

// Marks lists all marks.
func Marks() []Mark {
	all := make([]Mark, marks)
	for i := range all {
		all[i] = Mark(i)
	}
	return all
}

// note tells the witness, if there is one.
func (r *Replica) note(m Mark) {
	if r.cfg.Witness != nil {
		r.cfg.Witness.Marked(m)
	}
}

// Inspection is one partition of a replica as a judge sees it. It is valid
// during the call that hands it over, and must not be changed.
type Inspection struct {
	Partition uint16
	State     string // booting, ready, leaving
	Whole     bool   // everything that the owners had has been fetched
	Origin    crdt.Origin
	Context   *crdt.Context
	High      *crdt.Context
	Root      uint64 // digest of the whole partition
	Keys      int

	p *partition
}

// Each gives every key in the order of hashes, visible or not, until f says no.
func (i *Inspection) Each(f func(hash uint64, key []byte, e *crdt.Entry) bool) {
	first := uint64(i.Partition) << partitionShift
	i.p.data.Range(first, first+1<<partitionShift, f) // 0, the end of the hashes, after the last partition
}

// Entry gives the state of a key, nil if there is none.
func (i *Inspection) Entry(hash uint64, key []byte) *crdt.Entry { return i.p.data.Get(hash, key) }

// Digest computes anew what an entry of the partition contributes to its root.
func (i *Inspection) Digest(hash uint64, e *crdt.Entry) uint64 { return i.p.data.Digest(hash, e) }

// Inspect shows a partition, and says whether it is held here. The root is right
// while nothing else runs, as in a simulation.
func (r *Replica) Inspect(part uint16, see func(*Inspection)) bool {
	p, root := &r.parts[part], r.store.Root(part)
	p.data.Lock()
	defer p.data.Unlock()
	if !p.holds() {
		return false
	}
	see(&Inspection{
		Partition: part, State: p.state.String(), Whole: p.whole, Origin: p.origin,
		Context: p.data.Context(), High: p.data.High(), Root: root, Keys: p.data.Keys(), p: p,
	})
	return true
}
