package model

import (
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"

	"github.com/atollcache/atoll/command"
	"github.com/atollcache/atoll/crdt"
)

// run is one command on one key, at the node where it ran.
type run struct {
	m     *Model
	key   string
	args  []string // behind the key
	op    crdt.Dot
	seen  *crdt.Entry
	reply command.Reply

	kinds     int       // how many are observed
	kind      crdt.Kind // that the key shows at the moment of the stamp
	until     int64
	value     *Write   // of a string, as it is observed
	deadlines []*Write // observed
	settled   bool
	changed   bool
}

// Run learns a command, its name first and its key second, from what its node
// observed of the key just before and what it replied. It says whether the
// command changed anything.
func (m *Model) Run(args [][]byte, op crdt.Dot, seen *crdt.Entry, reply command.Reply) (changed bool, err error) {
	if reply.Type == command.Error {
		return false, nil
	}
	r := run{m: m, key: string(args[1]), op: op, seen: seen, reply: reply}
	for _, a := range args[2:] {
		r.args = append(r.args, string(a))
	}
	r.look()
	err = r.do(strings.ToLower(string(args[0])))
	return r.changed, err
}

// Sees gives the kind and the deadline, 0 for none, that a reader at a unix
// millisecond finds who observes an entry of the key; no kind if nothing is there.
func (m *Model) Sees(key string, observed *crdt.Entry, now int64) (kind crdt.Kind, until int64) {
	r := run{m: m, key: key, op: crdt.Dot{Stamp: crdt.StampAt(now)}, seen: observed}
	r.look()
	return r.kind, r.until
}

func (r *run) do(name string) error {
	switch name {
	case "set":
		return r.set()
	case "incr", "incrby":
		r.increment(crdt.String, "", append(r.args, "1")[0], +1)
	case "decr", "decrby":
		r.increment(crdt.String, "", append(r.args, "1")[0], -1)
	case "del":
		if r.kind != crdt.None {
			r.clear()
		}
	case "expire", "pexpire", "expireat", "pexpireat":
		return r.expire(name)
	case "persist":
		if r.kind != crdt.None && r.until != 0 {
			r.extend(0)
		}
	case "hset":
		for pair := range slices.Chunk(r.args, 2) {
			r.put(crdt.Hash, pair[0], Write{Text: pair[1]})
		}
	case "hincrby":
		r.increment(crdt.Hash, r.args[0], r.args[1], +1)
	case "sadd":
		for _, member := range r.args {
			r.put(crdt.Set, member, Write{})
		}
	case "zadd":
		return r.zadd()
	case "zincrby":
		r.score(r.args[1], r.args[0])
	case "hdel":
		r.remove(crdt.Hash)
	case "srem":
		r.remove(crdt.Set)
	case "zrem":
		r.remove(crdt.SortedSet)
	}
	return nil
}

// look finds what the key shows at the moment of the operation: the kind of what
// was written last, unless its deadline has passed.
func (r *run) look() {
	for k := crdt.String; k <= crdt.SortedSet; k++ {
		if r.seen.Len(k) > 0 {
			r.kinds, r.kind = r.kinds+1, k
		}
	}
	if few := len(r.seen.Cells()) <= fewCells; few || r.kinds > 1 {
		r.kind = r.latest()
	}
	if c := r.seen.Cell(crdt.String, ""); c != nil {
		r.value = highest(r.values(c))
		for _, x := range c.Extensions {
			if w := r.find(crdt.Expiry, "", x.Dot, x.Dead); w != nil {
				r.deadlines = append(r.deadlines, w)
			}
		}
	}
	if c := r.seen.Cell(crdt.Expiry, ""); c != nil {
		r.deadlines = append(r.deadlines, r.values(c)...)
	}
	if r.kind != crdt.String {
		r.until = longest(nil, r.deadlines)
	} else {
		r.until = longest(r.value, r.deadlines)
	}
	if r.until != 0 && r.until <= r.op.Stamp.Millis() || r.kind != crdt.None && r.seen.Len(r.kind) == 0 {
		r.kind = crdt.None
	}
}

// fewCells is how many cells are always looked at one by one; a key with more has
// hardly any that gave its value back.
const fewCells = 16

// latest is the kind of what was written last, of several, be it that its value
// has expired and was given back.
func (r *run) latest() (kind crdt.Kind) {
	var top crdt.Dot
	var there [crdt.Expiry + 1]bool
	for i := range r.seen.Cells() {
		c := &r.seen.Cells()[i]
		last := crdt.Dot{}
		if w := highest(r.values(c)); w != nil {
			last = w.Dot
		}
		for _, n := range c.Counts {
			if !n.Dead && n.Dot.Compare(last) > 0 {
				last = n.Dot
			}
		}
		if c.Kind == crdt.Expiry || last == (crdt.Dot{}) {
			continue
		}
		there[c.Kind] = true
		if last.Compare(top) > 0 {
			top, kind = last, c.Kind
		}
	}
	r.kinds = 0
	for _, yes := range there {
		if yes {
			r.kinds++
		}
	}
	return kind
}

