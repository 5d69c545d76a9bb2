package client

import (
	"context"
	"errors"
	"time"

	"github.com/nats-io/nats.go"
)

// errHedge tells that it is time to ask a second node.
var errHedge = errors.New("time to ask a second node")

// patienceOf gives when an attempt is looked at, and when it is given up even though its region lives. One that may not
// be run twice is waited for as long as there is time: giving it up sooner would help nobody.
func (t *trip) patienceOf(p *place) (base, full time.Duration) {
	base = t.m.patience(p) << min(t.rounds, 3)
	full = base + t.within + t.waits
	left := t.until - t.m.clock()
	if !t.repeat || left < full+base {
		full = max(left, base) // there is no time for another one
	}
	return base, full
}

// await waits for an answer to f, or to g if that is not nil, and says whether it is that to g. If soon is not 0 it ends
// with errHedge then, and goes on waiting for f in the next call.
//
// Halfway through its patience it has the region probed. If nothing at all has come from there when patience ends, the
// region is away. Else only this node is slow, or gone: where an answer may take longer it is asked whether it is there.
func (t *trip) await(ctx context.Context, p *place, f, g *flight, soon time.Duration) (*nats.Msg, bool, error) {
	base, full := t.patienceOf(p)
	steps := []time.Duration{base / 2, base, full}
	if soon > 0 {
		steps = []time.Duration{soon}
	}
	due := func(step int) time.Duration { return min(f.began+steps[step], t.until) - t.m.clock() }
	timer := time.NewTimer(due(0))
	defer timer.Stop()

	r := newRace(f, g)
	for step := 0; ; {
		select {
		case a := <-r.firsts:
			if r.take(a, &r.firsts) {
				return a.msg, false, a.err
			}
		case a := <-r.seconds:
			if r.take(a, &r.seconds) {
				return a.msg, true, a.err
			}
		case a := <-r.knocked:
			if r.gone(a) {
				return nil, false, r.end(errLost)
			}
		case <-ctx.Done():
			return nil, false, r.end(errNoAnswer)
		case <-t.m.ctx.Done():
			return nil, false, r.end(errLost)
		case <-timer.C:
			if soon > 0 {
				return nil, false, errHedge
			}
			if step++; t.over(p, f, step, len(steps)) {
				return nil, false, r.end(errNoAnswer)
			}
			timer.Reset(due(step))
			r.hear(t.knock(p, f, g, step))
		}
	}
}

// knock asks the node whether it is there, when the usual patience is over and that of a level or session is not: one
// that was killed answers nothing, and the server tells whoever asks now that nobody is there. What may not be run twice
// waits all the same, since a node that leaves in order answers what it has taken.
func (t *trip) knock(p *place, f, g *flight, step int) *flight {
	if step != 2 || g != nil || t.node == "" || !t.repeat {
		return nil
	}
	k, err := f.link.send(p, t.m.clock(), "atoll."+p.name+".node."+t.node+".v1.ping", nil, nil)
	if err != nil {
		return nil
	}
	return k
}

// race is one flight, or two of which one is enough.
type race struct {
	f, g            *flight
	firsts, seconds chan landing // nil if nothing will come any more

	k       *flight // asks whether the node of f is there
	knocked chan landing
}

// hear has the race hear of a question whether the node is there, if one was sent.
func (r *race) hear(k *flight) {
	if k != nil {
		r.k, r.knocked = k, k.done
	}
}

// gone says whether the node is not there.
func (r *race) gone(a landing) bool {
	r.knocked = nil
	return errors.Is(a.err, errNobody)
}

func newRace(f, g *flight) *race {
	r := &race{f: f, g: g, firsts: f.done}
	if g != nil {
		r.seconds = g.done
	}
	return r
}

// take says whether what came from one of them is the result: an answer is, and an error if the other has failed, too.
func (r *race) take(a landing, from *chan landing) bool {
	*from = nil
	if a.err != nil && (r.firsts != nil || r.seconds != nil) {
		return false
	}
	return r.end(nil) == nil
}

// end gives up waiting for what has not come.
func (r *race) end(err error) error {
	r.f.drop()
	for _, other := range []*flight{r.g, r.k} {
		if other != nil {
			other.drop()
		}
	}
	return err
}

// over says whether waiting has come to its end after so many steps.
func (t *trip) over(p *place, f *flight, done, steps int) bool {
	if done >= steps || t.m.clock() >= t.until {
		return true
	}
	if done == 1 {
		p.kick()
		return false
	}
	if p.heard(f.began) {
		return false
	}
	if !t.repeat {
		t.m.trip(p) // the others need not wait
		return false
	}
	return !t.alone(p)
}

// alone says whether no other region could be asked. A region that says nothing may then as well be slow: to give up an
// attempt and begin anew would load it more.
func (t *trip) alone(p *place) bool {
	for _, other := range *t.m.places.Load() {
		if other != p && other.state() == Closed && t.m.path(other) != nil {
			return false
		}
	}
	return true
}
