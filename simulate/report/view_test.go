package report

import (
	"bytes"
	"fmt"
	"os"
	"regexp"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/atollcache/atoll/simulate"
	"github.com/atollcache/atoll/simulate/scenario"
)

// shown runs the small scenario before a view whose clock shows a frame more
// whenever it is asked.
func shown(t *testing.T, live bool) (text string) {
	t.Helper()
	var out bytes.Buffer
	sc := read(t, small)
	v := NewView(&out, live, sc, 3)
	at := time.Unix(0, 0)
	v.screen.now = func() time.Time { at = at.Add(2 * quiet); return at }
	v.screen.next = at
	r, err := simulate.Run(t.Context(), simulate.Config{Scenario: sc, Seed: 3, Progress: v.Progress})
	if err != nil {
		t.Fatal(err)
	}
	r.Token = "small.3.00000000"
	v.Result(r)
	return out.String()
}

var escape = regexp.MustCompile("\x1b\\[[?0-9]*[a-zA-Z]") // immutable: compiled once

func TestViewLive(t *testing.T) {
	text := shown(t, true)
	frames := strings.Split(text, "\x1b[J")
	if len(frames) < 4 {
		t.Fatalf("%d frames", len(frames))
	}
	cut := 0
	for i, frame := range frames {
		plain := escape.ReplaceAllString(frame, "")
		if strings.Contains(plain, "╳      ╳") {
			cut++
		}
		for line := range strings.Lines(plain) {
			if n := utf8.RuneCountInString(strings.Trim(line, "\r\n")); n > Columns {
				t.Errorf("a line of frame %d has %d columns: %q", i, n, line)
			}
		}
	}
	if cut == 0 || cut == len(frames) {
		t.Errorf("%d of %d frames show the cut", cut, len(frames))
	}
	last := escape.ReplaceAllString(frames[len(frames)-2], "")
	for _, want := range []string{"PASS", "us ━━━━", "divergence", "staleness", "/s", "violations  0", "replay      small.3.00000000", "40s of 40s"} {
		if !strings.Contains(last, want) {
			t.Errorf("the last frame has no %q:\n%s", want, last)
		}
	}
	if !regexp.MustCompile(`divergence +[▁▂▃▄▅▆▇█]*█`).MatchString(last) {
		t.Errorf("nothing ever differs:\n%s", last)
	}
	up := strings.Count(last, "\n") - 1 // the line with the token is new
	if want := fmt.Sprintf("\x1b[%dA", up); !strings.Contains(frames[len(frames)-2], want) {
		t.Errorf("the cursor does not go up by %d", up)
	}
}

func TestViewPlain(t *testing.T) {
	text := shown(t, false)
	if strings.Contains(text, "\x1b") || strings.Contains(text, "━") {
		t.Errorf("there is no terminal:\n%s", text)
	}
	if !regexp.MustCompile(`(?m)^\S+s of 40s, chaos: \d+ partitions? differ, reads miss \S+ at most, 0 violations$`).MatchString(text) {
		t.Errorf("it tells nothing of the chaos:\n%s", text)
	}
}

func TestTerminal(t *testing.T) {
	t.Setenv("TERM", "xterm")
	file, err := os.Create(t.TempDir() + "/file")
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	if Terminal(file) || Terminal(&bytes.Buffer{}) {
		t.Error("a file is a terminal")
	}
}

func TestSwarmView(t *testing.T) {
	var out bytes.Buffer
	v := NewSwarmView(&out, true, "stormy", 40)
	at := time.Unix(0, 0)
	v.began, v.counting, v.screen.next = at, at, at
	v.screen.now = func() time.Time { return at }
	for i := range 40 {
		at = at.Add(time.Second)
		r := &simulate.Result{Verdict: simulate.Pass, Simulated: time.Minute, Marks: map[string]int{"a": i, "b": 0}}
		if i == 20 {
			r.Verdict, r.Token = simulate.Violated, "stormy.20.00000000"
		}
		v.Each(r)
	}
	v.Close()
	frames := strings.Split(out.String(), "\x1b[J")
	last := escape.ReplaceAllString(frames[len(frames)-2], "")
	for _, want := range []string{"40m00s simulated in 40s", "40 of 40", "3600 an hour", "1 of 2 hit", "1 violated, 0 inconclusive", "stormy.20.00000000", "█"} {
		if !strings.Contains(last, want) {
			t.Errorf("it has no %q:\n%s", want, last)
		}
	}
	for line := range strings.Lines(last) {
		if n := utf8.RuneCountInString(strings.Trim(line, "\r\n")); n > Columns {
			t.Errorf("%d columns: %q", n, line)
		}
	}
}

func TestLinkAt(t *testing.T) {
	sc := read(t, `
version: 1
name: links
topology:
  regions: {us: 2, eu: 2, ap: 1}
  rtt: {default: 40ms}
timeline:
  - {at: 10s, cut: us | eu, for: 10s}
  - {at: 30s, cut-one-way: us > eu, for: 10s}
  - {at: 50s, isolate: us/1, for: 10s}
  - {at: 70s, away: ap, for: 10s}
  - {at: 90s, drop: us-eu, for: 10s}
  - {at: 110s, bridge: us | eu/1, via: eu/2, for: 10s}
  - {at: 130s, cut: us | eu, mode: slow, for: 10s}
`)
	us, eu, ap := sc.Topology.Regions[0], sc.Topology.Regions[1], sc.Topology.Regions[2]
	for _, c := range []struct {
		at   int
		a, b scenario.Region
		want Link
	}{
		{5, us, eu, Whole},
		{15, us, eu, Parted},
		{15, us, ap, Whole},
		{25, us, eu, Whole},
		{35, us, eu, OneWay},
		{35, eu, us, OneWay},
		{55, us, eu, Marred},
		{55, eu, ap, Whole},
		{75, ap, us, Parted},
		{75, us, eu, Whole},
		{95, eu, us, Marred},
		{115, us, eu, Marred},
		{135, us, eu, Marred},
	} {
		if got := LinkAt(sc, c.a, c.b, time.Duration(c.at)*time.Second); got != c.want {
			t.Errorf("after %d s the link from %s to %s is %s, not %s", c.at, c.a.Name, c.b.Name, got, c.want)
		}
	}
}

func TestUnits(t *testing.T) {
	for d, want := range map[time.Duration]string{
		0: "0s", 250 * time.Microsecond: "250µs", 1500 * time.Microsecond: "1.5ms", 250 * time.Millisecond: "250ms", 2500 * time.Millisecond: "2.5s",
		10 * time.Second: "10s", 61 * time.Second: "1m01s", 3 * time.Hour: "3h00m", -time.Second: "-1s",
	} {
		if got := Span(d); got != want {
			t.Errorf("%d is written %s", d, got)
		}
	}
	for n, want := range map[int64]string{0: "0 B", 999: "999 B", 1000: "1 kB", 1536: "1.54 kB", 20_000_000: "20 MB", 3_000_000_000_000_000: "3000 TB"} {
		if got := Bytes(n); got != want {
			t.Errorf("%d is written %s", n, got)
		}
	}
}
