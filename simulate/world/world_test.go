package world_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/atollcache/atoll/simulate/scenario"
	"github.com/atollcache/atoll/simulate/world"
)

// topology is what most tests run: its rtt is that of one ocean.
const topology = `
version: 1
name: test
topology:
  regions: {us: {nodes: 3}, eu: {nodes: 3}, ap: {nodes: 3}}
  rtt: {us-eu: 80ms±10%, us-ap: 160ms, eu-ap: 220ms, local: 0.5ms}
phases: {warm-up: 5s, chaos: 20s, heal: 10s, quiesce: 20s}
load:
  - {ops: 10/s, mix: {get: 40, set: 15, del: 2, incr: 10, hset: 8, sadd: 5, zadd: 5, expire: 2, hdel: 2, srem: 2}, keys: 20 uniform, value: 32B}
`

func parse(t testing.TB, text string) *scenario.Scenario {
	t.Helper()
	s, err := scenario.Parse("test.yaml", []byte(text))
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func start(t testing.TB, text string, seed uint64, o world.Observer) *world.World {
	t.Helper()
	return startOf(t, parse(t, text), seed, o)
}

func startOf(t testing.TB, s *scenario.Scenario, seed uint64, o world.Observer) *world.World {
	t.Helper()
	w, err := world.New(world.Config{Scenario: s, Seed: seed, Observer: o})
	if err != nil {
		t.Fatal(err)
	}
	return w
}

// equal says where two owners of a partition differ, nothing if nowhere.
func equal(w *world.World) string {
	roots := map[uint16]uint64{}
	for _, n := range w.Nodes() {
		if !n.Up() {
			continue
		}
		for _, d := range n.Replica().Digests() {
			if d.State != "ready" {
				return fmt.Sprintf("partition %d is %s at %s", d.Partition, d.State, n)
			}
			if root, seen := roots[d.Partition]; seen && root != d.Root {
				return fmt.Sprintf("partition %d differs at %s", d.Partition, n)
			}
			roots[d.Partition] = d.Root
		}
	}
	if len(roots) == 0 {
		return "nobody holds anything"
	}
	return ""
}

func run(t testing.TB, w *world.World) {
	t.Helper()
	for w.Step() {
	}
	if w.Breakdown() != "" {
		t.Fatal(w.Breakdown())
	}
}

func TestACalmWorldConverges(t *testing.T) {
	w := start(t, topology, 1, nil)
	began := time.Now()
	run(t, w)
	if where := equal(w); where != "" {
		t.Error(where)
	}
	to := w.Totals()
	if to.Ops < 500 || to.OpsFailed > 0 || to.Refused > 0 {
		t.Errorf("%d operations, %d failed, %d messages refused", to.Ops, to.OpsFailed, to.Refused)
	}
	sent, delivered, lost := to.Sum()
	t.Logf("%d events in %v; sent %v, delivered %v, lost %v", to.Events, time.Since(began), sent, delivered, lost)
}
