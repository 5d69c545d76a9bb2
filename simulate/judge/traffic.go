package judge

import (
	"github.com/atollcache/atoll/replica"
	"github.com/atollcache/atoll/simulate/world"
	"github.com/atollcache/atoll/wire"
)

// excuseFaults is why O14 does not count in a run with faults.
const excuseFaults = "faults had messages sent again, and partitions moved"

// traffic is O14, and what goes over the wire.
type traffic struct {
	writes      uint64 // that changed something
	linked      uint64 // deltas that links brought
	bytes       uint64
	repairBytes uint64
	byClass     [wire.KindHandedOff + 1]uint64
	refused     uint64
	overflows   uint64
}

func (t *traffic) sent(_ *Judge, m *world.Message) {
	t.bytes += uint64(m.Size)
	if int(m.Class) < len(t.byClass) {
		t.byClass[m.Class] += uint64(m.Size)
	}
	if m.Class == wire.KindAsk || m.Class == wire.KindAnswer {
		t.repairBytes += uint64(m.Size)
	}
}

func (t *traffic) merged(m *replica.Merging) {
	if !m.Repair {
		t.linked++
	}
}

// world takes over what the world has counted.
func (t *traffic) world(w *world.World) {
	t.refused = w.Totals().Refused
	for _, m := range w.Marks() {
		if m.Name == replica.MarkOverflow.String() {
			t.overflows = uint64(m.Count)
		}
	}
}

// final judges how often a write was delivered: to every other replica once, and
// by a relay to whoever a relay cannot know to have it.
func (t *traffic) final(j *Judge) {
	if len(j.sc.Timeline) > 0 || len(j.sc.Topology.Loss) > 0 {
		j.excuse("O14", excuseFaults)
		return
	}
	copies := uint64(0)
	for _, r := range j.sc.Topology.Regions {
		copies += uint64(min(r.Nodes, max(j.sc.Config.Replicas, 2)))
	}
	if most := t.writes*(copies-1)*5/4 + 100; t.linked > most {
		j.accuse("O14", nil, "", nil, "%d writes were delivered %d times, to %d replicas", t.writes, t.linked, copies)
	}
}
