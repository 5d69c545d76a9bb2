package replica

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/atollcache/atoll/command"
	"github.com/atollcache/atoll/region"
	"github.com/atollcache/atoll/wire"
)

// A node that does not own a key answers through one that does, at any level.
func TestStrangerAnswersThroughAnOwner(t *testing.T) {
	w := newWorld(t, 1, 2, 3).few(8).settled()
	k := w.keys("k", 1)[0]
	owners, others := w.owners("a", k)
	if len(owners) != 2 || len(others) != 1 {
		t.Fatalf("%d own the key, %d do not", len(owners), len(others))
	}
	c := w.call(others[0], Request{Level: Region}, "set", k, "v")
	c.wait()
	want(t, *c.answer, "OK")
	if c.answer.Level != Region || c.answer.Short {
		t.Errorf("answered %+v", c.answer)
	}
	if others[0].place(k).holds() {
		t.Error("the stranger keeps the partition")
	}
	for _, o := range owners {
		if o.entry(k) == nil {
			t.Errorf("%s, an owner, does not have it", o.name)
		}
	}
	w.run(200 * time.Millisecond)
	w.everywhere("v", "get", k)
}

// A read whose owner has died is answered by the next one; a write is not
// repeated, since it may have been applied.
func TestReadIsRetriedAtTheNextOwner(t *testing.T) {
	w := newWorld(t, 1, 1, 3).few(8).settled()
	k := w.keys("k", 1)[0]
	owners, others := w.owners("a", k)
	w.ask(others[0], Request{Level: Region}, "set", k, "v")
	owners[0].crash()

	c := w.call(others[0], Request{}, "get", k)
	took := c.wait()
	want(t, *c.answer, "v")
	if took > 2200*time.Millisecond {
		t.Errorf("took %v", took)
	}
	got := text(w.do(others[0], "set", k, "w"))
	if !strings.HasPrefix(got, "TIMEOUT ") || !strings.Contains(got, "may have been applied") {
		t.Errorf("the write is answered %q", got)
	}
}

// When no owner answers the client is told so, and that it may try again.
func TestNoOwnerAnswers(t *testing.T) {
	w := newWorld(t, 1, 1, 3).few(8).settled()
	k := w.keys("k", 1)[0]
	owners, others := w.owners("a", k)
	for _, o := range owners {
		o.crash()
	}
	for _, args := range [][]string{{"get", k}, {"set", k, "v"}, {"del", k}, {"scan", fmt.Sprint(uint64(partOf(k)) << partitionShift)}} {
		if got := text(w.do(others[0], args...)); !strings.HasPrefix(got, "TIMEOUT the owner of the key did not answer within 2s") {
			t.Errorf("%v is answered %q", args, got)
		}
	}
	if len(others[0].r.calls) > 0 {
		t.Error("a forward is left behind")
	}
}

// Two nodes that each take the other for the owner do not pass a command back
// and forth for ever.
func TestHopsAreBounded(t *testing.T) {
	w := newWorld(t, 1, 1, 2).few(1).settled()
	k := w.keys("k", 1)[0]
	for _, n := range w.nodes {
		n.r.Drain(n.time()) // both, before either knows of the other
	}
	forwards := 0
	w.lose(func(_, _ *node, e wire.Envelope) bool {
		if e.Kind == wire.KindForward {
			forwards++
		}
		return false
	})
	got := text(w.do(w.nodes[0], "set", k, "v"))
	if !strings.HasPrefix(got, "UNAVAILABLE no owner of partition") || !strings.Contains(got, "try again") {
		t.Errorf("answered %q", got)
	}
	if forwards == 0 || forwards > maxHops {
		t.Errorf("passed on %d times, at most %d are allowed", forwards, maxHops)
	}
}

// An answer to a call that is over, or was never made, is ignored.
func TestUnexpectedForwardedAnswer(t *testing.T) {
	w := newWorld(t, 1, 1, 2).few(1).settled()
	a1, a2 := w.at("a1"), w.at("a2")
	m := wire.Forwarded{ID: 7, Reply: encodeAnswer(Answer{Reply: command.Reply{Type: command.Int, Int: 1}})}
	a2.r.post(region.Peer{Node: a1.r.Self(), Region: "a"}, wire.KindForwarded, m.Append(nil))
	w.collect(a2)
	w.run(time.Second)
	if w.err != nil {
		t.Error(w.err)
	}
}

// SCAN at any node walks every partition across its owners. Keys that stay are
// given exactly once, keys that come and go at most once.
func TestScanWalksEverything(t *testing.T) {
	w := newWorld(t, 1, 1, 3).settled()
	a1 := w.at("a1")
	seen := map[string]int{}
	for i := range 1500 {
		w.do(w.nodes[i%3], "set", fmt.Sprint("stays", i), "v")
		w.do(w.nodes[i%3], "set", fmt.Sprint("goes", i), "v")
	}
	w.run(time.Second)

	cursor, steps := "0", 0
	for {
		a := w.do(a1, "scan", cursor, "count", "2")
		if a.Reply.Type != command.Array {
			t.Fatalf("scan %s: %s", cursor, text(a))
		}
		for _, key := range a.Reply.List[1].List {
			seen[string(key.Bytes)]++
		}
		cursor = string(a.Reply.List[0].Bytes)
		if steps++; cursor == "0" {
			break
		}
		w.do(w.nodes[steps%3], "set", fmt.Sprint("comes", steps), "v")
		w.do(w.nodes[steps%3], "del", fmt.Sprint("goes", steps))
	}
	var wrong []string
	for i := range 1500 {
		if key := fmt.Sprint("stays", i); seen[key] != 1 {
			wrong = append(wrong, key)
		}
	}
	for key, n := range seen { // order-free: sorted below
		if n > 1 {
			wrong = append(wrong, key)
		}
	}
	slices.Sort(wrong)
	if len(wrong) > 0 {
		t.Errorf("%d keys are missing or given twice, such as %s", len(wrong), wrong[0])
	}
	t.Log(steps, "steps")
}
