package replica

import (
	"testing"

	"github.com/atollcache/atoll/region"
	"github.com/atollcache/atoll/wire"
)

// announcement is what a node says that knows some epochs.
func announcement(cluster, in, name string, epochs ...wire.Epoch) []byte {
	m := wire.Announce{Instance: 1, Version: 1, Epochs: epochs}
	from := wire.Sender{Region: in, Name: name, Node: region.NodeID(in, name), Boot: 1}
	return wire.Seal(nil, cluster, from, wire.KindAnnounce, m.Append(nil))
}

func TestALearnerHearsItsEpoch(t *testing.T) {
	self := region.NodeID("eu", "n1")
	l := NewLearner("c", "eu", "n1")
	for _, m := range [][]byte{
		[]byte("garbage"),
		announcement("another", "us", "n9", wire.Epoch{Node: self, Epoch: 900}),
		announcement("c", "us", "n2", wire.Epoch{Node: self, Epoch: 70}),
		announcement("c", "eu", "n3", wire.Epoch{Node: self, Epoch: 50}, wire.Epoch{Node: 5, Epoch: 500}),
		announcement("c", "ap", "n4", wire.Epoch{Node: self, Epoch: credible}),
	} {
		l.Hear(m)
	}
	if got := l.Epoch(); got != 70 {
		t.Errorf("the epoch is %d", got)
	}
	if l.HeardRegion("sa") || !l.HeardRegion("us") {
		t.Error("the regions that have spoken are wrong")
	}
	if !l.HeardNodes("eu", []region.Node{{Name: "n3"}}) || l.HeardNodes("eu", []region.Node{{Name: "n3"}, {Name: "n2"}}) {
		t.Error("the nodes that have spoken are wrong")
	}
	if got := len(l.Messages()); got != 3 {
		t.Errorf("%d messages", got)
	}
}

func TestTheNextEpochIsAboveAll(t *testing.T) {
	for _, test := range []struct {
		clock        int64
		saved, known uint64
		want         uint64
	}{
		{1000, 0, 0, 1000},
		{-5, 0, 0, 0},
		{1000, 2000, 0, 2000 + epochGap},
		{1000, 2000, 3000, 3000 + epochGap},
		{1 << 40, 2000, 3000, 1 << 40},
	} {
		if got := NextEpoch(test.clock, test.saved, test.known); got != test.want {
			t.Errorf("clock %d, saved %d, known %d: %d, want %d", test.clock, test.saved, test.known, got, test.want)
		}
	}
}
