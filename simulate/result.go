package simulate

import (
	"cmp"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/atollcache/atoll/crdt"
	"github.com/atollcache/atoll/simulate/judge"
	"github.com/atollcache/atoll/simulate/scenario"
	"github.com/atollcache/atoll/simulate/world"
	"github.com/atollcache/atoll/wire"
)

// Verdict is what a run says of the product.
type Verdict string

// The verdicts.
const (
	Pass         Verdict = "pass"
	Violated     Verdict = "violated"
	Inconclusive Verdict = "inconclusive" // nothing is wrong, and the run does not show that it is right
)

// Hash is a trace hash: two runs with the same one were the same run.
type Hash uint64

// String writes a hash as 16 hex digits.
func (h Hash) String() string { return fmt.Sprintf("%016x", uint64(h)) }

// MarshalText writes a hash as String does.
func (h Hash) MarshalText() ([]byte, error) { return []byte(h.String()), nil }

// UnmarshalText reads what MarshalText writes.
func (h *Hash) UnmarshalText(text []byte) error {
	n, err := strconv.ParseUint(string(text), 16, 64)
	if err != nil {
		return fmt.Errorf("%q is no trace hash", text)
	}
	*h = Hash(n)
	return nil
}

// Result is what a run came to. Its JSON form is a contract: fields are added,
// never renamed.
type Result struct {
	Verdict    Verdict          `json:"verdict"`
	Name       string           `json:"name"` // of the scenario
	Seed       uint64           `json:"seed"`
	Trace      Hash             `json:"trace"`
	Token      string           `json:"token,omitempty"` // that replays it, if the caller knows where it comes from
	Violations []Violation      `json:"violations"`
	Accused    map[string]int   `json:"accused,omitempty"` // violations by oracle, those not listed included
	Doubts     []string         `json:"doubts,omitempty"`  // why it is inconclusive
	Marks      map[string]int   `json:"marks"`             // all of them, with how often they were hit
	Excuses    []Excuse         `json:"excuses"`
	Simulated  time.Duration    `json:"simulated_ns"`
	Real       time.Duration    `json:"real_ns"`
	Events     uint64           `json:"events"`
	Metrics    map[string]int64 `json:"metrics"` // by the names that expectations use
	Totals     Totals           `json:"totals"`
	Samples    []Sample         `json:"samples,omitempty"`
	Timeline   []Moment         `json:"timeline,omitempty"`
}

// Violation is a broken promise. Oracle is "expect" if what the scenario expects
// beside the promises of the product did not hold.
type Violation struct {
	Oracle string        `json:"oracle"`
	Name   string        `json:"name"`
	At     time.Duration `json:"at_ns"`
	Node   string        `json:"node,omitempty"`
	Key    string        `json:"key,omitempty"`
	What   string        `json:"what"`
	Dots   []string      `json:"dots,omitempty"` // names of the operations concerned: stamp, node and epoch
	Ops    []crdt.Dot    `json:"-"`              // the same
}

// String writes a violation in one line.
func (v Violation) String() string {
	return judge.Violation{Oracle: v.Oracle, At: v.At, Node: v.Node, Key: v.Key, What: v.What}.String()
}

// Excuse is a rule that let something pass.
type Excuse struct {
	Oracle string `json:"oracle"`
	Why    string `json:"why"`
	Count  int    `json:"count"`
}

// Moment is something that people are told of a run.
type Moment struct {
	At   time.Duration `json:"at_ns"`
	Text string        `json:"text"`
}

// Sample is how the cluster stood at a moment, for charts.
type Sample struct {
	At        time.Duration     `json:"at_ns"`
	Divergent int               `json:"divergent"` // partitions of which replicas differ
	Stale     time.Duration     `json:"stale_ns"`  // age of what the worst read since the last sample missed
	Outbox    int               `json:"outbox_bytes"`
	Memory    int64             `json:"memory_bytes"`
	Bytes     map[string]uint64 `json:"bytes"` // sent since the start, by class of message
}

// Totals is what went over the wire, and what clients did.
type Totals struct {
	Ops       uint64    `json:"ops"`
	OpsFailed uint64    `json:"ops_failed"`
	Writes    uint64    `json:"writes"`
	Crashes   uint64    `json:"crashes"`
	Refused   uint64    `json:"refused"`
	Sent      Count     `json:"sent"`
	Delivered Count     `json:"delivered"`
	Lost      Count     `json:"lost"`
	Traffic   []Traffic `json:"traffic,omitempty"`
}

// Count is messages and their bytes.
type Count struct {
	Messages uint64 `json:"messages"`
	Bytes    uint64 `json:"bytes"`
}

// Traffic is what one region sent to another, or to itself, by class of message.
type Traffic struct {
	From  string `json:"from"`
	To    string `json:"to"`
	Class string `json:"class"`
	Sent  Count  `json:"sent"`
	Got   Count  `json:"delivered"`
	Lost  Count  `json:"lost"`
}

// WriteJSON gives the result on one line.
func (r *Result) WriteJSON() ([]byte, error) {
	line, err := json.Marshal(r)
	return append(line, '\n'), err
}

// First gives the first violation, the one that a failure is known by.
func (r *Result) First() (Violation, bool) {
	if len(r.Violations) == 0 {
		return Violation{}, false
	}
	return r.Violations[0], true
}

