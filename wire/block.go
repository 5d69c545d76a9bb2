package wire

import (
	"github.com/klauspost/compress/s2"

	"github.com/atollcache/atoll/crdt"
)

// list is parts of a body that are written already, and their number.
type list struct {
	bytes []byte
	n     int
}

func (l *list) reset() { l.bytes, l.n = l.bytes[:0], 0 }

func (l *list) append(dst []byte) []byte {
	return append(appendUvarint(dst, uint64(l.n)), l.bytes...)
}

// block is the list of keyed deltas or entries that ends a body.
type block struct {
	list
	packed []byte
}

// key begins the next item.
func (b *block) key(key []byte) {
	b.bytes = appendUvarint(b.bytes, uint64(len(key)))
	b.bytes = append(b.bytes, key...)
	b.n++
}

const (
	flagCompressed = 1 << 0

	// sampleBytes is what tells whether the whole is worth compressing, and
	// smallBlock is where nothing is.
	sampleBytes = 4 << 10
	smallBlock  = 512

	// maxExpansion bounds what a compressed block unpacks to, in multiples of
	// its size; one that would go beyond it is sent as it is. So nobody makes
	// a receiver take much memory by few bytes.
	maxExpansion = 8
)

// compress packs the block, and says whether that is worth sending.
func (b *block) compress() bool {
	size := len(b.bytes)
	if size < smallBlock {
		return false
	}
	b.packed = grown(b.packed, s2.MaxEncodedLen(size))
	if size > 2*sampleBytes && !gains(len(s2.Encode(b.packed, b.bytes[:sampleBytes])), sampleBytes) {
		return false
	}
	b.packed = s2.Encode(b.packed, b.bytes)
	return gains(len(b.packed), size) && size <= maxExpansion*len(b.packed)
}

func gains(packed, size int) bool { return packed <= size-size/8 }

// grown gives n bytes in the memory of b where that is enough.
func grown(b []byte, n int) []byte {
	if cap(b) < n {
		return make([]byte, n)
	}
	return b[:n]
}

func (b *block) appendCompressed(dst []byte) []byte {
	return append(appendUvarint(dst, uint64(b.n)), b.packed...)
}

// items reads the keyed deltas or entries that end a body.
type items struct {
	parser
	dict dictionary
	lim  crdt.Limits
	left int
}

// itemSize is the size of the smallest key and delta, or entry.
const itemSize = 1 + 2

func (r *items) flags(known byte) byte {
	flags := r.byte()
	if flags&^known != 0 {
		r.fail("unknown flags %x", flags)
	}
	return flags
}

// open comes to the first item.
func (r *items) open(flags byte) {
	n := r.uvarint()
	if flags&flagCompressed != 0 {
		r.decompress()
	}
	if n > uint64(len(r.src)/itemSize) {
		r.fail("%d items cannot be in %d bytes", n, len(r.src))
		return
	}
	r.left = int(n)
}

// decompress replaces the rest of the body by what it unpacks to.
func (r *items) decompress() {
	if r.err != nil {
		return
	}
	size, err := s2.DecodedLen(r.src)
	if err != nil {
		r.wrap(err)
		return
	}
	if size > maxExpansion*len(r.src) {
		r.fail("%d bytes unpack to %d", len(r.src), size)
		return
	}
	unpacked, err := s2.Decode(nil, r.src)
	if err != nil {
		r.wrap(err)
		return
	}
	r.src = unpacked
}

// nextKey reads the key of the next item, and gives false if there is none.
func (r *items) nextKey(key *[]byte) bool {
	if r.left == 0 || r.err != nil {
		r.err = r.end()
		return false
	}
	r.left--
	*key = r.key(r.lim.MaxKey)
	return r.err == nil
}
