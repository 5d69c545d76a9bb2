package httpdoor

import (
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
	commands *prometheus.CounterVec
	latency  *prometheus.HistogramVec
	known    map[string]series // by command; never changes
	read     func() Snapshot
}

// series are the counters of one command that are needed at every call.
type series struct {
	ok      prometheus.Counter
	latency prometheus.Observer
}

// unknown stands for every name that is not in the table, of which clients could make up any number.
const unknown = "unknown"

// NewMetrics gives the metrics of a node in a registry of their own; read is called at every scrape.
func NewMetrics(read func() Snapshot) *Metrics {
	m := &Metrics{
		registry: prometheus.NewRegistry(),
		commands: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "atoll_commands_total", Help: "Commands of clients by name and outcome: ok, or the code of the error.",
		}, []string{"command", "outcome"}),
		latency: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name: "atoll_command_seconds", Help: "Time from a command to its answer.",
			Buckets: []float64{1e-6, 1e-5, 1e-4, 5e-4, 1e-3, 5e-3, 1e-2, 5e-2, 0.1, 0.5, 1, 5},
		}, []string{"command"}),
		known: map[string]series{},
		read:  read,
	}
	for _, c := range command.Table() {
		m.known[c.Name] = m.series(c.Name)
	}
	m.known[unknown] = m.series(unknown)
	m.registry.MustRegister(m.commands, m.latency, gauges{m},
		collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	return m
}

func (m *Metrics) series(name string) series {
	return series{ok: m.commands.WithLabelValues(name, "ok"), latency: m.latency.WithLabelValues(name)}
}

// Command counts one command, by the name that the client gave, in whatever case.
func (m *Metrics) Command(name string, reply *command.Reply, took time.Duration) {
	label := unknown
	if c, ok := command.Lookup(name); ok {
		label = c.Name
	}
	s := m.known[label]
	s.latency.Observe(took.Seconds())
	if reply.Type == command.Error {
		m.commands.WithLabelValues(label, reply.Code).Inc()
		return
	}
	s.ok.Inc()
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
	for _, s := range []shape{partitions, gaps, keys, bytesHeld, stubs, stubBytes, linkUp, linkLag, linkOutbox, linkUnacked, rounds, failures, repairBytes, repaired, clockOffset, clockStop, dropped} {
		to <- s.desc
	}
}

// Collect reads one snapshot.
func (g gauges) Collect(to chan<- prometheus.Metric) {
	send := func(s shape, value float64, labels ...string) {
		to <- prometheus.MustNewConstMetric(s.desc, s.kind, value, labels...)
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
