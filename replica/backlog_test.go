package replica

import (
	"testing"
	"time"
)

// After a cut the links bring what waited for them in the outboxes, and no round
// fetches the same: not one that was due just then, not one in the home region
// either, where it is being relayed.
func TestLinksBringWhatWaited(t *testing.T) {
	for _, after := range []time.Duration{0, 300 * time.Millisecond, 900 * time.Millisecond} {
		w := newWorld(t, 1, 3, 2).few(8).settled()
		w.sever("a", "c")
		w.sever("b", "c")
		for i, k := range w.keys("k", 2000) {
			w.do(w.nodes[i%len(w.nodes)], "set", k, "v")
			w.run(10 * time.Millisecond)
		}
		due := w.at("a1").r.repair.peers[w.at("c1").r.self.ID].checkedAt
		for due+w.at("a1").r.t.RoundEvery <= w.now+after {
			due += w.at("a1").r.t.RoundEvery
		}
		w.run(due + w.at("a1").r.t.RoundEvery - w.now - after)
		before := map[string]Stats{}
		for _, n := range w.nodes {
			before[n.name] = n.r.stats
		}
		w.heal()
		took := w.settle(8 * time.Second)
		w.run(15 * time.Second)
		for _, n := range w.nodes {
			repaired, rounds := n.r.stats.Repaired-before[n.name].Repaired, n.r.stats.Rounds-before[n.name].Rounds
			if repaired > 0 || rounds == 0 {
				t.Errorf("%v before a round: equal after %v; then %s had repaired %d keys in %d rounds", after, took, n.name, repaired, rounds)
			}
		}
	}
}

// Links that fall silent and speak again for ever hold no round back for ever:
// there is time for one between any two looks at a healthy peer but one.
func TestFlappingLinksLeaveTimeForRounds(t *testing.T) {
	w := newWorld(t, 1, 3, 1).few(1).settled()
	r, links := w.at("a1").r, []*inLink{}
	for _, name := range []string{"b1", "c1"} {
		links = append(links, r.in[w.at(name).r.self.ID])
	}
	start := w.at("a1").time()
	held, longest := time.Duration(0), time.Duration(0)
	for at := time.Duration(0); at < 10*time.Minute; at += 100 * time.Millisecond {
		now := Time{Wall: start.Wall, Mono: start.Mono + at}
		for i, l := range links {
			if (at+time.Duration(i)*1600*time.Millisecond)%(3200*time.Millisecond) == 0 {
				r.resume(now, l)
			}
		}
		if held += 100 * time.Millisecond; !r.backlogged(now) {
			held = 0
		}
		longest = max(longest, held)
	}
	if longest < 5*time.Second || longest > 10*time.Second {
		t.Errorf("rounds were held back for %v", longest)
	}
}
