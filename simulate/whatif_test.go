package simulate

import (
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/atollcache/atoll/simulate/scenario"
)

// shop is a topology that somebody asks about.
const shop = `
version: 1
name: shop
config: {partitions: 4}
topology:
  regions: {us: 2, eu: 1, ap: 1}
  rtt: {default: 40ms}
  bandwidth: {us-eu: 10Mbit}
load:
  - {in: [us, eu], ops: 20/s, mix: {get: 50, set: 50}, keys: 20 uniform, value: 100B}
  - {in: [ap], ops: 5/s, mix: {get: 100}, keys: 20 uniform}
`

func asked(t testing.TB, text, cut string) Question {
	t.Helper()
	sc, err := scenario.ParseTopology("shop.yaml", []byte(text))
	if err != nil {
		t.Fatal(err)
	}
	step, err := scenario.ParseCut(cut, &sc.Topology)
	if err != nil {
		t.Fatal(err)
	}
	return Question{Scenario: sc, Cut: step, From: 1, Seeds: 3, Cores: 2, Ops: 1_000_000}
}

func answered(t testing.TB, q Question) *Answer {
	t.Helper()
	a, err := WhatIf(t.Context(), q)
	if err != nil {
		t.Fatal(err)
	}
	return a
}

func (a *Answer) figure(t testing.TB, name string) Estimate {
	t.Helper()
	for _, f := range a.Figures {
		if f.Name == name {
			return f
		}
	}
	t.Fatalf("the answer has no %s: %+v", name, a.Figures)
	return Estimate{}
}

// TestWhatIf asks about one region that nothing reaches: it must go stale by the
// length of the cut, and the others must not.
func TestWhatIf(t *testing.T) {
	a := answered(t, asked(t, shop, "eu|us,ap=30s"))
	if a.Seeds != 3 || a.Scale != 1 || a.Violated != 0 {
		t.Fatalf("%+v", a)
	}
	for _, r := range a.Regions {
		if r.Reads == 0 {
			t.Errorf("no read in %s", r.Region)
		}
		if stale := time.Duration(r.Worst.P50); r.Region != "ap" && (stale < 20*time.Second || stale > 30*time.Second) {
			t.Errorf("the worst read in %s missed %v", r.Region, stale)
		}
		if r.P50.P5 > r.P50.P95 || r.P50.P95 > r.P95.P95 || r.P95.P50 > r.Worst.P50 {
			t.Errorf("%+v", r)
		}
	}
	if lost := a.figure(t, "writes.replaced"); lost.P5 == 0 || lost.P95 >= a.figure(t, "writes").P5 {
		t.Errorf("replaced %+v of %+v", lost, a.figure(t, "writes"))
	}
	for _, name := range []string{"outbox.link", "outbox.node", "outbox.cluster", "heal.within", "heal.bytes"} {
		if f := a.figure(t, name); f.P5 <= 0 || f.P5 > f.P50 || f.P50 > f.P95 {
			t.Errorf("%s is %+v", name, f.Quantiles)
		}
	}
	if link, all := a.figure(t, "outbox.link"), a.figure(t, "outbox.cluster"); link.P50 > all.P50 {
		t.Errorf("one outbox holds %d, all %d bytes", link.P50, all.P50)
	}
}

// TestWhatIfOneWay cuts one direction: who does not hear is staler than who does.
func TestWhatIfOneWay(t *testing.T) {
	text := strings.Replace(shop, "{us: 2, eu: 1, ap: 1}", "{us: 1, eu: 1}", 1)
	text, _, _ = strings.Cut(text, "  - {in: [ap]")
	a := answered(t, asked(t, text, "us>eu=20s"))
	us, eu := a.Regions[0], a.Regions[1]
	if time.Duration(eu.Worst.P50) < 10*time.Second || us.P95.P95 >= eu.P95.P5 {
		t.Errorf("reads miss %+v in us, %+v in eu", us, eu)
	}
}

// TestWhatIfScaled runs a tenth, and must come to about the same.
func TestWhatIfScaled(t *testing.T) {
	q := asked(t, strings.NewReplacer("20 uniform", "400 uniform", "partitions: 4", "partitions: 16").Replace(shop), "eu|us,ap=30s")
	whole := answered(t, q)
	q.Ops = 400
	small := answered(t, q)
	if small.Scale < 8 || len(small.Modelled) <= len(whole.Modelled) {
		t.Fatalf("scale %d, said %q", small.Scale, small.Modelled)
	}
	if !slices.ContainsFunc(small.Modelled, func(s string) bool { return strings.Contains(s, "multiplied by") }) {
		t.Errorf("what is computed is not said: %q", small.Modelled)
	}
	for _, name := range []string{"writes", "writes.replaced", "outbox.cluster"} {
		a, b := whole.figure(t, name).P50, small.figure(t, name).P50
		if b < a/2 || b > a*2 {
			t.Errorf("%s is %d in full, %d scaled by %d", name, a, b, small.Scale)
		}
	}
	if transfer := small.figure(t, "heal.transfer"); transfer.P50 <= 0 {
		t.Errorf("nothing has to cross the narrow path: %+v", transfer)
	}
}

// TestWhatIfRepeats gives the same answer to the same question.
func TestWhatIfRepeats(t *testing.T) {
	q := asked(t, shop, "us-eu=10s")
	one, two := answered(t, q), answered(t, q)
	one.Real, two.Real = 0, 0
	a, err := json.Marshal(one)
	b, err2 := json.Marshal(two)
	if err != nil || err2 != nil || string(a) != string(b) {
		t.Errorf("%s\n%s", a, b)
	}
}

// TestWhatIfTime begins no seed after the time is up, and answers with those it has.
func TestWhatIfTime(t *testing.T) {
	q := asked(t, shop, "us-eu=10s")
	q.Seeds, q.For, q.Cores = 50, time.Nanosecond, 2
	if a := answered(t, q); a.Seeds != 2 {
		t.Errorf("%d seeds were run", a.Seeds)
	}
}

func TestQuantile(t *testing.T) {
	values := []int64{5, 1, 4, 2, 3}
	if q := quantilesOf(values); q != (Quantiles{1, 3, 5}) {
		t.Errorf("%+v", q)
	}
	if q := quantilesOf(nil); q != (Quantiles{}) {
		t.Errorf("%+v of nothing", q)
	}
	if q := quantilesOf([]int64{7}); q != (Quantiles{7, 7, 7}) {
		t.Errorf("%+v of one", q)
	}
}

// TestTopology finds what a question is about, by name or by file.
func TestTopology(t *testing.T) {
	sc, err := Topology("us-eu-cut-ten-minutes")
	if err != nil || len(sc.Timeline) != 0 || len(sc.Load) == 0 {
		t.Errorf("%+v, %v", sc, err)
	}
	path := filepath.Join(t.TempDir(), "prod.yaml")
	if err := os.WriteFile(path, []byte(shop), 0o600); err != nil {
		t.Fatal(err)
	}
	if sc, err = Topology(path); err != nil || sc.Name != "shop" {
		t.Errorf("%+v, %v", sc, err)
	}
	if err := os.WriteFile(path, []byte(small), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err = Topology(path); err == nil || !strings.Contains(err.Error(), "timeline") {
		t.Errorf("a file with a timeline: %v", err)
	}
	for _, name := range []string{"no-such-scenario", "missing.yaml", t.TempDir()} {
		if _, err := Topology(name); err == nil {
			t.Errorf("%s is found", name)
		}
	}
}
