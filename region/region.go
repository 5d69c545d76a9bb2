// Package region knows who lives where, and hence who must hear of a write.
//
// A [Directory] holds one [View] per region: the nodes that are alive there, as
// the region itself sees them. Nodes of one region agree by membership; regions
// tell each other their views, and a region that cannot be reached keeps its
// last one. Two nodes with different views are harmless: whoever takes itself
// for an owner stores what it is given, and hands it over later.
//
// A Directory never changes; [Directory.With] gives a new one. It holds no
// data, no health of links and no time: those belong to the replica, which
// passes what it finds unreachable to [Directory.Audience].
package region

import (
	"encoding/binary"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/cespare/xxhash/v2"

	"github.com/atollcache/atoll/ring"
)

// State says what a node wants of the others.
type State uint8

// The states of a node. A draining node owns nothing any more and hands over
// what it holds; when it has, it has left.
const (
	Serving State = iota
	Draining
	Left
)

// String names the state as status output does.
func (s State) String() string {
	switch s {
	case Draining:
		return "draining"
	case Left:
		return "left"
	}
	return "serving"
}

// Node is one process of a region.
type Node struct {
	Name   string
	ID     uint64 // NodeID of its region and name
	Boot   uint64 // epoch of its running process; higher after every restart
	Weight int    // share of the partitions, 1 if zero
	State  State
}

// NodeID derives the identity of a node from its names.
func NodeID(region, node string) uint64 {
	var room [64]byte // it is asked for with every message
	name := append(append(append(room[:0], region...), '/'), node...)
	return xxhash.Sum64(name)
}

// View is what a region says of itself: the nodes that are alive in it. One
// without nodes is said by others: the region is gone for good.
type View struct {
	Region   string
	Instance uint64 // of the region: two servers that both claim one name differ here
	Version  uint64 // higher replaces lower; of two that are equal the one of the higher Sum does
	Nodes    []Node // ascending by name
}

// Sum is a digest of what the view says, its version aside.
func (v *View) Sum() uint64 {
	h := xxhash.New()
	var number [8]byte
	add := func(x uint64) {
		binary.LittleEndian.PutUint64(number[:], x)
		_, _ = h.Write(number[:]) // never fails
	}
	add(v.Instance)
	for _, n := range v.Nodes {
		_, _ = h.WriteString(n.Name)
		add(n.ID)
		add(n.Boot)
		add(uint64(n.Weight))
		add(uint64(n.State))
	}
	return h.Sum64()
}

// MaxRegions is how many regions a cluster may have.
const MaxRegions = 128

// ErrRegions says that there are too many regions.
var ErrRegions = fmt.Errorf("there are %d regions already, which is the most there may be", MaxRegions)

// Says tells whether another view says the same, whatever their versions.
func (v *View) Says(other *View) bool {
	return v.Instance == other.Instance && slices.Equal(v.Nodes, other.Nodes)
}

// before says whether another view replaces this one.
func (v *View) before(other *View) bool {
	if v.Version != other.Version {
		return v.Version < other.Version
	}
	return !v.Says(other) && v.Sum() < other.Sum()
}

// ErrInstance says that another cluster of nodes claims the name of a region.
var ErrInstance = errors.New("another set of nodes uses the name of this region")

// place is a view with the ring that follows from it.
type place struct {
	View
	sum    uint64                  // of the view
	ring   *ring.Ring              // of the nodes that serve
	former *ring.Ring              // of the view before, if that had others; nil if there was none
	owners [ring.Partitions]uint16 // index into groups
	groups [][]Node                // the owners that partitions have, the preferred one first
}

// Directory holds the views of all known regions.
type Directory struct {
	home     string
	replicas int
	places   []*place // ascending by region name
	names    []string // of the places
	boots    map[uint64]uint64
	dropped  uint64 // the highest epoch among those that are not in boots any more
}

// New gives the directory of a node that knows no region yet.
func New(home string, replicas int) *Directory {
	return &Directory{home: home, replicas: replicas}
}

// With gives a directory in which v replaces the view of its region, or d itself
// if it knows a newer one already. It says whether v was news: one that says the
// same under a higher version is not, but an older one must not come after it.
func (d *Directory) With(v View) (next *Directory, news bool, err error) {
	if i, known := d.find(v.Region); known && !d.places[i].before(&v) {
		return d, false, nil
	}
	return d.Instead(v)
}

// Instead gives a directory in which v replaces the view of its region, however
// new that is, and says whether v was news. Whoever calls it knows that nobody
// stands by the other view any more.
func (d *Directory) Instead(v View) (next *Directory, news bool, err error) {
	i, known := d.find(v.Region)
	if !known && len(d.places) >= MaxRegions {
		return d, false, ErrRegions
	}
	var p *place
	if known && d.places[i].Says(&v) {
		again := *d.places[i]
		again.Version = v.Version
		p = &again
	} else {
		news = true
		var old *place
		if known {
			old = d.places[i]
		}
		if p, err = newPlace(v, d.replicas, old); err != nil {
			return d, false, err
		}
	}
	next = &Directory{home: d.home, replicas: d.replicas, boots: maps.Clone(d.boots), dropped: d.dropped}
	next.places = slices.Clone(d.places)
	if known {
		next.places[i] = p
	} else {
		next.places = slices.Insert(next.places, i, p)
	}
	for _, p := range next.places {
		next.names = append(next.names, p.Region)
	}
	next.learnBoots()
	return next, news, nil
}

