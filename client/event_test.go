package client

import (
	"fmt"
	"slices"
	"testing"
)

// The token of an event is given to who hears it, that of a lead with the gap.
func TestTokensOfEvents(t *testing.T) {
	var heard []string
	tracker := NewTracker("eu", func(e Event) { heard = append(heard, fmt.Sprintf("%v %s", e.Kind, e.Session)) })
	tracker.Take([]byte(`{"kind":"lead","node":"a","partition":3,"epoch":"1","seq":0,"session":"YWxs"}`))
	tracker.Take([]byte(`{"kind":"set","key":"k","node":"a","partition":3,"epoch":"1","seq":1,"session":"b25l"}`))
	tracker.Take([]byte(`{"kind":"set","key":"k","node":"a","partition":3,"epoch":"1","seq":2}`))
	tracker.Take([]byte(`{"kind":"set","key":"k","node":"a","partition":3,"epoch":"1","seq":3,"session":"!"}`))
	if want := []string{"gap all", "changed one", "changed ", "gap "}; !slices.Equal(heard, want) {
		t.Errorf("heard %q, want %q", heard, want)
	}
}

func TestTracker(t *testing.T) {
	event := func(node string, epoch, seq int) string {
		return fmt.Sprintf(`{"kind":"set","key":"k","node":%q,"partition":3,"epoch":"%d","seq":%d}`, node, epoch, seq)
	}
	lead := func(node string, epoch int) string {
		return fmt.Sprintf(`{"kind":"lead","node":%q,"partition":3,"epoch":"%d","seq":0}`, node, epoch)
	}
	tally := func(node string, epoch, seq, age int) string {
		return fmt.Sprintf(`{"kind":"tally","node":%q,"tallies":[{"partition":3,"epoch":"%d","seq":%d,"age_ms":%d}]}`, node, epoch, seq, age)
	}
	for name, c := range map[string]struct {
		told []string
		want []string
	}{
		"the last is lost":         {[]string{event("a", 1, 5), tally("a", 1, 6, 0), tally("a", 1, 6, 1000)}, []string{"changed 5", "gap 3"}},
		"it comes after all":       {[]string{event("a", 1, 5), tally("a", 1, 6, 0), event("a", 1, 7)}, []string{"changed 5", "gap 3", "changed 7"}},
		"nothing is lost":          {[]string{event("a", 1, 5), event("a", 1, 6), tally("a", 1, 6, 0)}, []string{"changed 5", "changed 6"}},
		"an old tally":             {[]string{event("a", 1, 5), tally("a", 1, 4, 0)}, []string{"changed 5"}},
		"all that came is lost":    {[]string{tally("a", 1, 2, 0)}, []string{"gap 3"}},
		"it was before listening":  {[]string{tally("a", 1, 2, 3_600_000), event("a", 1, 3)}, []string{"changed 3"}},
		"lost since then":          {[]string{tally("a", 1, 2, 3_600_000), tally("a", 1, 3, 0)}, []string{"gap 3"}},
		"a takeover in silence":    {[]string{event("a", 1, 5), tally("b", 1, 0, 3_600_000), event("b", 1, 1)}, []string{"changed 5", "gap 3", "changed 1"}},
		"a tally of no partition":  {[]string{`{"kind":"tally","node":"a","tallies":[{"partition":1024,"epoch":"1"}]}`}, []string{"gap -1"}},
		"a tally without an epoch": {[]string{`{"kind":"tally","node":"a","tallies":[{"partition":3}]}`}, []string{"gap -1"}},

		"in order":           {[]string{event("a", 1, 5), event("a", 1, 6)}, []string{"changed 5", "changed 6"}},
		"one is lost":        {[]string{event("a", 1, 5), event("a", 1, 7)}, []string{"changed 5", "gap 3", "changed 7"}},
		"twice":              {[]string{event("a", 1, 5), event("a", 1, 5), event("a", 1, 6)}, []string{"changed 5", "changed 5", "changed 6"}},
		"a takeover":         {[]string{event("a", 1, 5), lead("b", 1), event("b", 1, 1)}, []string{"changed 5", "gap 3", "changed 1"}},
		"its lead is lost":   {[]string{event("a", 1, 5), event("b", 1, 2)}, []string{"changed 5", "gap 3", "changed 2"}},
		"the same node anew": {[]string{event("a", 1, 5), lead("a", 2), event("a", 2, 1)}, []string{"changed 5", "gap 3", "changed 1"}},
		"two disagree": {
			[]string{event("a", 1, 5), lead("b", 1), event("a", 1, 6), event("b", 1, 1), event("a", 1, 8)},
			[]string{"changed 5", "gap 3", "changed 6", "changed 1", "gap 3", "changed 8"},
		},
		"a lead at first": {[]string{lead("a", 1)}, []string{"gap 3"}},
		"rubbish":         {[]string{"{", `{"kind":"set","partition":1024,"epoch":"1"}`}, []string{"gap -1", "gap -1"}},
	} {
		t.Run(name, func(t *testing.T) {
			var heard []string
			tracker := NewTracker("eu", func(e Event) {
				at := int(e.Seq)
				if e.Kind == Gap {
					at = e.Partition
				}
				heard = append(heard, fmt.Sprint(e.Kind, " ", at))
			})
			for _, payload := range c.told {
				tracker.Take([]byte(payload))
			}
			if !slices.Equal(heard, c.want) {
				t.Errorf("heard %q, want %q", heard, c.want)
			}
		})
	}
}

