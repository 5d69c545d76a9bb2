package up

import (
	"fmt"
	"slices"
	"strings"
	"time"
)

// A Delay is how long what one region says to another takes, in each direction.
type Delay struct {
	A, B   string
	OneWay time.Duration
}

// ParseRTT reads round trip times, as "80ms" for every pair of regions, "eu-us=80ms" for one, or a list of both parted
// by commas, in which a pair replaces what is said of all.
func ParseRTT(text string, regions []string) ([]Delay, error) {
	if text == "" {
		return nil, nil
	}
	var all time.Duration
	pairs := map[[2]string]time.Duration{}
	for _, element := range strings.Split(text, ",") {
		element = strings.TrimSpace(element)
		between, value, isPair := strings.Cut(element, "=")
		if !isPair {
			value = element
		}
		rtt, err := time.ParseDuration(value)
		if err != nil || rtt < 0 {
			return nil, fmt.Errorf("%q is no round trip time; write 80ms, or eu-us=80ms for one pair", element)
		}
		if !isPair {
			all = rtt
			continue
		}
		p, err := parsePair(between, regions)
		if err != nil {
			return nil, err
		}
		pairs[p] = rtt
	}

	var delays []Delay
	for i, a := range regions {
		for _, b := range regions[i+1:] {
			rtt, own := pairs[[2]string{a, b}]
			if !own {
				rtt = all
			}
			delays = append(delays, Delay{a, b, rtt / 2})
		}
	}
	return delays, nil
}

// parsePair finds the two regions in "eu-us", in the order of the list. Names may have hyphens themselves.
func parsePair(text string, regions []string) (pair [2]string, err error) {
	for i, a := range regions {
		for _, b := range regions[i+1:] {
			if text == a+"-"+b || text == b+"-"+a {
				return [2]string{a, b}, nil
			}
		}
	}
	if slices.Contains(regions, text) {
		return pair, fmt.Errorf("%q is one region; write a pair, as in %s", text, strings.Join(regions[:min(2, len(regions))], "-"))
	}
	return pair, fmt.Errorf("%q is no pair of the regions %s", text, strings.Join(regions, ", "))
}
