package replica

import (
	"fmt"
	"strconv"
	"testing"
	"time"

	"github.com/atollcache/atoll/command"
	"github.com/atollcache/atoll/crdt"
)

// history is a random run of several sessions that wander between nodes and
// regions while these crash, are cut and change owners. It judges every answer
// that does not say that it may be stale, and shares no code with sessions: it
// knows each value by the dot that a witness saw, and who removed it.
type history struct {
	schedule
	dots     map[string]*written   // of values, which are unique
	kills    map[*written][]string // the values that the write of one has removed
	removals map[crdt.Dot][]string // the same of a DEL
	lastOp   crdt.Dot
	clients  []*client
	values   int
	waited   int
	stale    int
	judged   int
}

// client is a session and what it must hold to.
type client struct {
	token   []byte
	pending *call
	args    []string
	since   time.Duration
	seen    map[string]map[string]bool // by key: values that it was shown or wrote
	gone    map[string]map[string]bool // values that it has seen removed
}

func newHistory(t testing.TB, seed int64) *history {
	h := &history{
		schedule: *newSchedule(t, seed), dots: map[string]*written{}, kills: map[*written][]string{},
		removals: map[crdt.Dot][]string{},
	}
	h.keys = []string{"k1", "k2", "k3"}
	h.w.scope = scopeWith(h.keys...)
	h.w.timing.Session = 200 * time.Millisecond
	h.w.repeat = 0 // a command that is forwarded twice would run twice
	h.w.witness = func(_ *node, key []byte, d *crdt.Delta) { h.witness(string(key), d) }
	for range 4 {
		h.clients = append(h.clients, &client{
			token: []byte{}, seen: map[string]map[string]bool{}, gone: map[string]map[string]bool{},
		})
	}
	return h
}

// witness notes what an operation writes and what it removes.
func (h *history) witness(key string, d *crdt.Delta) {
	before := map[*written]bool{}
	for _, x := range h.oracle.writes {
		before[x] = x.live
	}
	h.oracle.see([]byte(key), d)
	var killed []string
	var own *written
	for value, x := range h.dots {
		if before[x] && !x.live {
			killed = append(killed, value)
		}
	}
	for _, x := range h.oracle.writes {
		if _, old := before[x]; !old {
			own = x
		}
	}
	if own == nil {
		h.removals[d.Ops[0]] = killed
		h.lastOp = d.Ops[0]
		return
	}
	value := string(d.Cell(crdt.String, "").Value().Value)
	h.dots[value], h.kills[own] = own, killed
}

// run lets the sessions live for a while.
func (h *history) run() error {
	for range 400 {
		h.w.run(time.Duration(h.rng.Intn(20)) * time.Millisecond)
		for n, at := range h.nextUp {
			if h.w.now >= at {
				delete(h.nextUp, n)
				n.start()
				h.w.membership(n.region)
			}
		}
		if err := h.move(); err != nil {
			return err
		}
		h.disturb()
	}
	return h.w.err
}

func (h *history) move() error {
	for _, c := range h.clients {
		if c.pending != nil {
			if err := h.settleCall(c); err != nil {
				return err
			}
			continue
		}
		if h.rng.Intn(2) == 0 {
			h.issue(c)
		}
	}
	return nil
}

func (h *history) disturb() {
	w := h.w
	n := w.nodes[h.rng.Intn(len(w.nodes))]
	switch x := h.rng.Intn(400); {
	case x < 12:
		other := w.nodes[h.rng.Intn(len(w.nodes))]
		w.cut[[2]string{other.region, n.region}] = true
		if h.rng.Intn(2) == 0 {
			w.cut[[2]string{n.region, other.region}] = true
		}
	case x < 30:
		w.heal()
	case x < 36:
		h.crash(n)
	case x < 44:
		h.flicker(n)
	}
}

// issue sends a command of a session to any node.
func (h *history) issue(c *client) {
	n := h.w.nodes[h.rng.Intn(len(h.w.nodes))]
	if !n.up {
		return
	}
	key := h.keys[h.rng.Intn(len(h.keys))]
	switch h.rng.Intn(6) {
	case 0, 1:
		h.values++
		c.args = []string{"set", key, "v" + strconv.Itoa(h.values)}
	case 2:
		c.args = []string{"del", key}
	default:
		c.args = []string{"get", key}
	}
	c.since, h.lastOp = h.w.now, crdt.Dot{}
	c.pending = h.w.call(n, Request{Session: c.token}, c.args...)
	if c.args[0] == "del" && c.pending.answer != nil { // else nobody can tell which removal was its own
		h.note(c, h.removals[h.lastOp])
	}
}

