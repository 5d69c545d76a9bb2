package replica

import (
	"cmp"
	"slices"
	"strings"
	"sync"

	"github.com/atollcache/atoll/planted"
	"github.com/atollcache/atoll/region"
	"github.com/atollcache/atoll/wire"
)

// A Learner listens to announcements before a node has a replica: which epochs
// the others know of the node decides which epoch it may take. Its methods are
// safe for concurrent use.
type Learner struct {
	cluster string
	self    uint64

	mu    sync.Mutex // guards what follows
	heard []announced
	epoch uint64 // the highest that anybody knows of this node, or may have known
}

// announced is the last announcement of a node.
type announced struct {
	region, name string
	message      []byte
}

// NewLearner gives the learner of a node that starts.
func NewLearner(cluster, home, name string) *Learner {
	return &Learner{cluster: cluster, self: region.NodeID(home, name)}
}

// credible is above every epoch that a clock gives and below those that only
// malice makes up: the next one must exist.
const credible = 1 << 62

// Hear takes a message that is an announcement, and forgets any other. It keeps
// a copy.
func (l *Learner) Hear(message []byte) {
	envelope, err := wire.Open(message)
	if err != nil || envelope.Cluster != l.cluster || envelope.Kind != wire.KindAnnounce {
		return
	}
	a, err := wire.ReadAnnounce(envelope.Body)
	if err != nil {
		return
	}

	l.mu.Lock()
	defer l.mu.Unlock()
	l.keep(announced{envelope.From.Region, envelope.From.Name, slices.Clone(message)})
	l.know(a.Dropped)
	for _, e := range a.Epochs {
		if e.Node == l.self {
			l.know(e.Epoch)
		}
	}
}

func (l *Learner) know(epoch uint64) {
	if epoch < credible {
		l.epoch = max(l.epoch, epoch)
	}
}

func (l *Learner) keep(a announced) {
	i, known := slices.BinarySearchFunc(l.heard, a, func(x, y announced) int {
		return cmp.Or(strings.Compare(x.region, y.region), strings.Compare(x.name, y.name))
	})
	if known {
		l.heard[i] = a
		return
	}
	l.heard = slices.Insert(l.heard, i, a)
}

// HeardNodes says whether all these nodes of a region have spoken.
func (l *Learner) HeardNodes(home string, nodes []region.Node) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, n := range nodes {
		if !slices.ContainsFunc(l.heard, func(a announced) bool { return a.region == home && a.name == n.Name }) {
			return false
		}
	}
	return true
}

// HeardRegion says whether anybody of a region has spoken.
func (l *Learner) HeardRegion(name string) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return slices.ContainsFunc(l.heard, func(a announced) bool { return a.region == name })
}

// Messages gives the last announcement of everybody who spoke, by region and
// name, for the replica to begin with.
func (l *Learner) Messages() [][]byte {
	l.mu.Lock()
	defer l.mu.Unlock()
	all := make([][]byte, len(l.heard))
	for i := range l.heard {
		all[i] = l.heard[i].message
	}
	return all
}

// Epoch gives the highest epoch of this node that anybody has named, or may have
// dropped since; zero if nobody did.
func (l *Learner) Epoch() uint64 {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.epoch
}

// epochGap lies between the epochs of two runs at least. One run takes epochs
// above that of its start for partitions that it loses and gains again, in each
// up to maxTenures; the one that is left is for a node that is forgotten.
const (
	epochGap   = 1 << 16
	maxTenures = epochGap - 1
)

// NextEpoch is above every epoch that a node ever took, as far as its clock (in
// unix milliseconds), its disk or its peers know. What is not known is zero.
func NextEpoch(clock int64, saved, known uint64) uint64 {
	if planted.Is(planted.OriginReused) {
		return 1
	}
	epoch := uint64(max(clock, 0))
	for _, earlier := range []uint64{saved, known} {
		if earlier > 0 {
			epoch = max(epoch, earlier+epochGap)
		}
	}
	return epoch
}
