package client

import (
	"context"
	"encoding/base64"
	"errors"
	"math/rand/v2"
	"slices"
	"time"

	"github.com/nats-io/nats.go"
)

// trip is a command, or a batch, on its way to an answer.
type trip struct {
	m       *mesh
	op      string
	call    *Call   // nil for a batch
	calls   []*Call // of a batch
	payload []byte
	header  nats.Header
	keyed   bool
	part    uint16 // of the key, if there is one
	repeat  bool   // it may be run twice
	read    bool
	ack     Ack
	within  time.Duration // that the payload gives the node to reach the level
	waits   time.Duration // that the node may take for what the session has seen

	until    time.Duration // when it is given up
	attempts int
	rounds   int
	left     []*place // regions that are not asked again in this round
	asked    *place   // of the last attempt
	node     string   // of the last attempt, "" for whichever takes it
	began    time.Duration
	tries    int   // in that region in this round
	maybe    bool  // an attempt may have been run
	cause    error // of the last failure
}

// target is where an attempt goes.
type target struct {
	place *place
	link  *link
	node  string // "" is whichever node of the region takes it
	first bool   // it is the first owner of the key
}

// Run runs a command, in the home region or wherever it can be run.
func (m *mesh) Run(ctx context.Context, c *Call) (Answer, error) {
	t := &trip{m: m, op: c.Op(), call: c, payload: appendCall(nil, c, c.Ack), repeat: repeatable(c), read: reads(c), ack: c.Ack, within: c.Ack.within()}
	if key := c.Key(); key != "" {
		t.keyed, t.part = true, partitionOf(c.Args[1])
	}
	t.session(c)
	var a Answer
	err := t.run(ctx, func(body []byte) (err error) {
		if a, err = readAnswer(body); err == nil && a.Err != nil {
			err = a.Err
		}
		return err
	}, &a)
	return a, about(err, c, t.region())
}

// RunBatch runs commands side by side that belong to one partition, or in a session to any. An item that was not run is
// run again alone.
func (m *mesh) RunBatch(ctx context.Context, calls []*Call) ([]Answer, error) {
	ack := calls[0].Ack
	t := &trip{m: m, op: "batch", calls: calls, payload: appendBatch(nil, calls, ack), repeat: true, read: true, ack: ack, within: ack.within()}
	for _, c := range calls {
		t.repeat, t.read = t.repeat && repeatable(c), t.read && reads(c)
	}
	if calls[0].Key() != "" {
		t.keyed, t.part = true, partitionOf(calls[0].Args[1])
	}
	t.session(calls[0])
	var all []Answer
	var whole Answer
	err := t.run(ctx, func(body []byte) (err error) {
		all, err = readBatch(body, len(calls))
		return err
	}, &whole)
	if err != nil {
		return nil, about(err, &Call{Args: [][]byte{[]byte("batch")}}, t.region())
	}
	for i := range all {
		a := &all[i]
		a.Session, a.Region, a.First = whole.Session, whole.Region, whole.First
		if a.Err != nil {
			m.again(ctx, calls[i], a)
		}
	}
	return all, nil
}

// again runs an item of a batch alone if the node could not. Outside of sessions only: the token of the batch is newer.
func (m *mesh) again(ctx context.Context, c *Call, a *Answer) {
	if v := judge(a.Err); c.Session == nil && (v == elsewhere || v == later) {
		one, err := m.Run(ctx, c)
		if err == nil {
			*a = one
			return
		}
		a.Err, _ = errors.AsType[*Error](err)
	}
	a.Err, _ = errors.AsType[*Error](about(a.Err, c, a.Region))
}

func (t *trip) region() string {
	if t.asked == nil {
		return ""
	}
	return t.asked.name
}

// run sends attempts until one is answered, or time is up. Decode reads the body of an answer; an error of it says what
// the node had to complain of.
func (t *trip) run(ctx context.Context, decode func([]byte) error, a *Answer) (err error) {
	t.until = t.m.clock() + t.m.o.Timeout
	if d, ok := ctx.Deadline(); ok {
		t.until = min(t.until, t.m.clock()+time.Until(d))
	}
	defer func() { t.m.stats.note(ctx, t, err) }()
	for {
		to, ok := t.choose()
		if !ok {
			if err := t.pause(ctx); err != nil {
				return err
			}
			continue
		}
		msg, to, err := t.attempt(ctx, to)
		if err == nil {
			if err = decode(msg.Data); err == nil {
				t.finish(msg, to, a)
				return nil
			}
		}
		t.take(msg, a) // a refusal, too, tells what was seen
		if done := t.suffer(ctx, to, err); done != nil {
			return done
		}
	}
}

