package scenario

import (
	"reflect"
	"strings"
	"testing"
	"time"
)

// example is that of the design, word for word.
const example = `version: 1
name: us-eu cut ten minutes
topology:
  regions: {us: {nodes: 3}, eu: {nodes: 3}, ap: {nodes: 3}}
  rtt: {us-eu: 80ms±10%, us-ap: 160ms, eu-ap: 220ms, local: 0.5ms}
  loss: {us-ap: 0.1%}
  bandwidth: {us-eu: 50Mbit}
load:
  - {in: [us, eu], ops: 500/s, mix: {get: 80, set: 15, del: 2, incr: 3}, keys: 100k zipf 1.1, value: 256B..4KiB, ttl: 5m}
timeline:
  - {at: 2m, cut: us | eu, for: 10m}
  - {at: 4m, crash: eu/1, lose: memory, restart: 30s}
  - {at: 5m, clock: us/2, skew: +900ms}
expect: {converge.within: 30s, heal.bytes: "< 50MB", never: [lost-acked-write, resurrection]}
`

func TestTheExample(t *testing.T) {
	got, err := Parse("cut.yaml", []byte(example))
	if err != nil {
		t.Fatal(err)
	}
	want := &Scenario{
		Version: 1,
		Name:    "us-eu cut ten minutes",
		Topology: Topology{
			Regions: []Region{{Name: "us", Nodes: 3}, {Name: "eu", Nodes: 3}, {Name: "ap", Nodes: 3}},
			RTT: []PathDelay{
				{Path{A: "us", B: "eu"}, Delay{Kind: Uniform, Base: 80 * time.Millisecond, Spread: 8 * time.Millisecond}},
				{Path{A: "us", B: "ap"}, Delay{Kind: Const, Base: 160 * time.Millisecond}},
				{Path{A: "eu", B: "ap"}, Delay{Kind: Const, Base: 220 * time.Millisecond}},
				{Path{A: Local}, Delay{Kind: Const, Base: 500 * time.Microsecond}},
			},
			Loss:      []PathLoss{{Path{A: "us", B: "ap"}, 1000}},
			Bandwidth: []PathRate{{Path{A: "us", B: "eu"}, 50_000_000}},
		},
		Load: []Load{{
			In: []string{"us", "eu"}, Ops: 500_000,
			Mix:  []Weight{{"get", 80}, {"set", 15}, {"del", 2}, {"incr", 3}},
			Keys: Keys{Choice: KeysZipf, Count: 100_000, Skew: 1100}, Value: Sizes{256, 4096},
			TTL: Span{5 * time.Minute, 5 * time.Minute}, Fields: 16, Pattern: Steady, Every: 10 * time.Second,
		}},
		Timeline: []Step{
			{
				At: 2 * time.Minute, For: 10 * time.Minute, Kind: Cut, Mode: Stop, Add: Delay{Kind: Const, Base: 5 * time.Second},
				Target: Target{Sides: [][]Place{{{Region: "us"}}, {{Region: "eu"}}}},
			},
			{
				At: 4 * time.Minute, Kind: Crash, Lose: LoseMemory, Restart: 30 * time.Second,
				Target: Target{Sides: [][]Place{{{"eu", 1}}}},
			},
			{
				At: 5 * time.Minute, Kind: ClockSkew, Offset: 900 * time.Millisecond,
				Target: Target{Sides: [][]Place{{{"us", 2}}}},
			},
		},
		Phases: Phases{WarmUp: 10 * time.Second, Chaos: 12*time.Minute - 10*time.Second, Heal: 30 * time.Second, Quiesce: time.Minute},
		Expect: Expect{
			Never:  []Promise{LostAckedWrite, Resurrection},
			Bounds: []Bound{{ConvergeWithin, "<=", int64(30 * time.Second)}, {HealBytes, "<", 50_000_000}},
		},
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("read\n%+v\nwant\n%+v", got, want)
	}
	if again, err := Parse("again.yaml", Marshal(got)); err != nil || !reflect.DeepEqual(got, again) {
		t.Errorf("written and read again: %v\n%s", err, Marshal(got))
	}
}

// base is a scenario to which a test adds lines; it has ten.
const base = `version: 1
name: base
topology:
  regions: {us: {nodes: 3}, eu: {nodes: 2}, ap: 1}
  rtt: {default: 80ms}
load:
  - {ops: 10/s}
`

