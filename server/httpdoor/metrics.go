package httpdoor

import (
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"

	"github.com/atollcache/atoll/command"
)

// Snapshot is what a node tells of itself when it is asked for its metrics.
type Snapshot struct {
	Partitions map[string]int // by state
	Gaps       int            // partitions that wait for a node that is gone
	Keys       int
	Bytes      int64
	Stubs      int // of Keys
	StubBytes  int // of Bytes
	Links      []Link

	RepairRounds   uint64
	RepairFailures uint64
	RepairBytes    uint64
	RepairedKeys   uint64

	ClockOffset  time.Duration // to the median of all clocks; negative if behind
	ClockStopped bool          // writes are passed on or refused for it

	Dropped map[string]uint64 // messages and deltas that were not taken, by reason
}

// Link is how a link to another node stands.
type Link struct {
	Region, Node string
	Up           bool
	Lag          time.Duration // since its last acknowledgement
	OutboxBytes  int
	Unacked      int
}

// Metrics counts commands, and asks the node for the rest when it is scraped.
type Metrics struct {
	registry *prometheus.Registry
	refused  *prometheus.CounterVec
	series   []series // by the place of the command, and behind them that of all that are not in the table
	read     func() Snapshot
}

// series is what is counted of one command at every call.
type series struct {
	name    string
	ok      atomic.Uint64
	latency latency
}

// latency is a histogram. Nothing is computed in floats until it is scraped.
type latency struct {
	buckets [len(bounds) + 1]atomic.Uint64
	sum     atomic.Int64 // nanoseconds
}

// bounds are the upper ends of the buckets; the last one has none.
var bounds = [...]time.Duration{
	time.Microsecond, 10 * time.Microsecond, 100 * time.Microsecond, 500 * time.Microsecond, time.Millisecond, 5 * time.Millisecond,
	10 * time.Millisecond, 50 * time.Millisecond, 100 * time.Millisecond, 500 * time.Millisecond, time.Second, 5 * time.Second,
}

func (l *latency) observe(took time.Duration) {
	i := 0
	for i < len(bounds) && took > bounds[i] {
		i++
	}
	l.buckets[i].Add(1)
	l.sum.Add(int64(took))
}

// collect gives the histogram as Prometheus has it: each bucket with all that are below.
func (l *latency) collect(desc *prometheus.Desc, labels ...string) prometheus.Metric {
	below, count := map[float64]uint64{}, uint64(0)
	for i := range bounds {
		count += l.buckets[i].Load()
		below[bounds[i].Seconds()] = count
	}
	count += l.buckets[len(bounds)].Load()
	return prometheus.MustNewConstHistogram(desc, count, time.Duration(l.sum.Load()).Seconds(), below, labels...)
}

// What is counted of commands. The outcomes other than ok are few and rare.
const (
	commandsName = "atoll_commands_total"
	commandsHelp = "Commands of clients by name and outcome: ok, or the code of the error."
)

// unknown stands for every name that is not in the table, of which clients could make up any number.
const unknown = "unknown"

