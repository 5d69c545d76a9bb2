package server

import (
	"fmt"
	"time"

	"github.com/atollcache/atoll/region"
	"github.com/atollcache/atoll/replica"
	"github.com/atollcache/atoll/server/httpdoor"
)

// Status is what a node tells of itself and of those it knows. The names in JSON and CBOR are stable.
type Status struct {
	Cluster    string         `json:"cluster"`
	Region     string         `json:"region"`
	Node       string         `json:"node"`
	State      string         `json:"state"` // joining, serving, draining or stopped
	Boot       uint64         `json:"boot"`
	UptimeMS   int64          `json:"uptime_ms"`
	Insecure   bool           `json:"insecure"`   // strangers can reach it
	Partitions map[string]int `json:"partitions"` // by state: ready, booting, leaving
	Gaps       int            `json:"gaps"`       // partitions that wait for a node that is gone
	Keys       int            `json:"keys"`
	Bytes      int64          `json:"bytes"`
	Stubs      int            `json:"stubs"`      // of the keys, those that expired and wait until every region was heard of
	StubBytes  int            `json:"stub_bytes"` // of the bytes, what these take
	Regions    []RegionStatus `json:"regions"`
	Links      []LinkStatus   `json:"links"`
	Peers      []PeerStatus   `json:"peers"`
	Repair     RepairStatus   `json:"repair"`
	Clock      ClockStatus    `json:"clock"`

	// What other nodes sent and was not taken: deltas that their link may not carry, deltas stamped too far ahead,
	// and by more than 10 s, messages that cannot be read, messages of other clusters.
	Refused   uint64 `json:"refused"`
	Future    uint64 `json:"future"`
	FarFuture uint64 `json:"far_future"`
	Malformed uint64 `json:"malformed"`
	Foreign   uint64 `json:"foreign"`
}

// RegionStatus is a region as its own nodes see it.
type RegionStatus struct {
	Name  string       `json:"name"`
	Nodes []NodeStatus `json:"nodes"`
}

// NodeStatus is a live node of a region.
type NodeStatus struct {
	Name   string `json:"name"`
	State  string `json:"state"` // serving or draining
	Weight int    `json:"weight"`
}

// LinkStatus is how a link from this node to another stands.
type LinkStatus struct {
	Region      string  `json:"region"`
	Node        string  `json:"node"`
	State       string  `json:"state"` // opening, up or silent
	Partitions  int     `json:"partitions"`
	OutboxBytes int     `json:"outbox_bytes"`
	Unacked     int     `json:"unacked"` // batches
	RTTMillis   float64 `json:"rtt_ms"`
	HeardMillis float64 `json:"heard_ms"` // since the last acknowledgement
}

// PeerStatus is what this node knows of another by its messages.
type PeerStatus struct {
	Region          string  `json:"region"`
	Node            string  `json:"node"`
	HeardMillis     float64 `json:"heard_ms"`
	Stuck           int     `json:"stuck"`  // partitions that wait for repair
	Agreed          int     `json:"agreed"` // partitions that were equal when last compared
	AgreedAgeMillis float64 `json:"agreed_age_ms"`
	Pulling         bool    `json:"pulling"` // a repair round is under way
}

// ClockStatus is how the wall clock of the node stands to the median of those of all nodes that it hears.
type ClockStatus struct {
	OffsetMillis int64 `json:"offset_ms"` // at least; negative if behind
	Clocks       int   `json:"clocks"`    // that are known, its own included; fewer than three cannot be judged
	Stopped      bool  `json:"stopped"`   // the node takes no writes itself
}

// RepairStatus counts repair since the start.
type RepairStatus struct {
	Rounds uint64 `json:"rounds"`
	Failed uint64 `json:"failed"`
	Bytes  uint64 `json:"bytes"`
	Keys   uint64 `json:"keys"`
}

// Digest tells what a replica of a partition amounts to: where two roots are equal, so is the content.
type Digest struct {
	Partition uint16 `json:"partition"`
	Root      string `json:"root"` // 16 hexadecimal digits
	Keys      int    `json:"keys"`
	State     string `json:"state"` // ready, booting or leaving
}

// Directory tells which nodes of a region own keys. With package ring it says who owns which: the rings of all who know
// the same nodes are the same.
type Directory struct {
	Cluster  string  `json:"cluster"`
	Region   string  `json:"region"`
	Replicas int     `json:"replicas"` // owners of each key
	Changes  bool    `json:"changes"`  // they publish what changes
	Nodes    []Owner `json:"nodes"`    // in the order of their names
}

// Owner is a node that owns keys.
type Owner struct {
	Name   string `json:"name"`
	ID     string `json:"id"` // 16 hexadecimal digits
	Weight int    `json:"weight"`
}

// Directory gives the nodes of this region that own keys, as this node sees them. It may be called at any time.
func (n *Node) Directory() Directory {
	d := Directory{Cluster: n.cfg.Cluster, Region: n.cfg.Region, Changes: n.cfg.Changes, Nodes: []Owner{}}
	r := n.mind.Load()
	if r == nil {
		return d
	}
	v, replicas := r.Home()
	d.Replicas = replicas
	for _, node := range v.Nodes {
		if node.State == region.Serving {
			d.Nodes = append(d.Nodes, Owner{Name: node.Name, ID: fmt.Sprintf("%016x", node.ID), Weight: node.Weight})
		}
	}
	return d
}

