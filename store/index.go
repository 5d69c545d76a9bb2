package store

import "math/bits"

// partitionBits is how many top bits of the key hash name the partition; what
// is below them orders the keys within it.
const partitionBits = 10

// A slot of the index is a key hash and where the key lies; ref 0 is an empty
// slot. In two halves, so that it takes 12 bytes.
type slot struct {
	high, low uint32
	ref       uint32
}

func (s slot) hash() uint64 { return uint64(s.high)<<32 | uint64(s.low) }

func (s slot) empty() bool { return s.ref == 0 }

const slotBytes = 12

// An index finds keys by their hash, in ascending order of hashes.
//
// It is a table of linear probing whose hash function is monotone: the home of
// a hash is its place in proportion to the span of the partition, and slots are
// kept sorted. So a range of hashes is a range of the table, and to grow is to
// copy once from left to right. Nothing wraps around; what is pushed past the
// last home lies in a few slots beyond it. Between the home of a hash and its
// slot nothing is empty, so from the home on "empty or not below" is monotone.
type index struct {
	slots []slot
	homes uint64 // slots that are a home
	used  int
}

// The table grows by a quarter when it is this full, and shrinks below a third.
const (
	fullNumerator, fullDenominator = 7, 8
	minHomes                       = 8
	spareSlots                     = 8
)

func (x *index) home(hash uint64) int {
	home, _ := bits.Mul64(hash<<partitionBits, x.homes)
	return int(home)
}

// seek gives the first place from the home of hash on that is empty or holds
// no lower hash: where hash is, or belongs.
func (x *index) seek(hash uint64) int {
	if x.homes == 0 {
		return 0
	}
	i := x.home(hash)
	for end := min(i+2*spareSlots, len(x.slots)); i < end; i++ {
		if s := x.slots[i]; s.empty() || s.hash() >= hash {
			return i
		}
	}
	return x.gallop(i, hash)
}

// gallop is seek in a crowd, where many hashes have one home.
func (x *index) gallop(i int, hash uint64) int {
	reached := func(i int) bool {
		return i >= len(x.slots) || x.slots[i].empty() || x.slots[i].hash() >= hash
	}
	step := 1
	for !reached(i + step) {
		i += step
		step *= 2
	}
	low, high := i, i+step // below low nothing is reached, high is
	for low < high {
		if middle := (low + high) / 2; reached(middle) {
			high = middle
		} else {
			low = middle + 1
		}
	}
	return low
}

// next gives the first place from i on that is not empty, len(slots) at the end.
func (x *index) next(i int) int {
	for i < len(x.slots) && x.slots[i].empty() {
		i++
	}
	return i
}

// reserve makes room for one more slot; places change.
func (x *index) reserve() {
	if uint64(x.used+1)*fullDenominator > x.homes*fullNumerator {
		x.resize(max(minHomes, x.homes+x.homes/4))
	}
}

// insert puts a slot at the place that seek gave after reserve.
func (x *index) insert(i int, hash uint64, ref uint32) {
	j := i
	for j < len(x.slots) && !x.slots[j].empty() {
		j++
	}
	if j == len(x.slots) {
		x.slots = roomy(x.slots, len(x.slots)+spareSlots+len(x.slots)/64)
	}
	copy(x.slots[i+1:j+1], x.slots[i:j])
	x.slots[i] = slot{high: uint32(hash >> 32), low: uint32(hash), ref: ref}
	x.used++
}

// remove empties a place and closes the gap. It may shrink the table, and then
// says so: places change.
func (x *index) remove(i int) (moved bool) {
	j := i + 1
	for j < len(x.slots) && !x.slots[j].empty() && x.home(x.slots[j].hash()) < j {
		j++
	}
	copy(x.slots[i:j-1], x.slots[i+1:j])
	x.slots[j-1] = slot{}
	x.used--

	switch {
	case x.used == 0:
		*x = index{}
		return true
	case x.homes > minHomes && uint64(x.used)*3 < x.homes:
		x.resize(max(minHomes, uint64(x.used)*4/3))
		return true
	}
	return false
}

// resize copies the table to another with that many homes.
func (x *index) resize(homes uint64) {
	old := x.slots
	x.homes = homes
	x.slots = roomy(nil, int(homes)+spareSlots)
	end := 0
	for _, s := range old {
		if s.empty() {
			continue
		}
		i := max(end, x.home(s.hash()))
		if i >= len(x.slots) {
			x.slots = roomy(x.slots, i+spareSlots+len(x.slots)/64)
		}
		x.slots[i] = s
		end = i + 1
	}
}

// bytes is what the table takes.
func (x *index) bytes() int { return slotBytes * cap(x.slots) }

// roomy gives a copy of at least n slots, and all that the allocator adds.
func roomy(slots []slot, n int) []slot {
	grown := append([]slot(nil), make([]slot, n)...)
	copy(grown, slots)
	return grown[:cap(grown)]
}
