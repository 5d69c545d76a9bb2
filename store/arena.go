package store

import (
	"encoding/binary"
	"math/bits"
)

// An arena holds packed records in chunks without pointers, which the collector
// passes by. A record is
//
//	size (2 bytes, with a flag)  length of key, key  entry  slack
//
// and is found by a reference: chunk and offset. Records are added at the end of
// the open chunk, in their exact size. What is removed or moved is dead; once a
// fifth is dead, the chunk with the most of it is emptied into the open one. So
// what is freed is used again whatever its size, at the price of moving one to
// four bytes for each that is freed.
//
// The second bit of the size is free: it is meant for the ghost of an evicted
// value, which is a record like any other, with a digest in the place of the
// entry. A snapshot may take chunks as they are, with the table of origins.
type arena struct {
	chunks []chunk // by number - 1; without data where the number is free
	open   int     // place in chunks of the one that is filled, -1 for none
	size   int     // bytes of all chunks
	live   int     // bytes of records
	dead   int     // bytes of what were records
}

type chunk struct {
	data []byte // its length is what has been filled
	dead int
}

const (
	sizeBytes = 2
	flagDead  = 1 << 15
	sizeMask  = 1<<14 - 1

	minChunk   = 512
	maxChunk   = 64 << 10
	chunkBytes = 32 // of the struct
	offsetBits = 16
	maxChunks  = 1<<15 - 1
)

// record gives the bytes of a record.
func (a *arena) record(ref uint32) []byte {
	data := a.chunks[ref>>offsetBits-1].data[ref&(1<<offsetBits-1):]
	n := binary.LittleEndian.Uint16(data) & sizeMask
	return data[:n:n]
}

// full says whether no number of a chunk may be left, at 2 GiB.
func (a *arena) full() bool { return len(a.chunks) >= maxChunks }

// alloc makes a record of n bytes; what is in it is for the caller to write,
// but for its size.
func (a *arena) alloc(n int) (ref uint32) {
	at := a.place(n)
	c := &a.chunks[at]
	offset := len(c.data)
	c.data = c.data[:offset+n]
	binary.LittleEndian.PutUint16(c.data[offset:], uint16(n))
	a.live += n
	return uint32(at+1)<<offsetBits | uint32(offset)
}

// place gives the chunk for the next n bytes. A record that is large beside
// what the arena holds has a chunk of its own.
func (a *arena) place(n int) int {
	if len(a.chunks) == 0 {
		a.open = -1
	}
	if a.open >= 0 && cap(a.chunks[a.open].data)-len(a.chunks[a.open].data) >= n {
		return a.open
	}
	size := a.chunkSize()
	if 4*n > size {
		size = 1 << bits.Len(uint(4*n-1))
	}
	if size > 4*1024 && 4*n > a.chunkSize() {
		return a.add(n)
	}
	a.open = a.add(size)
	return a.open
}

// chunkSize is the size of chunks that suits what the arena holds: about a
// tenth, so that the open one and those half dead cost little.
func (a *arena) chunkSize() int {
	return min(max(minChunk, 1<<bits.Len(uint(a.live/8))/2), maxChunk)
}

// add makes a chunk of at least n bytes.
func (a *arena) add(n int) (at int) {
	data := append([]byte(nil), make([]byte, n)...)[:0] // with all that the allocator adds
	if cap(data) > maxChunk {
		data = data[:0:maxChunk]
	}
	a.size += cap(data)
	for i := range a.chunks {
		if a.chunks[i].data == nil {
			a.chunks[i].data = data
			return i
		}
	}
	a.chunks = append(a.chunks, chunk{data: data})
	return len(a.chunks) - 1
}

// free removes a record.
func (a *arena) free(ref uint32) {
	r := a.record(ref)
	binary.LittleEndian.PutUint16(r, uint16(len(r))|flagDead)
	at := int(ref>>offsetBits) - 1
	a.chunks[at].dead += len(r)
	a.dead += len(r)
	a.live -= len(r)
	if a.chunks[at].dead == len(a.chunks[at].data) {
		a.drop(at)
	}
}

// drop gives a chunk back.
func (a *arena) drop(at int) {
	a.size -= cap(a.chunks[at].data)
	a.dead -= a.chunks[at].dead
	a.chunks[at] = chunk{}
	if at == a.open {
		a.open = -1
	}
	last := len(a.chunks)
	for last > 0 && a.chunks[last-1].data == nil {
		last--
	}
	a.chunks = a.chunks[:last]
	if last == 0 {
		*a = arena{}
	}
}

// wasteful gives the chunk that should be emptied, if any.
func (a *arena) wasteful() (at int, ok bool) {
	if a.live == 0 {
		return 0, false
	}
	if a.open >= 0 && cap(a.chunks[a.open].data) > 8*a.chunkSize() {
		return a.open, true // from better times
	}
	if a.dead <= a.live/4+minChunk {
		return 0, false
	}
	for i := range a.chunks {
		if a.chunks[i].dead > a.chunks[at].dead {
			at = i
		}
	}
	return at, true
}

// empty moves the records of a chunk and drops it. It tells of each move.
func (a *arena) empty(at int, moved func(record []byte, from, to uint32)) {
	if at == a.open {
		a.open = -1
	}
	data := a.chunks[at].data
	for offset := 0; offset < len(data); {
		header := binary.LittleEndian.Uint16(data[offset:])
		n := int(header & sizeMask)
		if header&flagDead == 0 {
			to := a.alloc(n)
			r := a.record(to)
			copy(r, data[offset:offset+n])
			a.live -= n // it was counted before
			moved(r, uint32(at+1)<<offsetBits|uint32(offset), to)
		}
		offset += n
	}
	a.drop(at)
}

func (a *arena) bytes() int { return a.size + chunkBytes*cap(a.chunks) }
