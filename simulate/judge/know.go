package judge

import (
	"github.com/atollcache/atoll/crdt"
	"github.com/atollcache/atoll/simulate/model"
)

// fate is what a site can tell of a write.
type fate int

const (
	unheard fate = iota // it may still come
	alive
	gone // it was here, and has been taken away
)

// fateOf looks a write up.
func fateOf(v *view, k *key, w *model.Write) fate {
	e := v.Entry(k.hash, []byte(k.name))
	if w.Cell.Kind == crdt.Expiry && w.Of != (crdt.Dot{}) {
		return fateOfDeadline(v, k, e, w)
	}
	if e != nil {
		if c := e.Cell(w.Cell.Kind, w.Cell.Name); c != nil {
			for _, s := range c.Slots {
				switch {
				case s.Origin != w.Dot.Origin || s.Stamp < w.Dot.Stamp:
				case s.Dot == w.Dot && !s.Dead:
					return alive
				default:
					return gone
				}
			}
		}
	}
	return past(v, e, w.Dot)
}

// fateOfDeadline looks a deadline up that is nested under the value of a string,
// and goes with it.
func fateOfDeadline(v *view, k *key, e *crdt.Entry, w *model.Write) fate {
	if e != nil {
		if c := e.Cell(crdt.String, ""); c != nil {
			for _, x := range c.Extensions {
				switch {
				case x.Origin != w.Dot.Origin || x.Of != w.Of || x.Stamp < w.Dot.Stamp:
				case x.Dot == w.Dot && !x.Dead:
					return alive
				default:
					return gone
				}
			}
		}
	}
	if w.Value != nil && fateOf(v, k, w.Value) == gone {
		return gone
	}
	return past(v, e, w.Dot)
}

// past tells what is gone from what has not come, of what is not there.
func past(v *view, e *crdt.Entry, dot crdt.Dot) fate {
	if v.context.Covers(dot) {
		return gone
	}
	if e != nil {
		for _, k := range e.Cleared() {
			if k.Origin == dot.Origin && k.Stamp >= dot.Stamp {
				return gone
			}
		}
	}
	return unheard
}

// span is what an entry shows of what one origin added to a cell: the increments
// above low, up to high.
type span struct{ low, high crdt.Stamp }

// spanOf looks a count up. An origin without a count may have a base, which tells
// up to where its increments are known to be gone.
func spanOf(e *crdt.Entry, n *model.Count) (s span, shown *crdt.Count, base *crdt.Base) {
	if e == nil {
		return span{}, nil, nil
	}
	c := e.Cell(n.Cell.Kind, n.Cell.Name)
	if c == nil {
		return span{}, nil, nil
	}
	for i := range c.Bases {
		if c.Bases[i].Origin == n.Origin {
			base = &c.Bases[i]
			s.low, s.high = base.Seen, base.Seen
		}
	}
	for i := range c.Counts {
		if x := &c.Counts[i]; x.Origin == n.Origin && !x.Dead {
			shown, s.high = x, x.Stamp
			s.low = max(s.low, x.Birth-1)
		}
	}
	return s, shown, base
}

// fateOfAdd looks an increment up.
func fateOfAdd(v *view, k *key, n *model.Count, at crdt.Stamp) fate {
	s, _, _ := spanOf(v.Entry(k.hash, []byte(k.name)), n)
	switch {
	case at > s.low && at <= s.high:
		return alive
	case at <= s.low || v.context.Covers(crdt.Dot{Stamp: at, Origin: n.Origin}):
		return gone
	}
	return unheard
}
