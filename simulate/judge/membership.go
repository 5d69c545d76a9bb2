package judge

import (
	"fmt"
	"slices"
	"strings"
)

// judgeMembership is O18: every node knows the nodes of every region, as they are.
// The versions of equal views may differ, for every node of a region counts its own.
func (j *Judge) judgeMembership() {
	if !j.settled("O18") {
		return
	}
	live := map[string][]string{}
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
			var names []string
			for _, n := range view.Nodes {
				names = append(names, fmt.Sprintf("%s/%s of boot %d", view.Region, n.Name, n.Boot))
			}
			want := slices.Sorted(slices.Values(live[view.Region]))
			slices.Sort(names)
			if !slices.Equal(names, want) {
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

func list(names []string) string {
	if len(names) == 0 {
		return "none"
	}
	return fmt.Sprintf("%d (%s)", len(names), strings.Join(names, ", "))
}
