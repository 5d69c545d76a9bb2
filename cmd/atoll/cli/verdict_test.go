package cli

import (
	"bytes"
	"fmt"
	"testing"
)

// held3 draws the copies of a partition: one letter for each node of each region, the same letter for the same
// content; lower case is still booting, a dot holds no copy.
func held3(partition int, eu, us, ap string) []held {
	var all []held
	for _, r := range [][2]string{{"eu", eu}, {"us", us}, {"ap", ap}} {
		for i, letter := range r[1] {
			state := ready
			if letter >= 'a' {
				state = booting
			}
			if letter != '.' {
				all = append(all, held{r[0], fmt.Sprintf("%s-%d", r[0], i+1), partition, string(letter), int(letter) % 32, state})
			}
		}
	}
	return all
}

func TestVerdict(t *testing.T) {
	regions := []string{"eu", "us", "ap"}
	for _, c := range []struct{ name, eu, us, ap, want string }{
		{"equal", "AA", "AA", "AA", "equal: 3 regions, 2 partitions, 2 keys, as of 0.3 s ago\n"},
		{"one region", "AA", "BB", "AA", "differ: 1 of 2 partitions, as of 0.3 s ago\n" +
			"  eu and us differ in 1 partition\n  us and ap differ in 1 partition\n" +
			"  partition 7: ap eu (1 key) | us (2 keys)\n"},
		{"all regions", "AA", "BB", "CC", "differ: 1 of 2 partitions, as of 0.3 s ago\n" +
			"  eu and us differ in 1 partition\n  eu and ap differ in 1 partition\n  us and ap differ in 1 partition\n" +
			"  partition 7: ap (3 keys) | eu (1 key) | us (2 keys)\n"},
		{"one node", "AB", "AA", "AA", "differ: 1 of 2 partitions, as of 0.3 s ago\n" +
			"  eu and us differ in 1 partition\n  eu and ap differ in 1 partition\n" +
			"  partition 7: ap eu/eu-1 us (1 key) | eu/eu-2 (2 keys)\n"},
		{"a node boots", "Aa", "AA", "AA", "differ: 1 of 2 partitions, as of 0.3 s ago\n" +
			"  eu and us differ in 1 partition\n  eu and ap differ in 1 partition\n" +
			"  partition 7: ap eu/eu-1 us (1 key) | eu/eu-2 (booting) (1 key)\n"},
		{"a region has nothing", "..", "AA", "AA", "differ: 1 of 2 partitions, as of 0.3 s ago\n" +
			"  eu and us differ in 1 partition\n  eu and ap differ in 1 partition\n" +
			"  partition 7: ap us (1 key) | eu (no copy)\n"},
	} {
		v := judge(regions, append(held3(3, "AA", "AA", "AA"), held3(7, c.eu, c.us, c.ap)...))
		v.AgeSeconds = 0.3
		var out bytes.Buffer
		v.print(&out)
		if out.String() != c.want {
			t.Errorf("%s:\n%swant:\n%s", c.name, &out, c.want)
		}
	}
}

func TestVerdictIsBounded(t *testing.T) {
	var all []held
	for p := range 1024 {
		all = append(all, held3(p, "A", "B", "A")...)
	}
	v := judge([]string{"eu", "us", "ap"}, all)
	if v.Equal || v.Differ != 1024 || len(v.Differences) != maxDifferences {
		t.Errorf("%d differ, %d listed", v.Differ, len(v.Differences))
	}
	var out bytes.Buffer
	v.print(&out)
	if !bytes.Contains(out.Bytes(), []byte("  and 1014 more\n")) {
		t.Errorf("%s", &out)
	}
}

// Nothing is not equal to nothing.
func TestVerdictOfNothing(t *testing.T) {
	if v := judge([]string{"eu"}, nil); v.Equal {
		t.Error("nothing is equal")
	}
}
