package replica

import (
	"slices"
	"time"

	"github.com/atollcache/atoll/crdt"
	"github.com/atollcache/atoll/planted"
	"github.com/atollcache/atoll/region"
	"github.com/atollcache/atoll/wire"
)

// absentees is who may still write though no view here names them: nodes that
// vanished without a word, and may live on behind a cut, and regions of which
// others speak and this node has heard nothing yet. What they may have extended
// must not be let go. They are given up after an hour: a cache may lose a value
// in the end, and must not keep a stub of every key for a node that never comes
// back.
type absentees struct {
	since    time.Duration            // of this replica's first view
	vanished map[uint64]time.Duration // nodes, and when; leftInOrder if they said so
	regions  map[string]time.Duration // regions without a view, and since when
}

const (
	leftInOrder = -1
	giveUpAfter = time.Hour
)

// compare notes who vanishes with a view that takes the place of another.
func (a *absentees) compare(now Time, old, next region.View) {
	if a.vanished == nil {
		a.vanished, a.since = map[uint64]time.Duration{}, now.Mono
	}
	for _, n := range old.Nodes {
		switch {
		case contains(next.Nodes, n.ID):
		case n.State == region.Left || n.State == region.Draining && planted.Is(planted.DrainingIsGone):
			a.vanished[n.ID] = leftInOrder
		default:
			a.vanished[n.ID] = now.Mono
		}
	}
	for _, n := range next.Nodes {
		delete(a.vanished, n.ID)
	}
	delete(a.regions, next.Region)
	for _, id := range sortedKeys(a.vanished) {
		if now.Mono-max(a.since, a.vanished[id]) > giveUpAfter {
			delete(a.vanished, id)
		}
	}
}

// mayWrite says whether a node that is in no view may still write.
func (a *absentees) mayWrite(now Time, id uint64) bool {
	at, known := a.vanished[id]
	if !known {
		at = a.since
	}
	return at != leftInOrder && now.Mono-at < giveUpAfter
}

// hear notes the regions that a peer knows.
func (a *absentees) hear(now Time, told []wire.Known, known []string) {
	for _, k := range told {
		name := k.Region
		if _, noted := a.regions[name]; noted || slices.Contains(known, name) || len(a.regions) >= maxMembers {
			continue
		}
		if a.regions == nil {
			a.regions = map[string]time.Duration{}
		}
		a.regions[name] = now.Mono
	}
}

// regionMissing says whether there is a region that has not been heard at all.
func (a *absentees) regionMissing(now Time) bool {
	missing := false
	for _, since := range a.regions { // order-free: any of them
		missing = missing || now.Mono-since < giveUpAfter
	}
	return missing
}

// floor is the stamp up to which everybody's writes have been merged here:
// whoever may still write to the partition, its owners in all regions, by the
// latest epoch known of each, who drains until it says that it has handed all of
// it over, and every other origin unless it is closed, dead or given up.
func (r *Replica) floor(p *partition, now Time) crdt.Stamp {
	if r.absent.regionMissing(now) {
		return 0
	}
	ctx := r.closed(p, r.stamp(now))
	floor := ctx.At(p.origin)
	for _, name := range r.dir.Regions() {
		for _, n := range r.dir.Owners(name, p.number) {
			if n.ID != r.self.ID {
				floor = min(floor, latest(ctx, n.ID))
			}
		}
	}
	for _, d := range p.data.High().Dots() {
		n, _, alive := r.dir.Node(d.Origin.Node)
		behind := alive && !ctx.Covers(d)
		leaves := alive && n.State == region.Draining || !alive && r.absent.mayWrite(now, d.Origin.Node)
		if behind || leaves && !r.isDead(p, d.Origin) {
			floor = min(floor, ctx.At(d.Origin))
		}
	}
	return floor
}

// latest is how far the newest origin of a node has been merged.
func latest(ctx *crdt.Context, node uint64) crdt.Stamp {
	var found crdt.Dot
	for _, d := range ctx.Dots() {
		if d.Origin.Node == node && d.Origin.Epoch >= found.Origin.Epoch {
			found = d
		}
	}
	return found.Stamp
}
