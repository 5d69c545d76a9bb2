package server

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/nats-io/nats.go"

	"github.com/atollcache/atoll/membership"
	"github.com/atollcache/atoll/region"
	"github.com/atollcache/atoll/wire"
)

// A learner listens to announcements before the node has a mind of its own: which epochs the others know of it decides
// which epoch it may take.
type learner struct {
	cluster string
	self    uint64

	mu     sync.Mutex // guards what follows
	heard  map[region.Peer][]byte
	places map[string]bool // regions that have spoken
	epoch  uint64          // the highest that anybody knows of this node
}

func newLearner(cfg *Config) *learner {
	return &learner{
		cluster: cfg.Cluster,
		self:    region.NodeID(cfg.Region, cfg.Name),
		heard:   map[region.Peer][]byte{},
		places:  map[string]bool{},
	}
}

// credible is above every epoch that a clock gives and below those that only malice makes up: the next one must exist.
const credible = 1 << 62

// hear takes a message that is an announcement, and forgets any other.
func (l *learner) hear(message []byte) {
	envelope, err := wire.Open(message)
	if err != nil || envelope.Cluster != l.cluster || envelope.Kind != wire.KindAnnounce {
		return
	}
	announced, err := wire.ReadAnnounce(envelope.Body)
	if err != nil {
		return
	}

	l.mu.Lock()
	defer l.mu.Unlock()
	from := region.Peer{Region: envelope.From.Region, Node: region.Node{Name: envelope.From.Name}}
	l.heard[from] = append([]byte(nil), message...)
	l.places[from.Region] = true
	for _, e := range announced.Epochs {
		if e.Node == l.self && e.Epoch < credible {
			l.epoch = max(l.epoch, e.Epoch)
		}
	}
}

// heardNodes says whether all these nodes of a region have spoken.
func (l *learner) heardNodes(home string, nodes []region.Node) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, n := range nodes {
		if _, ok := l.heard[region.Peer{Region: home, Node: region.Node{Name: n.Name}}]; !ok {
			return false
		}
	}
	return true
}

// heardRegion says whether anybody of a region has spoken.
func (l *learner) heardRegion(name string) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.places[name]
}

// messages gives the last announcement of everybody who spoke.
func (l *learner) messages() [][]byte {
	l.mu.Lock()
	defer l.mu.Unlock()
	var all [][]byte
	for _, message := range l.heard {
		all = append(all, message)
	}
	return all
}

func (l *learner) highest() uint64 {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.epoch
}

// epochGap is more than the epochs that one run takes for partitions that it loses and gains again, each of which is
// above the epoch of its start.
const epochGap = 1 << 16

// nextEpoch is above every epoch that this node ever took, as far as the clock, the disk or the peers know.
func nextEpoch(clock time.Time, saved, known uint64) uint64 {
	epoch := uint64(clock.UnixMilli())
	for _, earlier := range []uint64{saved, known} {
		if earlier > 0 {
			epoch = max(epoch, earlier+epochGap)
		}
	}
	return epoch
}

// learn listens until everybody who is known to be there has spoken, for a bounded time.
func (n *Node) learn(ctx context.Context) error {
	if n.alone() {
		return nil
	}
	deadline := time.NewTimer(n.pace.learning)
	defer deadline.Stop()
	look := time.NewTicker(lookInterval)
	defer look.Stop()
	for {
		select {
		case <-ctx.Done():
			return fmt.Errorf("listen for the other nodes: %w", ctx.Err())
		case <-n.failed:
			return n.failure
		case <-deadline.C:
			return nil
		case <-look.C:
		}
		if n.heardEnough() {
			return nil
		}
	}
}

// lookInterval is how often is looked for what nobody tells.
const lookInterval = 20 * time.Millisecond

// alone says whether nobody else can be there.
func (n *Node) alone() bool {
	c := n.cfg
	return len(c.Seeds) == 0 && len(c.Routes) == 0 && c.NATS == "" && len(n.wires.otherRegions(c)) == 0 && len(n.roster().nodes) == 0
}

func (n *Node) heardEnough() bool {
	nodes := n.roster().nodes
	if n.cfg.NATS != "" || len(nodes) == 0 && len(n.cfg.Seeds)+len(n.cfg.Routes) > 0 {
		return false // somebody may be there whom gossip has not found
	}
	return n.learner.heardNodes(n.cfg.Region, nodes) && n.heardRegions()
}

// heardRegions says whether every other region has spoken, or is connected and has nobody in it who could.
func (n *Node) heardRegions() bool {
	for _, name := range n.wires.otherRegions(n.cfg) {
		if !n.learner.heardRegion(name) && !(n.wires.connected(name) && n.deserted(name)) {
			return false
		}
	}
	return true
}

// deserted asks a region whether anybody serves there. NATS answers at once if not; any other answer, or none in this
// short time, is as good as a yes.
func (n *Node) deserted(name string) bool {
	_, err := n.wires.door.Request("atoll."+name+".v1.status", nil, lookInterval)
	return errors.Is(err, nats.ErrNoResponders)
}

// probeTimeout is how long a node of the same name may take to answer.
const probeTimeout = 250 * time.Millisecond

// checkName asks whether a node of this name answers already: gossip tells it only to those who share a seed.
func (n *Node) checkName() error {
	subject := "atoll." + n.cfg.Region + ".node." + n.cfg.Name + ".status"
	_, err := n.wires.door.Request(subject, nil, probeTimeout)
	switch {
	case err == nil:
		return fmt.Errorf("%w: node %s of region %s answers over NATS; stop it, or give this one another --name", membership.ErrNameTaken, n.cfg.Name, n.cfg.Region)
	case errors.Is(err, nats.ErrNoResponders), errors.Is(err, nats.ErrTimeout):
		return nil
	}
	return fmt.Errorf("ask whether the name %s is taken: %w", n.cfg.Name, err)
}
