package scenario

import (
	"strings"
	"testing"
	"time"
)

// prod is what a user describes, without a timeline.
const prod = `version: 1
name: our shop
topology:
  regions: {us-east: 3, eu: 3, ap: {nodes: 2, weight: [1, 2]}}
  rtt: {us-east-eu: 80ms±10%, default: 200ms, us-east>ap: 90ms}
load:
  - {ops: 200/s, keys: 10k uniform, ttl: 1m..5m}
`

func TestTopologyAndCut(t *testing.T) {
	s, err := ParseTopology("prod.yaml", []byte(prod))
	if err != nil {
		t.Fatal(err)
	}
	step, err := ParseCut("us-east-eu=10m", &s.Topology)
	if err != nil {
		t.Fatal(err)
	}
	cut, err := s.With(step)
	if err != nil {
		t.Fatal(err)
	}
	if got := cut.Timeline[0].Target.String(); got != "us-east | eu" || cut.Phases.Healed() != 12*time.Minute {
		t.Errorf("cuts %s, healed at %v", got, cut.Phases.Healed())
	}
	if len(s.Timeline) != 0 {
		t.Error("the scenario itself was changed")
	}

	oneWay, err := ParseCut("us-east>ap=30s", &s.Topology)
	if err != nil || oneWay.Kind != CutOneWay {
		t.Errorf("read a one-way cut as %s: %v", oneWay.Kind, err)
	}
	for text, want := range map[string]string{
		"us-east-eu":         "has no length; write it as us-eu=10m",
		"us-east-eu=10":      "has no unit",
		"us-east-eu=0s":      "is no time",
		"us-east-mars=10m":   "unknown region",
		"eu|eu=10m":          "eu is on both sides",
		"eu=10m":             "is not what it strikes",
		"us-east>ap>eu=10m":  "one way leads from one side to one other",
		"us-east | eu/9x=1m": "is no node",
	} {
		if _, err := ParseCut(text, &s.Topology); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %s", text, err, want)
		}
	}

	if _, err := ParseTopology("prod.yaml", []byte(prod+"timeline:\n  - {at: 1m, dup: all}\n")); err == nil || !strings.Contains(err.Error(), `prod.yaml:8:1: the file has no key "timeline"`) {
		t.Errorf("a topology with a timeline: %v", err)
	}
}

// TestLinks resolves every direction: what is closest wins.
func TestLinks(t *testing.T) {
	s, err := ParseTopology("prod.yaml", []byte(prod))
	if err != nil {
		t.Fatal(err)
	}
	ms := time.Millisecond
	for _, test := range []struct {
		from, to string
		want     Delay
	}{
		{"us-east", "eu", Delay{Kind: Uniform, Base: 40 * ms, Spread: 4 * ms}},
		{"eu", "us-east", Delay{Kind: Uniform, Base: 40 * ms, Spread: 4 * ms}},
		{"eu", "ap", Delay{Kind: Const, Base: 100 * ms}},
		{"us-east", "ap", Delay{Kind: Const, Base: 90 * ms}}, // one way, not halved
		{"ap", "us-east", Delay{Kind: Const, Base: 100 * ms}},
		{"eu", "eu", Delay{Kind: Const, Base: ms / 4}},
	} {
		if got := s.Topology.Link(test.from, test.to).Delay; got != test.want {
			t.Errorf("%s to %s takes %+v, want %+v", test.from, test.to, got, test.want)
		}
	}
	if ap, _ := s.Topology.Region("ap"); ap.Weight(1) != 1 || ap.Weight(2) != 2 || ap.Weight(3) != 1 {
		t.Errorf("weights of ap: %v", ap.Weights)
	}
}

// TestTargetHits says which messages a target strikes.
func TestTargetHits(t *testing.T) {
	topology := &Topology{Regions: []Region{{Name: "us", Nodes: 3}, {Name: "eu", Nodes: 2}, {Name: "ap", Nodes: 1}}}
	us1, us2, eu1, ap1 := Place{"us", 1}, Place{"us", 2}, Place{"eu", 1}, Place{"ap", 1}
	for _, test := range []struct {
		target   string
		from, to Place
		want     bool
	}{
		{"us | eu", us1, eu1, true},
		{"us | eu", eu1, us2, true},
		{"us | eu", us1, us2, false},
		{"us | eu", us1, ap1, false},
		{"us > eu", us1, eu1, true},
		{"us > eu", eu1, us1, false},
		{"us-eu", eu1, us1, true},
		{"us/1, eu | ap us/2", us1, us2, true},
		{"us/1, eu | ap us/2", us1, eu1, false},
		{"us | eu | ap", eu1, ap1, true},
		{"us", us1, us2, false},
		{"us", us1, eu1, true},
		{"us", ap1, eu1, false},
		{"us/1", us1, us2, true},
		{"inside us", us1, us2, true},
		{"inside us", us1, eu1, false},
		{"all", us1, us2, true},
		{"all", us1, us1, false},
	} {
		target, err := topology.target(test.target)
		if err != nil {
			t.Fatal(err)
		}
		if got := target.Hits(test.from, test.to); got != test.want {
			t.Errorf("%s strikes %s -> %s: %v", test.target, test.from, test.to, got)
		}
	}
}
