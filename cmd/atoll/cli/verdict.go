package cli

import (
	"cmp"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
)

// A held is the copy of a partition that one node holds.
type held struct {
	region, node string
	partition    int
	root         string
	keys         int
	state        string // ready, booting or leaving
}

// A group is all copies of a partition that are equal to each other.
type group struct {
	Keys   int      `json:"keys"`
	Copies []string `json:"copies"` // region/node, with the state if it is not ready
	holds  []held
}

// A difference is a partition whose copies are not all equal. A region that holds no copy differs from one that does.
type difference struct {
	Partition int      `json:"partition"`
	Groups    []group  `json:"groups"`            // those with most copies first
	Missing   []string `json:"missing,omitempty"` // regions without any copy
}

// A verdict says whether all replicas of all partitions are equal.
type verdict struct {
	Equal       bool         `json:"equal"`
	Regions     []string     `json:"regions"`
	Partitions  int          `json:"partitions"`
	Copies      int          `json:"copies"`
	Keys        int          `json:"keys"`
	Booting     int          `json:"booting"` // copies that are still being filled
	AgeSeconds  float64      `json:"age_s"`   // of the oldest digest
	Differ      int          `json:"differ"`  // partitions
	Pairs       []pair       `json:"pairs,omitempty"`
	Differences []difference `json:"differences,omitempty"` // the first of them
}

// A pair is two regions, and in how many partitions they differ.
type pair struct {
	A          string `json:"a"`
	B          string `json:"b"`
	Partitions int    `json:"partitions"`
}

// maxDifferences bounds the partitions that are listed.
const maxDifferences = 10

// judge compares the copies of every partition.
func judge(regions []string, copies []held) verdict {
	v := verdict{Regions: regions, Copies: len(copies)}
	byPartition := map[int][]held{}
	for _, c := range copies {
		byPartition[c.partition] = append(byPartition[c.partition], c)
		if c.state == booting {
			v.Booting++
		}
	}

	v.Partitions = len(byPartition)
	apart := map[[2]string]int{}
	for _, p := range slices.Sorted(maps.Keys(byPartition)) {
		d := compare(p, regions, byPartition[p])
		v.Keys += d.keys()
		if len(d.Groups) == 1 && len(d.Missing) == 0 {
			continue
		}
		v.Differ++
		d.countPairs(regions, apart)
		if len(v.Differences) < maxDifferences {
			v.Differences = append(v.Differences, d)
		}
	}
	for i, a := range regions {
		for _, b := range regions[i+1:] {
			if n := apart[[2]string{a, b}]; n > 0 {
				v.Pairs = append(v.Pairs, pair{a, b, n})
			}
		}
	}
	v.Equal = v.Differ == 0 && len(copies) > 0
	return v
}

const (
	ready   = "ready"
	booting = "booting"
)

// compare sorts the copies of a partition into groups of equal ones.
func compare(partition int, regions []string, copies []held) difference {
	d := difference{Partition: partition}
	slices.SortFunc(copies, func(a, b held) int { return cmp.Or(cmp.Compare(a.region, b.region), cmp.Compare(a.node, b.node)) })

	byRoot := map[string]int{}
	for _, c := range copies {
		at, known := byRoot[c.root]
		if !known {
			at = len(d.Groups)
			byRoot[c.root] = at
			d.Groups = append(d.Groups, group{})
		}
		g := &d.Groups[at]
		g.holds = append(g.holds, c)
		g.Keys = max(g.Keys, c.keys)
		g.Copies = append(g.Copies, c.name())
	}
	slices.SortStableFunc(d.Groups, func(a, b group) int { return cmp.Compare(len(b.holds), len(a.holds)) })
	for _, region := range regions {
		if !slices.ContainsFunc(copies, func(c held) bool { return c.region == region }) {
			d.Missing = append(d.Missing, region)
		}
	}
	return d
}

func (c held) name() string {
	name := c.region + "/" + c.node
	if c.state != ready {
		name += " (" + c.state + ")"
	}
	return name
}

func (d *difference) keys() int {
	most := 0
	for _, g := range d.Groups {
		most = max(most, g.Keys)
	}
	return most
}

// countPairs counts the partition for every pair of regions that are not wholly in the same group. A region whose own
// copies differ is in two groups, and so differs from every other.
func (d *difference) countPairs(regions []string, apart map[[2]string]int) {
	in := map[string][]int{}
	for i, g := range d.Groups {
		for _, c := range g.holds {
			if !slices.Contains(in[c.region], i) {
				in[c.region] = append(in[c.region], i)
			}
		}
	}
	for i, a := range regions {
		for _, b := range regions[i+1:] {
			if !slices.Equal(in[a], in[b]) || len(in[a]) > 1 {
				apart[[2]string{a, b}]++
			}
		}
	}
}

// print writes the verdict for people: one line if all is equal, else also the pairs and the first partitions.
func (v *verdict) print(w io.Writer) {
	if v.Equal {
		fmt.Fprintf(w, "equal: %s, %s, %s, as of %.1f s ago\n",
			count(len(v.Regions), "region"), count(v.Partitions, "partition"), count(v.Keys, "key"), v.AgeSeconds)
		return
	}
	fmt.Fprintf(w, "differ: %d of %s, as of %.1f s ago\n", v.Differ, count(v.Partitions, "partition"), v.AgeSeconds)
	for _, p := range v.Pairs {
		fmt.Fprintf(w, "  %s and %s differ in %s\n", p.A, p.B, count(p.Partitions, "partition"))
	}
	for i := range v.Differences {
		fmt.Fprintf(w, "  partition %d: %s\n", v.Differences[i].Partition, v.Differences[i].describe())
	}
	if more := v.Differ - len(v.Differences); more > 0 {
		fmt.Fprintf(w, "  and %d more\n", more)
	}
}

// describe names the groups: a region stands for its nodes if all of them agree.
func (d *difference) describe() string {
	total := map[string]int{}
	for _, g := range d.Groups {
		for _, c := range g.holds {
			total[c.region]++
		}
	}
	var parts []string
	for _, g := range d.Groups {
		parts = append(parts, fmt.Sprintf("%s (%s)", strings.Join(g.names(total), " "), count(g.Keys, "key")))
	}
	for _, region := range d.Missing {
		parts = append(parts, region+" (no copy)")
	}
	return strings.Join(parts, " | ")
}

func (g *group) names(total map[string]int) []string {
	var names []string
	for i := 0; i < len(g.holds); {
		region, end := g.holds[i].region, i
		for end < len(g.holds) && g.holds[end].region == region {
			end++
		}
		same := !slices.ContainsFunc(g.holds[i:end], func(c held) bool { return c.state != ready })
		if same && end-i == total[region] {
			names = append(names, region)
		} else {
			names = append(names, g.Copies[i:end]...)
		}
		i = end
	}
	return names
}

// count writes a number with its noun.
func count(n int, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return fmt.Sprintf("%d %ss", n, noun)
}