// TestMistakes shows the sentence for each mistake, and where it points.
func TestMistakes(t *testing.T) {
	for _, test := range []struct {
		name, text string
		want       []string
	}{
		{"empty", "", []string{`1:1: the scenario is empty; begin with version: 1`}},
		{"no mapping", "- 1", []string{`1:1: a scenario takes a mapping of keys to values`}},
		{"no YAML", "version: 1\nname: [", []string{`not valid YAML`}},
		{"two documents", base + "---\nversion: 1\n", []string{`1:1: a file holds one scenario`}},
		{"nothing needed", "story: once", []string{
			`1:1: the scenario has no version; begin with version: 1`,
			`1:1: there is no topology; add topology: {regions: {us: {nodes: 3}`,
			`1:1: the scenario has no name`,
		}},
		{"another version", strings.Replace(base, "version: 1", "version: 2", 1), []string{`1:10: version "2" is unknown; this build reads version 1`}},
		{"unknown key", base + "expects: {}\n", []string{`8:1: the file has no key "expects"; did you mean expect?`}},
		{"double key", base + "name: twice\n", []string{`8:1: name is given twice; it stands in line 2 already`}},
		{"double step key", base + "timeline:\n  - {at: 1m, at: 2m, cut: us | eu}\n", []string{`9:14: at is given twice; it stands in line 9 already`}},
		{"alias", base + "expect: {heal.bytes: &a 1MB, wire.bytes: *a}\n", []string{
			`8:22: an anchor (&a) is not allowed; take it out`,
			`8:42: an alias (*a) is not allowed; write the value out`,
		}},
		{"tag", base + "seed: !!str 7\n", []string{`8:7: a tag (!!str) is not allowed; take it out`}},
		{"no value", base + "seed:\n", []string{`8:6: seed has no value; write one, or leave the key out`}},
		{"a list for a word", base + "seed: [1]\n", []string{`8:7: seed takes a single value, not a list or a mapping`}},
		{"a seed below nothing", base + "seed: -1\n", []string{`8:7: seed "-1" is no seed`}},
		{"an unprintable name", strings.Replace(base, "name: base", `name: "a\x07b"`, 1), []string{`2:7: name has a sign that cannot be printed; take it out`}},

		{"only nothing", base + "only: {}\n", []string{`8:7: only names no client; write only: {load 1 in us: [3, 17]}`}},
		{"only what is no number", base + "only: {load 1 in us: [3, x, 16777216]}\n", []string{
			`8:26: only: "x" is no number of an operation`, `8:29: only: "16777216" is no number of an operation`,
		}},
		{"no unit", base + "timeline:\n  - {at: 120, cut: us | eu}\n", []string{`9:10: at: "120" has no unit; write it as 30s, 1.5ms or 1h30m`}},
		{"unknown unit", base + "timeline:\n  - {at: 2min, cut: us | eu}\n", []string{`9:10: at: "2min" has an unknown unit "min"`}},
		{"negative", base + "timeline:\n  - {at: -2m, cut: us | eu}\n", []string{`9:10: at: "-2m" is negative`}},
		{"no time", base + "timeline:\n  - {cut: us | eu}\n", []string{`9:5: cut has no time; add at: 2m`}},
		{"for nothing", base + "timeline:\n  - {at: 1m, cut: us | eu, for: 0s}\n", []string{`9:33: for must be more than nothing`}},
		{"too long", base + "timeline:\n  - {at: 1m, cut: us | eu, for: 4000d}\n", []string{`9:33: for: "4000d" is too long; a simulation has ten years at most`}},
		{"rate without time", base + "  - {ops: 500}\n", []string{`8:11: ops: "500" has no unit; write it as 500/s`}},
		{"bandwidth in bytes", strings.Replace(base, "rtt:", "bandwidth: {us-eu: 5MB}\n  rtt:", 1), []string{`5:22: us-eu: "5MB" has an unknown unit "MB"; write a bandwidth as 50Mbit`}},
		{"bandwidth of nothing", strings.Replace(base, "rtt:", "bandwidth: {us-eu: 0bit}\n  rtt:", 1), []string{`5:22: us-eu: "0bit" carries nothing; write more, or cut the path in the timeline`}},
		{"more than all", strings.Replace(base, "rtt:", "loss: {us-eu: 101%}\n  rtt:", 1), []string{`"101%" is more than everything`}},

		{"unknown region", base + "timeline:\n  - {at: 1m, cut: us | eo}\n", []string{`9:19: cut: unknown region "eo"; did you mean eu; the regions are us, eu, ap`}},
		{"unknown node", base + "timeline:\n  - {at: 1m, crash: eu/3}\n", []string{`9:21: crash: eu/3 does not exist at 1m; region eu has 2 nodes then`}},
		{"node zero", base + "timeline:\n  - {at: 1m, crash: eu/0}\n", []string{`9:21: crash: "eu/0" is no node; nodes are numbered from one, such as eu/1`}},
		{"load in an unknown region", base + "  - {ops: 1/s, in: [us, moon]}\n", []string{`8:20: unknown region "moon"; the regions are us, eu, ap`}},
		{"a region from itself", base + "timeline:\n  - {at: 1m, cut: us | us}\n", []string{`9:19: cut: us is on both sides, and nothing parts a place from itself`}},
		{"a region from its node", base + "timeline:\n  - {at: 1m, cut: us/1 | eu us}\n", []string{`us is on both sides`}},
		{"one side", base + "timeline:\n  - {at: 1m, cut: us}\n", []string{`9:19: cut: "us" is not what it strikes; write it as us | eu`}},
		{"one way cut", base + "timeline:\n  - {at: 1m, cut: us > eu}\n", []string{`cut: "us > eu" is not what it strikes`}},
		{"path to itself", strings.Replace(base, "default: 80ms", "default: 80ms, us-us: 1ms", 1), []string{`5:24: us-us leads from a region to itself; write local`}},
		{"path given twice", strings.Replace(base, "default: 80ms", "default: 80ms, us-eu: 1ms, eu-us: 2ms", 1), []string{`5:36: eu-us is given twice under rtt`}},
		{"missing path", strings.Replace(base, "default: 80ms", "us-eu: 80ms, us>ap: 10ms", 1), []string{
			`5:8: us and ap have no rtt; add us-ap: 80ms`, `5:8: eu and ap have no rtt; add eu-ap: 80ms`,
		}},
		{"reserved name", "version: 1\nname: a\ntopology: {regions: {local: 1}}\n", []string{
			`3:21: topology has no region`, `3:22: a region cannot be called local`,
		}},
		{"too many nodes", "version: 1\nname: a\ntopology: {regions: {us: 501}}\n", []string{`3:26: nodes "501" is out of range; write a number from 1 to 500`}},
		{"weights that do not fit", "version: 1\nname: a\ntopology: {regions: {us: {nodes: 3, weight: [1, 2]}}}\n", []string{`region us has 3 nodes and 2 weights`}},
		{"ambiguous path", "version: 1\nname: a\ntopology: {regions: {a: 1, b-c: 1, a-b: 1, c: 1}, rtt: {default: 1ms, a-b-c: 2ms}}\n", []string{`3:71: "a-b-c" can be read in 2 ways; write us<>eu`}},
		{"spread", strings.Replace(base, "default: 80ms", "default: 80ms±90ms", 1), []string{`5:18: default: a delay of 80ms cannot vary by 90ms`}},

		{"no fault", base + "timeline:\n  - {at: 1m, cutt: us | eu}\n", []string{`9:14: no fault "cutt"; did you mean cut; ` + "`atoll simulate list faults` shows them all"}},
		{"nothing to do", base + "timeline:\n  - {at: 1m, for: 1m}\n", []string{`9:5: the step does nothing; name a fault`}},
		{"two faults", base + "timeline:\n  - {at: 1m, cut: us | eu, crash: us/1}\n", []string{`9:5: a step does one thing, not cut and crash; write a step for each`}},
		{"clock without fault", base + "timeline:\n  - {at: 1m, clock: us/1}\n", []string{`9:5: clock needs one of skew, drift, jump, strobe or poison`}},
		{"fault without clock", base + "timeline:\n  - {at: 1m, skew: us/1}\n", []string{`9:14: skew is a fault of the clock; write {clock: us/2, skew: …}`}},
		{"unknown parameter", base + "timeline:\n  - {at: 1m, crash: us/1, loose: memory}\n", []string{`9:27: crash has no key "loose"; did you mean lose?`}},
		{"parameter of another", base + "timeline:\n  - {at: 1m, crash: us/1, chance: 5%}\n", []string{`crash has no key "chance"; the keys are crash, at, why, lose, restart, between`}},
		{"for of what does not last", base + "timeline:\n  - {at: 1m, crash: us/1, for: 5m}\n", []string{`9:27: crash does not last, so it takes no for; say with restart when it is back`}},
		{"required", base + "timeline:\n  - {at: 1m, bandwidth: us-eu}\n", []string{`9:5: bandwidth needs rate (bits per second); add it`}},
		{"go-between on a side", base + "timeline:\n  - {at: 1m, bridge: us | eu, via: eu/1}\n", []string{`9:36: the go-between is on one of the sides`}},
		{"snapshots", base + "timeline:\n  - {at: 1m, crash: us/1, lose: nothing}\n", []string{`9:33: lose: nothing needs snapshots, which do not exist yet`}},
		{"disk", base + "timeline:\n  - {at: 1m, torn-write: us/1}\n", []string{`9:5: torn-write needs snapshots, which do not exist yet; take the step out`}},
		{"past poison", base + "timeline:\n  - {at: 1m, clock: us/1, poison: -1h}\n", []string{`poison lies in the future`}},
		{"nobody stays", base + "timeline:\n  - {at: 1m, leave-storm: eu, nodes: 2}\n", []string{`9:38: region eu has 2 nodes, and one must stay`}},
		{"split over regions", base + "timeline:\n  - {at: 1m, split-brain: us/1 | eu/1}\n", []string{`is not what it strikes; write it as us/1 | us/2, us/3`}},
		{"settings", base + "timeline:\n  - {at: 1m, unequal: us/1, set: {hartbeat: 1s}}\n", []string{`9:35: set has no key "hartbeat"; did you mean heartbeat?`}},

		{"restart of the living", base + "timeline:\n  - {at: 1m, restart: us/1}\n", []string{`9:5: restart of us/1, which is not down for good`}},
		{"restart twice", base + "timeline:\n  - {at: 1m, crash: us/1, restart: never}\n  - {at: 2m, restart: us/1}\n  - {at: 3m, restart: us/1}\n", []string{`11:5: restart of us/1, which is not down for good`}},
		{"killing the dead", base + "timeline:\n  - {at: 1m, crash: us/1, restart: never}\n  - {at: 9m, pause: us, for: 1s}\n", []string{`10:5: pause of us strikes at 9m, while crash of us/1 (line 9) lasts`}},
		{"same cut twice", base + "timeline:\n  - {at: 2m, cut: us | eu, for: 1m}\n  - {at: 1m, cut: us | eu, for: 2m}\n", []string{`9:5: cut of us | eu strikes at 2m, while cut of us | eu (line 10) lasts`}},
		{"two clocks", base + "timeline:\n  - {at: 1m, clock: us, skew: 1s}\n  - {at: 2m, clock: us/2, skew: -1s}\n", []string{`skew of us/2 strikes at 2m, while skew of us (line 9) lasts`}},
		{"past the end", base + "phases: {chaos: 2m}\ntimeline:\n  - {at: 1m, cut: us | eu, for: 5m}\n  - {at: 3m, dup: all}\n", []string{
			`10:33: cut lasts until 6m, but the chaos ends at 2m10s; shorten it, or lengthen chaos`,
			`11:10: dup strikes at 3m, but the chaos ends at 2m10s; let it strike earlier`,
		}},
		{"during the warm-up", base + "phases: {warm-up: 1m}\ntimeline:\n  - {at: 30s, dup: all}\n", []string{`10:10: dup strikes at 30s, during the warm-up of 1m`}},
		{"apart later", base + "timeline:\n  - {at: 30s, apart: us | eu}\n", []string{`9:10: apart is how a cluster starts; write at: 0s`}},

		{"load without rate", base + "  - {in: us}\n", []string{`8:5: a load needs a rate; add ops: 100/s`}},
		{"unknown command", base + "  - {ops: 1/s, mix: {gett: 1}}\n", []string{`8:22: no command "gett" in a mix; did you mean get?`}},
		{"empty mix", base + "  - {ops: 1/s, mix: {get: 0}}\n", []string{`8:21: the mix does nothing`}},
		{"keys", base + "  - {ops: 1/s, keys: 100 zipf}\n", []string{`8:22: keys: "100 zipf" does not say which keys`}},
		{"level", base + "  - {ops: 1/s, level: regions:4}\n", []string{`8:23: level regions:4 asks for more regions than there are`}},
		{"until before from", base + "  - {ops: 1/s, from: 1m, until: 30s}\n", []string{`8:33: until 30s is not after from 1m`}},
		{"from after the end", base + "  - {ops: 1/s, from: 1h}\n", []string{`8:22: the load begins at 1h, but the run quiesces at 1m30s; begin earlier`}},

		{"a mix that is a list", base + "  - {ops: 1/s, mix: [get]}\n", []string{`mix takes a mapping of keys to values`}},
		{"a weight with a unit", base + "  - {ops: 1/s, mix: {get: 5%}}\n", []string{`8:27: the weight of get is "5%"; write a whole number from 0 up, without a unit`}},
		{"too many keys", base + "  - {ops: 1/s, keys: 200M uniform}\n", []string{`200000000 keys are out of range; write 1 to 100M`}},
		{"too steep", base + "  - {ops: 1/s, keys: 10 zipf 9}\n", []string{`zipf 9 is out of range`}},
		{"too fast", base + "  - {ops: 11M/s}\n", []string{`"11M/s" has an unknown unit "M/s"; write a rate as 500/s`}},
		{"far too fast", base + "  - {ops: 10000001/s}\n", []string{`is more than a simulation can bear; write 10M/s at most`}},
		{"a huge value", base + "  - {ops: 1/s, value: 1B..65MiB}\n", []string{`a value of 65MiB is too large; write 64MiB at most`}},
		{"too many fields", base + "  - {ops: 1/s, fields: 2M}\n", []string{`2000000 fields are too many; write 1M at most`}},
		{"a range downwards", base + "  - {ops: 1/s, ttl: 5m..1m}\n", []string{`"5m..1m" runs downwards`}},
		{"a range from nothing", base + "  - {ops: 1/s, ttl: 0s..1m}\n", []string{`a ttl of nothing cannot be written; begin the range above 0s`}},
		{"a factor too many", base + "timeline:\n  - {at: 1m, slow: us/1, factor: 10001}\n", []string{`a factor of 10001 is too large`}},
		{"a frame of nothing", base + "timeline:\n  - {at: 1m, frame-limit: all, size: 0B}\n", []string{`9:38: size must be more than nothing`}},
		{"an unknown word", base + "timeline:\n  - {at: 1m, cut: us | eu, mode: stopp}\n", []string{`mode: "stopp" is unknown; write one of stop, slow, jam`}},
		{"an unknown go-between", base + "timeline:\n  - {at: 1m, bridge: us | eu, via: mars}\n", []string{`via: unknown region "mars"`}},
		{"inside two", base + "timeline:\n  - {at: 1m, drop: inside us eu}\n", []string{`inside takes one region, such as inside us`}},
		{"three ways", base + "timeline:\n  - {at: 1m, drop: us > eu > ap}\n", []string{`one way leads from one side to one other`}},
		{"a drift of nothing", base + "timeline:\n  - {at: 1m, clock: us, drift: 0ppm}\n", []string{`"0ppm" changes nothing`}},
		{"a step that is a word", base + "timeline:\n  - cut\n", []string{`9:5: a step takes a mapping of keys to values`}},
		{"a timeline that is no list", base + "timeline: {cut: us | eu}\n", []string{`8:11: timeline takes a list of steps`}},
		{"a load that is no list", strings.Replace(base, "load:\n  - {ops: 10/s}", "load: {ops: 10/s}", 1), []string{`6:7: load takes a list`}},
		{"a story too long to read", base + "story: " + strings.Repeat("a", 400) + "\n", []string{`8:8: story is 400 bytes long; write 300 at most on a line`}},
		{"no why", base + "timeline:\n  - {at: 1m, dup: all, why: \"\"}\n", []string{`9:29: why is empty; write a few words`}},

		{"unknown metric", base + "expect: {heal.byte: 5MB}\n", []string{`8:10: expect has no key "heal.byte"; did you mean heal.bytes?`}},
		{"a size for a time", base + "expect: {converge.within: 5MB}\n", []string{`8:27: converge.within: "5MB" has an unknown unit "MB"`}},
		{"unknown promise", base + "expect: {never: [resurection]}\n", []string{`8:18: no promise "resurection"; did you mean resurrection; ` + "`atoll simulate list oracles` shows them all"}},
		{"beyond the run", base + "phases: {quiesce: 10s}\nexpect: {converge.within: 5m}\n", []string{`9:27: converge.within 5m is longer than heal and quiesce together (40s)`}},
	} {
		t.Run(test.name, func(t *testing.T) {
			s, err := Parse("f.yaml", []byte(test.text))
			if err == nil {
				t.Fatalf("accepted:\n%s", Marshal(s))
			}
			lines := strings.Split(err.Error(), "\n")
			if len(lines) != len(test.want) {
				t.Errorf("%d errors, want %d", len(lines), len(test.want))
			}
			for i, want := range test.want {
				if i >= len(lines) || !strings.HasPrefix(lines[i], "f.yaml:") || !strings.Contains(lines[i], want) {
					t.Errorf("told\n%s\nwant\n%s", err, strings.Join(test.want, "\n"))
					break
				}
			}
		})
	}
}
