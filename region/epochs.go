package region

import (
	"cmp"
	"maps"
	"slices"
)

// MaxGone is of how many nodes that are in no view the epochs are kept, the
// latest ones. Nodes come and go under new names for as long as a cluster runs,
// and everybody tells everybody of all epochs that it knows.
const MaxGone = 1024

// learnBoots keeps the highest epoch of every node of a view: a lower one is
// dead.
func (d *Directory) learnBoots() {
	if d.boots == nil {
		d.boots = map[uint64]uint64{}
	}
	for _, p := range d.places {
		for _, n := range p.Nodes {
			d.boots[n.ID] = max(d.boots[n.ID], n.Boot)
		}
	}
	d.trim()
}

// trim drops the lowest epochs of those that are gone. What is dropped can only
// be taken for alive, which keeps things longer than need be; and Dropped tells
// those that come back how far their epochs may have gone.
func (d *Directory) trim() {
	if len(d.boots) <= MaxGone {
		return
	}
	var gone []Node
	alive := d.alive()
	for id, boot := range d.boots { // order-free: sorted below
		if !alive[id] {
			gone = append(gone, Node{ID: id, Boot: boot})
		}
	}
	if len(gone) <= MaxGone {
		return
	}
	slices.SortFunc(gone, func(a, b Node) int { return cmp.Or(cmp.Compare(b.Boot, a.Boot), cmp.Compare(a.ID, b.ID)) })
	for _, n := range gone[MaxGone:] {
		delete(d.boots, n.ID)
		d.dropped = max(d.dropped, n.Boot)
	}
}

func (d *Directory) alive() map[uint64]bool {
	ids := map[uint64]bool{}
	for _, p := range d.places {
		for _, n := range p.Nodes {
			ids[n.ID] = true
		}
	}
	return ids
}

// Knowing gives a directory that knows of epochs of nodes, and that others have
// dropped some up to a height; or d itself if it knew all of that.
func (d *Directory) Knowing(dropped uint64, nodes ...Node) *Directory {
	news := slices.DeleteFunc(slices.Clone(nodes), func(n Node) bool { return d.Knows(n.ID, n.Boot) })
	if len(news) == 0 && dropped <= d.dropped {
		return d
	}
	next := *d
	next.boots = maps.Clone(d.boots)
	if next.boots == nil {
		next.boots = map[uint64]uint64{}
	}
	next.dropped = max(d.dropped, dropped)
	for _, n := range news {
		next.boots[n.ID] = max(next.boots[n.ID], n.Boot)
	}
	next.trim()
	return &next
}

// Knows says whether an epoch of a node would be no news: a higher one is known,
// or it may have been dropped.
func (d *Directory) Knows(id, epoch uint64) bool {
	if boot, known := d.boots[id]; known {
		return boot >= epoch
	}
	return epoch <= d.dropped
}

// Boot gives the highest epoch in which a node was ever seen, alive or not; zero
// if it never was, or if its epoch was dropped.
func (d *Directory) Boot(id uint64) uint64 { return d.boots[id] }

// Boots gives the highest epochs that are known, ascending by node: those of all
// nodes in views, and of MaxGone others.
func (d *Directory) Boots() []Node {
	out := make([]Node, 0, len(d.boots))
	for id, boot := range d.boots { // order-free: sorted below
		out = append(out, Node{ID: id, Boot: boot})
	}
	slices.SortFunc(out, func(a, b Node) int { return cmp.Compare(a.ID, b.ID) })
	return out
}

// Dropped is as high as any epoch that is not known any more.
func (d *Directory) Dropped() uint64 { return d.dropped }
