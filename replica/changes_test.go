package replica

import (
	"fmt"
	"strconv"
	"testing"
	"time"

	"github.com/atollcache/atoll/command"
	"github.com/atollcache/atoll/crdt"
	"github.com/atollcache/atoll/store"
)

// watcher follows the events of the nodes, and knows of each key only what they
// told.
type watcher struct {
	epochs map[string]uint64 // by node and partition
	seqs   map[string]uint64
	kinds  map[string]crdt.Kind // by node and key
	values map[string]string
	until  map[string]int64
	count  map[ChangeKind]int
	gaps   int
}

func newWatcher() *watcher {
	return &watcher{
		epochs: map[string]uint64{}, seqs: map[string]uint64{}, kinds: map[string]crdt.Kind{},
		values: map[string]string{}, until: map[string]int64{}, count: map[ChangeKind]int{},
	}
}

// take takes the events of a node. It says what is wrong with them.
func (o *watcher) take(n *node) error {
	for _, c := range n.r.Changes() {
		o.count[c.Kind]++
		place := fmt.Sprint(n.name, n.boots, c.Partition)
		if c.Kind == ChangeLead {
			if c.Epoch <= o.epochs[place] || c.Seq != 0 {
				return fmt.Errorf("%s leads %d with epoch %d after %d", n.name, c.Partition, c.Epoch, o.epochs[place])
			}
			o.epochs[place], o.seqs[place] = c.Epoch, 0
			continue
		}
		if c.Epoch != o.epochs[place] {
			return fmt.Errorf("%s tells of an epoch %d that has not begun", n.name, c.Epoch)
		}
		if c.Seq != o.seqs[place]+1 {
			o.gaps++
		}
		o.seqs[place] = c.Seq
		key := n.name + string(c.Key)
		if c.Kind == ChangeSet && o.kinds[key] == c.Type && o.values[key] == string(c.Value) && c.Type == crdt.String && o.until[key] == c.Deadline {
			return fmt.Errorf("%s tells that %s is %q, which it was", n.name, c.Key, c.Value)
		}
		switch c.Kind {
		case ChangeExpired, ChangeDel:
			o.kinds[key], o.values[key], o.until[key] = crdt.None, "", 0
		case ChangeExpire:
			o.until[key] = c.Deadline
		default:
			o.kinds[key], o.values[key], o.until[key] = c.Type, string(c.Value), c.Deadline
		}
	}
	return nil
}

// judge compares what was told of a key with what a reader of the node sees.
func (o *watcher) judge(n *node, key string) error {
	p := n.place(key)
	if !p.leads {
		return nil
	}
	e := p.data.Get(store.Hash([]byte(key)), []byte(key))
	kind, value, until := crdt.None, "", int64(0)
	if e != nil && e.Alive(n.time().Wall) {
		kind, until = e.Type(), e.Deadline()
		if kind == crdt.String {
			value = string(command.AppendShown(nil, e.Cell(crdt.String, "")))
		}
	}
	if k := n.name + key; o.kinds[k] != kind || o.values[k] != value || o.until[k] != until {
		return fmt.Errorf("%s shows %s as %v %q until %d, and told %v %q until %d", n.name, key, kind, value, until, o.kinds[k], o.values[k], o.until[k])
	}
	return nil
}

