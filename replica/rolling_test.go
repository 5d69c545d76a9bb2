package replica

import (
	"fmt"
	"strings"
	"testing"
	"time"
)

// While a region is cut off its nodes are restarted one after the other, with
// empty memories, and everybody goes on adding and removing. What was removed,
// there or elsewhere, does not come back with the memories or with the heal, and
// what was not is not lost (rules L7, L8 and L9). The oracle of TestLinkRules
// judges; rounds that left tombstones out would fail several of the schedules.
func TestRollingRestartDuringACut(t *testing.T) {
	for seed := range int64(40) {
		if err := rollingRestart(t, seed); err != nil {
			t.Errorf("seed %d: %v", seed, err)
		}
	}
}

func rollingRestart(t *testing.T, seed int64) error {
	s := newSchedule(t, seed)
	w := s.w
	w.boot()
	w.run(500 * time.Millisecond)
	s.each("b", "hset hash f0 v", "hset hash f1 v", "hset hash f2 v", "sadd set m0 m1", "sadd set m2", "set string v", "incr counter")
	w.run(time.Duration(s.rng.Intn(100)) * time.Millisecond)
	for _, other := range w.regions()[1:] { // in the middle of it: deltas have come, watermarks have not
		w.sever("a", other)
	}
	w.run(10 * time.Millisecond)
	s.each("a", "hdel hash f0 f1", "del hash", "srem set m0", "del set", "del string", "set counter 0")
	if seed%4 < 2 {
		s.busy(30)
	}
	drains := seed%2 == 0
	for _, n := range w.nodes {
		if n.region != "a" {
			continue
		}
		if drains {
			n.r.Drain(n.time())
			n.woken = true
			w.membership("a")
			for limit := w.now + 10*time.Second; !n.r.Drained(); {
				if w.now > limit {
					return fmt.Errorf("%s is not drained", n.name)
				}
				w.run(50 * time.Millisecond)
			}
		}
		if !drains { // which hands on all that the node knows
			s.oracle.excuse(w, n)
		}
		n.crash()
		w.membership("a")
		w.run(time.Second)
		n.start()
		w.membership("a")
		if seed%4 < 2 {
			s.busy(20)
		}
		w.run(2 * time.Second)
	}
	return s.quiet()
}

// each runs commands in their order, some milliseconds apart, at nodes of a
// region, leaving some out.
func (s *schedule) each(region string, lines ...string) {
	var of []*node
	for _, n := range s.w.nodes {
		if n.region == region {
			of = append(of, n)
		}
	}
	for _, line := range lines {
		if s.rng.Intn(4) > 0 {
			s.w.call(of[s.rng.Intn(len(of))], Request{}, strings.Fields(line)...)
		}
		s.w.run(time.Duration(s.rng.Intn(10)) * time.Millisecond)
	}
}

// busy runs random commands everywhere, some milliseconds apart.
func (s *schedule) busy(commands int) {
	for range commands {
		s.w.run(time.Duration(s.rng.Intn(30)) * time.Millisecond)
		if n := s.w.nodes[s.rng.Intn(len(s.w.nodes))]; n.up {
			s.operate(n)
		}
	}
}
