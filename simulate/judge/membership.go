package judge

import (
	"fmt"
	"slices"
	"strings"

	"github.com/atollcache/atoll/region"
)

// judgeMembership is O18: every node knows the nodes of every region, as they are.
// The versions of equal views may differ, for every node of a region counts its own.
// Of a region in which nobody lives the last view stays, as it does of one that
// cannot be reached: nobody can tell the two apart.
func (j *Judge) judgeMembership() {
	if !j.settled("O18") {
		return
	}
	live, were := map[string][]string{}, map[string]bool{}
	for _, s := range j.sites {
		were[s.name] = true
	}
	for _, s := range j.others(nil) {
		if s.twin {
			j.excuse("O18", excuseTwin)
			return
		}
		live[s.region] = append(live[s.region], fmt.Sprintf("%s of boot %d", s.name, s.status().Boot))
	}
	for _, s := range j.others(nil) {
		seen := map[string]bool{}
		for _, view := range s.status().Regions {
			seen[view.Region] = true
			names, strangers := namesOf(&view, were)
			want := slices.Sorted(slices.Values(live[view.Region]))
			stays := len(want) == 0 && !strangers
			if !stays && !slices.Equal(names, want) {
				j.accuse("O18", s, "", nil, "in %s the node knows %s, and there live %s", view.Region, list(names), list(want))
			}
		}
		for _, r := range j.sc.Topology.Regions {
			if len(live[r.Name]) > 0 && !seen[r.Name] {
				j.accuse("O18", s, "", nil, "the node knows nothing of %s, where there live %s", r.Name, list(live[r.Name]))
			}
		}
	}
}

// namesOf lists the nodes of a view, and says whether any of them never was.
func namesOf(v *region.View, were map[string]bool) (names []string, strangers bool) {
	for _, n := range v.Nodes {
		name := v.Region + "/" + n.Name
		names = append(names, fmt.Sprintf("%s of boot %d", name, n.Boot))
		strangers = strangers || !were[name]
	}
	slices.Sort(names)
	return names, strangers
}

func list(names []string) string {
	if len(names) == 0 {
		return "none"
	}
	return fmt.Sprintf("%d (%s)", len(names), strings.Join(names, ", "))
}
