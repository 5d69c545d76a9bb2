package simulate

import (
	"fmt"
	"time"

	"github.com/atollcache/atoll/simulate/scenario"
)

// sum draws the answer from what the seeds came to.
func (a *Answer) sum(q *Question, outcomes []*outcome) {
	for _, region := range q.Scenario.Topology.Regions {
		a.Regions = append(a.Regions, readsOf(region.Name, a.Scale, outcomes))
	}
	for _, row := range estimates {
		values := make([]int64, 0, len(outcomes))
		for _, o := range outcomes {
			if v, ok := row.value(o); ok {
				if row.scales {
					v *= a.Scale
				}
				values = append(values, v)
			}
		}
		if len(values) > 0 {
			a.Figures = append(a.Figures, Estimate{row.name, row.unit, row.about, quantilesOf(values)})
		}
	}
	a.transfer(q, outcomes)
	for _, o := range outcomes {
		if v, ok := o.result.First(); ok {
			a.Violated++
			a.Violations = append(a.Violations, Failure{
				Token: o.token, Seed: o.result.Seed, Trace: o.result.Trace, Count: len(o.result.Violations), Violation: v,
			})
		}
	}
}

func readsOf(region string, scale int64, outcomes []*outcome) RegionReads {
	r := RegionReads{Region: region}
	var p50, p95, worst, refused []int64
	for _, o := range outcomes {
		ages := o.meter.ages[region]
		r.Reads += len(ages)
		refused = append(refused, int64(o.meter.refused[region])*scale)
		if len(ages) > 0 {
			p50, p95, worst = append(p50, quantile(ages, 50)), append(p95, quantile(ages, 95)), append(worst, quantile(ages, 100))
		}
	}
	r.P50, r.P95, r.Worst, r.Refused = quantilesOf(p50), quantilesOf(p95), quantilesOf(worst), quantilesOf(refused)
	return r
}

// estimate is a row of the answer.
type estimate struct {
	name   string
	unit   scenario.Unit
	scales bool // with the number of keys and operations
	about  string
	value  func(*outcome) (int64, bool)
}

func metric(m scenario.Metric) func(*outcome) (int64, bool) {
	return func(o *outcome) (int64, bool) {
		v, ok := o.result.Metrics[string(m)]
		return v, ok
	}
}

func measured(f func(m *meter) int64) func(*outcome) (int64, bool) {
	return func(o *outcome) (int64, bool) { return f(o.meter), true }
}

var estimates = []estimate{ // immutable: nothing writes a row
	{"writes", scenario.Count, true, "that were acknowledged, in the whole run", measured(func(m *meter) int64 { return int64(m.writes) })},
	{"writes.replaced", scenario.Count, true, "of those, replaced by a concurrent one that had not seen it", metric(scenario.WritesReplaced)},
	{"writes.lost", scenario.Count, true, "of those, gone since only lost memory held them", metric(scenario.WritesLost)},
	{"writes.failed", scenario.Count, true, "that were refused or not acknowledged", metric(scenario.WritesFailed)},
	{"outbox.link", scenario.Bytes, true, "in the fullest outbox of a link", measured(func(m *meter) int64 { return m.outbox.link })},
	{"outbox.node", scenario.Bytes, true, "in all outboxes of the node that has most", measured(func(m *meter) int64 { return m.outbox.node })},
	{"outbox.cluster", scenario.Bytes, true, "in all outboxes of all nodes", measured(func(m *meter) int64 { return m.outbox.all })},
	{"overflows", scenario.Count, false, "outboxes that were full: repair brings what they held", metric(scenario.OverflowedLinks)},
	{"heal.within", scenario.Time, false, "until every replica has all that was written before the heal", metric(scenario.ConvergeWithin)},
	{"heal.bytes", scenario.Bytes, true, "over the healed path until then, above what crosses it anyway", healed},
	{"heal.repair", scenario.Bytes, true, "for repair on all paths until then", metric(scenario.HealBytes)},
}

// healed gives the bytes that crossed the path until all was well.
func healed(o *outcome) (int64, bool) {
	within, ok := o.result.Metrics[string(scenario.ConvergeWithin)]
	return o.meter.healing(time.Duration(within)), ok
}

// transfer adds the time that a narrow path needs for what the whole cluster
// would send, of which a smaller run sends a part only.
func (a *Answer) transfer(q *Question, outcomes []*outcome) {
	bits := narrowest(q)
	if bits == 0 || a.Scale == 1 {
		return
	}
	var values []int64
	for _, o := range outcomes {
		if bytes, ok := healed(o); ok {
			millis := bytes * (a.Scale - 1) * 8 * 1000 / bits
			values = append(values, millis*int64(time.Millisecond))
		}
	}
	if len(values) > 0 {
		a.Figures = append(a.Figures, Estimate{
			"heal.transfer", scenario.Time, "to add to heal.within: for heal.bytes at the bandwidth of the path", quantilesOf(values),
		})
	}
}

// narrowest is the least bandwidth across the cut, in bits per second; zero is no
// limit.
func narrowest(q *Question) (least int64) {
	t := &q.Scenario.Topology
	for _, a := range t.Regions {
		for _, b := range t.Regions {
			hit := q.Cut.Target.Hits(scenario.Place{Region: a.Name, Node: 1}, scenario.Place{Region: b.Name, Node: 1})
			if bits := t.Link(a.Name, b.Name).Bits; a.Name != b.Name && hit && bits > 0 && (least == 0 || bits < least) {
				least = bits
			}
		}
	}
	return least
}

// modelled says what of an answer was not run.
func modelled(q *Question, sc *scenario.Scenario, scale int64) []string {
	said := []string{
		fmt.Sprintf("%d nodes run the production code with real bytes; clocks, network, membership and clients are models.", nodesOf(sc)),
		fmt.Sprintf("The cut begins after %v of load, and the load goes on for %v after it.", leadIn, sc.Phases.Heal),
	}
	if scale == 1 {
		return append(said, "Keys and operations are run in full.")
	}
	said = append(said,
		fmt.Sprintf("One key and one operation of %d is run, so that a key sees as many as it would; counts and bytes are multiplied by %d.", scale, scale),
		"Values, round trips, loss and bandwidth are run as given. Under zipf the hottest key stands for the hottest of many.",
		fmt.Sprintf("An outbox overflows at %d bytes instead of %d, which is as soon.", sc.Config.Outbox, outboxOf(q.Scenario)),
	)
	if few, all := sc.Partitions(), q.Scenario.Partitions(); few != all {
		said = append(said, fmt.Sprintf("Keys lie in %d partitions instead of %d, so digests are fewer, and are multiplied with the rest.", few, all))
	}
	if narrowest(q) > 0 {
		said = append(said, "A link carries one of so many bytes, so the time for the others is computed from the bandwidth: heal.transfer.")
	}
	return said
}

func nodesOf(sc *scenario.Scenario) (n int) {
	for _, r := range sc.Topology.Regions {
		n += r.Nodes
	}
	return n
}