// values gives the values in a cell that the node observed.
func (r *run) values(c *crdt.Cell) (all []*Write) {
	for _, s := range c.Slots {
		if w := r.find(c.Kind, c.Name, s.Dot, s.Dead); w != nil {
			all = append(all, w)
		}
	}
	return all
}

func (r *run) find(kind crdt.Kind, n string, dot crdt.Dot, dead bool) *Write {
	if dead {
		return nil
	}
	w := r.m.Write(kind, n, r.key, dot)
	if w == nil {
		r.m.strange = append(r.m.strange, dot)
	}
	return w
}

// settle takes away what nobody sees, before something is written to the key:
// all that has expired, what is of another kind, and a deadline of the key
// where the value has its own.
func (r *run) settle() {
	if r.settled {
		return
	}
	r.settled, r.changed = true, true
	if r.kind == crdt.None {
		r.clear()
		return
	}
	for i := 0; r.kinds > 1 && i < len(r.seen.Cells()); i++ {
		if c := &r.seen.Cells()[i]; c.Kind != r.kind && c.Kind != crdt.Expiry {
			r.take(c)
		}
	}
	if r.kind == crdt.String && r.value != nil {
		r.take(r.seen.Cell(crdt.Expiry, ""))
	}
}

// clear takes away everything that was observed.
func (r *run) clear() {
	r.changed = true
	for i := range r.seen.Cells() {
		r.take(&r.seen.Cells()[i])
	}
}

// take takes away what was observed in a cell, and the deadlines of its values.
// A deadline whose value was not observed is none of a reader's, and stays.
func (r *run) take(c *crdt.Cell) {
	if c == nil {
		return
	}
	for _, w := range r.values(c) {
		r.gone(w)
		r.takeDeadlines(w.Dot)
	}
	for _, n := range c.Counts {
		if count := r.count(c.Kind, c.Name, n.Origin); !n.Dead && !slices.Contains(count.Resets, Reset{n.Stamp, r.op}) {
			count.Resets = append(count.Resets, Reset{n.Stamp, r.op})
		}
	}
}

func (r *run) takeDeadlines(of crdt.Dot) {
	for _, d := range r.deadlines {
		if d.Of == of {
			r.gone(d)
		}
	}
}

func (r *run) gone(w *Write) {
	if !slices.Contains(w.Gone, r.op) {
		w.Take(r.op)
	}
}

// put writes a value, in place of what was observed.
func (r *run) put(kind crdt.Kind, n string, w Write) {
	r.settle()
	r.take(r.seen.Cell(kind, n))
	r.write(kind, n, w)
}

func (r *run) write(kind crdt.Kind, n string, w Write) {
	if own := r.m.Write(kind, n, r.key, r.op); own != nil {
		own.Text, own.Score = w.Text, w.Score // HSET f a f b
		return
	}
	r.changed = true
	w.Dot, w.Cell, w.next, w.ID = r.op, r.m.cell(r.key, kind, n), r.m.writes[r.op], r.m.made
	r.m.writes[r.op], r.m.made = &w, r.m.made+1
	k := w.Cell.Key
	k.Writes = append(k.Writes, &w)
	if w.Until != 0 || kind == crdt.Expiry {
		k.timed = append(k.timed, &w)
	}
	w.Cell.Live = append(w.Cell.Live, &w)
}

// increment adds to a counter. The origin goes on with the sum that it shows,
// unless this operation itself takes that away.
func (r *run) increment(kind crdt.Kind, n, by string, sign int64) {
	whole, _ := strconv.ParseInt(by, 10, 64)
	r.add(kind, n, Add{Int: sign * whole})
}

func (r *run) add(kind crdt.Kind, n string, a Add) {
	r.settle()
	count := r.count(kind, n, r.op.Origin)
	a.Stamp, a.Birth, a.sum, a.total = r.op.Stamp, r.op.Stamp, a.Int, a.Float
	if last, goesOn := r.running(kind, n); goesOn {
		a.Birth, a.sum, a.total = last.Birth, last.sum+a.Int, last.total+a.Float
	}
	count.Adds = append(count.Adds, a)
}

