package replica

import (
	"time"

	"github.com/atollcache/atoll/region"
	"github.com/atollcache/atoll/store"
)

// Stats counts what happened since the start.
type Stats struct {
	Opened       uint64 // incarnations of links
	Resent       uint64 // batches sent again
	Rounds       uint64 // repair rounds begun
	RoundsFailed uint64 // of those, without an answer or with a bad one
	Repaired     uint64 // keys changed by repair
	RepairBytes  uint64 // received in answers of repair rounds
	Closed       uint64 // dead origins whose gap was closed
	Dropped      uint64 // partitions handed over
	Refused      uint64 // deltas that a link may not carry
	Future       uint64 // deltas stamped too far ahead
	FarFuture    uint64 // writes more than 10 s ahead, offered by links or repair: a clock is wrong, here or there
	TooLarge     uint64 // entries that no message can carry
	Malformed    uint64 // messages that could not be read
	Foreign      uint64 // messages of another cluster
	Unknown      uint64 // messages of a kind that this version does not know
}

// LinkStatus is how a link from this node stands.
type LinkStatus struct {
	Region, Node string
	State        string        // opening until the first acknowledgement, up, silent
	Partitions   int           // that it carries
	OutboxBytes  int           // waiting to be sent
	Unacked      int           // batches
	RTT          time.Duration // of the last acknowledgement
	Heard        time.Duration // since the last one; negative if none came yet
}

// PeerStatus is what is known of another node by its own messages.
type PeerStatus struct {
	Region, Node string
	Heard        time.Duration // since its last batch
	Stuck        int           // partitions that wait for repair before its watermarks count
	Agreed       int           // partitions that were equal when last compared
	AgreedAge    time.Duration // of the oldest of those comparisons
	Pulling      bool          // a repair round is under way
}

// Status is how a replica stands.
type Status struct {
	Region, Node string
	Boot         uint64
	State        string         // serving, draining
	Partitions   map[string]int // by state: ready, booting, leaving
	Gaps         int            // partitions that wait for a node which is in no view: it comes back, or is forgotten
	Keys         int
	Bytes        int64
	Stubs        store.Stubs // of Keys and Bytes, what has expired and waits until every region was heard of
	Regions      []region.View
	Links        []LinkStatus
	Peers        []PeerStatus
	Clock        ClockStatus
	Stats        Stats
}

// Status gives how the replica stands.
func (r *Replica) Status(now Time) Status {
	r.mu.Lock()
	defer r.mu.Unlock()
	s := Status{
		Region: r.cfg.Region, Node: r.cfg.Name, Boot: r.cfg.Boot, State: r.self.State.String(),
		Partitions: map[string]int{}, Bytes: r.store.Bytes(), Stats: r.stats, Clock: r.clockStatus(now),
	}
	for part := range r.scope.All() {
		p := &r.parts[part]
		p.data.Lock()
		if p.holds() {
			s.Partitions[p.state.String()]++
			s.Keys += p.data.Keys()
			if r.waitsForGone(p) {
				s.Gaps++
			}
			stubs := p.data.Stubs()
			s.Stubs.Keys += stubs.Keys
			s.Stubs.Bytes += stubs.Bytes
		}
		p.data.Unlock()
	}
	for _, name := range r.dir.Regions() {
		s.Regions = append(s.Regions, r.dir.View(name))
	}
	for _, id := range r.outIDs() {
		s.Links = append(s.Links, r.out[id].status(now, &r.t))
	}
	for _, id := range sortedKeys(r.in) {
		if peer, ok := r.peer(id); ok {
			s.Peers = append(s.Peers, r.peerStatus(now, peer))
		}
	}
	return s
}

func (l *outLink) status(now Time, t *Timing) LinkStatus {
	l.mu.Lock()
	defer l.mu.Unlock()
	s := LinkStatus{
		Region: l.peer.Region, Node: l.peer.Name, State: "up", Partitions: l.entered.Len(),
		OutboxBytes: l.box.bytes, Unacked: len(l.unacked), RTT: l.rtt, Heard: now.Mono - l.heardAt,
	}
	switch {
	case l.silent(now, t):
		s.State = "silent"
	case !l.answered:
		s.State = "opening"
	}
	return s
}

func (r *Replica) peerStatus(now Time, peer region.Peer) PeerStatus {
	l := r.in[peer.ID]
	s := PeerStatus{
		Region: peer.Region, Node: peer.Name, Heard: now.Mono - l.heardAt, Stuck: l.stuck.Len(),
		Pulling: r.pulls[peer.ID] != nil,
	}
	agreed := r.repair.agreed[peer.ID]
	if agreed == nil {
		return s
	}
	for _, at := range agreed {
		if at > 0 {
			s.Agreed++
			s.AgreedAge = max(s.AgreedAge, now.Mono-time.Duration(at-1)*time.Millisecond)
		}
	}
	return s
}

// Home gives the nodes of the own region, and how many of them own each
// partition: whoever knows both can compute who.
func (r *Replica) Home() (v region.View, replicas int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.dir.View(r.cfg.Region), r.cfg.Replicas
}

// String names the tenancy for status output.
func (t tenancy) String() string {
	return [...]string{"absent", "booting", "ready", "leaving"}[t]
}

// Burden gives the bytes that wait in the fullest outbox, and those that the
// entries take. Unlike Status it looks at no clock.
func (r *Replica) Burden() (outbox int, entries int64) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, l := range r.out { // order-free: the highest
		l.mu.Lock()
		outbox = max(outbox, l.box.bytes)
		l.mu.Unlock()
	}
	return outbox, r.store.Bytes()
}

// Digest is what a replica of one partition amounts to: two replicas with the
// same root hold the same.
type Digest struct {
	Partition uint16
	Root      uint64
	Keys      int
	State     string
}

// Digests gives the digest of every partition that is held here.
func (r *Replica) Digests() []Digest {
	var out []Digest
	for part := range r.scope.All() {
		p := &r.parts[part]
		p.data.Lock()
		state, keys := p.state, p.data.Keys()
		p.data.Unlock()
		if state != absent {
			out = append(out, Digest{Partition: part, Root: r.store.Root(part), Keys: keys, State: state.String()})
		}
	}
	return out
}