// finish notes what stands beside the answer.
func (t *trip) finish(msg *nats.Msg, to target, a *Answer) {
	t.m.budget.earn()
	a.Region, a.First = to.place.name, to.first
	t.take(msg, a)
}

// take keeps the token of the session that an answer brings.
func (t *trip) take(msg *nats.Msg, a *Answer) {
	if msg == nil || msg.Header == nil || t.header == nil {
		return
	}
	if token := msg.Header.Get(headerSession); token != "" {
		if raw, err := base64.RawURLEncoding.DecodeString(token); err == nil {
			a.Session = raw
		}
	}
}

// choose finds where the next attempt goes; not ok if nobody is left to ask in this round. In the first round regions
// that are away are passed by, later they are tried all the same.
func (t *trip) choose() (target, bool) {
	for _, p := range *t.m.places.Load() {
		if slices.Contains(t.left, p) || t.rounds == 0 && p.state() != Closed {
			continue
		}
		l := t.m.path(p)
		if l == nil {
			t.m.trip(p)
			t.leave(p, errNoLink)
			continue
		}
		if p != t.asked {
			t.asked, t.tries = p, 0
		}
		return t.pick(p, l), true
	}
	return target{}, false
}

// pick chooses the node: an owner that has not been asked yet and is not suspected, else whoever takes it.
func (t *trip) pick(p *place, l *link) target {
	to := target{place: p, link: l}
	v := p.view.Load()
	if !t.keyed || v == nil || t.tries > 2 {
		return to
	}
	for i := t.tries; ; i++ {
		node := v.owner(t.part, i)
		if node == "" {
			return to
		}
		if !p.suspected(node) {
			to.node, to.first = node, i == 0
			return to
		}
	}
}

// leave passes a region by for the rest of the round.
func (t *trip) leave(p *place, cause error) {
	t.left = append(t.left, p)
	t.cause = cause
}

// attempt sends the command to a target and waits; a read that is hedged to a second one, too.
func (t *trip) attempt(ctx context.Context, to target) (*nats.Msg, target, error) {
	t.attempts++
	t.tries++
	t.node = to.node
	t.fit(to.place)
	t.began = t.m.clock()
	f, err := to.link.send(to.place, t.began, t.subject(to), t.header, t.payload)
	if err != nil {
		return nil, to, err
	}
	if t.m.o.Hedge > 0 && t.read {
		return t.hedged(ctx, to, f)
	}
	msg, _, err := t.await(ctx, to.place, f, nil, 0)
	return msg, to, err
}

// hedged waits for an answer, and asks a second node when it does not come soon.
func (t *trip) hedged(ctx context.Context, to target, f *flight) (*nats.Msg, target, error) {
	msg, _, err := t.await(ctx, to.place, f, nil, t.m.o.Hedge)
	if !errors.Is(err, errHedge) {
		return msg, to, err
	}
	var g *flight
	second, ok := t.second(to)
	if ok && t.m.budget.spend() {
		if g, err = second.link.send(second.place, t.m.clock(), t.subject(second), t.header, t.payload); err == nil {
			t.attempts++
			t.m.stats.hedges.Add(1)
		}
	}
	msg, other, err := t.await(ctx, to.place, f, g, 0)
	if other {
		to = second
	}
	return msg, to, err
}

// second is another node for the same read: the next owner, or whoever takes it in the next region.
func (t *trip) second(first target) (target, bool) {
	if v := first.place.view.Load(); v != nil && t.keyed && len(v.names) > 1 {
		for i := range 2 {
			if node := v.owner(t.part, i); node != "" && node != first.node && !first.place.suspected(node) {
				return target{place: first.place, link: first.link, node: node, first: i == 0}, true
			}
		}
	}
	for _, p := range *t.m.places.Load() {
		if p != first.place && p.state() == Closed {
			if l := t.m.path(p); l != nil {
				return target{place: p, link: l}, true
			}
		}
	}
	return target{}, false
}

// verdict is what a failure means for the command.
type verdict uint8

