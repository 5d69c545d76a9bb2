package replica

import (
	"slices"
	"testing"
	"time"
)

// A node tallies what it has told, once when that has changed and whenever all is
// asked for, and nothing that another node tells.
func TestTallies(t *testing.T) {
	w := newWorld(t, 1, 1, 2).few(4)
	w.changes = Changes{Pending: 3}
	w.settled()
	k := w.keys("k", 1)[0]
	owners, _ := w.owners("a", k)
	first, second := owners[0], owners[1]
	tally := func(n *node, all bool) []Tally { return n.r.Tallies(n.time(), all) }

	began := tally(first, false)
	led := len(began)
	if led == 0 || led+len(tally(second, false)) != 4 || slices.ContainsFunc(began, func(x Tally) bool { return x.Seq != 0 || x.Epoch == 0 || x.Age != 0 }) {
		t.Fatalf("at first %+v", began)
	}
	if again := tally(first, false); len(again) != 0 {
		t.Errorf("nothing has changed, and there is %+v", again)
	}

	first.r.Changes()
	w.do(first, "set", k, "v")
	w.do(first, "set", k, "w")
	w.run(time.Second)
	changes, now := first.r.Changes(), tally(first, false)
	last := changes[len(changes)-1]
	if len(now) != 1 || now[0] != (Tally{partOf(k), last.Epoch, 2, 0}) || last.Seq != 2 {
		t.Errorf("%+v after %+v", now, last)
	}
	w.run(3 * time.Second)
	at := slices.IndexFunc(tally(first, true), func(x Tally) bool { return x == Tally{partOf(k), last.Epoch, 2, 3 * time.Second} })
	if all := tally(first, true); len(all) != led || at < 0 {
		t.Errorf("all are %+v", all)
	}
	if others := tally(second, false); len(others) != 0 {
		t.Errorf("the other node tallies %+v", others)
	}

	for range 9 { // there is room for three
		w.do(first, "incr", w.keys("n", 1)[0])
	}
	if lost := first.r.ChangesLost(); lost > 0 && tally(first, true) == nil {
		t.Error("what found no room is not tallied")
	}
	first.hidden = true
	w.membership("a")
	w.until("another one leads", 10*time.Second, func() bool { return second.r.Leads(partOf(k)) })
	if slices.ContainsFunc(tally(first, true), func(x Tally) bool { return x.Partition == partOf(k) }) {
		t.Error("a node tallies what it does not tell any more")
	}
}

// Whoever reads with the token of an event is not shown what was before it without a word, also by an owner that has
// not got there; nor with that of a lead.
func TestTokensOfChanges(t *testing.T) {
	w := newWorld(t, 1, 1, 2).few(4)
	w.changes = Changes{Pending: 100}
	w.settled()
	k := w.keys("k", 1)[0]
	owners, _ := w.owners("a", k)
	first, second := owners[0], owners[1]
	w.do(first, "set", k, "old")
	w.run(time.Second)
	first.r.Changes()

	w.sever(first.name, second.name)
	w.do(first, "set", k, "new")
	all := first.r.Changes()
	if len(all) != 1 {
		t.Fatalf("%+v", all)
	}
	token := all[0].Session(first.r.cfg.Cluster)
	read := func(n *node) Answer { return w.ask(n, Request{Session: token, Wait: -1}, "get", k) }
	if a := read(first); a.Stale || text(a) != "new" {
		t.Errorf("who told it: %s, stale: %v", text(a), a.Stale)
	}
	if a := read(second); !a.Stale || text(a) != "old" {
		t.Errorf("who has not got it: %s, stale: %v", text(a), a.Stale)
	}
	w.heal()
	w.run(10 * time.Second)
	if a := read(second); a.Stale || text(a) != "new" {
		t.Errorf("who has got it: %s, stale: %v", text(a), a.Stale)
	}

	second.r.Changes()
	first.hidden = true
	w.membership("a")
	w.until("another one leads", 10*time.Second, func() bool { return second.r.Leads(partOf(k)) })
	leads := second.r.Changes()
	at := slices.IndexFunc(leads, func(c Change) bool { return c.Kind == ChangeLead && c.Partition == partOf(k) })
	if at < 0 || leads[at].Session(second.r.cfg.Cluster) == nil {
		t.Errorf("no token with the lead: %+v", leads)
	}
}
