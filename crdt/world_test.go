package crdt

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
)

// dice is where a world's choices come from: a seed, or rapid, which shrinks.
type dice interface{ Intn(n int) int }

// bugs are the mistakes one can make around this package. Each is planted in
// the world only, to prove that the oracle would catch it.
type bugs struct {
	deltaTeaches  bool // the context rises because a delta arrived
	lateContext   bool // a round reads the context after the content
	contextOnly   bool // a round joins the context and skips content
	noTombstones  bool // a round leaves tombstones and clear vectors out
	noBirth       bool // counts do not remember when they began
	originReused  bool // a replica that lost its memory keeps its name
	noGate        bool // what was seen and removed is let in again
	vectorTooHigh bool // DEL kills up to what it saw, beyond its own context
	newestOnly    bool // an outbox keeps the newest delta instead of the join
	wipesEarly    bool // what has expired goes before every origin has passed the deadline
	wipesAll      bool // with what has expired goes what was written since
	wipesTop      bool // only the newest value goes, and an older one shows
	freesEarly    bool // a value is given back before the deadline
	freesAll      bool // with what has expired goes the value of what was written since
	stubShows     bool // a value is given back and no stub tells
	stubWins      bool // where one has the value and the other the stub, the stub is kept
	stubEqual     bool // a stub whose value is missed counts as the slot that it was
}

// world is several replicas of one key, their mail, and the oracle.
type world struct {
	dice     dice
	bugs     bugs
	expiring bool // time passes, and replicas let go what has expired
	freeing  bool // replicas give back the values of what has expired
	names    []string
	now      int64
	epochs   uint64
	replicas []*replica
	mail     []message
	oracle   oracle
}

type replica struct {
	id      int
	skew    int64
	origin  Origin
	clock   Clock
	entry   *Entry
	context Context
	tally   Tally
	twin    *Entry // what entry would be if no value were ever given back
	delta   Delta  // reused for every operation, so that leftovers show
	adds    events
	kills   events

	knew, had events // before a pull: what was shown, and of what there were stubs
}

// message is a delta on its way, with what it tells.
type message struct {
	from, to    int
	delta       *Delta
	twin        *Delta // what it would be if no value were ever given back
	adds, kills events
}

const (
	testSeed = 0x5eed

	// unit is a step of the time of a world: one tick, so that stubs know one
	// deadline from the next.
	unit = 1 << tickBits
)

func newWorld(d dice, b bugs) *world {
	w := &world{dice: d, bugs: b, now: 1_000 * unit, oracle: newOracle(), names: []string{"x", "y", "z"}}
	if d.Intn(8) == 0 { // enough for the index of cells
		for i := range 30 {
			w.names = append(w.names, "n"+strconv.Itoa(i))
		}
	}
	for i := range 2 + d.Intn(4) {
		r := &replica{id: i, skew: (int64(d.Intn(9)) - 4) * unit}
		w.reboot(r)
		w.replicas = append(w.replicas, r)
	}
	return w
}

// reboot gives r an empty memory and a new name.
func (w *world) reboot(r *replica) {
	if r.entry == nil || !w.bugs.originReused {
		w.epochs++
		r.origin = Origin{Node: uint64(r.id%2 + 1), Epoch: w.epochs}
	}
	r.entry, r.context, r.tally = &Entry{}, Context{}, Tally{Seed: testSeed}
	r.twin = &Entry{}
	r.adds, r.kills = events{}, events{}
}

// step does one random thing and judges the replicas that it touched.
func (w *world) step() error {
	w.now += int64(w.dice.Intn(2)) * unit
	r := w.any()
	if w.expiring {
		w.now += int64(w.dice.Intn(6)) * unit
		if err := w.wipe(r); err != nil {
			return err
		}
	}
	if w.freeing && w.dice.Intn(2) == 0 {
		if err := w.free(w.any()); err != nil {
			return err
		}
	}
	switch x := w.dice.Intn(100); {
	case x < 48:
		return w.operate(r)
	case x < 80:
		return w.deliver()
	case x < 95:
		return w.pull(r, w.any())
	case x < 97:
		return w.reuse(r)
	case w.expiring:
		return w.wipe(r)
	default:
		return w.forget(r)
	}
}

func (w *world) any() *replica { return w.replicas[w.dice.Intn(len(w.replicas))] }

