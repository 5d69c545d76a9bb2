package replica

import (
	"errors"
	"fmt"
	"math"
	"testing"
	"time"

	"github.com/atollcache/atoll/region"
	"github.com/atollcache/atoll/wire"
)

// believe has some nodes of a region take themselves for all of it.
func (w *world) believe(names ...string) {
	var alive []region.Node
	for _, name := range names {
		alive = append(alive, w.at(name).r.Self())
	}
	for _, name := range names {
		n := w.at(name)
		n.r.Members(n.time(), alive)
		n.woken = true
		w.collect(n)
	}
}

// viewsOf is how the other regions see a region: the digest of what each of
// their nodes takes for its view.
func (w *world) viewsOf(name string) (sums []uint64) {
	for _, n := range w.nodes {
		if n.region != name && n.up {
			v := n.r.dir.View(name)
			sums = append(sums, v.Sum())
		}
	}
	return sums
}

// agreed wants all other regions to see a region alike, and gives the nodes.
func (w *world) agreed(name string) []region.Node {
	w.t.Helper()
	sums := w.viewsOf(name)
	for _, s := range sums {
		if s != sums[0] {
			w.t.Fatalf("the other regions see %s in different ways", name)
		}
	}
	for _, n := range w.nodes {
		if n.region != name && n.up {
			return n.r.dir.View(name).Nodes
		}
	}
	return nil
}

// While the membership of a region is parted the others see one of its parts,
// all of them the same one, and go on seeing it: the parts do not outbid each
// other. When that part is gone they see the one that is left.
func TestPartsOfARegionDoNotOutbidEachOther(t *testing.T) {
	for name, deaf := range map[string]bool{"that hear each other": false, "that do not": true} {
		for _, apart := range []time.Duration{0, 300 * time.Millisecond} {
			t.Run(fmt.Sprint("parts ", name, " after ", apart), func(t *testing.T) {
				w := newWorld(t, 1, 3, 3).few(1).settled()
				left := func(n *node) bool { return n.name == "a1" || n.name == "a2" }
				w.drop = func(from, to *node, _ []byte) bool {
					return deaf && from.region == "a" && to.region == "a" && left(from) != left(to)
				}
				w.believe("a1", "a2")
				w.run(apart)
				w.believe("a3")
				w.run(10 * time.Second)
				if n := w.changesOfView("a", time.Minute); n > 0 {
					t.Errorf("the others change their minds %d times in a minute", n)
				}
				w.succession(t)
			})
		}
	}
}

// changesOfView counts how often a node of another region sees a region otherwise.
func (w *world) changesOfView(name string, during time.Duration) (n int) {
	before := w.viewsOf(name)
	w.trace = func(string) {
		for i, sum := range w.viewsOf(name) {
			if sum != before[i] {
				before[i] = sum
				n++
			}
		}
	}
	w.run(during)
	w.trace = nil
	return n
}

// succession ends the part of region a that the others see, and wants them to
// see the other one.
func (w *world) succession(t *testing.T) {
	t.Helper()
	won := w.agreed("a")
	for _, n := range won {
		w.at(n.Name).crash()
	}
	w.run(15 * time.Second)
	next := w.agreed("a")
	for _, n := range next {
		if !w.at(n.Name).up {
			t.Errorf("the others still believe in %s", n.Name)
		}
	}
	if len(next)+len(won) != 3 {
		t.Errorf("the others see %d nodes, and %d are left", len(next), 3-len(won))
	}
}

// Each part of a region goes above the other once at most.
func TestAViewIsRaisedOnce(t *testing.T) {
	w := newWorld(t, 1, 2, 2).few(1).settled()
	w.believe("a1")
	w.run(300 * time.Millisecond)
	w.believe("a2")
	w.run(5 * time.Second)
	version := func(name string) uint64 { return w.at(name).r.dir.View("a").Version }
	a1, a2 := version("a1"), version("a2")
	w.run(time.Minute)
	if version("a1") != a1 || version("a2") != a2 {
		t.Errorf("in a minute a1 goes from %d to %d, a2 from %d to %d", a1, version("a1"), a2, version("a2"))
	}
	w.membership("a")
	w.run(5 * time.Second)
	if n := len(w.agreed("a")); n != 2 {
		t.Errorf("the others see %d nodes of one region", n)
	}
}

