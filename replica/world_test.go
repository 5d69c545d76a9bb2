package replica

import (
	"bytes"
	"container/heap"
	"fmt"
	"math/rand"
	"slices"
	"strconv"
	"testing"
	"time"

	"github.com/atollcache/atoll/antientropy"
	"github.com/atollcache/atoll/command"
	"github.com/atollcache/atoll/crdt"
	"github.com/atollcache/atoll/planted"
	"github.com/atollcache/atoll/region"
	"github.com/atollcache/atoll/wire"
)

// world runs several replicas in one goroutine, under a clock of its own and a
// network that may lose, repeat, delay and cut.
type world struct {
	t     testing.TB
	rng   *rand.Rand
	now   time.Duration
	nodes []*node
	net   mailbox
	sent  int // letters so far, to keep the order of those that are due together

	timing   Timing
	memory   int64
	replicas int
	scope    antientropy.Scope
	changes  Changes
	witness  func(n *node, key []byte, d *crdt.Delta)
	loss     int // percent
	repeat   int
	slow     int // percent of letters that overtake others
	cut      map[[2]string]bool
	delay    func(from, to string) time.Duration
	drop     func(from, to *node, payload []byte) bool
	bytes    int // carried
	err      error
	trace    func(what string)
	marks    [marks]int
}

type node struct {
	w            *world
	r            *Replica
	region, name string
	skew         int64
	up           bool
	hidden       bool // alive, but taken for dead
	next         time.Duration
	woken        bool
	boots        uint64
}

type letter struct {
	due      time.Duration
	number   int
	from, to *node
	payload  []byte
}

// mailbox orders letters by when they are due.
type mailbox []letter

func (m mailbox) Len() int { return len(m) }
func (m mailbox) Less(i, j int) bool {
	if m[i].due != m[j].due {
		return m[i].due < m[j].due
	}
	return m[i].number < m[j].number
}
func (m mailbox) Swap(i, j int) { m[i], m[j] = m[j], m[i] }
func (m *mailbox) Push(x any)   { *m = append(*m, x.(letter)) }
func (m *mailbox) Pop() any {
	old := *m
	l := old[len(old)-1]
	*m = old[:len(old)-1]
	return l
}

const wallStart = 1_700_000_000_000

func newWorld(t testing.TB, seed int64, regions, each int) *world {
	w := &world{
		t: t, rng: rand.New(rand.NewSource(seed)), cut: map[[2]string]bool{},
		delay: func(from, to string) time.Duration {
			if from == to {
				return 200 * time.Microsecond
			}
			return 40 * time.Millisecond
		},
	}
	for i := range regions {
		for j := range each {
			name := string(rune('a' + i))
			w.nodes = append(w.nodes, &node{w: w, region: name, name: name + strconv.Itoa(j+1)})
		}
	}
	return w
}

// boot starts every node, and lets them find each other.
func (w *world) boot() *world {
	for _, n := range w.nodes {
		n.start()
	}
	for _, name := range w.regions() {
		w.membership(name)
	}
	return w
}

func (w *world) regions() []string {
	var names []string
	for _, n := range w.nodes {
		if !slices.Contains(names, n.region) {
			names = append(names, n.region)
		}
	}
	return names
}

func (n *node) start() {
	n.boots++
	n.up, n.woken = true, true
	boot := uint64(wallStart) + uint64(n.w.now.Milliseconds()) + n.boots
	if planted.Is(planted.OriginReused) {
		boot = wallStart
	}
	n.r = New(Config{
		Cluster: "test", Region: n.region, Name: n.name, Boot: boot,
		Instance: 1, Secret: 42, Replicas: n.w.replicas, Timing: n.w.timing, Memory: n.w.memory, Scope: n.w.scope, Changes: n.w.changes,
		Wake:    func() { n.woken = true },
		Witness: n,
	})
}

// Executed passes a delta on to whoever judges the run.
func (n *node) Executed(x *Execution) {
	if x.Delta != nil && n.w.witness != nil {
		n.w.witness(n, x.Args[1], x.Delta)
	}
}

func (n *node) Merged(*Merging) {}

func (n *node) Marked(m Mark) { n.w.marks[m]++ }

func (n *node) crash() { n.up = false }

// membership tells every node of a region who is alive in it.
func (w *world) membership(name string) {
	var alive []region.Node
	for _, n := range w.nodes {
		if n.region == name && n.up && !n.hidden {
			alive = append(alive, n.r.Self())
		}
	}
	for _, n := range w.nodes {
		if n.region == name && n.up {
			n.r.Members(n.time(), alive)
			n.woken = true
			w.collect(n)
		}
	}
}

func (n *node) time() Time {
	return Time{Wall: wallStart + n.w.now.Milliseconds() + n.skew, Mono: n.w.now}
}

// collect puts what a node wants sent on the network.
func (w *world) collect(n *node) {
	for _, p := range n.r.Outgoing() {
		for _, to := range w.nodes {
			if to != n && (p.Name == "" || p.Region == to.region && p.Name == to.name) {
				w.mail(n, to, p.Payload)
			}
		}
	}
}

