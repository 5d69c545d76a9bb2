//go:build simbreak

package simulate

import (
	"strings"
	"testing"

	"github.com/atollcache/atoll/planted"
)

// overlap is a load in which removals meet writes that they have not seen.
const overlap = `
version: 1
name: overlap
config: {partitions: 4}
topology:
  regions: {us: 1, eu: 1}
  rtt: {us-eu: 40ms}
load:
  - {ops: 20/s, mix: {hset: 60, del: 20, hgetall: 20}, keys: 2 uniform, value: 8B}
timeline:
  - {at: 20s, clock: us/1, skew: +5ms, for: 2s}
phases: {warm-up: 5s, chaos: 20s, heal: 5s, quiesce: 20s}
`

// TestExplainPlantedBug plants a bug: a removal takes away what it has not seen.
// Without the removal, or without the write, it does not happen, and no fault is
// needed for it.
func TestExplainPlantedBug(t *testing.T) {
	if err := planted.Choose(planted.RemovalCoversUnseen); err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := planted.Choose(""); err != nil {
			t.Error(err)
		}
	}()
	e := explained(t, ExplainConfig{Source: SourceOf(read(t, overlap)), Oracle: "O6", Cores: 2})
	if e.Violation.Oracle != "O6" || e.Violation.Key == "" || !e.Complete {
		t.Fatalf("%+v", e)
	}
	needed := map[string]bool{}
	for _, r := range e.Without {
		if name, _, _ := strings.Cut(r.What, " "); r.Passes {
			needed[name] = true
		}
	}
	if !needed["del"] || !needed["hset"] || needed["skew"] {
		t.Errorf("needed are %v:\n%s", needed, e.Text)
	}
	if e.Inevitable == nil || e.Inevitable.After != 0 || !strings.Contains(e.Text, "happens without any fault") {
		t.Errorf("inevitable in %+v:\n%s", e.Inevitable, e.Text)
	}
	if last := e.Slice[len(e.Slice)-1]; !strings.Contains(last.Text, "del ") || last.At != e.Violation.At || last.Node != e.Violation.Node {
		t.Errorf("it ends in %+v, and was broken at %+v", last, e.Violation)
	}
}