// A version that no clock gives is refused, from a node of the own region, of
// another, or told of by one; the region goes on to be heard.
func TestWildVersions(t *testing.T) {
	for _, version := range []uint64{math.MaxUint64, math.MaxUint64 - 1, 1 << 62} {
		w := newWorld(t, 1, 2, 2).few(1).settled()
		b1 := w.at("b1")
		for _, from := range []string{"a", "b", "c"} {
			name := from + "9"
			sender := wire.Sender{Region: from, Name: name, Node: region.NodeID(from, name), Boot: 1}
			wild := wire.Announce{Instance: 1, Version: version, Members: []wire.Member{{Name: name, Node: sender.Node, Boot: 1, Weight: 1}}}
			told := wire.Announce{Instance: 1, Version: 1, Regions: []wire.Known{{Region: "b", Version: version, Sum: 1}}}
			if err := b1.r.Receive(b1.time(), wire.Seal(nil, "test", sender, wire.KindAnnounce, wild.Append(nil))); !errors.Is(err, wire.ErrMalformed) {
				t.Errorf("version %d of region %s: %v", version, from, err)
			}
			if err := b1.r.Receive(b1.time(), wire.Seal(nil, "test", sender, wire.KindAnnounce, told.Append(nil))); err != nil {
				t.Errorf("region %s has heard of version %d: %v", from, version, err)
			}
		}
		w.at("a1").crash()
		w.at("b2").crash()
		w.membership("a")
		w.membership("b")
		w.run(5 * time.Second)
		if n := len(w.at("b1").r.dir.View("a").Nodes); n != 1 {
			t.Errorf("after version %d region b sees %d nodes of a", version, n)
		}
		if v := w.at("a2").r.dir.View("b"); len(v.Nodes) != 1 || v.Version > furthest(w.at("a2").time()) {
			t.Errorf("after version %d region a sees %d nodes of b in version %d", version, len(v.Nodes), v.Version)
		}
	}
}

// A region whose clocks were years ahead when it was set up is heard once they
// are right: its versions fall back to what the others believe.
func TestVersionsComeBack(t *testing.T) {
	const year = 365 * 24 * 3600 * 1000
	w := newWorld(t, 1, 2, 2).few(1).settled()
	a1 := w.at("a1")
	v := a1.r.dir.View("a")
	v.Version += 20 * year
	a1.r.mu.Lock()
	a1.r.goBy(a1.time(), v)
	a1.r.mu.Unlock()
	w.run(2 * time.Second)
	w.at("a2").crash()
	w.membership("a")
	w.run(10 * time.Second)
	if n := len(w.at("b1").r.dir.View("a").Nodes); n != 1 {
		t.Errorf("region b sees %d nodes of a", n)
	}
}

// gone has a node hear of many that once were, each of an epoch one above the
// one before.
func (n *node) gone(t *testing.T, first uint64, many int) {
	t.Helper()
	sender := wire.Sender{Region: n.region, Name: "x", Node: region.NodeID(n.region, "x"), Boot: 1}
	m := wire.Announce{Instance: 1, Version: 1}
	for i := range many {
		m.Epochs = append(m.Epochs, wire.Epoch{Node: region.NodeID(n.region, fmt.Sprintf("gone%d-%d", first, i)), Epoch: first + uint64(i)})
	}
	if err := n.r.Receive(n.time(), wire.Seal(nil, "test", sender, wire.KindAnnounce, m.Append(nil))); err != nil {
		t.Fatal(err)
	}
}

// Nodes that come and go under new names do not have announcements grow for
// ever, and one that was dropped and comes back is above its earlier epochs even
// if neither its clock nor its disk knows them.
func TestAnnouncementsAreBounded(t *testing.T) {
	w := newWorld(t, 1, 2, 2).few(1).settled()
	a1 := w.at("a1")
	largest, entries, learner := 0, 0, NewLearner("test", "a", "gone1000-0")
	w.drop = func(_, _ *node, payload []byte) bool {
		e, _ := wire.Open(payload)
		if e.Kind != wire.KindAnnounce {
			return false
		}
		m, err := wire.ReadAnnounce(e.Body)
		if err != nil {
			t.Error(err)
		}
		largest, entries = max(largest, len(payload)), max(entries, len(m.Epochs))
		learner.Hear(payload)
		return false
	}
	for i := range 10 {
		a1.gone(t, 1000+uint64(i)*500, 500)
		w.run(2 * time.Second)
	}
	if entries != region.MaxGone+4 || largest > 16<<10 {
		t.Errorf("announcements of %d epochs and %d bytes", entries, largest)
	}
	last := uint64(1000 + 5000 - 1)
	if got := w.at("b2").r.dir.Boot(region.NodeID("a", "gone5500-499")); got != last {
		t.Errorf("in another region the last is known by epoch %d, not %d", got, last)
	}
	if got := learner.Epoch(); got < 1000 {
		t.Errorf("one that was dropped may take an epoch above %d", got)
	}
}

// What waits for a node of which the epoch was dropped can still be given up,
// and nobody is forgotten who never was.
func TestForgetADroppedNode(t *testing.T) {
	w, keys := halfTold(t)
	var teller *node
	for _, n := range w.nodes {
		if n.region == "a" && n.up {
			teller = n
			n.gone(t, wallStart+3_600_000, 2*region.MaxGone)
		}
	}
	w.run(2 * time.Second)
	if boot := teller.r.dir.Boot(region.NodeID("a", w.dead().name)); boot != 0 {
		t.Fatalf("the epoch %d of %s is still known", boot, w.dead().name)
	}
	if err := teller.r.Forget(teller.time(), "nobody"); !errors.Is(err, ErrStranger) {
		t.Errorf("somebody who never was: %v", err)
	}
	if w.allPending() == 0 {
		t.Fatal("no tombstone is pinned")
	}
	if err := teller.r.Forget(teller.time(), w.dead().name); err != nil {
		t.Fatal(err)
	}
	w.run(time.Minute)
	if n := w.allPending(); n > 0 {
		t.Errorf("%d tombstones are still pinned", n)
	}
	w.everywhere("(nil)", "get", keys[1])
}