// NewMetrics gives the metrics of a node in a registry of their own; read is called at every scrape.
func NewMetrics(read func() Snapshot) *Metrics {
	m := &Metrics{
		registry: prometheus.NewRegistry(),
		series:   make([]series, command.Places()+1),
		read:     read,
	}
	for _, c := range command.Table() {
		m.series[c.Place()].name = c.Name
	}
	m.series[command.Places()].name = unknown
	m.refused = prometheus.NewCounterVec(prometheus.CounterOpts{Name: commandsName, Help: commandsHelp}, []string{"command", "outcome"})
	m.registry.MustRegister(gauges{m},
		collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	return m
}

// Command counts one command; nil is one that is not in the table.
func (m *Metrics) Command(c *command.Command, reply *command.Reply, took time.Duration) {
	s := &m.series[len(m.series)-1]
	if c != nil {
		s = &m.series[c.Place()]
	}
	s.latency.observe(took)
	if reply.Type == command.Error {
		m.refused.WithLabelValues(s.name, reply.Code).Inc()
		return
	}
	s.ok.Add(1)
}

// gauges turns a snapshot into metrics.
type gauges struct{ m *Metrics }

// A shape is the name, help, kind and labels of a metric that is read from a snapshot.
type shape struct {
	desc *prometheus.Desc
	kind prometheus.ValueType
}

func gauge(name, help string, labels ...string) shape {
	return shape{prometheus.NewDesc("atoll_"+name, help, labels, nil), prometheus.GaugeValue}
}

func counter(name, help string, labels ...string) shape {
	return shape{prometheus.NewDesc("atoll_"+name, help, labels, nil), prometheus.CounterValue}
}

var (
	commands    = shape{prometheus.NewDesc(commandsName, commandsHelp, []string{"command", "outcome"}, nil), prometheus.CounterValue}
	seconds     = prometheus.NewDesc("atoll_command_seconds", "Time from a command to its answer.", []string{"command"}, nil)
	partitions  = gauge("partitions", "Partitions held here, by state.", "state")
	gaps        = gauge("gaps", "Partitions that wait for a node that is gone: start it again, or forget it.")
	keys        = gauge("keys", "Keys held here.")
	bytesHeld   = gauge("bytes", "Bytes of the entries held here.")
	stubs       = gauge("stubs", "Keys that have expired and wait until every region was heard of.")
	stubBytes   = gauge("stub_bytes", "Bytes of these.")
	linkUp      = gauge("link_up", "Whether the peer acknowledges what is sent to it.", "region", "peer")
	linkLag     = gauge("link_lag_seconds", "Time since the last acknowledgement of the peer.", "region", "peer")
	linkOutbox  = gauge("link_outbox_bytes", "Bytes that wait to be sent.", "region", "peer")
	linkUnacked = gauge("link_unacknowledged_batches", "Batches that are sent and not acknowledged.", "region", "peer")
	rounds      = counter("repair_rounds_total", "Repair rounds begun.")
	failures    = counter("repair_failures_total", "Repair rounds that found no answer, or a bad one.")
	repairBytes = counter("repair_bytes_total", "Bytes received in answers of repair rounds.")
	repaired    = counter("repair_entries_total", "Keys that repair has changed.")
	clockOffset = gauge("clock_offset_seconds", "By how much the wall clock is ahead of the median of all nodes, at least; negative if behind.")
	clockStop   = gauge("clock_stopped", "Whether the node takes no writes because its wall clock is off.")
	dropped     = counter("dropped_total", "Messages and deltas of other nodes that were not taken, by reason.", "reason")
)

// Describe lists what Collect gives.
func (g gauges) Describe(to chan<- *prometheus.Desc) {
	to <- seconds
	for _, s := range []shape{commands, partitions, gaps, keys, bytesHeld, stubs, stubBytes, linkUp, linkLag, linkOutbox, linkUnacked, rounds, failures, repairBytes, repaired, clockOffset, clockStop, dropped} {
		to <- s.desc
	}
}

// Collect reads one snapshot.
func (g gauges) Collect(to chan<- prometheus.Metric) {
	send := func(s shape, value float64, labels ...string) {
		to <- prometheus.MustNewConstMetric(s.desc, s.kind, value, labels...)
	}
	g.m.refused.Collect(to)
	for i := range g.m.series {
		s := &g.m.series[i]
		send(commands, float64(s.ok.Load()), s.name, "ok")
		to <- s.latency.collect(seconds, s.name)
	}
	now := g.m.read()
	for state, n := range now.Partitions {
		send(partitions, float64(n), state)
	}
	send(gaps, float64(now.Gaps))
	send(keys, float64(now.Keys))
	send(bytesHeld, float64(now.Bytes))
	send(stubs, float64(now.Stubs))
	send(stubBytes, float64(now.StubBytes))
	for _, l := range now.Links {
		up := 0.0
		if l.Up {
			up = 1
		}
		send(linkUp, up, l.Region, l.Node)
		send(linkLag, l.Lag.Seconds(), l.Region, l.Node)
		send(linkOutbox, float64(l.OutboxBytes), l.Region, l.Node)
		send(linkUnacked, float64(l.Unacked), l.Region, l.Node)
	}
	send(rounds, float64(now.RepairRounds))
	send(failures, float64(now.RepairFailures))
	send(repairBytes, float64(now.RepairBytes))
	send(repaired, float64(now.RepairedKeys))
	send(clockOffset, now.ClockOffset.Seconds())
	stopped := 0.0
	if now.ClockStopped {
		stopped = 1
	}
	send(clockStop, stopped)
	for reason, n := range now.Dropped {
		send(dropped, float64(n), reason)
	}
}
