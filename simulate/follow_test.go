package simulate

import (
	"regexp"
	"strings"
	"testing"

	"github.com/atollcache/atoll/replica"
	"github.com/atollcache/atoll/simulate/world"
)

// firstKey is the first key that an owner in us has run a write of.
type firstKey struct {
	world.Nobody
	key string
}

func (f *firstKey) Executed(n *world.Node, x *replica.Execution) {
	if f.key == "" && n.Region == "us" && x.Delta != nil {
		f.key = string(x.Args[1])
	}
}

// Following a key shows who asked, where it ran, how it travelled, and nothing of
// other keys.
func TestFollow(t *testing.T) {
	cfg := Config{Scenario: read(t, small), Seed: 3}
	var out strings.Builder
	seen := &firstKey{}
	run(t, Config{Scenario: cfg.Scenario, Seed: 3, Observer: seen})
	key := seen.key
	if err := Observe(t.Context(), cfg, Follow(key, &out)); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{
		`\ds +(us/1|us/2|eu/1) +load 1 in (us|eu) asks \w+ ` + regexp.QuoteMeta(key), `is answered: `, `runs \w+ \S+.*, which is 17\d+\.\d+@[0-9a-f]{4}/\d+`,
		`gets from us/\d by a link, news: 17`, `5s +- +cut us \| eu`, `quiesce`,
	} {
		if !regexp.MustCompile(want).MatchString(out.String()) {
			t.Errorf("no %s in\n%s", want, out.String())
		}
	}
	for line := range strings.Lines(out.String()) {
		if strings.Contains(line, " asks ") && !strings.Contains(line, key) {
			t.Errorf("another key: %s", line)
		}
	}
}

func TestClip(t *testing.T) {
	if got := clip([]byte("a\n\x00\"")); got != `a\n\x00\"` {
		t.Error(got)
	}
	if got := clip(make([]byte, 1000)); !strings.HasSuffix(got, "… (1000 bytes)") || len(got) > 300 {
		t.Error(got)
	}
}