// resultOf gathers what a run came to.
func resultOf(cfg *Config, w *world.World, j *judge.Judge, d *diary) *Result {
	r := &Result{
		Name: cfg.Scenario.Name, Seed: cfg.Seed, Trace: Hash(w.Hash()), Simulated: w.Now(), Events: w.Totals().Events,
		Violations: []Violation{}, Accused: map[string]int{}, Marks: map[string]int{}, Excuses: []Excuse{},
		Metrics: map[string]int64{}, Totals: totalsOf(w, cfg.Brief), Timeline: d.moments,
	}
	for _, v := range j.Violations() {
		r.Violations = append(r.Violations, violationOf(v))
		r.Accused[v.Oracle] = j.Accused(v.Oracle)
	}
	for _, e := range j.Excuses() {
		r.Excuses = append(r.Excuses, Excuse(e))
	}
	for _, m := range w.Marks() {
		r.Marks[m.Name] = m.Count
	}
	if !cfg.Brief {
		r.Samples = samplesOf(j.Samples())
	}
	r.judge(cfg, w, j)
	return r
}

func violationOf(v judge.Violation) Violation {
	out := Violation{Oracle: v.Oracle, Name: nameOf(v.Oracle), At: v.At, Node: v.Node, Key: v.Key, What: v.What, Ops: v.Dots}
	for _, d := range v.Dots {
		out.Dots = append(out.Dots, fmt.Sprintf("%v %016x/%d", d.Stamp, d.Origin.Node, d.Origin.Epoch))
	}
	return out
}

func nameOf(oracle string) string {
	for _, o := range judge.Oracles() {
		if o.ID == oracle {
			return o.Name
		}
	}
	return oracle
}

// judge compares what was measured with what the scenario expects, and sums all
// up in the verdict. A run that was ended early only shows what is wrong.
func (r *Result) judge(cfg *Config, w *world.World, j *judge.Judge) {
	whole := w.Done() && w.Breakdown() == ""
	if whole {
		r.measure(cfg.Scenario, j.Values())
		r.Doubts = append(r.Doubts, j.Inconclusive()...)
	} else if w.Breakdown() == "" {
		r.Doubts = append(r.Doubts, "the run was ended early")
	}
	switch {
	case len(r.Violations) > 0:
		r.Verdict = Violated
	case len(r.Doubts) > 0:
		r.Verdict = Inconclusive
	default:
		r.Verdict = Pass
	}
}

// Expected is the oracle of what a scenario expects for itself.
const Expected = "expect"

func (r *Result) measure(sc *scenario.Scenario, values map[scenario.Metric]int64) {
	for metric, value := range values {
		r.Metrics[string(metric)] = value
	}
	for _, b := range sc.Expect.Bounds {
		value, measured := values[b.Metric]
		switch {
		case !measured && b.Metric == scenario.ConvergeWithin && sc.Phases.Heal+sc.Phases.Quiesce >= time.Duration(b.Limit):
			r.miss(fmt.Sprintf("expected is %s, and the replicas did not converge at all", b))
		case !measured:
			r.Doubts = append(r.Doubts, fmt.Sprintf("%s could not be measured", b.Metric))
		case !b.Holds(value):
			r.miss(fmt.Sprintf("expected is %s, and it is %s", b, b.Metric.Format(value)))
		}
	}
}

func (r *Result) miss(what string) {
	r.Violations = append(r.Violations, Violation{Oracle: Expected, Name: "expectation", At: r.Simulated, What: what})
	r.Accused[Expected]++
}

func samplesOf(samples []judge.Sample) []Sample {
	var out []Sample
	for _, s := range samples {
		x := Sample{At: s.At, Divergent: s.Divergent, Stale: s.Stale, Outbox: s.Outbox, Memory: s.Memory, Bytes: map[string]uint64{}}
		for class, bytes := range s.Bytes {
			if bytes > 0 {
				x.Bytes[wire.Kind(class).String()] = bytes
			}
		}
		out = append(out, x)
	}
	return out
}

func totalsOf(w *world.World, brief bool) Totals {
	t := w.Totals()
	sent, delivered, lost := t.Sum()
	out := Totals{
		Ops: t.Ops, OpsFailed: t.OpsFailed, Writes: t.Writes, Crashes: t.Crashes, Refused: t.Refused,
		Sent: Count(sent), Delivered: Count(delivered), Lost: Count(lost),
	}
	if !brief {
		out.Traffic = trafficOf(w)
	}
	return out
}

func trafficOf(w *world.World) (out []Traffic) {
	regions := w.Scenario().Topology.Regions
	for i := range regions {
		for k := range regions {
			pair := w.Totals().Pair(i, k)
			for class := range pair.Sent {
				x := Traffic{
					From: regions[i].Name, To: regions[k].Name, Class: wire.Kind(class).String(),
					Sent: Count(pair.Sent[class]), Got: Count(pair.Delivered[class]), Lost: Count(pair.Lost[class]),
				}
				if x.Sent.Messages+x.Got.Messages+x.Lost.Messages > 0 {
					out = append(out, x)
				}
			}
		}
	}
	return out
}

// Oracles names the oracles that found something, in the order of their numbers.
func (r *Result) Oracles() string {
	names := slices.Collect(maps.Keys(r.Accused))
	slices.SortFunc(names, func(a, b string) int {
		return cmp.Or(cmp.Compare(len(a), len(b)), cmp.Compare(a, b))
	})
	return strings.Join(names, " ")
}

// comment makes lines of a scenario file that only people read.
func comment(note string) []byte {
	var out []byte
	for line := range strings.Lines(note) {
		out = append(out, "# "+strings.TrimRight(line, "\n")+"\n"...)
	}
	return out
}