// cell draws a cell: keys that are one value have but one.
func (w *world) cell() (Kind, string) {
	kind := Kind(1 + w.dice.Intn(int(kinds)-1))
	if kind == String || kind == Expiry {
		return kind, ""
	}
	return kind, w.names[w.dice.Intn(len(w.names))]
}

// soon draws a deadline.
func (w *world) soon() int64 { return int64(w.dice.Intn(3)) * (w.now + int64(w.dice.Intn(50))*unit) }

// operate does a random operation at r: it works out what the operation sees,
// builds the delta, writes and sends it.
func (w *world) operate(r *replica) error {
	shown, err := w.oracle.shown(r.entry)
	if err != nil {
		return err
	}
	op := Dot{r.clock.Tick(w.now + r.skew), r.origin}
	r.context.Raise(op)

	d := &r.delta
	d.Reset()
	o := operation{world: w, replica: r, shown: shown, op: op, adds: events{}, kills: events{}}
	o.draw(d)
	for v := range o.kills {
		w.oracle.facts[v].dead = true
	}
	r.adds.addAll(o.adds)
	r.kills.addAll(o.kills)
	sent := cloned(d)
	r.entry.Write(&d.Entry, &r.context, &r.tally)
	r.twin.Write(&sent.Entry, &r.context, &Tally{})
	w.send(r, sent, sent, o.adds, o.kills)
	return w.judge(r)
}

// send puts the delta in the mail to some replicas, now and then joined to what
// already waits for them.
func (w *world) send(from *replica, d, twin *Delta, adds, kills events) {
	for _, to := range w.replicas {
		if to == from || w.dice.Intn(3) == 0 { // lost
			continue
		}
		m := message{from.id, to.id, cloned(d), cloned(twin), events{}, events{}}
		m.adds.addAll(adds)
		m.kills.addAll(kills)
		i := slices.IndexFunc(w.mail, func(o message) bool { return o.from == m.from && o.to == m.to })
		if i < 0 || w.dice.Intn(2) == 0 {
			w.mail = append(w.mail, m)
			continue
		}
		waiting := &w.mail[i]
		waiting.adds.addAll(m.adds)
		waiting.kills.addAll(m.kills)
		if w.bugs.newestOnly {
			waiting.delta, waiting.twin = m.delta, m.twin
			continue
		}
		waiting.delta.Coalesce(m.delta)
		waiting.twin.Coalesce(m.twin)
	}
}

// deliver hands over any message, which may stay behind to come again.
func (w *world) deliver() error {
	if len(w.mail) == 0 {
		return nil
	}
	i := w.dice.Intn(len(w.mail))
	m := w.mail[i]
	if w.dice.Intn(4) != 0 {
		w.mail = slices.Delete(w.mail, i, i+1)
	}
	return w.receive(w.replicas[m.to], m)
}

func (w *world) receive(r *replica, m message) error {
	r.observe(m.delta)
	w.spoil(r, &m.delta.Entry)
	before := dump(r.entry)
	var changed bool
	if w.bugs.noGate {
		changed = r.entry.Write(&m.delta.Entry, &r.context, &r.tally)
	} else {
		changed = r.entry.Merge(&m.delta.Entry, &r.context, &r.tally)
	}
	r.twin.Merge(&m.twin.Entry, &r.context, &Tally{})
	if after := dump(r.entry); changed != (before != after) {
		return fmt.Errorf("replica %d: Merge says %v of the change from\n%s\nto\n%s", r.id, changed, before, after)
	}
	r.adds.addAll(m.adds)
	r.kills.addAll(m.kills)
	if w.bugs.deltaTeaches {
		m.delta.Entry.Dots(func(d Dot) { r.context.Raise(d) })
		r.strip()
	}
	return w.judge(r)
}

// strip lets go what the context has come to cover.
func (r *replica) strip() {
	r.entry.Strip(&r.context, &r.tally)
	r.twin.Strip(&r.context, &Tally{})
}

// observe moves the clock above what the delta brings.
func (r *replica) observe(d *Delta) {
	d.Dots(func(dot Dot) { r.clock.Observe(dot.Stamp) })
}

// reuse moves the state of r to an entry that has held something else.
func (w *world) reuse(r *replica) error {
	used := clonedEntry(w.any().entry)
	used.Reset()
	var t Tally
	used.Merge(r.entry, nil, &t)
	if got, want := dump(used), dump(r.entry); got != want {
		return fmt.Errorf("a reused entry holds\n%s\na fresh one\n%s", got, want)
	}
	r.entry = used
	return w.judge(r)
}

