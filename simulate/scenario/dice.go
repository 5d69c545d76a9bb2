package scenario

import (
	"time"

	"github.com/cespare/xxhash/v2"
)

// Dice give random numbers by key instead of one after the other: what is
// rolled for one purpose does not depend on what else is rolled, so that taking
// one fault away leaves all others as they are.
type dice struct {
	seed    uint64
	purpose string
	entity  uint64
}

// of gives dice for a purpose and an entity, such as the third step.
func (d dice) of(purpose string, entity int) dice {
	return dice{d.roll("of "+d.purpose, int(d.entity)), purpose, uint64(entity)}
}

// roll gives 64 random bits.
func (d dice) roll(what string, counter int) uint64 {
	x := d.seed ^ mix(xxhash.Sum64String(d.purpose)+d.entity) ^ mix(xxhash.Sum64String(what)+uint64(counter)<<1)
	return mix(x)
}

// mix is the finaliser of SplitMix64 (Steele, Lea, Flood 2014).
func mix(x uint64) uint64 {
	x += 0x9e3779b97f4a7c15
	x = (x ^ x>>30) * 0xbf58476d1ce4e5b9
	x = (x ^ x>>27) * 0x94d049bb133111eb
	return x ^ x>>31
}

// between gives a number from least to most. That small numbers come a little
// more often, by less than one in 2^32, does not matter here.
func (d dice) between(what string, least, most int) int {
	return least + int(d.roll(what, 0)%uint64(most-least+1))
}

// one tells whether something happens that happens once in n.
func (d dice) one(what string, n int) bool { return d.between(what, 1, n) == 1 }

// time gives a whole number of milliseconds from least to most.
func (d dice) time(what string, least, most time.Duration) time.Duration {
	return time.Duration(d.between(what, int(least/time.Millisecond), int(most/time.Millisecond))) * time.Millisecond
}

// pick chooses one of a few.
func pick[T any](d dice, what string, from ...T) T {
	return from[d.between(what, 0, len(from)-1)]
}