const (
	final     verdict = iota // it will not get better
	nextPath                 // not run: another node of the region may take it
	elsewhere                // not run: another region may take it
	later                    // not run: too busy
	unknown                  // may have been run
)

// judge sorts failures.
func judge(err error) verdict {
	switch {
	case errors.Is(err, errNobody):
		return nextPath
	case errors.Is(err, errNoLink):
		return elsewhere
	case errors.Is(err, errLost), errors.Is(err, errNoAnswer):
		return unknown
	}
	e, ok := errors.AsType[*Error](err)
	if !ok {
		return final
	}
	switch e.Code {
	case CodeOverloaded:
		return later
	case CodeUnavailable, CodeClock:
		return elsewhere
	case CodeTimeout:
		return unknown
	}
	return final
}

// suffer decides how to go on after a failure; an error ends the command.
func (t *trip) suffer(ctx context.Context, to target, err error) error {
	t.cause = err
	if ctx.Err() != nil {
		return ended(ctx, t.maybe || !t.read)
	}
	if t.m.ctx.Err() != nil {
		return &Error{Code: CodeClosed, Message: ErrClosed.Error(), Maybe: !t.read && judge(err) == unknown}
	}
	p := to.place
	switch judge(err) {
	case final:
		return t.refused(err)
	case nextPath:
		if to.node == "" && !known(t.op) {
			return &Error{Code: CodeUnknown, Message: "no node in " + p.name + " serves a command of that name", cause: err}
		}
		if to.node == "" {
			t.m.trip(p) // nobody serves in the whole region
			t.leave(p, err)
			return nil
		}
		p.suspect(to.node)
		return nil
	case elsewhere:
		t.leave(p, err)
		return nil
	case later:
		if !t.m.budget.spend() {
			return t.failure()
		}
		return t.rest(ctx)
	}

	t.maybe = t.maybe || !t.read
	t.blame(to, err)
	if !t.repeat || t.m.clock() >= t.until || !t.m.budget.spend() {
		return t.failure()
	}
	return nil
}

// blame draws conclusions from an attempt that was not answered.
func (t *trip) blame(to target, err error) {
	p := to.place
	alive := p.heard(min(t.began, t.m.clock()-t.m.patience(p)))
	switch {
	case errors.Is(err, errNoAnswer) && alive:
		p.suspect(to.node)
	case errors.Is(err, errNoAnswer):
		t.m.trip(p)
		t.leave(p, err)
	case errors.Is(err, errLost):
		p.kick() // choose finds another way, or none
	default: // a node says that the owner did not answer
		p.kick()
	}
	if t.tries > 2 {
		t.leave(p, err)
	}
}

// refused makes an error of what will not get better.
func (t *trip) refused(err error) error {
	if errors.Is(err, errTooLarge) {
		return &Error{Code: CodeTooLarge, Message: err.Error(), cause: err}
	}
	if errors.Is(err, errAnswer) {
		return &Error{Code: CodeBadAnswer, Message: err.Error(), Maybe: !t.read, cause: err}
	}
	return err
}

// failure is the error of a command that is given up.
func (t *trip) failure() error {
	if e, ok := errors.AsType[*Error](t.cause); ok {
		told := *e
		told.Maybe = t.maybe
		return &told
	}
	e := &Error{Code: CodeUnavailable, Message: "no region answers", Maybe: t.maybe, cause: t.cause}
	if errors.Is(t.cause, errNoAnswer) {
		e.Code = CodeTimeout
	}
	if t.cause != nil {
		e.Message = t.cause.Error()
	}
	return e
}

// pause waits before another round, in which every region may be asked again.
func (t *trip) pause(ctx context.Context) error {
	t.rounds++
	t.left, t.tries = nil, 0
	t.m.kickAll()
	return t.rest(ctx)
}

// rest waits a little, longer each time.
func (t *trip) rest(ctx context.Context) error {
	pause := min(5*time.Millisecond<<min(t.attempts+t.rounds, 6), 250*time.Millisecond)
	pause = pause/2 + rand.N(pause/2)
	if t.m.clock()+pause > t.until {
		return t.failure()
	}
	timer := time.NewTimer(pause)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ended(ctx, t.maybe)
	case <-t.m.ctx.Done():
		return &Error{Code: CodeClosed, Message: ErrClosed.Error(), Maybe: t.maybe}
	}
}
