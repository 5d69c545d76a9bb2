package scenario

import (
	"strings"
	"testing"
	"time"
)

const varied = `
version: 1
name: varied
config: {linger: 5ms}
topology:
  regions: {us: 3, eu: 2}
  rtt: {us-eu: 80ms±10%}
load:
  - {in: [us], ops: 10/s, keys: 5 uniform}
  - {ops: 20/s, keys: 7 uniform}
timeline:
  - {at: 5s, cut: us | eu, for: 10s}
  - {at: 6s, crash: us/1, restart: 3s}
`

func TestSet(t *testing.T) {
	s, err := Parse("varied.yaml", []byte(varied))
	if err != nil {
		t.Fatal(err)
	}
	before := string(Marshal(s))
	for _, c := range []struct {
		path, value string
		holds       func(*Scenario) bool
	}{
		{"rtt.us-eu", "20ms", func(s *Scenario) bool { return s.Topology.Link("eu", "us").Delay.Base == 10*time.Millisecond }},
		{"loss.us-eu", "1%", func(s *Scenario) bool { return s.Topology.Link("us", "eu").Loss == 10_000 }},
		{"bandwidth.default", "5Mbit", func(s *Scenario) bool { return s.Topology.Link("us", "eu").Bits == 5_000_000 }},
		{"nodes.eu", "4", func(s *Scenario) bool { return s.Topology.Regions[1].Nodes == 4 }},
		{"load.ops", "3/s", func(s *Scenario) bool { return s.Load[0].Ops == 3000 && s.Load[1].Ops == 3000 }},
		{"load.2.ops", "3/s", func(s *Scenario) bool { return s.Load[0].Ops == 10_000 && s.Load[1].Ops == 3000 }},
		{"load.keys", "9 zipf 1.1", func(s *Scenario) bool { return s.Load[0].Keys.Count == 9 }},
		{"config.linger", "1ms", func(s *Scenario) bool { return s.Config.Linger == time.Millisecond }},
		{"config.round-every", "1s", func(s *Scenario) bool { return s.Config.RoundEvery == time.Second }},
		{"phases.heal", "9s", func(s *Scenario) bool { return s.Phases.Heal == 9*time.Second }},
		{"timeline.1.for", "90s", func(s *Scenario) bool {
			return s.Timeline[0].For == 90*time.Second && s.Phases.Healed() == 95*time.Second
		}},
		{"cut.for", "2m", func(s *Scenario) bool { return s.Timeline[0].For == 2*time.Minute }},
		{"crash.restart", "never", func(s *Scenario) bool { return s.Timeline[1].Restart == Never }},
	} {
		changed, err := s.Set(c.path, c.value)
		if err != nil {
			t.Errorf("%s=%s: %v", c.path, c.value, err)
			continue
		}
		if !c.holds(changed) {
			t.Errorf("%s=%s gives\n%s", c.path, c.value, Marshal(changed))
		}
	}
	if after := string(Marshal(s)); after != before {
		t.Errorf("the scenario itself was changed:\n%s", after)
	}
}

func TestSetRefuses(t *testing.T) {
	s, err := Parse("varied.yaml", []byte(varied))
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct{ path, value, want string }{
		{"", "1", "names nothing"},
		{"rtt", "80ms", "names nothing"},
		{"rtt.", "80ms", "names nothing"},
		{"rtt.us-ap", "80ms", "us-ap"},
		{"rtt.us-eu", "80", "unit"},
		{"rtt.us-eu.half", "1ms", "nothing below"},
		{"config.lingr", "1ms", "linger"},
		{"load.3.ops", "1/s", "numbered from 1 to 2"},
		{"load.0.ops", "1/s", "numbered from 1 to 2"},
		{"timeline.1", "1s", "numbered from 1 to 2"},
		{"pause.for", "1s", "names nothing in this scenario"},
		{"cut.restart", "1s", "restart"},
		{"nodes.ap", "2", "rtt"},
		{"load.ops", "{a: b}", "ops"},
		{"name.x", "y", "names nothing"},
	} {
		_, err := s.Set(c.path, c.value)
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s=%s: %v", c.path, c.value, err)
		}
	}
}
