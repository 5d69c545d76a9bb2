package judge

import (
	"bytes"
	"slices"

	"github.com/atollcache/atoll/crdt"
	"github.com/atollcache/atoll/replica"
	"github.com/atollcache/atoll/simulate/world"
)

// excuseStale is why O8 lets a session miss something.
const excuseStale = "the answer says that it may be stale"

// sessions is O8: where a session goes with its token, it finds what it wrote and
// what it saw, or is told that it may not, and what it writes comes after both.
// Operations without a token are not judged.
type sessions struct {
	open map[string][]*visit // by key
	seen map[int]map[*key]*crdt.Context
}

// visit is an operation of a session that is under way.
type visit struct {
	op    *world.Op
	k     *key
	shown crdt.Context // to a reader, where it ran
	wrote crdt.Context
	runs  int        // a read may run at one node after the other; nobody knows which is answered
	short []crdt.Dot // what its session has seen that none of them has heard of
	at    *site
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
	if x.Session == nil {
		return
	}
	for _, v := range l.open[k.name] {
		if v.op.Write != write || !bytes.Equal(v.op.Token, x.Session) || !sameArgs(v.op.Args, x.Args) {
			continue
		}
		v.k = k
		seen := l.of(v.op.Session, k)
		if write {
			v.wrote.Raise(x.Op)
			l.judgeStamp(j, s, k, x.Op, seen)
			continue
		}
		v.ran(s, k, x.Context, seen)
	}
}

// judgeStamp wants a write to be later than all that its session has seen, unless
// that is stamped further ahead than the node may follow.
func (l *sessions) judgeStamp(j *Judge, s *site, k *key, op crdt.Dot, seen *crdt.Context) {
	horizon := crdt.StampAt(s.wall() + j.maxSkew())
	for _, d := range seen.Dots() {
		if d.Stamp >= op.Stamp && d.Stamp <= horizon {
			j.accuse("O8", s, k.name, []crdt.Dot{op, d}, "a session writes at %v, below %v, which it has seen", op.Stamp, d.Stamp)
		}
	}
}

// ran notes what a read may have shown, and what it lacked.
func (v *visit) ran(s *site, k *key, context, seen *crdt.Context) {
	var short []crdt.Dot
	for _, d := range seen.Dots() {
		if !s.heard(k, context, d) {
			short = append(short, d)
		}
	}
	if v.runs == 0 || len(short) < len(v.short) {
		v.short, v.at = short, s
	}
	v.runs++
	v.shown = s.mark(k).ops.Clone()
}

// answered judges what a session was told, and remembers what it knows since.
func (l *sessions) answered(j *Judge, op *world.Op) {
	if op.Session == 0 || op.Token == nil || len(op.Args) < 2 {
		return
	}
	name := string(op.Args[1])
	at := slices.IndexFunc(l.open[name], func(v *visit) bool { return v.op == op })
	if at < 0 {
		return
	}
	v := l.open[name][at]
	if l.open[name] = slices.Delete(l.open[name], at, at+1); len(l.open[name]) == 0 {
		delete(l.open, name)
	}
	if v.k == nil || !op.OK() {
		return
	}
	l.judge(j, v)
	seen := l.of(op.Session, v.k)
	seen.Join(&v.wrote)
	if v.runs == 1 {
		seen.Join(&v.shown)
	}
}

// judge holds an answer to what its session has seen.
func (l *sessions) judge(j *Judge, v *visit) {
	if v.op.Answer.Session == nil {
		j.accuse("O8", nil, v.k.name, nil, "a session is answered, and gets no token to go on with")
	}
	for _, d := range v.short {
		switch {
		case v.op.Answer.Stale:
			j.excuse("O8", excuseStale)
		case j.lostOp(v.k, d):
			j.excuse("O8", excuseMemory)
		default:
			j.accuse("O8", v.at, v.k.name, []crdt.Dot{d}, "a session reads, and the node has not heard of what it saw, or wrote, at %v", d.Stamp)
		}
	}
}

// lostOp says whether only lost memory knew of an operation, or of what it wrote.
func (j *Judge) lostOp(k *key, op crdt.Dot) bool {
	if !j.anybodyHeard(k, op) {
		return true
	}
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

func (j *Judge) anybodyHeard(k *key, op crdt.Dot) (yes bool) {
	for _, s := range j.others(nil) {
		s.look(k.part.number, func(v *view) { yes = yes || s.heard(k, v.context, op) })
	}
	return yes
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