func FuzzTracker(f *testing.F) {
	f.Add([]byte(`{"kind":"set","key_b64":"AP8=","value":"x","node":"a","partition":3,"epoch":"1","seq":7}`))
	f.Add([]byte(`{"kind":"lead","partition":-1}`))
	f.Add([]byte(`{"kind":"tally","node":"a","tallies":[{"partition":3,"epoch":"1","seq":2,"age_ms":-9223372036854775808},{"partition":3,"epoch":"2"}]}`))
	f.Fuzz(func(t *testing.T, payload []byte) {
		told := 0
		NewTracker("eu", func(e Event) {
			if told++; e.Kind == lead || e.Partition >= partitions {
				t.Errorf("%+v", e)
			}
		}).Take(payload)
		if told > 2 {
			t.Errorf("%d events of one message", told)
		}
	})
}

func TestBudget(t *testing.T) {
	var b budget
	b.init(2, 0.5)
	spent := func() (n int) {
		for b.spend() {
			n++
		}
		return n
	}
	if n := spent(); n != 2 {
		t.Errorf("%d retries from a reserve of 2", n)
	}
	for range 5 {
		b.earn()
	}
	if n := spent(); n != 2 {
		t.Errorf("%d retries from 5 successes at half a token", n)
	}
	for range 100 {
		b.earn()
	}
	if n := spent(); n != 2 {
		t.Errorf("%d retries, the reserve is 2", n)
	}
	if b.init(-1, 1); b.spend() {
		t.Error("a retry although there are to be none")
	}
}

func TestRepeatable(t *testing.T) {
	call := func(words ...string) *Call {
		c := &Call{}
		for _, w := range words {
			c.Args = append(c.Args, []byte(w))
		}
		return c
	}
	for _, c := range []struct {
		call *Call
		want bool
	}{
		{call("get", "k"), true},
		{call("set", "k", "NX"), true}, // the value
		{call("set", "k", "v", "PX", "5"), true},
		{call("set", "k", "v", "nx"), false},
		{call("set", "k", "v", "EX", "5", "GET"), false},
		{call("set", "k"), false},
		{call("incrby", "k", "1"), false},
		{call("hincrby", "k", "f", "1"), false},
		{call("zadd", "k", "1", "m"), true},
		{call("zadd", "k", "INCR", "1", "m"), false},
		{call("pexpire", "k", "5"), true},
		{call("pexpire", "k", "5", "NX"), false},
		{call("del", "k"), true},
	} {
		if got := repeatable(c.call); got != c.want {
			t.Errorf("%s: %v", c.call.Args, got)
		}
	}
}
