package judge

import (
	"slices"

	"github.com/atollcache/atoll/crdt"
	"github.com/atollcache/atoll/replica"
	"github.com/atollcache/atoll/simulate/world"
)

// sessions is O8: where a session goes with its token, it finds what it wrote and
// what it saw. Operations without a token are not judged.
type sessions struct {
	open map[string][]*visit // by key
	seen map[int]map[*key]*crdt.Context
}

// visit is an operation of a session that is under way.
type visit struct {
	op    *world.Op
	k     *key
	wrote crdt.Context
}

func (l *sessions) init() {
	l.open, l.seen = map[string][]*visit{}, map[int]map[*key]*crdt.Context{}
}

func (l *sessions) asked(op *world.Op) {
	if op.Session > 0 && op.Token != nil && len(op.Args) > 1 {
		l.open[string(op.Args[1])] = append(l.open[string(op.Args[1])], &visit{op: op})
	}
}

func (l *sessions) executed(j *Judge, s *site, k *key, x *replica.Execution, write bool) {
	for _, v := range l.open[k.name] {
		if v.op.Region != s.region || v.op.Write != write || !sameArgs(v.op.Args, x.Args) {
			continue
		}
		v.k = k
		seen := l.of(v.op.Session, k)
		if write {
			v.wrote.Raise(x.Op)
			continue
		}
		l.judge(j, s, k, x, seen)
		seen.Join(&s.mark(k).ops)
	}
}

// judge holds what a session has seen of a key to what the node has heard.
func (l *sessions) judge(j *Judge, s *site, k *key, x *replica.Execution, seen *crdt.Context) {
	for _, d := range seen.Dots() {
		if s.heard(k, x.Context, d) {
			continue
		}
		if j.lostOp(k, d) {
			j.excuse("O8", excuseMemory)
			continue
		}
		j.accuse("O8", s, k.name, []crdt.Dot{d}, "a session reads, and the node has not heard of what it saw, or wrote, at %v", d.Stamp)
	}
}

// lostOp says whether only lost memory knew of what an operation wrote.
func (j *Judge) lostOp(k *key, op crdt.Dot) bool {
	for _, w := range k.known.Writes {
		if w.Dot == op && j.losses.unsure(w) {
			return true
		}
	}
	for _, c := range k.known.Cells {
		if n := c.Count(op.Origin); n != nil && n.Has(op.Stamp) && j.losses.count(n).adds < op.Stamp {
			return true
		}
	}
	return false
}

func (l *sessions) of(session int, k *key) *crdt.Context {
	keys := l.seen[session]
	if keys == nil {
		keys = map[*key]*crdt.Context{}
		l.seen[session] = keys
	}
	if keys[k] == nil {
		keys[k] = &crdt.Context{}
	}
	return keys[k]
}

// answered remembers what a session has written, once it knows.
func (l *sessions) answered(op *world.Op) {
	if op.Session == 0 || op.Token == nil || len(op.Args) < 2 {
		return
	}
	name := string(op.Args[1])
	for i, v := range l.open[name] {
		if v.op != op {
			continue
		}
		if v.k != nil && op.OK() {
			l.of(op.Session, v.k).Join(&v.wrote)
		}
		if l.open[name] = slices.Delete(l.open[name], i, i+1); len(l.open[name]) == 0 {
			delete(l.open, name)
		}
		return
	}
}
