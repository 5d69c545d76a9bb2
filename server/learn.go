package server

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/nats-io/nats.go"

	"github.com/atollcache/atoll/membership"
)

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
	return n.learner.HeardNodes(n.cfg.Region, nodes) && n.heardRegions()
}

// heardRegions says whether every other region has spoken, or is connected and has nobody in it who could.
func (n *Node) heardRegions() bool {
	for _, name := range n.wires.otherRegions(n.cfg) {
		if !n.learner.HeardRegion(name) && !(n.wires.connected(name) && n.deserted(name)) {
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
