package replica

import (
	"slices"
	"testing"
	"time"

	"github.com/atollcache/atoll/region"
	"github.com/atollcache/atoll/wire"
)

// cutStory is a key that a owns together with b, of which b is not heard in a
// any more. A late node of b has not been started.
type cutStory struct {
	*world
	late  *node
	key   string
	owner *node // of the key in b, which loses it when the late node comes
}

// newCutStory gives one in which the late node takes a partition from its owner.
func newCutStory(t *testing.T) *cutStory {
	t.Helper()
	s := &cutStory{world: newWorld(t, 1, 2, 3).few(16)}
	s.late = s.at("b3")
	for _, k := range s.keys("k", 100) {
		if after := s.placed(k, "b1", "b2", "b3"); !slices.Contains(after, s.at("b1")) {
			s.key, s.owner = k, s.at("b1")
		}
	}
	s.nodes = s.nodes[:5]
	s.settled()
	s.nodes = append(s.nodes, s.late)
	want(t, s.do(s.at("a1"), "set", s.key, "v", "px", "30000"), "OK")
	s.run(time.Second)
	s.cut[[2]string{"b", "a"}] = true
	s.run(2 * time.Second)
	return s
}

// placed gives the owners of a key in region b if it had these nodes.
func (w *world) placed(key string, names ...string) (owners []*node) {
	v := region.View{Region: "b", Version: 1}
	for _, name := range names {
		v.Nodes = append(v.Nodes, region.Node{Name: name, ID: region.NodeID("b", name), Boot: 1, Weight: 1})
	}
	dir, _, err := region.New("b", 2).With(v)
	if err != nil {
		w.t.Fatal(err)
	}
	for _, n := range dir.Owners("b", partOf(key)) {
		owners = append(owners, w.at(n.Name))
	}
	return owners
}

// persist takes a deadline away at level region.
func (w *world) persist(n *node, key string) {
	w.t.Helper()
	c := w.call(n, Request{Level: Region}, "persist", key)
	c.wait()
	if c.answer.Short {
		w.t.Errorf("%s: PERSIST came short", n.name)
	}
	want(w.t, *c.answer, "1")
}

// heals lets the key pass its deadline in a, then b is heard again, by its links
// at once, by answers ten seconds later. Nobody may let the key go.
func (s *cutStory) heals() {
	s.t.Helper()
	s.run(time.Minute)
	s.heal()
	s.lose(func(from, to *node, e wire.Envelope) bool {
		return from.region != to.region && e.Kind == wire.KindAnswer
	})
	start := s.now
	for s.now < start+10*time.Second {
		s.run(50 * time.Millisecond)
		for _, n := range s.nodes {
			if n.up && n.place(s.key).state == ready && n.entry(s.key) == nil {
				s.t.Errorf("%s has let the key go, %v after the heal", n.name, s.now-start)
				start = 0 // and see what comes of it
			}
		}
	}
	s.drop = nil
	s.run(time.Second)
	s.settle(20 * time.Second)
	s.everywhere("v", "get", s.key)
}

// The owner that took a PERSIST restarts while its region is not heard. Its new
// epoch has nothing to tell, and the old one tells nothing any more: what it did
// only its co-owner can tell, in a round.
func TestExtendedByAnOwnerThatRestarted(t *testing.T) {
	s := newCutStory(t)
	owner := s.owner
	s.persist(owner, s.key)
	owner.crash()
	owner.start()
	s.membership("b")
	s.heals()
}

// The owner that took it loses the partition to a node that joins, hands it
// over, and restarts.
func TestExtendedByAnOwnerThatWas(t *testing.T) {
	s := newCutStory(t)
	owner := s.owner
	s.persist(owner, s.key)
	s.late.start()
	s.membership("b")
	s.until("handed over", 20*time.Second, func() bool { return owner.place(s.key).state == absent })
	owner.crash()
	owner.start()
	s.membership("b")
	s.heals()
}

