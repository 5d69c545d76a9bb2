package simulate

import (
	"fmt"
	"strings"
	"time"

	"github.com/atollcache/atoll/simulate/scenario"
)

// paragraph tells an explanation in plain sentences.
func paragraph(e *Explanation, sc *scenario.Scenario) string {
	said := []string{happened(e.Violation)}
	if len(e.Slice) > 0 {
		said = append(said, "What led to it: "+story(e.Slice)+".")
	}
	said = append(said, inevitability(e, sc))
	said = append(said, needed(e, "fault", "No fault")...)
	if e.Violation.Key == "" {
		said = append(said, "It is about no single key, so no single operations were left out.")
	} else {
		said = append(said, needed(e, "operation", "No operation on the key")...)
	}
	if !e.Complete {
		said = append(said, "The time was up before everything was tried.")
	}
	return strings.Join(said, " ")
}

func happened(v Violation) string {
	where := ""
	if v.Node != "" {
		where = " on " + v.Node
	}
	if v.Key != "" {
		where += fmt.Sprintf(", at key %q", clip([]byte(v.Key)))
	}
	return fmt.Sprintf("%s (%s) was broken %v into the run%s: %s.", v.Oracle, v.Name, rounded(v.At), where, strings.TrimSuffix(v.What, "."))
}

// story joins causes, those of the same moment and node together.
func story(causes []Cause) string {
	var told []string
	for i, c := range causes {
		who := c.Node
		if who != "" {
			who += " "
		}
		if i > 0 && causes[i-1].At == c.At && causes[i-1].Node == c.Node {
			told[len(told)-1] += " and " + c.Text
			continue
		}
		told = append(told, fmt.Sprintf("at %v %s%s", rounded(c.At), who, c.Text))
	}
	return strings.Join(told, "; ")
}

func inevitability(e *Explanation, sc *scenario.Scenario) string {
	w := e.Inevitable
	switch {
	case len(sc.Timeline) == 0:
		return "No fault has any part in it, for there is none."
	case len(e.Curve) == 0:
		return "Since when it was inevitable was not tried."
	case w == nil && !e.Complete:
		return "Since when it was inevitable could not be found in the time."
	case w == nil:
		return fmt.Sprintf("It was inevitable at no time before: with all faults lifted at %v it does not happen.", rounded(e.Curve[len(e.Curve)-1].From))
	case w.After == 0:
		return "It was inevitable from the start: it happens without any fault."
	}
	return fmt.Sprintf("It became inevitable between %v and %v: if all faults are lifted at the former it does not happen, at the latter it does.", rounded(w.Before), rounded(w.After))
}

// maxNamed is how many needed things are named.
const maxNamed = 6

// needed tells without which faults or operations it does not happen.
func needed(e *Explanation, kind, none string) []string {
	var names []string
	tried := 0
	for _, r := range e.Without {
		if r.Kind != kind {
			continue
		}
		if tried++; r.Passes {
			names = append(names, fmt.Sprintf("%s at %v", r.What, rounded(r.At)))
		}
	}
	more := ""
	if len(names) > maxNamed {
		more = fmt.Sprintf(", and %d more", len(names)-maxNamed)
	}
	switch {
	case tried == 0:
		return nil
	case len(names) == 0:
		return []string{fmt.Sprintf("%s is needed alone: it happens without any one of the %d that were tried.", none, tried)}
	}
	return []string{fmt.Sprintf("It does not happen without the %s %s%s (of %d tried).", kind, strings.Join(names[:min(len(names), maxNamed)], ", or without "), more, tried)}
}

// rounded is a time that people can read.
func rounded(d time.Duration) time.Duration { return d.Round(100 * time.Microsecond) }
