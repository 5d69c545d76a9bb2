package judge

import (
	"bytes"
	"cmp"
	"slices"

	"github.com/atollcache/atoll/crdt"
	"github.com/atollcache/atoll/replica"
	"github.com/atollcache/atoll/simulate/model"
	"github.com/atollcache/atoll/simulate/world"
)

// levels is O4 at the moment of an acknowledgement above the local level: as many
// owners must hold the write as it promises, those included that held it and have
// lost their memory since.
type levels struct {
	open map[string][]*pledge // by key
}

// pledge is an operation that waits for its level.
type pledge struct {
	op      *world.Op
	written []written
}

// written is an execution that may be the operation's: commands are told apart by
// their arguments, and equal ones need not be.
type written struct {
	k    *key
	dot  crdt.Dot
	lost []*site // that held it when they lost their memory
}

func (l *levels) init() { l.open = map[string][]*pledge{} }

func (l *levels) asked(op *world.Op) {
	if op.Write && op.Level != replica.Local && len(op.Args) > 1 {
		l.open[string(op.Args[1])] = append(l.open[string(op.Args[1])], &pledge{op: op})
	}
}

func (l *levels) executed(_ *Judge, s *site, k *key, x *replica.Execution) {
	for _, p := range l.open[k.name] {
		if p.op.Region == s.region && sameArgs(p.op.Args, x.Args) {
			p.written = append(p.written, written{k: k, dot: x.Op})
		}
	}
}

func sameArgs(a, b [][]byte) bool {
	if len(a) != len(b) {
		return false
	}
	for i := range a {
		if !bytes.Equal(a[i], b[i]) {
			return false
		}
	}
	return true
}

// forget notes who held a write and holds it no longer.
func (l *levels) forget(j *Judge, lost *site) {
	for _, pledges := range l.open { // order-free: pledges do not touch one another
		for _, p := range pledges {
			for i := range p.written {
				if w := &p.written[i]; j.holds(lost, w) {
					w.lost = append(w.lost, lost)
				}
			}
		}
	}
}

// holds says whether all that an operation wrote has come to a site.
func (j *Judge) holds(s *site, x *written) (yes bool) {
	return s.up && s.look(x.k.part.number, func(v *view) {
		yes = v.context.Covers(x.dot) || j.shown(v, x)
	}) && yes
}

func (j *Judge) shown(v *view, x *written) bool {
	all := true
	found := false
	j.model.Wrote(x.dot, func(w *model.Write) {
		found = true
		all = all && fateOf(v, x.k, w) != unheard
	})
	for _, c := range x.k.known.Cells {
		if n := c.Count(x.dot.Origin); n != nil && n.Has(x.dot.Stamp) {
			found = true
			all = all && fateOfAdd(v, x.k, n, x.dot.Stamp) != unheard
		}
	}
	if !found { // a removal alone: some of what it took is known to be gone
		for _, w := range x.k.known.Writes {
			for _, by := range w.Gone {
				if by == x.dot {
					all = all && fateOf(v, x.k, w) == gone
				}
			}
		}
	}
	return all
}

func (l *levels) answered(j *Judge, op *world.Op) {
	if len(op.Args) < 2 {
		return
	}
	name := string(op.Args[1])
	for i, p := range l.open[name] {
		if p.op != op {
			continue
		}
		if l.open[name] = slices.Delete(l.open[name], i, i+1); len(l.open[name]) == 0 {
			delete(l.open, name)
		}
		if op.OK() && !op.Answer.Short && op.Answer.Regions > 0 {
			j.judgeLevel(p)
		}
		return
	}
}

// judgeLevel looks for the copies that an acknowledgement promises.
func (j *Judge) judgeLevel(p *pledge) {
	most, regions := 0, 0
	for i := range p.written {
		w := &p.written[i]
		near := 0
		in := map[string]bool{}
		for _, s := range j.sites {
			if !contains(w.lost, s) && !j.holds(s, w) {
				continue
			}
			in[s.region] = true
			if s.region == p.op.Region {
				near++
			}
		}
		most, regions = max(most, near), max(regions, len(in))
	}
	owners := cmp.Or(j.sc.Config.Replicas, 2)
	switch {
	case len(p.written) == 0: // it changed nothing
	case p.op.Answer.Level == replica.Region && most < owners:
		j.accuse("O4", nil, p.written[0].k.name, []crdt.Dot{p.written[0].dot}, "%s was acknowledged at level region, and %d of %d owners in %s hold it", p.op.Args[0], most, owners, p.op.Region)
	case p.op.Answer.Level == replica.Regions && regions < p.op.Regions:
		j.accuse("O4", nil, p.written[0].k.name, []crdt.Dot{p.written[0].dot}, "%s was acknowledged in %d regions, and is in %d", p.op.Args[0], p.op.Regions, regions)
	}
}

func contains(all []*site, s *site) bool {
	for _, o := range all {
		if o == s {
			return true
		}
	}
	return false
}