// The owner that took it came and went, and its region looks as it did before.
func TestExtendedByAnOwnerThatCameAndWent(t *testing.T) {
	s := newCutStory(t)
	s.late.start()
	s.membership("b")
	s.until("ready", 20*time.Second, func() bool { return s.late.place(s.key).state == ready })
	s.persist(s.late, s.key)
	s.late.r.Drain(s.late.time())
	s.membership("b")
	s.until("drained", 20*time.Second, s.late.r.Drained)
	s.late.crash()
	s.membership("b")
	s.heals()
}

// The owner that took it has told one other region, and neither its co-owner nor
// anybody else, when it restarts: its co-owner must ask there.
func TestExtendedAndToldToOneRegionOnly(t *testing.T) {
	w := newWorld(t, 1, 3, 2).few(16).settled()
	for _, k := range w.keys("k", 16) {
		owners, _ := w.owners("b", k)
		writer, other := owners[0], owners[1]
		want(t, w.do(w.at("a1"), "set", k, "v", "px", "20000"), "OK")
		w.run(2 * time.Second)
		w.sever("a", "b")
		w.sever("a", "c")
		w.lose(func(from, to *node, e wire.Envelope) bool {
			return from == writer && to == other && e.Kind == wire.KindBatch || from.region != to.region && e.Kind == wire.KindAnswer
		})
		c := w.call(writer, Request{Level: Regions, Regions: 2}, "persist", k)
		c.wait()
		want(t, *c.answer, "1")
		if c.answer.Short {
			t.Error("nobody heard it")
		}
		writer.crash()
		w.run(100 * time.Millisecond)
		writer.start()
		w.membership("b")
		w.run(40 * time.Second)
		if other.entry(k) == nil {
			t.Errorf("%s has let %s go unasked", other.name, k)
		}
		w.drop = nil
		w.heal()
		w.run(20 * time.Second)
		w.settle(20 * time.Second)
		w.everywhere("v", "get", k)
	}
}

// A node that is cut off from its region, and from another one, takes a PERSIST
// that only the third one hears, and dies. That it is forgotten must not let go
// what nobody has asked the third region about since.
func TestExtendedByAForgottenNode(t *testing.T) {
	w := newWorld(t, 1, 3, 2).few(1).settled()
	keys := w.keys("k", 2)
	k, early := keys[0], keys[1]
	owners, _ := w.owners("b", k)
	lost, other := owners[0], owners[1]
	rest := []*node{w.at("a1"), w.at("a2"), other}
	cut, mute := false, true
	w.lose(func(from, to *node, e wire.Envelope) bool {
		return mute && from.region != to.region && e.Kind == wire.KindAnswer ||
			cut && (from == lost && to.region != "c" || to == lost && from.region != "c")
	})
	want(t, w.do(w.at("a1"), "set", early, "v", "px", "500"), "OK")
	want(t, w.do(w.at("a1"), "set", k, "v", "px", "60000"), "OK")
	w.run(2 * time.Second)
	cut = true
	other.r.Members(other.time(), []region.Node{other.r.Self()})
	w.until("it has left the view", 10*time.Second, func() bool { return len(rest[0].r.dir.View("b").Nodes) == 1 })

	w.run(5 * time.Second) // the view is raised once, above that of the lost node
	mute = false
	w.until("c was asked after that", 30*time.Second, func() bool {
		return !slices.ContainsFunc(rest, func(n *node) bool { return n.entry(early) != nil })
	})
	mute = true
	c := w.call(lost, Request{Level: Regions, Regions: 2}, "persist", k)
	c.wait()
	want(t, *c.answer, "1")
	lost.crash()
	w.run(time.Second)
	if err := other.r.Forget(other.time(), lost.name); err != nil {
		t.Fatal(err)
	}
	w.run(time.Minute)
	for _, n := range rest {
		if n.entry(k) == nil {
			t.Errorf("%s has let the key go unasked", n.name)
		}
	}
	w.drop = nil
	w.run(20 * time.Second)
	w.settle(20 * time.Second)
	w.everywhere("v", "get", k)
}
