package judge

import (
	"time"

	"github.com/atollcache/atoll/crdt"
	"github.com/atollcache/atoll/replica"
	"github.com/atollcache/atoll/wire"
)

// The excuses of O12.
const (
	excuseBoot     = "a node was fetching its partitions"
	excuseReopened = "a link was given up, with all that waited for it, or partitions moved"
)

// repairs is O12: what anti-entropy changes, against what the network lost.
type repairs struct {
	entries uint64 // changed by repair
	judged  uint64 // of those, without an excuse
	dropped uint64 // deltas in batches that were lost
	rounds  uint64 // that changed anything, as far as can be told
	stopped int    // nodes that ended
	bootAt  time.Duration
	lastBy  *site
	lastAt  time.Duration
	delta   crdt.Delta // scratch
}

// bootTime is how long after the start of a node what repair brings is put down
// to that.
const bootTime = 15 * time.Second

func (r *repairs) started(j *Judge, _ *site) { r.bootAt = j.now() }

func (r *repairs) merged(j *Judge, s *site, m *replica.Merging) {
	if !m.Repair || !m.Changed {
		return
	}
	r.entries++
	if r.lastBy != s || r.lastAt != j.now() {
		r.rounds++
	}
	r.lastBy, r.lastAt = s, j.now()
	k := j.keys[string(m.Key)]
	switch {
	case j.now() < r.bootAt+bootTime:
		j.excuse("O12", excuseBoot)
	case k != nil && k.known != nil && len(k.known.Deadlines()) > 0:
		j.excuse("O12", excuseExpired)
	default:
		r.judged++
	}
}

// lost counts the deltas of a batch that does not arrive.
func (r *repairs) lost(class wire.Kind, payload []byte) {
	if class != wire.KindBatch {
		return
	}
	env, err := wire.Open(payload)
	if err != nil {
		return
	}
	b, err := wire.ReadBatch(env.Body, crdt.Limits{})
	if err != nil {
		return
	}
	var key []byte
	for {
		more, err := b.Next(&key, &r.delta)
		if !more || err != nil {
			return
		}
		r.dropped++
	}
}

// slack is how many entries repair may change beyond what was lost: the two ends
// of a round see a write in flight differently.
const slack = 20

func (r *repairs) final(j *Judge) {
	owners := uint64(or(time.Duration(j.sc.Config.Replicas), 2))
	budget := r.dropped*owners + slack
	if r.judged <= budget {
		return
	}
	if r.stopped > 0 || j.reopened() {
		j.excuse("O12", excuseReopened)
		return
	}
	j.accuse("O12", nil, "", nil, "anti-entropy changed %d entries, and the network lost %d", r.judged, r.dropped)
}

// reopened says whether any link was given up, or any partition moved, in a run:
// more of them were opened than there are.
func (j *Judge) reopened() bool {
	opened, links := uint64(0), 0
	for _, s := range j.others(nil) {
		st := s.status()
		opened += st.Stats.Opened
		links += len(st.Links)
		if st.Stats.Dropped > 0 {
			return true
		}
	}
	return opened > uint64(links)
}
