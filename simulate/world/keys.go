package world

import (
	"slices"
	"strconv"

	"github.com/atollcache/atoll/replica"
	"github.com/atollcache/atoll/ring"
	"github.com/atollcache/atoll/simulate/scenario"
	"github.com/atollcache/atoll/store"
)

// keyring makes names of keys that lie in the partitions of the run, and
// remembers them.
type keyring struct {
	limit  int // partitions from zero on that hold keys
	names  map[string][][]byte
	filler []byte
	stamps map[string]lastStamp // of keys that were written lately
}

// lastStamp is the last write of a key.
type lastStamp struct {
	wall   int64
	region int
}

const fillerBytes = 64 << 10

func (k *keyring) init(w *World) {
	k.limit = w.sc.Partitions()
	k.names = map[string][][]byte{}
	k.stamps = map[string]lastStamp{}
	k.filler = make([]byte, fillerBytes)
	const letters = "abcdefghijklmnopqrstuvwxyz0123456789-_ABCDEFGHIJKLMNOPQRSTUVWXYZ"
	for i := 0; i < len(k.filler); i += 8 {
		bits := uint64(w.seed.draw(forFiller, 0, uint64(i)))
		for j := range 8 {
			k.filler[i+j] = letters[bits>>(8*j)&63]
		}
	}
}

// name gives the i-th key of a family: family:i, with the first suffix that
// brings it into the partitions that hold keys.
func (k *keyring) name(family string, i int64) []byte {
	names := k.names[family]
	if int64(len(names)) <= i {
		names = slices.Grow(names, int(i)+1-len(names))[:i+1]
		k.names[family] = names
	}
	if names[i] == nil {
		names[i] = k.find(family + ":" + strconv.FormatInt(i, 10))
	}
	return names[i]
}

func (k *keyring) find(name string) []byte {
	plain := []byte(name)
	key := plain
	for try := uint64(0); int(ring.Partition(store.Hash(key))) >= k.limit; try++ {
		key = strconv.AppendUint(append(key[:len(plain)], '.'), try, 36)
	}
	return slices.Clip(key)
}

// value gives the bytes of a value: the number of the operation, so that no two
// are alike, and filler.
func (k *keyring) value(op uint64, size int64, r draw) []byte {
	v := strconv.AppendUint(make([]byte, 0, size), op, 36)
	v = append(v, '.')
	at := int(r.below(fillerBytes))
	for int64(len(v)) < size {
		n := min(int(size)-len(v), len(k.filler)-at)
		v = append(v, k.filler[at:at+n]...)
		at = 0
	}
	return v
}

// stampsKept bounds the keys whose last write is remembered.
const stampsKept = 1 << 12

// stamped notes when a key was written, to find regions that did in the same
// millisecond.
func (w *World) stamped(n *Node, x *replica.Execution) {
	last, known := w.keys.stamps[string(x.Args[1])]
	if known && last.wall == x.Wall && last.region != n.region.index {
		w.mark(MarkEqualMilliseconds)
	}
	if !known && len(w.keys.stamps) >= stampsKept {
		clear(w.keys.stamps)
	}
	w.keys.stamps[string(x.Args[1])] = lastStamp{x.Wall, n.region.index}
}

// chooser draws which key of a load a command is about.
type chooser struct {
	choice scenario.KeyChoice
	count  int64
	bounds []uint64 // of zipf: how much weight lies up to the end of each block
	blocks []int64  // the first rank of each block
}

// newChooser prepares the draws. Under zipf every rank of the first ones has a
// block of its own; later blocks grow, and what is in one is equally likely.
func newChooser(k scenario.Keys) *chooser {
	c := &chooser{choice: k.Choice, count: max(k.Count, 1)}
	if k.Choice != scenario.KeysZipf {
		return c
	}
	const alone = 256
	sum := uint64(0)
	for rank := int64(1); rank <= c.count; {
		size := int64(1)
		if rank > alone {
			size = min(rank/16, c.count-rank+1)
		}
		c.blocks = append(c.blocks, rank)
		sum += weight(uint64(rank+size/2), uint64(k.Skew)) * uint64(size)
		c.bounds = append(c.bounds, sum)
		rank += size
	}
	return c
}

// draw gives the number of a key, from zero.
func (c *chooser) draw(r, more draw) int64 {
	switch c.choice {
	case scenario.KeysHot:
		if r>>63 == 0 {
			return int64(more.below(uint64(c.count)))
		}
		return c.count + int64(more.below(uint64(c.count)*1000))
	case scenario.KeysZipf:
		at := r.below(c.bounds[len(c.bounds)-1])
		i, _ := slices.BinarySearch(c.bounds, at+1)
		next := c.count + 1
		if i+1 < len(c.blocks) {
			next = c.blocks[i+1]
		}
		return c.blocks[i] - 1 + int64(more.below(uint64(next-c.blocks[i])))
	}
	return int64(r.below(uint64(c.count)))
}

// weight is 2^40 / rank^(skew/1000), in integers.
func weight(rank, skew uint64) uint64 {
	x := log2(rank) * skew / 1000 // with 32 bits behind the point
	whole, part := x>>32, x&(1<<32-1)
	if whole >= 40 {
		return 1
	}
	return max(exp2(1<<32-part)<<7>>whole, 1)
}