// settleCall takes the answer of a session's command, or gives it up.
func (h *history) settleCall(c *client) error {
	a := c.pending.answer
	if a == nil {
		if h.w.now-c.since > 10*time.Second {
			c.pending = nil // the node has crashed; the client does not know what became of it
		}
		return nil
	}
	took := h.w.now - c.since
	c.pending = nil
	if a.Reply.Type == command.Error {
		return nil
	}
	c.token = a.Session
	if a.Stale {
		h.stale++
	} else {
		h.judged++
	}
	if took > 100*time.Millisecond {
		h.waited++
	}
	return h.learn(c, a)
}

func (h *history) learn(c *client, a *Answer) error {
	key := c.args[1]
	switch {
	case c.args[0] == "set":
		h.show(c, key, c.args[2])
	case c.args[0] == "get" && !a.Stale:
		return h.judge(c, key, string(a.Reply.Bytes))
	case c.args[0] == "get" && len(a.Reply.Bytes) > 0:
		h.show(c, key, string(a.Reply.Bytes))
	}
	return nil
}

// show notes that a session has seen a value, and so that those which that
// value replaced are gone.
func (h *history) show(c *client, key, value string) {
	if c.seen[key] == nil {
		c.seen[key] = map[string]bool{}
	}
	c.seen[key][value] = true
	h.note(c, h.kills[h.dots[value]])
}

func (h *history) note(c *client, killed []string) {
	for _, value := range killed {
		key := h.dots[value].cell.key
		if c.gone[key] == nil {
			c.gone[key] = map[string]bool{}
		}
		c.gone[key][value] = true
	}
}

// judge holds what a session reads against what it has seen: nothing that it
// has seen removed comes back, and what it has seen is gone only if somebody has
// removed it. What went down with the memory of a node is excused.
func (h *history) judge(c *client, key, value string) error {
	var shown crdt.Dot
	if value != "" {
		x := h.dots[value]
		if c.gone[key][value] && !x.excused {
			return fmt.Errorf("%v shows %s again, which the session has seen removed", c.args, value)
		}
		shown = x.dot
	}
	var gone []string
	for old := range c.seen[key] {
		x := h.dots[old]
		if old == value || x.excused || x.dot.Compare(shown) < 0 {
			continue
		}
		if x.live {
			return fmt.Errorf("%v shows %q, though the session has seen %s, which nobody has removed", c.args, value, old)
		}
		gone = append(gone, old)
	}
	h.note(c, gone)
	if value != "" {
		h.show(c, key, value)
	}
	return nil
}

func runHistory(t testing.TB, seed int64) (*history, error) {
	h := newHistory(t, seed)
	h.w.boot()
	h.w.run(2 * time.Second)
	err := h.run()
	return h, err
}

// Sessions read their own writes and never go back, wherever they go, unless an
// answer says that it may be stale.
func TestSessionHistories(t *testing.T) {
	judged, stale, waited := 0, 0, 0
	for seed := *fromSeed; seed < *fromSeed+int64(*seeds); seed++ {
		h, err := runHistory(t, seed)
		if err != nil {
			t.Errorf("seed %d: %v", seed, err)
		}
		judged, stale, waited = judged+h.judged, stale+h.stale, waited+h.waited
	}
	t.Logf("%d histories: %d answers judged, %d said that they may be stale, %d took more than 100 ms", *seeds, judged, stale, waited)
	if judged < 4*stale {
		t.Errorf("%d of %d answers are stale: the histories prove little", stale, judged+stale)
	}
}

// Without sessions the same histories break both promises: the judge can see it.
func TestHistoriesWithoutSessions(t *testing.T) {
	for seed := range int64(20) {
		h := newHistory(t, seed)
		h.w.timing.Session = -1
		h.w.boot()
		h.w.run(2 * time.Second)
		if err := h.forgetful(); err != nil {
			return
		}
	}
	t.Error("nothing was found wrong in 20 histories whose tokens are thrown away")
}

// forgetful runs a history whose clients lose their tokens.
func (h *history) forgetful() error {
	for range 400 {
		h.w.run(time.Duration(h.rng.Intn(20)) * time.Millisecond)
		if err := h.move(); err != nil {
			return err
		}
		for _, c := range h.clients {
			c.token = []byte{}
		}
		h.disturb()
	}
	return nil
}