// forget loses the memory of r, after a peer took all of it.
func (w *world) forget(r *replica) error {
	peer := w.replicas[(r.id+1)%len(w.replicas)]
	if err := w.flush(peer, r); err != nil {
		return err
	}
	w.reboot(r)
	return nil
}

// judge holds a replica against the oracle: it shows nothing that it never
// heard of or knows to be removed, and everything it heard of that nobody
// removed; what a client sees follows from that; the books are right.
func (w *world) judge(r *replica) error {
	shown, err := w.oracle.shown(r.entry)
	if err != nil {
		return fmt.Errorf("replica %d: %w", r.id, err)
	}
	for v := range shown {
		switch {
		case !r.adds[v]:
			return fmt.Errorf("replica %d shows %v, of which it never heard", r.id, v)
		case r.kills[v]:
			return fmt.Errorf("replica %d shows %v, which it knows to be removed", r.id, v)
		case v.sort == extension && r.kills[v.parent()]:
			return fmt.Errorf("replica %d keeps %v, whose value it knows to be removed", r.id, v)
		}
	}
	for v := range r.adds {
		if !shown[v] && !w.oracle.dead(v) {
			return fmt.Errorf("replica %d has lost %v, which nobody removed", r.id, v)
		}
	}
	if got, want := viewOf(r.entry), w.oracle.view(shown, stubsOf(r.entry)); got != want {
		return fmt.Errorf("replica %d shows\n%+v\nbut it holds\n%+v", r.id, got, want)
	}
	if err := w.judgeTwin(r); err != nil {
		return fmt.Errorf("replica %d: %w", r.id, err)
	}
	return r.books()
}

// settle lets everybody pull from everybody until all must be equal, and
// judges the end.
func (w *world) settle() error {
	for range 2 {
		for _, r := range w.replicas {
			for _, peer := range w.replicas {
				if r == peer {
					continue
				}
				if err := w.flush(r, peer); err != nil {
					return err
				}
			}
		}
	}
	live := w.oracle.live()
	first := w.replicas[0]
	for _, r := range w.replicas {
		if err := w.final(r, first, live); err != nil {
			return err
		}
	}
	return w.late()
}

func (w *world) final(r, first *replica, live events) error {
	shown, err := w.oracle.shown(r.entry)
	switch {
	case err != nil:
		return err
	case held(r.entry) != held(first.entry) || !r.context.Equal(&first.context):
		return fmt.Errorf("replicas differ at the end:\n%s\n%s", dump(r.entry), dump(first.entry))
	case r.tally.Digest != first.tally.Digest || r.seen(w.now) != first.seen(w.now):
		return errors.New("equal replicas differ in digest or view")
	case w.freeing && r.twin.Type() == String && r.entry.Alive(w.now) != r.twin.Alive(w.now):
		return fmt.Errorf("replica %d hides a string that lives:\n%s", r.id, dump(r.entry))
	case r.entry.Pending():
		return fmt.Errorf("replica %d still waits for something:\n%s", r.id, dump(r.entry))
	}
	for v := range live {
		if !shown[v] {
			return fmt.Errorf("%v is lost", v)
		}
	}
	for v := range shown {
		if !live[v] {
			return fmt.Errorf("%v has come back", v)
		}
	}
	return nil
}

// late delivers what is left of the mail: it must change nothing.
func (w *world) late() error {
	for _, m := range w.mail {
		r := w.replicas[m.to]
		before, stubs := slotsOf(r.entry), r.entry.stubs > 0 // which may get their values back
		if r.entry.Merge(&m.delta.Entry, &r.context, &r.tally) && !stubs || slotsOf(r.entry) != before {
			return fmt.Errorf("a late delta changed replica %d from\n%s\nto\n%s", r.id, before, dump(r.entry))
		}
	}
	return nil
}

// play runs a world and gives the first thing that went wrong.
func play(d dice, b bugs, expiring, freeing bool) error {
	w := newWorld(d, b)
	w.expiring, w.freeing = expiring, freeing
	for range 20 + d.Intn(100) {
		if err := w.step(); err != nil {
			return err
		}
	}
	return w.settle()
}

func cloned(d *Delta) *Delta {
	var c Delta
	c.Coalesce(d)
	return &c
}

func clonedEntry(e *Entry) *Entry {
	var c Entry
	var t Tally
	c.Merge(e, nil, &t)
	return &c
}

func copied(s events) events {
	c := events{}
	c.addAll(s)
	return c
}
