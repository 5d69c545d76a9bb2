package report

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/atollcache/atoll/simulate"
	"github.com/atollcache/atoll/simulate/scenario"
	"github.com/atollcache/atoll/simulate/world"
)

// Page is what the report of one run shows. Times are microseconds since its
// start, which a browser counts exactly for centuries.
type Page struct {
	Name     string
	Story    []string
	Verdict  simulate.Verdict
	Sentence string
	Token    string
	Facts    []Fact
	Result   *simulate.Result
	Faults   []Fault
	Focus    Focus

	data data
}

// Fact is a line of the summary.
type Fact struct{ Name, Value string }

// Fault is a step of the timeline.
type Fault struct {
	From, To time.Duration
	Kind     string
	Group    string
	Target   string
	Why      string
}

// data is what the script of the page draws.
type data struct {
	End      int64       `json:"end"`
	Phases   []phase     `json:"phases"`
	Regions  []string    `json:"regions"`
	Lanes    []lane      `json:"lanes"`
	Bands    []band      `json:"bands"`
	Samples  samples     `json:"samples"`
	Focus    focus       `json:"focus"`
	Marked   []violation `json:"violations"`
	Messages []message   `json:"messages"`
	Ops      []operation `json:"ops"`
}

type phase struct {
	Name string `json:"name"`
	At   int64  `json:"at"`
}

type focus struct {
	At   int64  `json:"at"`
	Key  string `json:"key"`
	Node string `json:"node"`
	What string `json:"what"`
}

// band is a fault over the lanes of regions.
type band struct {
	interval
	Kind    string `json:"kind"`
	Group   string `json:"group"`
	Severs  bool   `json:"severs"`
	Text    string `json:"text"`
	Regions []int  `json:"regions"`
}

type violation struct {
	Oracle string `json:"oracle"`
	At     int64  `json:"at"`
	Node   string `json:"node"`
	Key    string `json:"key"`
	What   string `json:"what"`
}

// samples are columns, for charts.
type samples struct {
	At        []int64            `json:"at"`
	Divergent []int              `json:"divergent"`
	Stale     []int64            `json:"stale"`
	Outbox    []int              `json:"outbox"`
	Bytes     map[string][]int64 `json:"bytes"` // sent since the sample before, by class
}

func (r *recorder) page(sc *scenario.Scenario, result *simulate.Result) *Page {
	p := &Page{
		Name: sc.Name, Story: sc.Story, Verdict: result.Verdict, Sentence: Sentence(sc, result), Token: result.Token,
		Facts: factsOf(sc, result), Result: result, Focus: r.focus,
	}
	for i := range sc.Timeline {
		step := &sc.Timeline[i]
		p.Faults = append(p.Faults, faultOf(step, sc.Phases))
		p.data.Bands = append(p.data.Bands, bandOf(step, sc))
	}
	p.data.End = micros(sc.Phases.End())
	p.data.Phases = phasesOf(sc.Phases)
	for _, region := range sc.Topology.Regions {
		p.data.Regions = append(p.data.Regions, region.Name)
	}
	p.data.Lanes, p.data.Ops = r.ordered(sc)
	p.data.Messages = r.renumbered(sc)
	p.data.Samples = columns(result.Samples)
	p.data.Focus = focus{At: micros(r.focus.At), Key: shorten(printable(r.focus.Key), 60), Node: r.focus.Node, What: r.focus.What}
	for _, v := range result.Violations[:min(len(result.Violations), maxListed)] {
		p.data.Marked = append(p.data.Marked, violation{v.Oracle, micros(v.At), v.Node, shorten(printable(v.Key), 60), v.What})
	}
	return p
}

// maxListed is how many violations and moments a page lists.
const maxListed = 200

// places maps the lanes, which stand in the order of their first appearance, to
// that of regions and nodes.
func (r *recorder) places(sc *scenario.Scenario) (order, place []int) {
	rank := func(name string) int {
		return slices.IndexFunc(sc.Topology.Regions, func(g scenario.Region) bool { return g.Name == name })
	}
	order = make([]int, len(r.lanes))
	for i := range order {
		order[i] = i
	}
	slices.SortStableFunc(order, func(a, b int) int { return rank(r.lanes[a].Region) - rank(r.lanes[b].Region) })
	place = make([]int, len(order))
	for to, from := range order {
		place[from] = to
	}
	return order, place
}

func (r *recorder) ordered(sc *scenario.Scenario) (lanes []lane, ops []operation) {
	order, place := r.places(sc)
	for _, i := range order {
		lanes = append(lanes, r.lanes[i])
	}
	ops = slices.Clone(last(r.ops, maxOps))
	for i := range ops {
		ops[i].Node = place[ops[i].Node]
	}
	return lanes, ops
}

func (r *recorder) renumbered(sc *scenario.Scenario) []message {
	_, place := r.places(sc)
	all := r.messages()
	for i := range all {
		all[i].From, all[i].To = place[all[i].From], place[all[i].To]
	}
	return all
}

