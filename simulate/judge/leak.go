package judge

import (
	"slices"
	"time"

	"github.com/atollcache/atoll/crdt"
)

// The excuses of O15.
const (
	excuseBases   = "counter bases are kept, since nothing agrees among all regions yet"
	excuseOrigins = "dead origins stay in contexts, since nothing retires them yet"
	excuseWaits   = "the gap of a dead origin is closed only after a minute without a change of views"
	excuseVanish  = "a node that vanished may live on behind a cut, and what it may have extended is kept for an hour"
	excuseSpeaks  = "a region does not speak, and may still extend what has expired"
)

// judgeLeft is O15: what removals, deadlines and links need for a while is gone.
func (j *Judge) judgeLeft() {
	if !j.settled("O15") {
		return
	}
	for _, s := range j.others(nil) {
		for _, l := range s.status().Links {
			if l.OutboxBytes > 0 && l.State == "up" {
				j.accuse("O15", s, "", nil, "%d bytes still wait for %s/%s, whose link is up", l.OutboxBytes, l.Region, l.Node)
			}
		}
		for _, number := range j.scope {
			s.look(number, func(v *view) { j.judgeRemains(s, v, j.parts[number]) })
		}
	}
}

func (j *Judge) judgeRemains(s *site, v *view, p *part) {
	living := 0
	for _, d := range v.context.Dots() {
		for _, o := range j.others(nil) {
			if o.id == d.Origin.Node {
				living++
			}
		}
	}
	if v.context.Len() > living {
		j.excuse("O15", excuseOrigins)
	}
	late := j.gapOfDead(v, p)
	v.Each(func(_ uint64, key []byte, e *crdt.Entry) bool {
		j.judgeEntry(s, v, string(key), e, late || j.ahead(p))
		return true
	})
}

// judgeEntry looks for tombstones, and for what should have expired; late says that
// the gap of a dead origin may keep them.
func (j *Judge) judgeEntry(s *site, v *view, key string, e *crdt.Entry, late bool) {
	for i := range e.Cells() {
		if len(e.Cells()[i].Bases) > 0 {
			j.excuse("O15", excuseBases)
		}
	}
	switch d := e.Deadline(); {
	case e.Pending() && late:
		j.excuse("O15", excuseWaits)
	case e.Pending():
		j.accuse("O15", s, key, nil, "the key still holds what waits for the context to cover it")
	case d != 0 && d+expiryGrace.Milliseconds() < j.wall() && late:
		j.excuse("O15", excuseWaits)
	case d != 0 && d+expiryGrace.Milliseconds() < j.wall() && j.deserted():
		j.excuse("O15", excuseSpeaks)
	case d != 0 && d+expiryGrace.Milliseconds() < j.wall() && j.mayHaveExtended(v, d):
		j.excuse("O15", excuseVanish)
	case d != 0 && d+expiryGrace.Milliseconds() < j.wall():
		j.accuse("O15", s, key, nil, "the key is still there %v after its deadline", time.Duration(j.wall()-d)*time.Millisecond)
	}
}

// deserted says whether nobody lives in a region in which somebody did: to the
// others it is one that cannot be reached.
func (j *Judge) deserted() bool {
	live := map[string]bool{}
	for _, s := range j.others(nil) {
		live[s.region] = true
	}
	return slices.ContainsFunc(j.sites, func(s *site) bool { return !live[s.region] })
}

// mayHaveExtended says whether a node ended in the last hour without a word that
// all have heard, of which a replica had heard and not past a deadline.
func (j *Judge) mayHaveExtended(v *view, deadline int64) bool {
	return slices.ContainsFunc(j.sites, func(s *site) bool {
		if s.up || j.now() > s.ended+patience || s.drained && (s.unheard == 0 || s.unheard < s.ended-farewell) {
			return false
		}
		var last crdt.Stamp
		for _, d := range v.context.Dots() {
			if d.Origin.Node == s.id {
				last = max(last, d.Stamp)
			}
		}
		return last > 0 && last.Millis() <= deadline
	})
}

// farewell is for how long, about, a node says that it leaves.
const farewell = 5 * time.Second

// patience is how long a node that vanished is waited for, until its end has been
// noticed included.
const patience = time.Hour + 10*time.Second

// expiryGrace is how long after its deadline a key may be there: until everybody's
// clock has passed it, and everybody has heard so.
const expiryGrace = 8 * time.Second

// gapOfDead says whether a replica has heard of an origin, and its context stands
// below the last that this one ever stamped there. Long after the last write only
// the dead leave such a gap, and only for a while.
func (j *Judge) gapOfDead(v *view, p *part) bool {
	if j.sc.Phases.Heal+j.sc.Phases.Quiesce > or(j.sc.Config.CloseAfter, time.Minute)+2*or(j.sc.Config.RoundEvery, 10*time.Second) {
		return false
	}
	for _, d := range p.frontier.Dots() {
		if at := v.context.At(d.Origin); at != 0 && at < d.Stamp {
			return true
		}
	}
	return false
}

// gapAnywhere says whether any replica of a partition has such a gap.
func (j *Judge) gapAnywhere(p *part) (yes bool) {
	for _, s := range j.others(nil) {
		s.look(p.number, func(v *view) { yes = yes || j.gapOfDead(v, p) })
	}
	return yes
}
