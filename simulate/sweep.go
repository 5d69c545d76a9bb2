package simulate

import (
	"context"
	"fmt"
	"runtime"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/atollcache/atoll/simulate/scenario"
)

// Vary is something of a scenario, and the values that it takes in turn.
type Vary struct {
	Path   string   `json:"path"` // see scenario.Scenario.Set
	Values []string `json:"values"`
}

// ParseVary reads rtt.us-eu=20ms,80ms,300ms.
func ParseVary(text string) (Vary, error) {
	path, list, ok := strings.Cut(text, "=")
	v := Vary{Path: strings.TrimSpace(path)}
	for value := range strings.SplitSeq(list, ",") {
		value = strings.TrimSpace(value)
		if value == "" || slices.Contains(v.Values, value) {
			ok = false
		}
		v.Values = append(v.Values, value)
	}
	if !ok || v.Path == "" {
		return Vary{}, unknown("%q does not say what takes which values; write it as rtt.us-eu=20ms,80ms,300ms", text)
	}
	return v, nil
}

// SweepConfig says which runs a sweep makes: the seeds of every combination.
type SweepConfig struct {
	Scenario *scenario.Scenario
	Vary     []Vary
	Metrics  []scenario.Metric
	From     uint64 // the first seed
	Seeds    int
	Cores    int                 // runs at a time; as many as there are if zero
	Done     func(done, all int) // is told of every run; nobody if nil
}

// SweepResult is a table of figures. Its JSON form is a contract: fields are
// added, never renamed.
type SweepResult struct {
	Name    string            `json:"name"`
	Seeds   int               `json:"seeds"` // of each row
	Metrics []scenario.Metric `json:"metrics"`
	Rows    []SweepRow        `json:"rows"`
	Real    time.Duration     `json:"real_ns"`
}

// SweepRow is what the seeds of one combination of values came to.
type SweepRow struct {
	Values   []string  `json:"values"` // in the order in which they were asked for
	Figures  []Measure `json:"figures"`
	Violated int       `json:"violated"` // seeds that broke a promise of the product
	First    string    `json:"first,omitempty"`
}

// Measure is a metric over the seeds in which it could be measured.
type Measure struct {
	Metric   scenario.Metric `json:"metric"`
	Measured int             `json:"measured"`
	Quantiles
}

// maxRows bounds the combinations of a sweep.
const maxRows = 200

// Sweep runs a scenario with every combination of values. What the scenario
// expects is not judged, for it was written for the values that it has.
func Sweep(ctx context.Context, cfg SweepConfig) (*SweepResult, error) {
	began := time.Now()
	scenarios, values, err := combine(cfg.Scenario, cfg.Vary)
	if err != nil {
		return nil, err
	}
	cores := cfg.Cores
	if cores == 0 {
		cores = runtime.GOMAXPROCS(0)
	}
	results := make([]*Result, len(scenarios)*cfg.Seeds)
	var mu sync.Mutex // guards results and done
	done := 0
	err = inParallel(ctx, len(results), cores, func(ctx context.Context, i int) error {
		r, err := Run(ctx, Config{Scenario: scenarios[i/cfg.Seeds], Seed: cfg.From + uint64(i%cfg.Seeds), Brief: true})
		mu.Lock()
		defer mu.Unlock()
		if err != nil {
			return err
		}
		results[i] = r
		if done++; cfg.Done != nil {
			cfg.Done(done, len(results))
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	out := &SweepResult{Name: cfg.Scenario.Name, Seeds: cfg.Seeds, Metrics: cfg.Metrics, Rows: []SweepRow{}}
	for i := range scenarios {
		out.Rows = append(out.Rows, rowOf(values[i], cfg.Metrics, results[i*cfg.Seeds:(i+1)*cfg.Seeds]))
	}
	out.Real = time.Since(began)
	return out, nil
}

// combine gives the scenarios of all combinations, the last path varying first.
func combine(sc *scenario.Scenario, vary []Vary) (all []*scenario.Scenario, values [][]string, err error) {
	open := *sc
	open.Expect = scenario.Expect{}
	all, values = []*scenario.Scenario{&open}, [][]string{nil}
	for _, v := range vary {
		var wider []*scenario.Scenario
		var longer [][]string
		if len(all)*len(v.Values) > maxRows {
			return nil, nil, unknown("there are more than %d combinations of values; vary less at a time", maxRows)
		}
		for i, one := range all {
			for _, value := range v.Values {
				changed, err := one.Set(v.Path, value)
				if err != nil {
					return nil, nil, fmt.Errorf("vary %w", err)
				}
				wider, longer = append(wider, changed), append(longer, append(slices.Clone(values[i]), value))
			}
		}
		all, values = wider, longer
	}
	return all, values, nil
}

func rowOf(values []string, metrics []scenario.Metric, results []*Result) SweepRow {
	row := SweepRow{Values: values}
	for _, m := range metrics {
		var measured []int64
		for _, r := range results {
			if v, ok := r.Metrics[string(m)]; ok {
				measured = append(measured, v)
			}
		}
		row.Figures = append(row.Figures, Measure{m, len(measured), quantilesOf(measured)})
	}
	for _, r := range results {
		if v, ok := r.First(); ok {
			if row.Violated++; row.First == "" {
				row.First = fmt.Sprintf("seed %d: %s", r.Seed, v)
			}
		}
	}
	return row
}
