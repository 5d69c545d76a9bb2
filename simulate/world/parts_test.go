package world

import (
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/atollcache/atoll/replica"
	"github.com/atollcache/atoll/simulate/scenario"
)

// What goes into the queue comes out in order, ties by their number.
func TestTheQueueSorts(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var q queue
		var in []event
		for _, at := range rapid.SliceOf(rapid.IntRange(0, 20)).Draw(t, "times") {
			e := event{at: time.Duration(at), tie: rapid.Uint64().Draw(t, "tie")}
			in = append(in, e)
			q.push(e)
			if rapid.IntRange(0, 4).Draw(t, "pop") == 0 {
				first := slices.MinFunc(in, compare)
				if got := q.pop(); got != first {
					t.Fatalf("popped %+v, not %+v", got, first)
				}
				i := slices.Index(in, first) // one of those that are alike
				in = slices.Delete(in, i, i+1)
			}
		}
		slices.SortFunc(in, compare)
		for _, want := range in {
			if got := q.pop(); got != want {
				t.Fatalf("popped %+v, not %+v", got, want)
			}
		}
	})
}

func compare(a, b event) int {
	if a.before(&b) {
		return -1
	}
	return 1
}

// The middle and the far ends of every distribution are where the tables say.
func TestDelays(t *testing.T) {
	const ms = time.Millisecond
	for _, test := range []struct {
		delay              scenario.Delay
		median, p84, least time.Duration
	}{
		{scenario.Delay{Kind: scenario.Const, Base: 40 * ms}, 40 * ms, 40 * ms, 40 * ms},
		{scenario.Delay{Kind: scenario.Uniform, Base: 40 * ms, Spread: 10 * ms}, 40 * ms, 47 * ms, 30 * ms},
		{scenario.Delay{Kind: scenario.Exponential, Base: 40 * ms, Spread: 10 * ms}, 47 * ms, 58 * ms, 40 * ms},
		{scenario.Delay{Kind: scenario.Lognormal, Base: 40 * ms, Spread: 10 * ms}, 40 * ms, 50 * ms, 34 * ms},
		{scenario.Delay{Kind: scenario.Bimodal, Base: 40 * ms, Spread: 400 * ms, Share: 200_000}, 40 * ms, 400 * ms, 40 * ms},
	} {
		var all []time.Duration
		for i := range uint64(20_000) {
			all = append(all, sample(test.delay, chance(1).draw(forDelay, 1, i)))
		}
		slices.Sort(all)
		for _, q := range []struct{ got, want time.Duration }{{all[10_000], test.median}, {all[16_800], test.p84}, {all[0], test.least}} {
			if off := (q.got - q.want).Abs(); off > ms {
				t.Errorf("%s: %v, want %v", test.delay.Kind, q.got, q.want)
			}
		}
	}
}

// Under zipf the first key is as much more likely than the tenth as its law says,
// and every key is drawn.
func TestZipf(t *testing.T) {
	c := newChooser(scenario.Keys{Choice: scenario.KeysZipf, Count: 5000, Skew: 1000})
	counts := make([]int, 5000)
	for i := range uint64(1_000_000) {
		counts[c.draw(chance(7).draw(forKey, 1, i), chance(7).draw(forKey, 2, i))]++
	}
	for _, pair := range [][2]int{{0, 9}, {0, 99}, {4, 499}} {
		want := (pair[1] + 1) * 100 / (pair[0] + 1)
		if got := counts[pair[0]] * 100 / counts[pair[1]]; got < want*8/10 || got > want*12/10 {
			t.Errorf("key %d is %d hundredths times as likely as key %d, want %d", pair[0], got, pair[1], want)
		}
	}
	if slices.Contains(counts, 0) {
		t.Error("some key was never drawn")
	}
}

// Every key of every family lies in the partitions that hold keys, and no two are
// one.
func TestKeysLieInTheScope(t *testing.T) {
	k := keyring{limit: 4, names: map[string][][]byte{}}
	seen := map[string]bool{}
	for _, family := range []string{texts, counters, shared} {
		for i := range int64(500) {
			name := string(k.name(family, i))
			if seen[name] || !strings.HasPrefix(name, family+":") {
				t.Fatalf("key %d of %s is %q", i, family, name)
			}
			seen[name] = true
		}
	}
}

func small(t *testing.T) *World {
	s, err := scenario.Parse("small", []byte(`
version: 1
name: small
topology: {regions: {a: {nodes: 2}}, rtt: {local: 1ms}}
phases: {warm-up: 10s, chaos: 10s}
load: [{ops: 10/s, keys: 10 uniform}]
`))
	if err != nil {
		t.Fatal(err)
	}
	w, err := New(Config{Scenario: s, Seed: 1})
	if err != nil {
		t.Fatal(err)
	}
	w.RunUntil(5 * time.Second)
	return w
}

// A panic ends the world, with what happened, and not the program.
func TestAPanicIsShown(t *testing.T) {
	w := small(t)
	n := w.nodes[0]
	n.do(&Op{Args: [][]byte{[]byte("get"), w.keys.name(texts, 0)}, Node: n}, func(replica.Answer) { panic("planted") })
	if !w.Done() || !strings.Contains(w.Breakdown(), "a/1: panic in a command: planted") {
		t.Errorf("done %v: %q", w.Done(), w.Breakdown())
	}
	if w.Step() {
		t.Error("the world goes on")
	}
}

// What goes round in circles without time is found.
func TestACircleIsFound(t *testing.T) {
	w := small(t)
	var again func()
	again = func() { w.after(0, 1, again) }
	again()
	for w.Step() {
	}
	if !strings.Contains(w.Breakdown(), "and no end") {
		t.Errorf("%q", w.Breakdown())
	}
}

// A process that ends takes its timers and its unanswered operations with it.
func TestACrashForgets(t *testing.T) {
	w := small(t)
	n := w.nodes[0]
	n.pauses++
	op := &Op{Region: "a", Args: [][]byte{[]byte("get"), []byte("k")}}
	for op.Node != n {
		op = &Op{ID: op.ID + 1, Region: "a", Args: op.Args}
		w.perform(op, 0)
	}
	n.pauses--
	boot := n.boot
	n.crash()
	if op.Outcome != Abandoned || n.Up() || n.Replica() != nil {
		t.Errorf("the operation is %v, the node up: %v", op.Outcome, n.Up())
	}
	w.RunUntil(w.now + time.Second)
	n.begin()
	w.RunUntil(w.now + 5*time.Second)
	if n.boot <= boot || n.Mono() > 6*time.Second {
		t.Errorf("boot %d after %d, %v after its start", n.boot, boot, n.Mono())
	}
}

func TestABadScenarioIsRefused(t *testing.T) {
	region := scenario.Topology{Regions: []scenario.Region{{Name: "a", Nodes: 1}}}
	for _, s := range []*scenario.Scenario{
		nil,
		{},
		{Topology: region},
		{Topology: region, Phases: scenario.Phases{WarmUp: time.Second}, Timeline: []scenario.Step{{Kind: scenario.TornWrite}}},
	} {
		if _, err := New(Config{Scenario: s}); err == nil || !strings.Contains(err.Error(), ErrScenario.Error()) {
			t.Errorf("%+v gave %v", s, err)
		}
	}
}