// running gives what this origin has added so far, if its node shows it.
func (r *run) running(kind crdt.Kind, n string) (Add, bool) {
	c := r.seen.Cell(kind, n)
	if c == nil {
		return Add{}, false
	}
	i := slices.IndexFunc(c.Counts, func(n crdt.Count) bool { return n.Origin == r.op.Origin && !n.Dead })
	if i < 0 {
		return Add{}, false
	}
	count := r.count(kind, n, r.op.Origin)
	return count.upTo(c.Counts[i].Stamp), !slices.Contains(count.Resets, Reset{c.Counts[i].Stamp, r.op})
}

func (r *run) count(kind crdt.Kind, n string, o crdt.Origin) *Count {
	c := r.m.cell(r.key, kind, n)
	if count := c.Count(o); count != nil {
		return count
	}
	count := &Count{Cell: c, Origin: o}
	c.Counts = append(c.Counts, count)
	slices.SortFunc(c.Counts, func(a, b *Count) int { return a.Origin.Compare(b.Origin) })
	return count
}

// remove takes fields or members away; the last one takes the deadline with it.
func (r *run) remove(kind crdt.Kind) {
	removed := 0
	slices.Sort(r.args)
	for _, n := range slices.Compact(r.args) {
		if c := r.seen.Cell(kind, n); r.kind == kind && c != nil && c.Visible() {
			r.settle()
			r.take(c)
			removed++
		}
	}
	if removed > 0 && removed == r.seen.Len(kind) {
		r.take(r.seen.Cell(crdt.Expiry, ""))
	}
}

// set writes a string: it takes away all that was observed, whatever it is.
func (r *run) set() error {
	w, exists := Write{Text: r.args[0]}, r.kind != crdt.None
	for i := 1; i < len(r.args); i++ {
		switch word := strings.ToLower(r.args[i]); word {
		case "nx", "xx":
			if exists == (word == "nx") {
				return nil
			}
		case "get":
		case "keepttl":
			if exists {
				w.Until = r.until
			}
		case "ex", "px", "exat", "pxat":
			i++
			w.Until = r.moment(r.args[i], strings.HasPrefix(word, "e"), strings.HasSuffix(word, "at"))
		default:
			return fmt.Errorf("the model knows no %s of SET", word)
		}
	}
	r.clear()
	r.write(crdt.String, "", w)
	return nil
}

// moment reads a deadline.
func (r *run) moment(arg string, seconds, absolute bool) int64 {
	at, _ := strconv.ParseInt(arg, 10, 64)
	if seconds {
		at *= 1000
	}
	if !absolute {
		at += r.op.Stamp.Millis()
	}
	return at
}

// expire puts a deadline on the key, if there is one and the options allow it.
func (r *run) expire(name string) error {
	at := r.moment(r.args[0], !strings.HasPrefix(name, "p"), strings.HasSuffix(name, "at"))
	allowed := r.kind != crdt.None
	for _, option := range r.args[1:] {
		switch strings.ToLower(option) {
		case "nx":
			allowed = allowed && r.until == 0
		case "xx":
			allowed = allowed && r.until != 0
		case "gt":
			allowed = allowed && r.until != 0 && at > r.until
		case "lt":
			allowed = allowed && (r.until == 0 || at < r.until)
		}
	}
	if allowed {
		r.extend(at)
	}
	return nil
}

// extend puts a deadline on the value of a string, or on the key, in place of
// those that were observed there.
func (r *run) extend(until int64) {
	r.settle()
	w := Write{Until: until}
	if r.kind == crdt.String && r.value != nil {
		w.Of, w.Value = r.value.Dot, r.value
	}
	r.takeDeadlines(w.Of)
	r.write(crdt.Expiry, "", w)
}

func (r *run) zadd() error {
	if _, err := strconv.ParseFloat(r.args[0], 64); err != nil {
		return fmt.Errorf("the model knows no options of ZADD")
	}
	for pair := range slices.Chunk(r.args, 2) {
		score, _ := strconv.ParseFloat(pair[0], 64)
		r.put(crdt.SortedSet, pair[1], Write{Score: score + 0})
	}
	return nil
}

// score adds to the score of a member. A score that is infinite, or what this
// origin has added, is written down as it is, since it could never be taken away.
func (r *run) score(member, by string) {
	f, _ := strconv.ParseFloat(by, 64)
	now, _ := strconv.ParseFloat(string(r.reply.Bytes), 64)
	last := Add{}
	if r.kind == crdt.SortedSet {
		last, _ = r.running(crdt.SortedSet, member)
	}
	if math.IsInf(now, 0) || math.IsInf(last.total+f, 0) {
		r.put(crdt.SortedSet, member, Write{Score: now})
		return
	}
	r.add(crdt.SortedSet, member, Add{Float: f})
}
