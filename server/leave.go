package server

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/atollcache/atoll/replica"
)

// Drain has the node leave in order: it owns nothing any more, hands what it holds over to the other nodes of its
// region, closes its doors, and stops. Until then it answers clients. If ctx ends earlier the node stops all the same,
// and the error says what was not handed over.
func (n *Node) Drain(ctx context.Context) error {
	if n.phase.CompareAndSwap(int32(serving), int32(draining)) {
		n.log.Info("draining")
		n.mind.Load().Drain(n.now())
		n.publish()
		signal(n.wake)
	}

	// The door closes as soon as nothing is held: while it is open some command is always on its way to another node.
	// Whoever asks now is answered by another node; what was in flight may have left something to send.
	err := n.wait(ctx, n.handedOver)
	if err == nil && n.door != nil {
		err = n.door.Close(ctx)
	}
	if err == nil {
		err = n.wait(ctx, func() bool { return n.mind.Load().Drained() && n.flushed() })
	}
	if err != nil {
		err = fmt.Errorf("drain node %s: %w; it held %v", n.cfg.Name, err, n.mind.Load().Status(n.now()).Partitions)
	}
	stopCtx, cancel := context.WithTimeout(context.WithoutCancel(ctx), stopTimeout)
	defer cancel()
	return errors.Join(err, n.Stop(stopCtx))
}

// wait looks until something holds. It does not wait for what a node that has stopped would do.
func (n *Node) wait(ctx context.Context, holds func() bool) error {
	look := time.NewTicker(lookInterval)
	defer look.Stop()
	for !holds() {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-n.done:
			return ErrStopped
		case <-look.C:
		}
	}
	return nil
}

// handedOver says whether nothing is held any more, or nobody is there to take it.
func (n *Node) handedOver() bool {
	r := n.mind.Load()
	held := 0
	for _, partitions := range r.Status(n.now()).Partitions {
		held += partitions
	}
	return held == 0 || r.Drained()
}

// flushed says whether every peer that answers has acknowledged everything.
func (n *Node) flushed() bool {
	for _, l := range n.mind.Load().Status(n.now()).Links {
		if l.State != linkSilent && l.OutboxBytes+l.Unacked > 0 {
			return false
		}
	}
	return true
}

// linkSilent is how the replica calls a link whose peer does not acknowledge.
const linkSilent = "silent"

// Stop ends the node without handing anything over: it answers what is in flight until ctx ends, says goodbye to its
// region, and ends every goroutine. Stopping twice does nothing.
func (n *Node) Stop(ctx context.Context) error {
	n.stopping.Do(func() {
		n.stopErr = n.shut(ctx)
		close(n.done)
	})
	<-n.done
	return n.stopErr
}

// leaveTimeout is how long the goodbye to the region may take.
const leaveTimeout = time.Second

// shut closes what is open, in the reverse order of Start.
func (n *Node) shut(ctx context.Context) error {
	n.phase.Store(int32(stopped))
	var failures []error
	note := func(err error) { failures = append(failures, err) }

	if n.door != nil {
		note(n.door.Close(ctx))
	}
	if n.gossip != nil {
		if err := n.gossip.Leave(leaveTimeout); err != nil {
			n.log.Warn("the other nodes have to find out by themselves that this one has left", "error", err)
		}
		note(n.gossip.Close())
	}
	n.halt()
	n.loops.Wait()
	if n.transport != nil {
		note(n.transport.Close())
	}
	if n.wires != nil {
		n.wires.close()
	}
	if n.http != nil {
		note(n.http.Close(ctx))
	}
	return errors.Join(failures...)
}

// backend is the node as its doors see it.
type backend struct{ n *Node }

// Do runs a command.
func (b backend) Do(req *replica.Request, done func(replica.Answer)) { b.n.run(req, done) }

// Status gives the document of status.
func (b backend) Status() any { return b.n.Status() }

// Directory gives the document of the directory.
func (b backend) Directory() any { return b.n.Directory() }

// Digests gives the document of digests.
func (b backend) Digests() any { return b.n.Digests() }

// Forget declares another node of the region, another region, or REGION/NODE, dead for good.
func (b backend) Forget(name string) error { return b.n.mind.Load().Forget(b.n.now(), name) }

// drainTimeout is how long a node that was asked by its door may take to leave.
const drainTimeout = 5 * time.Minute

// Drain has the node leave, and does not wait for it: the door that asks is closed on the way.
func (b backend) Drain() {
	go func() {
		ctx, cancel := context.WithTimeout(context.Background(), drainTimeout)
		defer cancel()
		if err := b.n.Drain(ctx); err != nil {
			b.n.log.Error("the node has left in disorder", "error", err)
		}
	}()
}
