package judge

import (
	"slices"
	"time"

	"github.com/atollcache/atoll/crdt"
	"github.com/atollcache/atoll/simulate/model"
	"github.com/atollcache/atoll/simulate/world"
)

// staleness measures what reads miss, and what became of writes.
type staleness struct {
	ages     []time.Duration // a sample, see keepAge
	count    int
	worst    time.Duration
	recent   time.Duration // worst since the last sample of the charts
	replaced map[crdt.Dot]bool
	acked    uint64
	failed   uint64
}

// read finds the oldest operation that a read misses.
func (r *staleness) read(j *Judge, s *site, k *key, ctx *crdt.Context) {
	var age time.Duration
	for _, h := range k.log {
		if !s.heard(k, ctx, h.op) {
			age = j.now() - h.at
			break
		}
	}
	r.worst, r.recent = max(r.worst, age), max(r.recent, age)
	r.keepAge(age)
}

// maxAges are kept, evenly spread over the run.
const maxAges = 1 << 14

func (r *staleness) keepAge(age time.Duration) {
	step := 1
	for r.count >= step*2*maxAges {
		step *= 2
	}
	if r.count++; r.count%step != 0 {
		return
	}
	if len(r.ages) == 2*maxAges {
		for i := range maxAges {
			r.ages[i] = r.ages[2*i+1]
		}
		r.ages = r.ages[:maxAges]
	}
	r.ages = append(r.ages, age)
}

// percentile gives the age that so many in a hundred reads do not exceed.
func (r *staleness) percentile(share int) time.Duration {
	if len(r.ages) == 0 {
		return 0
	}
	ages := slices.Sorted(slices.Values(r.ages))
	return ages[min(len(ages)-1, len(ages)*share/100)]
}

// overtaken notes the writes that a concurrent one replaces unseen: of those that
// live side by side in a cell with one value, readers see the last.
func (r *staleness) overtaken(j *Judge, op crdt.Dot) {
	j.model.Wrote(op, func(w *model.Write) {
		live := w.Cell.Live
		if len(live) < 2 || w.Cell.Kind == crdt.Set || w.Cell.Kind == crdt.Expiry {
			return
		}
		var top crdt.Dot
		for _, o := range live {
			top = higher(top, o.Dot)
		}
		for _, o := range live {
			if o.Dot != top {
				if r.replaced == nil {
					r.replaced = map[crdt.Dot]bool{}
				}
				r.replaced[o.Dot] = true
			}
		}
	})
}

func (r *staleness) answered(op *world.Op) {
	switch {
	case !op.Write:
	case op.OK():
		r.acked++
	default:
		r.failed++
	}
}

// writesLost counts the writes that only lost memory knew of: nobody took them
// away, and nobody shows them.
func (j *Judge) writesLost() (lost int) {
	for _, k := range j.model.Keys {
		record := j.keys[k.Name]
		for _, w := range k.Writes {
			if w.Lives() && j.losses.unsure(w) && !j.anywhere(record, w) {
				lost++
			}
		}
		for _, c := range k.Cells {
			for _, n := range c.Counts {
				lost += j.addsLost(record, n)
			}
		}
	}
	return lost
}

func (j *Judge) anywhere(k *key, w *model.Write) (yes bool) {
	for _, s := range j.others(nil) {
		s.look(k.part.number, func(v *view) { yes = yes || fateOf(v, k, w) == alive })
	}
	return yes
}

// addsLost counts the increments of an origin above all that any replica shows.
func (j *Judge) addsLost(k *key, n *model.Count) (lost int) {
	u := j.losses.count(n)
	if u.adds >= n.Last() {
		return 0
	}
	var high crdt.Stamp
	for _, s := range j.others(nil) {
		s.look(k.part.number, func(v *view) {
			shown, _, _ := spanOf(v.Entry(k.hash, []byte(k.name)), n)
			high = max(high, shown.high)
		})
	}
	for _, a := range n.Adds {
		if a.Stamp > max(u.adds, high, n.Reset()) {
			lost++
		}
	}
	return lost
}
