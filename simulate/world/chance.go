package world

import (
	"math/bits"
	"time"

	"github.com/cespare/xxhash/v2"

	"github.com/atollcache/atoll/simulate/scenario"
)

// chance is the seed of a run. What it gives depends on nothing but the
// arguments, so that no draw moves another.
type chance uint64

// purpose says what a draw decides.
type purpose uint64

const (
	forTie purpose = iota + 1
	forDelay
	forTail
	forLoss
	forFault
	forBurst
	forGossip
	forMiss
	forRejoin
	forStart
	forInstance
	forSkew
	forGap
	forOp
	forKey
	forField
	forValue
	forNumber
	forTTL
	forNode
	forSession
	forFiller
	forCrash
	forOrder
	forShrink
	forReconnect
	forExchange
)

// mix is the finalizer of SplitMix64: every bit of x moves every bit of the
// result.
func mix(x uint64) uint64 {
	x ^= x >> 30
	x *= 0xbf58476d1ce4e5b9
	x ^= x >> 27
	x *= 0x94d049bb133111eb
	return x ^ x>>31
}

const golden = 0x9e3779b97f4a7c15

// draw gives 64 random bits for the n-th time that an entity needs some.
func (c chance) draw(why purpose, entity, n uint64) draw {
	x := mix(uint64(c) + uint64(why)*golden)
	x = mix(x ^ entity*golden)
	return draw(mix(x ^ n*golden))
}

// draw is 64 random bits.
type draw uint64

// below gives a number from 0 up to n, without n.
func (d draw) below(n uint64) uint64 {
	hi, _ := bits.Mul64(uint64(d), n)
	return hi
}

// hits says yes to a share of all draws.
func (d draw) hits(share scenario.PPM) bool { return int64(d.below(1_000_000)) < int64(share) }

// upTo gives a duration from 0 to most.
func (d draw) upTo(most time.Duration) time.Duration {
	if most <= 0 {
		return 0
	}
	return time.Duration(d.below(uint64(most) + 1))
}

// between gives a duration from least to most.
func (d draw) between(least, most time.Duration) time.Duration { return least + d.upTo(most-least) }

// entity makes a number of a name, for those that have no other.
func entity(name string) uint64 { return xxhash.Sum64String(name) }

// pair makes one number of two.
func pair(a, b uint64) uint64 { return mix(a*golden + b) }
