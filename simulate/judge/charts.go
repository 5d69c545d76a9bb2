package judge

import (
	"time"

	"github.com/atollcache/atoll/simulate/scenario"
	"github.com/atollcache/atoll/wire"
)

// Sample is how the cluster stood at a moment.
type Sample struct {
	At        time.Duration
	Divergent int                            // partitions of which replicas differ
	Stale     time.Duration                  // age of what the worst read since the last sample missed
	Outbox    int                            // bytes in the fullest outbox
	Memory    int64                          // bytes in the fullest node
	Bytes     [wire.KindHandedOff + 1]uint64 // sent since the start, by class of message
}

// charts collects samples.
type charts struct {
	samples []Sample
	nextAt  time.Duration
	outbox  int
	memory  int64
}

// samplesPerRun bounds what sampling costs.
const samplesPerRun = 200

// sample looks at the cluster if the time has come. No lock of a replica may be
// held.
func (c *charts) sample(j *Judge) {
	if j.now() < c.nextAt {
		return
	}
	c.nextAt = j.now() + max(time.Second/2, j.sc.Phases.End()/samplesPerRun)
	c.take(j)
}

func (c *charts) take(j *Judge) {
	x := Sample{At: j.now(), Stale: j.reads.recent, Bytes: j.traffic.byClass}
	j.reads.recent = 0
	for _, s := range j.others(nil) {
		outbox, memory := s.burden()
		x.Outbox, x.Memory = max(x.Outbox, outbox), max(x.Memory, memory)
	}
	for _, number := range j.scope {
		if j.divergent(number) {
			x.Divergent++
		}
	}
	c.outbox, c.memory = max(c.outbox, x.Outbox), max(c.memory, x.Memory)
	c.samples = append(c.samples, x)
}

// divergent says whether replicas of a partition differ, those that are still
// being filled left out.
func (j *Judge) divergent(number uint16) (yes bool) {
	first, root := true, uint64(0)
	for _, s := range j.others(nil) {
		s.look(number, func(v *view) {
			switch {
			case v.state != "ready":
			case first:
				first, root = false, v.root
			default:
				yes = yes || v.root != root
			}
		})
	}
	return yes
}

// Samples gives how the cluster stood over time.
func (j *Judge) Samples() []Sample { return j.charts.samples }

// Values gives what was measured, by the names that expectations use.
func (j *Judge) Values() map[scenario.Metric]int64 {
	r, t := &j.reads, &j.traffic
	m := map[scenario.Metric]int64{
		scenario.WireBytes:       int64(t.bytes),
		scenario.StalenessP50:    int64(r.percentile(50)),
		scenario.StalenessP95:    int64(r.percentile(95)),
		scenario.StalenessMax:    int64(r.worst),
		scenario.OutboxBytes:     int64(j.charts.outbox),
		scenario.MemoryBytes:     j.charts.memory,
		scenario.WritesFailed:    int64(r.failed),
		scenario.WritesLost:      int64(j.writesLost()),
		scenario.WritesReplaced:  int64(len(r.replaced)),
		scenario.RepairEntries:   int64(j.repairs.entries),
		scenario.RepairRounds:    int64(j.repairs.rounds),
		scenario.Refused:         int64(t.refused),
		scenario.OverflowedLinks: int64(t.overflows),
	}
	if j.heal.on && len(j.heal.due) == 0 {
		m[scenario.ConvergeWithin] = int64(j.heal.done - j.heal.began)
		m[scenario.HealBytes] = int64(j.heal.bytes)
	}
	return m
}