func (w *world) mail(from, to *node, payload []byte) {
	if w.drop != nil && w.drop(from, to, payload) || w.cut[[2]string{from.region, to.region}] || w.rng.Intn(100) < w.loss {
		return
	}
	due := w.now + w.delay(from.region, to.region)
	if w.rng.Intn(100) < w.slow {
		due += time.Duration(w.rng.Int63n(int64(300 * time.Millisecond)))
	}
	w.sent++
	heap.Push(&w.net, letter{due, w.sent, from, to, payload})
	if w.rng.Intn(100) < w.repeat {
		w.sent++
		heap.Push(&w.net, letter{due + time.Duration(w.rng.Int63n(int64(time.Second))), w.sent, from, to, payload})
	}
}

// step does what is due next, and says whether that was before the limit.
func (w *world) step(limit time.Duration) bool {
	next, mail := limit, false
	if len(w.net) > 0 && w.net[0].due < limit {
		next, mail = w.net[0].due, true
	}
	var tick *node
	for _, n := range w.nodes {
		at := n.next
		if n.woken {
			at = w.now
		}
		if n.up && at < next {
			next, tick = at, n
		}
	}
	if tick == nil && !mail {
		w.now = limit
		return false
	}
	w.now = max(w.now, next)
	if tick != nil {
		tick.woken = false
		tick.next = tick.r.Tick(tick.time())
		w.collect(tick)
		if w.trace != nil {
			w.trace("tick of " + tick.name)
		}
		return true
	}
	l := heap.Pop(&w.net).(letter)
	if l.to.up && !w.cut[[2]string{l.from.region, l.to.region}] {
		w.bytes += len(l.payload)
		if err := l.to.r.Receive(l.to.time(), l.payload); err != nil {
			e, _ := wire.Open(l.payload)
			w.err = fmt.Errorf("%s receives %v from %s: %w", l.to.name, e.Kind, l.from.name, err)
		}
		w.collect(l.to)
		if w.trace != nil {
			e, _ := wire.Open(l.payload)
			w.trace(fmt.Sprintf("%s from %s to %s", e.Kind, l.from.name, l.to.name))
		}
	}
	return true
}

// run lets time pass.
func (w *world) run(d time.Duration) {
	limit := w.now + d
	for w.step(limit) {
	}
}

// until lets time pass until a condition holds.
func (w *world) until(what string, most time.Duration, holds func() bool) time.Duration {
	w.t.Helper()
	start := w.now
	for !holds() {
		if w.now-start >= most {
			w.t.Fatalf("after %v: not yet %s", most, what)
		}
		w.run(5 * time.Millisecond)
	}
	return w.now - start
}

// do runs a command at a node and gives the answer, letting time pass if it
// takes any.
func (w *world) do(n *node, args ...string) Answer {
	w.t.Helper()
	return w.ask(n, Request{}, args...)
}

func (w *world) ask(n *node, req Request, args ...string) Answer {
	w.t.Helper()
	for _, a := range args {
		req.Args = append(req.Args, []byte(a))
	}
	var got *Answer
	n.r.Do(n.time(), &req, func(a Answer) { got = &a })
	w.collect(n)
	for limit := w.now + 30*time.Second; got == nil; {
		if !w.step(limit) {
			w.t.Fatalf("%s %v: no answer", n.name, args)
		}
	}
	return *got
}

// text shows a reply as a person reads it.
func text(a Answer) string { return show(a.Reply) }

func show(r command.Reply) string {
	switch r.Type {
	case command.Nil:
		return "(nil)"
	case command.Int:
		return strconv.FormatInt(r.Int, 10)
	case command.Status:
		return r.Code
	case command.Error:
		return r.Code + " " + string(r.Bytes)
	case command.Array, command.Map:
		var b bytes.Buffer
		for i, x := range r.List {
			if i > 0 {
				b.WriteByte(' ')
			}
			b.WriteString(show(x))
		}
		return b.String()
	default:
		return string(r.Bytes)
	}
}

// at finds a node by name.
func (w *world) at(name string) *node {
	for _, n := range w.nodes {
		if n.name == name {
			return n
		}
	}
	w.t.Fatalf("no node %s", name)
	return nil
}

// equal says whether all replicas of every partition are equal, and where not.
func (w *world) equal() (bool, string) {
	for part := range w.nodes[0].r.scope.All() {
		var first *node
		for _, n := range w.nodes {
			if !n.up || n.r.parts[part].state == absent {
				continue
			}
			if n.r.parts[part].state != ready {
				return false, fmt.Sprintf("partition %d is %v at %s", part, n.r.parts[part].state, n.name)
			}
			if first == nil {
				first = n
				continue
			}
			if n.r.store.Root(part) != first.r.store.Root(part) {
				return false, fmt.Sprintf("partition %d differs between %s and %s", part, first.name, n.name)
			}
		}
	}
	return true, ""
}

func (w *world) settle(most time.Duration) time.Duration {
	w.t.Helper()
	start := w.now
	for {
		ok, where := w.equal()
		if ok {
			return w.now - start
		}
		if w.now-start > most {
			w.t.Fatalf("after %v: %s", most, where)
		}
		w.run(20 * time.Millisecond)
	}
}

func want(t testing.TB, a Answer, expected string) {
	t.Helper()
	if got := text(a); got != expected {
		t.Errorf("got %q, want %q", got, expected)
	}
}

func (w *world) sever(a, b string) {
	w.cut[[2]string{a, b}], w.cut[[2]string{b, a}] = true, true
}

func (w *world) heal() { clear(w.cut) }