// Events tell exactly what readers see, whichever region a write comes from, and
// in what order it comes: at every moment a watcher who has only events knows
// what the node that tells them shows.
func TestChangesTellWhatReadersSee(t *testing.T) {
	for seed := range int64(*seeds / 10) {
		w := newWorld(t, seed, 2, 2).few(4)
		w.changes = Changes{Pending: 1 << 20, ValueBytes: 100}
		w.settled()
		o := newWatcher()
		keys := w.keys("k", 6)
		check := func(string) {
			for _, n := range w.nodes {
				n.r.tellExpired(n.time())
				if err := o.take(n); err != nil {
					t.Fatalf("seed %d: %v", seed, err)
				}
				for _, k := range keys {
					if err := o.judge(n, k); err != nil {
						t.Fatalf("seed %d, %v: %v", seed, w.now, err)
					}
				}
			}
		}
		check("start")
		w.trace = check
		w.slow, w.loss = 10, 3
		for i := range 300 {
			k := keys[w.rng.Intn(len(keys))]
			n := w.nodes[w.rng.Intn(4)]
			switch w.rng.Intn(12) {
			case 0, 1:
				w.call(n, Request{}, "set", k, strconv.Itoa(i))
			case 2:
				w.call(n, Request{}, "set", k, strconv.Itoa(i), "PX", strconv.Itoa(1+w.rng.Intn(2000)))
			case 3:
				w.call(n, Request{}, "del", k)
			case 4, 5:
				w.call(n, Request{}, "incr", k)
			case 6:
				w.call(n, Request{}, "pexpire", k, strconv.Itoa(1+w.rng.Intn(1000)))
			case 7:
				w.call(n, Request{}, "persist", k)
			case 8:
				w.call(n, Request{}, "hset", k, "f"+strconv.Itoa(w.rng.Intn(3)), strconv.Itoa(i))
			case 9:
				w.call(n, Request{}, "hdel", k, "f"+strconv.Itoa(w.rng.Intn(3)))
			case 10:
				w.call(n, Request{}, "zadd", k, strconv.Itoa(w.rng.Intn(3)), "m")
			case 11:
				if w.rng.Intn(8) == 0 {
					w.sever("a", "b")
				} else {
					w.heal()
				}
			}
			check("command")
			w.run(time.Duration(w.rng.Intn(60)) * time.Millisecond)
		}
		w.heal()
		w.run(20 * time.Second)
		w.settle(10 * time.Second)
		for _, kind := range []ChangeKind{ChangeLead, ChangeSet, ChangeDel, ChangeExpire, ChangeExpired} {
			if o.count[kind] == 0 {
				t.Errorf("seed %d: no event %v", seed, kind)
			}
		}
		if o.gaps > 0 {
			t.Errorf("seed %d: %d gaps, though nothing was lost", seed, o.gaps)
		}
	}
}

// One node of a region tells of a key; when it dies the next owner begins, with
// an epoch of its own.
func TestTakeoverOfChanges(t *testing.T) {
	w := newWorld(t, 1, 2, 2).few(4)
	w.changes = Changes{Pending: 1000, ValueBytes: 100}
	w.settled()
	k := w.keys("k", 1)[0]
	owners, _ := w.owners("a", k)
	first, second := owners[0], owners[1]
	first.r.Changes()
	second.r.Changes()

	w.do(w.at("b1"), "set", k, "v")
	w.run(300 * time.Millisecond)
	told := first.r.Changes()
	if len(told) != 1 || told[0].Region != "b" || string(told[0].Value) != "v" || told[0].Seq != 1 || string(told[0].Key) != k {
		t.Fatalf("told %+v", told)
	}
	if also := second.r.Changes(); len(also) > 0 {
		t.Fatalf("the second owner tells %+v", also)
	}

	first.crash()
	w.membership("a")
	w.run(4 * time.Second)
	w.do(w.at("b1"), "set", k, "w")
	w.run(300 * time.Millisecond)
	var of []Change
	for _, c := range second.r.Changes() {
		if c.Partition == partOf(k) {
			of = append(of, c)
		}
	}
	if len(of) != 2 || of[0].Kind != ChangeLead || of[1].Epoch != of[0].Epoch || of[1].Seq != 1 || string(of[1].Value) != "w" {
		t.Errorf("after the takeover: %+v", of)
	}
}

// What finds no room is lost, and shows as a gap.
func TestLostChanges(t *testing.T) {
	w := newWorld(t, 1, 1, 1).few(1)
	w.replicas = 1
	w.changes = Changes{Pending: 4, ValueBytes: 1}
	w.settled()
	n := w.nodes[0]
	n.r.Changes()
	k := w.keys("k", 1)[0]
	for i := range 10 {
		w.do(n, "set", k, strconv.Itoa(i+5))
	}
	told := n.r.Changes()
	if len(told) != 4 || n.r.ChangesLost() != 6 || told[3].Seq != 4 || string(told[0].Value) != "5" {
		t.Fatalf("%d lost, told %+v", n.r.ChangesLost(), told)
	}
	w.do(n, "set", k, "large")
	w.do(n, "set", k, "large") // the same value changes nothing that anybody sees
	if told = n.r.Changes(); len(told) != 1 || told[0].Seq != 11 || told[0].Value != nil {
		t.Errorf("after the gap: %+v", told)
	}
}

// Without being asked a replica tells nothing.
func TestNoChanges(t *testing.T) {
	w := newWorld(t, 1, 1, 2).few(4).settled()
	w.do(w.nodes[0], "set", w.keys("k", 1)[0], "v", "PX", "10")
	w.run(time.Second)
	for _, n := range w.nodes {
		if told := n.r.Changes(); len(told) > 0 || len(n.r.teller.due) > 0 {
			t.Errorf("%s tells %+v", n.name, told)
		}
	}
}
