package world

import (
	"time"

	"github.com/atollcache/atoll/simulate/scenario"
)

// The quantiles of two distributions at the middles of 64 equal shares, in
// thousandths of the spread. They are integers, for a run must be the same on
// every machine. The lognormal one is about its median, and its spread reaches
// five sixths.
var (
	exponential = [64]int64{
		8, 24, 40, 56, 73, 90, 107, 125, 143, 161, 179, 198, 217, 237, 257, 277,
		298, 319, 341, 363, 386, 409, 433, 458, 483, 508, 535, 562, 589, 618, 647, 678,
		709, 741, 774, 809, 845, 882, 920, 960, 1002, 1045, 1091, 1138, 1188, 1241, 1297, 1356,
		1418, 1485, 1556, 1633, 1717, 1808, 1908, 2019, 2144, 2287, 2454, 2655, 2906, 3243, 3753, 4852,
	}
	lognormal = [64]int64{
		-558, -529, -508, -489, -473, -457, -441, -426, -412, -397, -382, -368, -353, -338, -324, -308,
		-293, -277, -262, -245, -229, -212, -194, -176, -158, -139, -120, -100, -79, -57, -35, -12,
		12, 37, 63, 90, 119, 149, 180, 213, 248, 284, 323, 365, 409, 456, 507, 561,
		621, 685, 756, 834, 920, 1017, 1127, 1253, 1400, 1576, 1790, 2063, 2427, 2956, 3860, 6265,
	}
)

// sample draws a delay. The step of the table gives the shape, and what is left
// of the draw the place between two steps.
func sample(d scenario.Delay, r draw) time.Duration {
	switch d.Kind {
	case scenario.Uniform:
		return max(d.Base-d.Spread+r.upTo(2*d.Spread), 0)
	case scenario.Exponential:
		return d.Base + scale(d.Spread, exponentialAt(r))
	case scenario.Lognormal:
		return max(d.Base+scale(d.Spread, lognormalAt(r)), 0)
	case scenario.Bimodal:
		if r.hits(d.Share) {
			return d.Spread
		}
	}
	return d.Base
}

func scale(d time.Duration, thousandths int64) time.Duration {
	return time.Duration(int64(d) / 1000 * thousandths)
}

// exponentialAt gives a thousandfold draw of the exponential with mean one.
func exponentialAt(r draw) int64 {
	i, next := shares(r)
	return between64(exponential[i], exponential[next], r)
}

func lognormalAt(r draw) int64 {
	i, next := shares(r)
	return between64(lognormal[i], lognormal[next], r)
}

// shares gives the step of a table that a draw falls on, and the next.
func shares(r draw) (i, next int) {
	i = int(r >> 58)
	return i, min(i+1, 63)
}

// between64 places a draw between two steps, by the bits that have not chosen
// them.
func between64(a, b int64, r draw) int64 { return a + (b-a)*int64(r>>42&0xffff)>>16 }
