package report

import (
	"bytes"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/atollcache/atoll/simulate"
	"github.com/atollcache/atoll/simulate/scenario"
)

// small is a run of half a minute with a cut, a crash and a clock that is off.
const small = `
version: 1
name: small <script>alert(1)</script>
config: {partitions: 4}
topology:
  regions: {us: 2, eu: 2, ap: 1}
  rtt: {default: 40ms}
load:
  - {ops: 10/s, keys: 8 uniform, value: 8B..64B}
timeline:
  - {at: 5s, cut: us | eu, for: 6s, why: "the cable <b>breaks</b>"}
  - {at: 7s, crash: eu/1, lose: memory, restart: 3s}
  - {at: 6s, clock: us/2, skew: +400ms, for: 5s}
phases: {warm-up: 5s, chaos: 10s, heal: 5s, quiesce: 20s}
`

func read(t testing.TB, text string) *scenario.Scenario {
	t.Helper()
	sc, err := scenario.Parse("test.yaml", []byte(text))
	if err != nil {
		t.Fatal(err)
	}
	return sc
}

// recorded runs the small scenario and gives its page. With a key that was
// written to it has a violation that nobody found: the page has to show one.
func recorded(t testing.TB, accuse bool) *Page {
	t.Helper()
	cfg := simulate.Config{Scenario: read(t, small), Seed: 3}
	r, err := simulate.Run(t.Context(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	r.Token = "small:3"
	if accuse {
		r.Verdict = simulate.Violated
		r.Violations = append([]simulate.Violation{{
			Oracle: "O3", Name: "values", At: 11200 * time.Millisecond, Node: "eu/2", Key: aKey(t, cfg), What: "the value is </script><script>alert(2)</script> wrong",
		}}, r.Violations...)
		r.Accused["O3"]++
	}
	page, err := Record(t.Context(), cfg, r)
	if err != nil {
		t.Fatal(err)
	}
	return page
}

// aKey gives a key that messages carry soon after the cut.
func aKey(t testing.TB, cfg simulate.Config) string {
	t.Helper()
	page, err := Record(t.Context(), cfg, &simulate.Result{})
	if err != nil {
		t.Fatal(err)
	}
	for _, m := range page.data.Messages {
		if len(m.Keys) > 0 && m.Until > 11_000_000 {
			return m.Keys[0]
		}
	}
	t.Fatal("no message carries a key")
	return ""
}

func TestRecord(t *testing.T) {
	p := recorded(t, true)
	keyed, lost, early := 0, 0, 0
	for _, m := range p.data.Messages {
		if len(m.Keys) > 0 && m.Keys[0] == p.data.Focus.Key {
			keyed++
		}
		if m.Lost != "" {
			lost++
		}
		if m.Until < p.data.Focus.At-1_000_000 {
			early++
		}
		if m.Until < m.Sent || m.From == m.To || m.From >= len(p.data.Lanes) || m.To >= len(p.data.Lanes) {
			t.Fatalf("%+v", m)
		}
	}
	if keyed == 0 || lost == 0 || early == 0 || len(p.data.Ops) == 0 {
		t.Errorf("%d messages with the key, %d lost, %d a second before the focus, %d operations", keyed, lost, early, len(p.data.Ops))
	}
	if names := laneNames(p); names != "us/1 us/2 eu/1 eu/2 ap/1" {
		t.Errorf("lanes are %s", names)
	}
	down := p.data.Lanes[2].Down
	if len(down) == 0 || down[len(down)-1].Why != "crashed" || down[len(down)-1].To < 10_000_000 {
		t.Errorf("eu/1 was down %+v", down)
	}
	if most := furthest(p.data.Lanes[1]); most < 390 || most > 410 {
		t.Errorf("the clock of us/2 was off by %d ms", most)
	}
	if furthest(p.data.Lanes[0]) > 10 {
		t.Errorf("the clock of us/1 was off by %d ms", furthest(p.data.Lanes[0]))
	}
}

func laneNames(p *Page) string {
	var names []string
	for _, l := range p.data.Lanes {
		names = append(names, l.Name)
	}
	return strings.Join(names, " ")
}

func furthest(l lane) (most int64) {
	for _, point := range l.Clock {
		most = max(most, point[1])
	}
	return most
}

// TestSelfContained reads the page as a browser would: nothing is fetched, and no
// text of the scenario becomes markup.
func TestSelfContained(t *testing.T) {
	text, err := recorded(t, true).HTML()
	if err != nil {
		t.Fatal(err)
	}
	if len(text) >= MaxPage {
		t.Errorf("the page has %d bytes", len(text))
	}
	fetched := regexp.MustCompile(`(?i)(src|href)\s*=\s*["']?(?:https?:)?//|@import|url\(\s*["']?(?:https?:)?//|fetch\(|XMLHttpRequest|WebSocket`)
	if found := fetched.Find(text); found != nil {
		t.Errorf("the page fetches: %s", found)
	}
	for _, markup := range []string{"<script>alert", "<b>breaks"} {
		if bytes.Contains(text, []byte(markup)) {
			t.Errorf("the page has %q unescaped", markup)
		}
	}
	if n := bytes.Count(text, []byte("</script>")); n != 2 {
		t.Errorf("%d scripts end, there are 2", n)
	}
}

// TestBounded thins a page out that is too large.
func TestBounded(t *testing.T) {
	p := recorded(t, false)
	long := message{Class: "batch", Keys: []string{strings.Repeat("k", 4000)}}
	for range 1000 {
		p.data.Messages = append(p.data.Messages, long)
	}
	text, err := p.HTML()
	if err != nil || len(text) >= MaxPage || len(p.data.Messages) == 0 {
		t.Errorf("%d bytes, %d messages, %v", len(text), len(p.data.Messages), err)
	}
}

func TestSave(t *testing.T) {
	p := recorded(t, false)
	path := filepath.Join(t.TempDir(), "report.html")
	for range 2 { // the second one replaces the first
		if err := p.Save(path); err != nil {
			t.Fatal(err)
		}
	}
	text, err := os.ReadFile(path)
	if err != nil || !bytes.HasSuffix(bytes.TrimSpace(text), []byte("</html>")) {
		t.Errorf("%v, the file ends in %q", err, text[max(0, len(text)-20):])
	}
	alone(t, filepath.Dir(path), "report.html")
}

// TestSaveFails leaves nothing half written behind, and what was there before.
func TestSaveFails(t *testing.T) {
	p := recorded(t, false)
	dir := t.TempDir()
	if err := p.Save(filepath.Join(dir, "missing", "report.html")); err == nil || !strings.Contains(err.Error(), "write the report") {
		t.Errorf("a directory that is not there: %v", err)
	}
	taken := filepath.Join(dir, "taken")
	if err := os.Mkdir(taken, 0o755); err != nil {
		t.Fatal(err)
	}
	if err := p.Save(taken); err == nil {
		t.Error("a directory was replaced by a page")
	}
	alone(t, dir, "taken")
	alone(t, taken)
}

func alone(t *testing.T, dir string, names ...string) {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil || len(entries) != len(names) {
		t.Fatalf("%s holds %v, not %v (%v)", dir, entries, names, err)
	}
	for i, e := range entries {
		if e.Name() != names[i] {
			t.Errorf("%s holds %s", dir, e.Name())
		}
	}
}