func (d *Directory) find(region string) (int, bool) {
	return slices.BinarySearchFunc(d.places, region, func(p *place, name string) int { return strings.Compare(p.Region, name) })
}

// newPlace works out who owns what in a view, which may follow another.
func newPlace(v View, replicas int, old *place) (*place, error) {
	v.Nodes = slices.Clone(v.Nodes)
	slices.SortFunc(v.Nodes, func(a, b Node) int { return strings.Compare(a.Name, b.Name) })

	p := &place{View: v, sum: v.Sum()}
	var nodes []ring.Node
	var serving []Node
	for _, n := range v.Nodes {
		if n.State == Serving {
			nodes = append(nodes, ring.Node{Name: n.Name, ID: n.ID, Weight: n.Weight})
			serving = append(serving, n)
		}
	}
	if err := p.arrange(nodes, replicas, old); err != nil {
		return nil, fmt.Errorf("view of region %s: %w", v.Region, err)
	}
	p.group(p.ring, serving)
	return p, nil
}

// arrange finds the ring of some nodes. That of a node that comes back is mostly
// the one from before it went, which is cheaper to keep than to build.
func (p *place) arrange(nodes []ring.Node, replicas int, old *place) (err error) {
	if old != nil {
		p.ring, p.former = old.ring, old.former
		if p.ring.Of(nodes) {
			return nil
		}
		p.ring, p.former = p.former, p.ring
		if p.ring != nil && p.ring.Of(nodes) {
			return nil
		}
	}
	p.ring, err = ring.New(nodes, replicas)
	return err
}

// group lists the owners of every partition once for all that have the same.
func (p *place) group(r *ring.Ring, serving []Node) {
	groups := map[string]uint16{}
	var name []byte
	for q := range uint16(ring.Partitions) {
		owners := r.Owners(q)
		name = name[:0]
		for _, i := range owners {
			name = binary.LittleEndian.AppendUint32(name, uint32(i))
		}
		g, ok := groups[string(name)]
		if !ok {
			g = uint16(len(p.groups))
			groups[string(name)] = g
			p.groups = append(p.groups, pick(serving, owners))
		}
		p.owners[q] = g
	}
}

// pick gives the nodes with the given numbers.
func pick(nodes []Node, numbers []int) []Node {
	picked := make([]Node, len(numbers))
	for i, n := range numbers {
		picked[i] = nodes[n]
	}
	return picked
}

// of gives the owners of partition q, the preferred one first.
func (p *place) of(q uint16) []Node { return p.groups[p.owners[q]] }

func (d *Directory) place(region string) *place {
	for _, p := range d.places {
		if p.Region == region {
			return p
		}
	}
	return nil
}

// Regions names all known regions in ascending order. The list belongs to the
// directory.
func (d *Directory) Regions() []string { return d.names }

// View gives the view of a region, empty if it is unknown.
func (d *Directory) View(region string) View {
	if p := d.place(region); p != nil {
		return p.View
	}
	return View{Region: region}
}

// Sum gives the digest of the view of a region.
func (d *Directory) Sum(region string) uint64 {
	if p := d.place(region); p != nil {
		return p.sum
	}
	v := View{Region: region}
	return v.Sum()
}

// Owners gives the owners of partition p in a region, the preferred one first.
// The list belongs to the directory.
func (d *Directory) Owners(region string, p uint16) []Node {
	if at := d.place(region); at != nil {
		return at.of(p)
	}
	return nil
}

// Node finds a live node, and its region, by its identity.
func (d *Directory) Node(id uint64) (Node, string, bool) {
	for i := range d.places {
		for _, n := range d.places[i].Nodes {
			if n.ID == id {
				return n, d.places[i].Region, true
			}
		}
	}
	return Node{}, "", false
}

// Peer is a node that must hear of a write.
type Peer struct {
	Node
	Region string
}

// Audience decides who must hear of a write to partition p by the node self:
// every other owner in its own region, and in every other region the first
// owner that is not down, which relays to its co-owners. Where all are down it
// is the first.
func (d *Directory) Audience(self uint64, p uint16, down func(id uint64) bool) []Peer {
	var peers []Peer
	for _, at := range d.places {
		owners := at.of(p)
		switch {
		case len(owners) == 0:
		case at.Region == d.home:
			for _, n := range owners {
				if n.ID != self {
					peers = append(peers, Peer{n, at.Region})
				}
			}
		default:
			peers = append(peers, Peer{firstUp(owners, down), at.Region})
		}
	}
	return peers
}

func firstUp(owners []Node, down func(id uint64) bool) Node {
	for _, n := range owners {
		if !down(n.ID) {
			return n
		}
	}
	return owners[0]
}
