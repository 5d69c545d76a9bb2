package simulate

import (
	"testing"
	"time"

	"github.com/atollcache/atoll/simulate/scenario"
)

func TestParseVary(t *testing.T) {
	v, err := ParseVary("rtt.us-eu=20ms, 80ms,300ms")
	if err != nil || v.Path != "rtt.us-eu" || len(v.Values) != 3 || v.Values[1] != "80ms" {
		t.Errorf("%+v, %v", v, err)
	}
	for _, bad := range []string{"", "rtt.us-eu", "=1s", "rtt.us-eu=", "rtt.us-eu=1s,,2s", "rtt.us-eu=1s,1s"} {
		if v, err := ParseVary(bad); err == nil {
			t.Errorf("%q is read as %+v", bad, v)
		}
	}
}

// TestSweep finds that staleness grows with the round trip, and with the length
// of the cut.
func TestSweep(t *testing.T) {
	cfg := SweepConfig{
		Scenario: read(t, small), From: 1, Seeds: 2, Cores: 2, Metrics: []scenario.Metric{scenario.StalenessMax, scenario.ConvergeWithin},
		Vary: []Vary{{"cut.for", []string{"2s", "8s"}}, {"rtt.us-eu", []string{"10ms", "400ms"}}},
	}
	told := 0
	cfg.Done = func(done, all int) { told++ }
	r, err := Sweep(t.Context(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	if len(r.Rows) != 4 || told != 8 || r.Rows[1].Values[0] != "2s" || r.Rows[1].Values[1] != "400ms" {
		t.Fatalf("%d runs, %+v", told, r.Rows)
	}
	for i := range r.Rows {
		if f := r.Rows[i].Figures; len(f) != 2 || f[0].Measured != 2 || f[0].P5 > f[0].P95 || r.Rows[i].Violated != 0 {
			t.Errorf("%+v", r.Rows[i])
		}
	}
	short, long := r.Rows[0].Figures[0], r.Rows[2].Figures[0]
	if short.P95 >= long.P5 || time.Duration(long.P95) > 9*time.Second {
		t.Errorf("the worst reads miss %+v after 2s of cut, %+v after 8s", short, long)
	}
	if near, far := r.Rows[0].Figures[1], r.Rows[1].Figures[1]; near.P95 >= far.P95 {
		t.Errorf("healed within %+v at 10ms, %+v at 400ms", near, far)
	}
}

func TestSweepRefuses(t *testing.T) {
	many := Vary{Path: "rtt.us-eu"}
	for i := range maxRows + 1 {
		many.Values = append(many.Values, (time.Duration(i+1) * time.Millisecond).String())
	}
	for _, vary := range []Vary{{"rtt.us-ap", []string{"1ms"}}, {"config.linger", []string{"soon"}}, many} {
		if _, err := Sweep(t.Context(), SweepConfig{Scenario: read(t, small), Vary: []Vary{vary}, Seeds: 1}); err == nil {
			t.Errorf("%s can be swept", vary.Path)
		}
	}
}