// Status tells how the node is. It may be called at any time, also while the node starts and after it has stopped.
func (n *Node) Status() Status {
	s := Status{
		Cluster: n.cfg.Cluster, Region: n.cfg.Region, Node: n.cfg.Name, State: phase(n.phase.Load()).String(),
		UptimeMS: time.Since(n.started).Milliseconds(), Insecure: n.cfg.exposed(), Partitions: map[string]int{},
		Regions: []RegionStatus{}, Links: []LinkStatus{}, Peers: []PeerStatus{},
	}
	r := n.mind.Load()
	if r == nil {
		return s
	}
	now := r.Status(n.now())
	s.Boot, s.Partitions, s.Gaps, s.Keys, s.Bytes = now.Boot, now.Partitions, now.Gaps, now.Keys, now.Bytes
	s.Stubs, s.StubBytes = now.Stubs.Keys, now.Stubs.Bytes
	s.Refused, s.Future, s.FarFuture = now.Stats.Refused, now.Stats.Future, now.Stats.FarFuture
	s.Malformed, s.Foreign = now.Stats.Malformed, now.Stats.Foreign
	s.Clock = ClockStatus{OffsetMillis: now.Clock.Offset.Milliseconds(), Clocks: now.Clock.Clocks, Stopped: now.Clock.Stopped}
	s.Repair = RepairStatus{Rounds: now.Stats.Rounds, Failed: now.Stats.RoundsFailed, Bytes: now.Stats.RepairBytes, Keys: now.Stats.Repaired}
	for _, v := range now.Regions {
		if len(v.Nodes) == 0 {
			continue // it was forgotten
		}
		s.Regions = append(s.Regions, regionStatus(v))
	}
	for _, l := range now.Links {
		s.Links = append(s.Links, LinkStatus{
			Region: l.Region, Node: l.Node, State: l.State, Partitions: l.Partitions, OutboxBytes: l.OutboxBytes,
			Unacked: l.Unacked, RTTMillis: millis(l.RTT), HeardMillis: millis(l.Heard),
		})
	}
	for _, p := range now.Peers {
		s.Peers = append(s.Peers, PeerStatus{
			Region: p.Region, Node: p.Node, HeardMillis: millis(p.Heard), Stuck: p.Stuck, Agreed: p.Agreed,
			AgreedAgeMillis: millis(p.AgreedAge), Pulling: p.Pulling,
		})
	}
	return s
}

func regionStatus(v region.View) RegionStatus {
	s := RegionStatus{Name: v.Region, Nodes: []NodeStatus{}}
	for _, node := range v.Nodes {
		s.Nodes = append(s.Nodes, NodeStatus{Name: node.Name, State: node.State.String(), Weight: node.Weight})
	}
	return s
}

func millis(d time.Duration) float64 { return float64(d.Microseconds()) / 1000 }

// Digests gives the digest of every partition that the node holds.
func (n *Node) Digests() []Digest {
	all := []Digest{}
	r := n.mind.Load()
	if r == nil {
		return all
	}
	for _, d := range r.Digests() {
		all = append(all, Digest{Partition: d.Partition, Root: fmt.Sprintf("%016x", d.Root), Keys: d.Keys, State: d.State})
	}
	return all
}

// unready says why the node had better not be given requests, "" if it may.
func (n *Node) unready() string {
	r := n.mind.Load()
	if p := phase(n.phase.Load()); p != serving || r == nil {
		return p.String()
	}
	if now := r.Status(n.now()); now.Partitions["booting"] > 0 {
		return fmt.Sprintf("%d of %d partitions are still being fetched", now.Partitions["booting"], now.Partitions["booting"]+now.Partitions["ready"])
	}
	return ""
}

// snapshot is what the metrics show.
func (n *Node) snapshot() httpdoor.Snapshot {
	r := n.mind.Load()
	if r == nil {
		return httpdoor.Snapshot{}
	}
	now := r.Status(n.now())
	return httpdoor.Snapshot{
		Partitions: now.Partitions, Gaps: now.Gaps, Keys: now.Keys, Bytes: now.Bytes, Stubs: now.Stubs.Keys, StubBytes: now.Stubs.Bytes, Links: links(now.Links),
		RepairRounds: now.Stats.Rounds, RepairFailures: now.Stats.RoundsFailed,
		RepairBytes: now.Stats.RepairBytes, RepairedKeys: now.Stats.Repaired,
		ClockOffset: now.Clock.Offset, ClockStopped: now.Clock.Stopped,
		Dropped: map[string]uint64{
			"refused": now.Stats.Refused, "unknown": now.Stats.Unknown, "future": now.Stats.Future, "far_future": now.Stats.FarFuture, "malformed": now.Stats.Malformed, "foreign": now.Stats.Foreign,
		},
	}
}

func links(all []replica.LinkStatus) []httpdoor.Link {
	out := make([]httpdoor.Link, len(all))
	for i, l := range all {
		out[i] = httpdoor.Link{
			Region: l.Region, Node: l.Node, Up: l.State != linkSilent, Lag: max(l.Heard, 0), OutboxBytes: l.OutboxBytes, Unacked: l.Unacked,
		}
	}
	return out
}
