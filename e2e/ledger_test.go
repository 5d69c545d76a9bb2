package e2e_test

import (
	"errors"
	"fmt"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/atollcache/atoll/cmd/atoll/remote"
)

// A ledger keeps what was asked of a region and what it acknowledged, to be held against it afterwards. What was not
// acknowledged may have happened or not.
type ledger struct {
	ack string // the level at which an answer counts

	mu       sync.Mutex        // guards what follows
	keys     map[string]string // acknowledged values
	removed  map[string]bool   // acknowledged removals
	members  map[string]bool   // acknowledged members of the set
	asked    map[string]int64  // increments by counter
	counted  map[string]int64  // of those, acknowledged
	answers  int
	short    int
	unseen   []string // removals that did not see what had been acknowledged
	failures []error
}

func newLedger(ack string) *ledger {
	return &ledger{
		ack: ack, keys: map[string]string{}, removed: map[string]bool{}, members: map[string]bool{},
		asked: map[string]int64{}, counted: map[string]int64{},
	}
}

const ledgerSet = "members"

// A writer runs commands one after the other until it is told to stop, and puts them down.
type writer struct {
	name    string
	client  *client
	ledger  *ledger
	timeout time.Duration // for the acknowledgement
}

// run writes keys of its own, a counter that others write too, and a set; and removes every fourth key again.
func (w *writer) run(stop <-chan struct{}) {
	for i := 0; ; i++ {
		select {
		case <-stop:
			return
		default:
		}
		key := fmt.Sprintf("%s-%d", w.name, i)
		_, set := w.ask("set", key, w.name)
		if set {
			w.ledger.note(func(l *ledger) { l.keys[key] = w.name })
		}
		if i%4 == 3 {
			w.remove(key, set)
		}

		counter := fmt.Sprintf("counter-%d", i%8)
		if _, ok := w.ask("incr", counter); ok {
			w.ledger.note(func(l *ledger) { l.counted[counter]++ })
		}
		if _, ok := w.ask("sadd", ledgerSet, key); ok {
			w.ledger.note(func(l *ledger) { l.members[key] = true })
		}
	}
}

// remove removes a key. Who has set it and was acknowledged must be told that it was there.
func (w *writer) remove(key string, set bool) {
	w.ledger.note(func(l *ledger) { delete(l.keys, key) })
	removed, ok := w.ask("del", key)
	w.ledger.note(func(l *ledger) {
		switch {
		case ok && removed == int64(1):
			l.removed[key] = true
		case ok && set:
			l.unseen = append(l.unseen, fmt.Sprintf("%s at %s", key, time.Now().Format(time.StampMilli)))
		}
	})
}

// ask runs a command, and says whether it was acknowledged as the ledger wants it.
func (w *writer) ask(args ...string) (value any, acknowledged bool) {
	reply, err := w.once(args)
	w.ledger.note(func(l *ledger) {
		switch {
		case err != nil:
			l.failures = append(l.failures, fmt.Errorf("%s %v: %w", w.name, args, err))
		case reply.Short:
			l.short++
		default:
			l.answers++
		}
	})
	return reply.Value, err == nil && !reply.Short
}

func (w *writer) once(args []string) (remote.Reply, error) {
	if args[0] == "incr" {
		w.ledger.note(func(l *ledger) { l.asked[args[1]]++ })
	}
	reply, err := w.client.ask(w.ledger.ack, w.timeout, args...)
	if refusal, ok := errors.AsType[*remote.CommandError](err); ok {
		return reply, fmt.Errorf("%s %w", refusal.Code, err)
	}
	return reply, err
}

func (l *ledger) note(f func(l *ledger)) {
	l.mu.Lock()
	defer l.mu.Unlock()
	f(l)
}

// acknowledged gives how many commands were, so far.
func (l *ledger) acknowledged() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.answers
}

// String sums up.
func (l *ledger) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return fmt.Sprintf("%d commands acknowledged, %d short of %s, %d failed, %d did not see what was acknowledged before", l.answers, l.short, l.ack, len(l.failures), len(l.unseen))
}

// judge holds the ledger against what the region says now, and asks that no removal has missed what was acknowledged.
func (l *ledger) judge(t *testing.T, c *client) {
	t.Helper()
	l.mu.Lock()
	defer l.mu.Unlock()
	wrong := newTally(t)
	for key, want := range l.keys {
		if got := c.do(t, "get", key); got != want {
			wrong.add("%s was acknowledged as %s and is %s", key, want, got)
		}
	}
	for key := range l.removed {
		if got := c.do(t, "get", key); got != "nil" {
			wrong.add("%s was removed and is back as %s", key, got)
		}
	}
	for member := range l.members {
		if got := c.do(t, "sismember", ledgerSet, member); got != "1" {
			wrong.add("%s was acknowledged as a member and is none", member)
		}
	}
	for counter, asked := range l.asked {
		text := c.do(t, "get", counter)
		if got, err := strconv.ParseInt(text, 10, 64); l.counted[counter] > 0 && (err != nil || got < l.counted[counter] || got > asked) {
			wrong.add("%s is %s; %d increments were asked for and %d acknowledged", counter, text, asked, l.counted[counter])
		}
	}
	for _, key := range l.unseen {
		wrong.add("%s was acknowledged, and the removal found nothing", key)
	}
	wrong.report()
}

// A tally reports the first of many failures of one kind, and their number.
type tally struct {
	t     *testing.T
	count int
}

func newTally(t *testing.T) *tally { return &tally{t: t} }

func (y *tally) add(format string, args ...any) {
	y.t.Helper()
	const shown = 10
	if y.count++; y.count <= shown {
		y.t.Errorf(format, args...)
	}
}

func (y *tally) report() {
	y.t.Helper()
	if y.count > 0 {
		y.t.Errorf("%d in all", y.count)
	}
}
