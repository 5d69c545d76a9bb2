package replica

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/atollcache/atoll/crdt"
	"github.com/atollcache/atoll/region"
	"github.com/atollcache/atoll/wire"
)

// ErrAlive says that a node cannot be forgotten.
var ErrAlive = errors.New("the node is part of its region")

// ErrHeard says that a region cannot be forgotten.
var ErrHeard = errors.New("the region is heard of")

// ErrStranger says that nobody knows the node.
var ErrStranger = errors.New("no such node was ever seen in this region, nor is it another region; name the node of another region REGION/NODE")

// Forget declares a node of this region dead for good, everywhere, or another
// region with all nodes that it last had. REGION/NODE is one that had left its
// region before that was lost. What others have not heard of them is given up, and
// what waited for them is let go; should one still run, cut off from everybody,
// it stops as soon as it hears of this. Started again it is a node like any other.
func (r *Replica) Forget(now Time, name string) error {
	r.mu.Lock()
	err := r.forget(now, name)
	r.mu.Unlock()
	r.deliver()
	return err
}

func (r *Replica) forget(now Time, name string) error {
	of, node, qualified := strings.Cut(name, "/")
	switch {
	case !qualified:
		of, node = r.cfg.Region, name
	case of != r.cfg.Region && r.hears(now, of):
		return fmt.Errorf("%w; have one of its nodes forget %s", ErrHeard, node)
	}
	id := region.NodeID(of, node)
	if _, _, alive := r.dir.Node(id); alive && of != r.cfg.Region {
		return fmt.Errorf("%w, as that was heard last; forget all of region %s", ErrAlive, of)
	} else if alive {
		return fmt.Errorf("%w; stop it first, and wait until the others have noticed", ErrAlive)
	}
	boot := r.dir.Boot(id)
	if boot == 0 && r.wrote(id) {
		boot = r.dir.Dropped()
	}
	switch {
	case boot > 0:
		r.bury(now, region.Node{ID: id, Boot: boot})
		return nil
	case qualified:
		return ErrStranger
	}
	return r.forgetRegion(now, name)
}

// bury has everybody told of epochs of nodes that are above their tenures, and
// below their next boots.
func (r *Replica) bury(now Time, nodes ...region.Node) {
	for i := range nodes {
		nodes[i].Boot += epochGap - 1
	}
	r.learnGone(now, 0, nodes...)
	r.announce.at = 0
	r.cfg.Wake()
}

// learnGone takes over epochs of nodes that are in no view. Whatever such a node
// wrote last is not waited for any more, and others may have heard it: they are
// asked once more.
func (r *Replica) learnGone(now Time, dropped uint64, nodes ...region.Node) {
	dir := r.dir.Knowing(dropped, nodes...)
	if dir == r.dir {
		return
	}
	r.dir = dir
	r.inquiry.begin(r, now)
}

// wrote says whether anything here was stamped by a node.
func (r *Replica) wrote(id uint64) (yes bool) {
	for part := range r.scope.All() {
		p := &r.parts[part]
		p.data.Lock()
		yes = yes || slices.ContainsFunc(p.data.High().Dots(), func(d crdt.Dot) bool { return d.Origin.Node == id })
		p.data.Unlock()
	}
	return yes
}

// forgetRegion puts a view without nodes in the place of the last one of a
// region, above any that it made before.
func (r *Replica) forgetRegion(now Time, name string) error {
	v := r.dir.View(name)
	switch {
	case len(v.Nodes) == 0:
		return ErrStranger
	case name == r.cfg.Region || r.hears(now, name):
		return fmt.Errorf("%w; stop its nodes first", ErrHeard)
	}
	r.takeForGone(now, region.View{Region: name, Version: max(v.Version+1, uint64(max(now.Wall, 0)))})
	var dead []region.Node
	for _, n := range v.Nodes {
		dead = append(dead, region.Node{ID: n.ID, Boot: max(n.Boot, r.dir.Boot(n.ID))})
	}
	r.bury(now, dead...)
	return nil
}

// hears says whether anything has come from a region of late.
func (r *Replica) hears(now Time, name string) bool {
	s, ever := r.speech[name]
	return ever && now.Mono-s.last <= 10*r.t.Heartbeat
}

// learnForgotten takes over which regions are gone for good. One that is heard is
// not: whoever says so is cut off from it. Nor is one that has said something
// since, however long nobody has repeated that.
func (r *Replica) learnForgotten(now Time, m *wire.Announce) {
	for _, k := range m.Regions {
		gone := region.View{Region: k.Region, Version: k.Version}
		if k.Region != r.cfg.Region && k.Version <= furthest(now) && !r.hears(now, k.Region) && k.Sum == gone.Sum() {
			r.takeForGone(now, gone)
		}
	}
}

// takeForGone goes by a view without nodes, unless there is a newer one.
func (r *Replica) takeForGone(now Time, v region.View) {
	dir, news, err := r.dir.With(v)
	r.install(now, v.Region, dir, news, err)
}