func phasesOf(p scenario.Phases) []phase {
	all := []phase{
		{world.Warmup.String(), 0},
		{world.Chaos.String(), micros(p.WarmUp)},
		{world.Heal.String(), micros(p.Healed())},
		{world.Quiesce.String(), micros(p.Quiet())},
	}
	return slices.DeleteFunc(all, func(x phase) bool { return x.Name == world.Warmup.String() && p.WarmUp == 0 })
}

func faultOf(step *scenario.Step, p scenario.Phases) Fault {
	row, _ := scenario.FaultOf(step.Kind)
	return Fault{
		From: step.At, To: step.Until(p), Kind: string(step.Kind), Group: string(row.Group), Target: step.Target.String(), Why: step.Why,
	}
}

func bandOf(step *scenario.Step, sc *scenario.Scenario) band {
	row, _ := scenario.FaultOf(step.Kind)
	b := band{
		interval: interval{From: micros(step.At), To: micros(step.Until(sc.Phases))}, Kind: string(step.Kind), Group: string(row.Group),
		Severs: severs(step), Text: string(step.Kind) + " " + step.Target.String(), Regions: []int{},
	}
	for i, region := range sc.Topology.Regions {
		if touches(step, region) {
			b.Regions = append(b.Regions, i)
		}
	}
	return b
}

// touches says whether a fault strikes any node of a region.
func touches(step *scenario.Step, region scenario.Region) bool {
	for n := 1; n <= max(region.Nodes, 1); n++ {
		if step.Target.Has(scenario.Place{Region: region.Name, Node: n}) {
			return true
		}
	}
	return false
}

func columns(all []simulate.Sample) samples {
	out := samples{At: []int64{}, Divergent: []int{}, Stale: []int64{}, Outbox: []int{}, Bytes: map[string][]int64{}}
	classes := map[string]bool{}
	for i := range all {
		for class := range all[i].Bytes { // order-free: a set
			classes[class] = true
		}
	}
	before := simulate.Sample{}
	for i := range all {
		s := &all[i]
		out.At = append(out.At, micros(s.At))
		out.Divergent = append(out.Divergent, s.Divergent)
		out.Stale = append(out.Stale, micros(s.Stale))
		out.Outbox = append(out.Outbox, s.Outbox)
		for class := range classes { // order-free: each class has its own column
			out.Bytes[class] = append(out.Bytes[class], int64(s.Bytes[class]-before.Bytes[class]))
		}
		before = *s
	}
	return out
}

// Sentence says in one sentence what a run came to.
func Sentence(sc *scenario.Scenario, r *simulate.Result) string {
	switch r.Verdict {
	case simulate.Violated:
		v, _ := r.First()
		return violatedSentence(v, r)
	case simulate.Inconclusive:
		return "The run shows nothing: " + strings.Join(r.Doubts, "; ") + "."
	}
	return fmt.Sprintf("Every promise was kept through %s of %d nodes in %d regions, with %s and %s.",
		Span(r.Simulated), nodes(sc), len(sc.Topology.Regions), plural(len(sc.Timeline), "fault"), plural(int(r.Totals.Writes), "write"))
}

func violatedSentence(v simulate.Violation, r *simulate.Result) string {
	where := ""
	if v.Node != "" {
		where = " on " + v.Node
	}
	if v.Key != "" {
		where += fmt.Sprintf(", key %q", shorten(printable(v.Key), 60))
	}
	more := ""
	if n := total(r); n > 1 {
		more = fmt.Sprintf(" It is the first of %d violations.", n)
	}
	return fmt.Sprintf("%s (%s) is broken at %s%s: %s.%s", v.Oracle, v.Name, Span(v.At), where, strings.TrimSuffix(v.What, "."), more)
}

func total(r *simulate.Result) (n int) {
	for _, count := range r.Accused { // order-free: a sum
		n += count
	}
	return n
}

func nodes(sc *scenario.Scenario) (n int) {
	for _, r := range sc.Topology.Regions {
		n += r.Nodes
	}
	return n
}

func factsOf(sc *scenario.Scenario, r *simulate.Result) []Fact {
	facts := []Fact{
		{"seed", fmt.Sprint(r.Seed)},
		{"trace", r.Trace.String()},
		{"simulated", Span(r.Simulated)},
		{"nodes", fmt.Sprintf("%d in %d regions", nodes(sc), len(sc.Topology.Regions))},
		{"operations", fmt.Sprintf("%d, of which %d writes; %d failed", r.Totals.Ops, r.Totals.Writes, r.Totals.OpsFailed)},
		{"messages", fmt.Sprintf("%d sent (%s), %d lost", r.Totals.Sent.Messages, Bytes(int64(r.Totals.Sent.Bytes)), r.Totals.Lost.Messages)},
	}
	for _, row := range scenario.Metrics() {
		if value, ok := r.Metrics[string(row.Metric)]; ok {
			facts = append(facts, Fact{string(row.Metric), Measure(row.Metric, value)})
		}
	}
	return facts
}
