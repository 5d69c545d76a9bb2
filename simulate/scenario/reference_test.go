package scenario

import (
	"flag"
	"fmt"
	"os"
	"regexp"
	"strings"
	"testing"
)

var update = flag.Bool("update", false, "rewrite the tables of docs/simulator.md")

const reference = "../../docs/simulator.md"

var tableMark = regexp.MustCompile(`(?s)(<!-- table: (\w+) -->\n).*?(<!-- end -->)`)

// TestReference holds the tables of the documentation to those of the code.
func TestReference(t *testing.T) {
	text, err := os.ReadFile(reference)
	if err != nil {
		t.Fatal(err)
	}
	tables := map[string]string{
		"load": fieldTable(loadFields()), "phases": fieldTable(phaseFields()), "config": fieldTable(configFields()),
		"patterns": patternTable(), "ops": opsTable(), "faults": faultTable(), "promises": promiseTable(), "metrics": metricTable(),
	}
	seen := 0
	want := tableMark.ReplaceAllStringFunc(string(text), func(old string) string {
		parts := tableMark.FindStringSubmatch(old)
		table, ok := tables[parts[2]]
		if !ok {
			t.Errorf("the page has a table %s, which nothing makes", parts[2])
		}
		seen++
		return parts[1] + table + parts[3]
	})
	if seen != len(tables) {
		t.Errorf("the page has %d of %d tables", seen, len(tables))
	}
	if want == string(text) {
		return
	}
	if !*update {
		t.Fatalf("the tables of %s differ from the code; run go test ./simulate/scenario -run TestReference -update", reference)
	}
	if err := os.WriteFile(reference, []byte(want), 0o644); err != nil {
		t.Fatal(err)
	}
}

// TestExamplesOfTheReference reads every scenario that the page shows.
func TestExamplesOfTheReference(t *testing.T) {
	text, err := os.ReadFile(reference)
	if err != nil {
		t.Fatal(err)
	}
	found := regexp.MustCompile("(?s)```yaml\n(version: .*?)```").FindAllStringSubmatch(string(text), -1)
	if len(found) == 0 {
		t.Error("the page shows no scenario")
	}
	for _, example := range found {
		if _, err := Parse("simulator.md", []byte(example[1])); err != nil {
			t.Error(err)
		}
	}

	target := Fault{Kind: Drop, Shape: Links}
	topology := &Topology{Regions: []Region{{Name: "us", Nodes: 3}, {Name: "eu", Nodes: 3}, {Name: "ap", Nodes: 3}}}
	for _, text := range []string{"us", "us/2", "us/1, eu", "us | eu, ap", "us-eu", "us > eu", "inside us", "all"} {
		if got, err := topology.target(text); err != nil || got.fits(target) != nil {
			t.Errorf("the page shows the target %s: %v", text, err)
		}
	}
}

func row(cells ...string) string {
	for i, cell := range cells {
		cells[i] = strings.ReplaceAll(cell, "|", `\|`)
	}
	return "| " + strings.Join(cells, " | ") + " |\n"
}

func head(cells ...string) string {
	return row(cells...) + "|" + strings.Repeat("---|", len(cells)) + "\n"
}

func fieldTable[S any](fields []field[S]) string {
	out := head("key", "value", "what it says")
	for _, f := range fields {
		out += row("`"+f.name+"`", f.value, f.about)
	}
	return out
}

func patternTable() string {
	out := head("pattern", "what it does", "mix", "keys", "value", "fields", "every")
	for _, p := range Patterns() {
		out += row("`"+string(p.Pattern)+"`", p.About, "`"+p.Mix+"`", p.Keys, p.Value, p.Fields, p.Every)
	}
	return out
}

func opsTable() string {
	out := head("command", "what the client does")
	for _, op := range Ops() {
		out += row("`"+op.Name+"`", op.About)
	}
	return out
}

func faultTable() string {
	out := head("fault", "group", "strikes", "what it does", "parameters")
	for _, f := range Faults() {
		var params []string
		if f.Lasts {
			params = append(params, "`for`")
		}
		for _, param := range f.Params {
			usual := "default " + param.Default
			if param.Required {
				usual = "required"
			}
			params = append(params, fmt.Sprintf("`%s`: %s (%s)", param.Name, param.About, usual))
		}
		out += row("`"+string(f.Kind)+"`", string(f.Group), "`"+string(f.Shape)+"`", f.About, strings.Join(params, "; "))
	}
	return out
}

func promiseTable() string {
	out := head("promise", "oracle", "broken if")
	for _, p := range Promises() {
		out += row("`"+string(p.Promise)+"`", p.Oracle, p.About)
	}
	return out
}

func metricTable() string {
	out := head("figure", "unit", "what is measured")
	for _, m := range Metrics() {
		out += row("`"+string(m.Metric)+"`", string(m.Unit), m.About)
	}
	return out
}
