package judge

import (
	"time"

	"github.com/atollcache/atoll/crdt"
	"github.com/atollcache/atoll/replica"
	"github.com/atollcache/atoll/simulate/world"
	"github.com/atollcache/atoll/wire"
)

// silence is O13: in the last part of a run, when everybody has everything,
// nothing changes any more, no entry is sent in repair, and nobody asks more often
// than it checks a healthy peer.
type silence struct {
	on      bool
	from    time.Duration // when the replicas should be silent
	changes int
	entries int
	asks    int
	what    string
	node    *site
}

func (q *silence) phase(j *Judge, p world.Phase) {
	if p != world.Quiesce {
		return
	}
	rest := j.sc.Phases.Quiesce
	q.on = !j.sc.SafetyOnly && rest-rest/3 >= j.heal.calm
	if !q.on {
		j.excuse("O13", excuseShort)
	}
	q.from = j.now() + rest - rest/3
}

func (q *silence) listens(j *Judge) bool { return q.on && j.now() >= q.from }

func (q *silence) merged(j *Judge, s *site, m *replica.Merging) {
	if !m.Changed || !q.listens(j) {
		return
	}
	if k := j.keys[string(m.Key)]; k != nil && k.known != nil && len(k.known.Deadlines()) > 0 {
		j.excuse("O13", excuseExpired)
		return
	}
	q.changes++
	q.what, q.node = string(m.Key), s
}

func (q *silence) delivered(j *Judge, class wire.Kind) {
	if class == wire.KindAsk && q.listens(j) {
		q.asks++
	}
}

// sent judges the entries of an answer when they are sent: what waits for a gap to
// be closed may wait no more when they arrive.
func (q *silence) sent(j *Judge, class wire.Kind, payload []byte) {
	if class != wire.KindAnswer || !q.listens(j) {
		return
	}
	env, err := wire.Open(payload)
	if err != nil {
		return
	}
	a, err := wire.ReadAnswer(env.Body, crdt.Limits{})
	if err != nil {
		return
	}
	var name []byte
	var e crdt.Entry
	for {
		more, err := a.Next(&name, &e)
		if !more || err != nil {
			return
		}
		if why := j.mayBeSent(j.keys[string(name)], &e); why != "" {
			j.excuse("O13", why)
			continue
		}
		q.entries++
		q.what = string(name)
	}
}

// mayBeSent says why an entry may be sent in repair though nobody has written for
// long. What is stamped ahead is fetched in vain until its time has come, and
// what lies beside it as well.
func (j *Judge) mayBeSent(k *key, e *crdt.Entry) string {
	switch {
	case k == nil:
		return ""
	case k.known != nil && len(k.known.Deadlines()) > 0:
		return excuseExpired
	case e.Pending() && j.gapAnywhere(k.part):
		return excuseWaits
	case j.ahead(k.part):
		return excuseFuture
	}
	return ""
}

// stepsOfCheck is how many asks one check of a peer may take, those that got lost
// and are sent again included.
const stepsOfCheck = 4

// mayBeAsked is how many asks there may be while nothing differs.
func (q *silence) mayBeAsked(j *Judge) int {
	every := or(j.sc.Config.RoundEvery, 10*time.Second)
	if j.sc.Config.Shrink {
		every = min(every, time.Second)
	}
	for i := range j.sc.Timeline {
		every = min(every, or(j.sc.Timeline[i].Set.RoundEvery, every))
	}
	nodes := len(j.others(nil))
	checks := int(max(j.now()-q.from, 0)/every) + 2
	return nodes * (nodes - 1) * checks * stepsOfCheck
}

// mayBeAskedFor says why there may be more to ask: something waits for its time, or
// for a gap to be closed, or has not expired everywhere. O1 judges the rest.
func (j *Judge) mayBeAskedFor() string {
	for _, number := range j.scope {
		switch p := j.parts[number]; {
		case j.ahead(p):
			return excuseFuture
		case j.gapAnywhere(p):
			return excuseWaits
		case j.divergent(number):
			return excuseExpired
		}
	}
	return ""
}

func (q *silence) judgeAsks(j *Judge) {
	most := q.mayBeAsked(j)
	if !q.on || q.asks <= most {
		return
	}
	if why := j.mayBeAskedFor(); why != "" {
		j.excuse("O13", why)
	} else {
		j.accuse("O13", nil, "", nil, "%d questions were asked after %v, when nobody had written since %v; checks need %d at most", q.asks, q.from, j.sc.Phases.Quiet(), most)
	}
}

func (q *silence) final(j *Judge) {
	q.judgeAsks(j)
	if q.changes > 0 {
		j.accuse("O13", q.node, q.what, nil, "%d entries changed after %v, when nobody had written since %v", q.changes, q.from, j.sc.Phases.Quiet())
	}
	if q.entries > 0 {
		j.accuse("O13", nil, q.what, nil, "%d entries were sent in repair after %v, when nobody had written since %v", q.entries, q.from, j.sc.Phases.Quiet())
	}
}
