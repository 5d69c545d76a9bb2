package replica

import (
	"strings"
	"testing"
	"time"

	"github.com/atollcache/atoll/antientropy"
	"github.com/atollcache/atoll/crdt"
)

// However often a partition comes and goes in one run, each of its tenures has
// an epoch of its own, below those of a node that is forgotten and of the next
// run, also where no clock moves on. When there is none left it is not taken.
func TestTenuresStayBelowTheNextBoot(t *testing.T) {
	w := newWorld(t, 1, 1, 2).few(2).settled()
	a1 := w.at("a1")
	r, parts := a1.r, a1.partitions()
	p := &r.parts[parts[0]]
	next := NextEpoch(int64(r.cfg.Boot), r.cfg.Boot, 0)
	last := p.origin.Epoch
	gained := 1
	r.mu.Lock()
	defer r.mu.Unlock()
	for {
		p.data.Lock()
		p.drop()
		more := r.gain(p, booting, a1.time())
		p.data.Unlock()
		if !more {
			break
		}
		if p.origin.Epoch <= last {
			t.Fatalf("epoch %d comes after %d", p.origin.Epoch, last)
		}
		last = p.origin.Epoch
		gained++
	}
	if forgotten := r.cfg.Boot + epochGap - 1; last >= forgotten || forgotten >= next {
		t.Errorf("the last tenure has epoch %d, the forgotten node %d, the next boot %d", last, forgotten, next)
	}
	if gained != maxTenures || p.holds() || p.origin != (crdt.Origin{}) {
		t.Errorf("after %d tenures it is %v, of %v", gained, p.state, p.origin)
	}
	other := &r.parts[parts[1]]
	other.data.Lock()
	defer other.data.Unlock()
	other.drop()
	if !r.gain(other, booting, a1.time()) || other.origin.Epoch != r.cfg.Boot+1 {
		t.Errorf("another partition has epoch %d", other.origin.Epoch)
	}
}

func (n *node) partitions() (all []uint16) {
	for part := range n.r.scope.All() {
		all = append(all, part)
	}
	return all
}

// A node without an epoch left for a partition says that it must be started
// again, and takes nothing for it meanwhile: commands run at its co-owner, and
// what is sent to it is not certified.
func TestANodeWithoutEpochsMustStop(t *testing.T) {
	w := newWorld(t, 1, 1, 3).few(1)
	var scope antientropy.Scope
	scope.Add(partOf("k"))
	w.scope = scope
	w.settled()
	owners, others := w.owners("a", "k")
	co, outsider := owners[0], others[0]
	p := &outsider.r.parts[partOf("k")]
	w.do(co, "set", "k", "v")
	p.spent = maxTenures

	owners[1].crash()
	w.membership("a")
	w.run(5 * time.Second)
	if p.holds() {
		t.Errorf("the partition is %v", p.state)
	}
	if err := outsider.r.Conflict(); err == nil || !strings.Contains(err.Error(), "start it again") {
		t.Errorf("the conflict is %v", err)
	}
	want(t, w.do(outsider, "set", "k", "w"), "OK")
	want(t, w.do(co, "get", "k"), "w")
	want(t, w.do(outsider, "get", "k"), "w")
	w.run(time.Second)
	if p.holds() || outsider.r.Status(outsider.time()).Stats.Refused == 0 {
		t.Errorf("the partition is %v, and nothing that was sent for it is refused", p.state)
	}

	outsider.crash()
	w.membership("a")
	outsider.start()
	w.membership("a")
	w.run(5 * time.Second)
	w.everywhere("w", "get", "k")
	if ok, where := w.equal(); !ok {
		t.Error(where)
	}
}
