package judge

import (
	"time"

	"github.com/atollcache/atoll/crdt"
	"github.com/atollcache/atoll/replica"
	"github.com/atollcache/atoll/simulate/world"
	"github.com/atollcache/atoll/wire"
)

// silence is O13: in the last part of a run, when everybody has everything,
// nothing changes any more and no entry is sent in repair.
type silence struct {
	on      bool
	from    time.Duration // when the replicas should be silent
	changes int
	entries int
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

func (q *silence) delivered(j *Judge, class wire.Kind, payload []byte) {
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

func (q *silence) final(j *Judge) {
	if q.changes > 0 {
		j.accuse("O13", q.node, q.what, nil, "%d entries changed after %v, when nobody had written since %v", q.changes, q.from, j.sc.Phases.Quiet())
	}
	if q.entries > 0 {
		j.accuse("O13", nil, q.what, nil, "%d entries were sent in repair after %v, when nobody had written since %v", q.entries, q.from, j.sc.Phases.Quiet())
	}
}
