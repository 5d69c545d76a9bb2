package replica

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"math/bits"
	"slices"

	"github.com/cespare/xxhash/v2"

	"github.com/atollcache/atoll/antientropy"
	"github.com/atollcache/atoll/crdt"
)

// ErrSession tells of a session token that cannot be used here.
var ErrSession = errors.New("bad session token")

// MaxSession bounds the bytes of a session token, so that it fits into a cookie
// in base64.
const MaxSession = 2800

// The layout of a token, in the notation of package wire:
//
//	token  = version:u8 cluster:u32 blind:u8 base:uint n*(origin) n*(part) n*(coarse)
//	origin = node:u64 epoch:uint
//	part   = gap:uint shown:uint n*(place:uint stamp)
//	coarse = place:uint stamp where:128 bytes
//	stamp  = millisBelowBase:uint counter:uint
//
// A gap counts the partitions since the one before. A place is that of an origin
// in the list; shown is a place plus one, or 0. Where is a bit for each partition.
const (
	tokenVersion = 1
	scopeBytes   = antientropy.Partitions / 8
)

// clusterMark tells the tokens of clusters apart.
func clusterMark(cluster string) uint32 { return uint32(xxhash.Sum64String(cluster)) }

// encode gives the token of a session. Where that would be too large, what the
// session knows is made coarser first.
func (s *session) encode(cluster string) []byte {
	for {
		w := tokenWriter{base: s.base(), body: make([]byte, 0, s.room())}
		if token := w.write(clusterMark(cluster), s); len(token) <= MaxSession {
			return token
		}
		s.coarsen()
	}
}

// room is about what a session takes in a token.
func (s *session) room() int {
	const part, dot, coarse = 4, 6, 8 + scopeBytes
	n := 2 + part*len(s.parts) + coarse*len(s.coarse)
	for i := range s.parts {
		n += dot * s.parts[i].dots.Len()
	}
	return n
}

// base is the highest millisecond in a session.
func (s *session) base() (base int64) {
	for i := range s.parts {
		base = max(base, highest(&s.parts[i].dots).Millis())
	}
	for i := range s.coarse {
		base = max(base, s.coarse[i].Stamp.Millis())
	}
	return base
}

type tokenWriter struct {
	base    int64
	origins []crdt.Origin
	body    []byte
}

func (w *tokenWriter) write(mark uint32, s *session) []byte {
	w.number(len(s.parts))
	last := 0
	for i := range s.parts {
		p := &s.parts[i]
		w.number(int(p.partition) - last)
		last = int(p.partition)
		if p.shown == (crdt.Origin{}) {
			w.number(0)
		} else {
			w.number(w.place(p.shown) + 1)
		}
		w.number(p.dots.Len())
		for _, d := range p.dots.Dots() {
			w.dot(d)
		}
	}
	w.number(len(s.coarse))
	for i := range s.coarse {
		w.dot(s.coarse[i].Dot)
		for _, word := range s.coarse[i].where {
			w.body = binary.LittleEndian.AppendUint64(w.body, word)
		}
	}
	return append(w.front(mark, s.blind), w.body...)
}

func (w *tokenWriter) front(mark uint32, blind bool) []byte {
	const head, origin = 1 + 4 + 1 + 6 + 2, 8 + 7
	front := make([]byte, 0, head+origin*len(w.origins)+len(w.body))
	front = binary.LittleEndian.AppendUint32(append(front, tokenVersion), mark)
	if blind {
		front = append(front, 1)
	} else {
		front = append(front, 0)
	}
	front = binary.AppendUvarint(front, uint64(w.base))
	front = binary.AppendUvarint(front, uint64(len(w.origins)))
	for _, o := range w.origins {
		front = binary.LittleEndian.AppendUint64(front, o.Node)
		front = binary.AppendUvarint(front, o.Epoch)
	}
	return front
}

func (w *tokenWriter) number(n int) { w.body = binary.AppendUvarint(w.body, uint64(n)) }

// place gives the place of an origin in the list, where it is added if need be.
func (w *tokenWriter) place(o crdt.Origin) int {
	i := slices.Index(w.origins, o)
	if i < 0 {
		i = len(w.origins)
		w.origins = append(w.origins, o)
	}
	return i
}

func (w *tokenWriter) dot(d crdt.Dot) {
	w.number(w.place(d.Origin))
	w.body = binary.AppendUvarint(w.body, uint64(w.base-d.Stamp.Millis()))
	w.body = binary.AppendUvarint(w.body, uint64(d.Stamp-crdt.StampAt(d.Stamp.Millis())))
}

// decodeSession reads a token. An empty one begins a session.
func decodeSession(token []byte, cluster string) (session, error) {
	var s session
	if len(token) == 0 {
		return s, nil
	}
	if len(token) > MaxSession {
		return s, fmt.Errorf("%w: %d bytes, at most %d are ever given out", ErrSession, len(token), MaxSession)
	}
	r := tokenReader{src: token}
	if v := r.byte(); v != tokenVersion {
		return s, fmt.Errorf("%w: version %d, this release knows %d; begin a new session", ErrSession, v, tokenVersion)
	}
	if mark := r.take(4); mark != nil && binary.LittleEndian.Uint32(mark) != clusterMark(cluster) {
		return s, fmt.Errorf("%w: it is of another cluster; begin a new session", ErrSession)
	}
	r.read(&s)
	if r.bad || len(r.src) > 0 {
		return session{}, fmt.Errorf("%w: it is damaged; send it back as it came, or begin a new session", ErrSession)
	}
	return s, nil
}

// tokenReader reads a token from the front. Once something is bad all that
// follows reads as zero.
type tokenReader struct {
	src     []byte
	bad     bool
	base    uint64
	origins []crdt.Origin
}

func (r *tokenReader) read(s *session) {
	blind := r.byte()
	r.check(blind <= 1)
	s.blind = blind == 1
	r.base = r.number(maxMillis)
	origins := r.count(9)
	r.origins = make([]crdt.Origin, 0, origins)
	for range origins {
		node := r.take(8)
		if node == nil {
			return
		}
		r.origins = append(r.origins, crdt.Origin{Node: binary.LittleEndian.Uint64(node), Epoch: r.number(math.MaxUint64)})
	}
	last, parts := uint64(0), r.count(3)
	s.parts = make([]seenPart, 0, parts)
	for i := range parts {
		gap := r.number(antientropy.Partitions - 1 - last)
		r.check(i == 0 || gap > 0)
		last += gap
		s.parts = append(s.parts, r.part(uint16(last)))
	}
	for i := range r.count(3 + scopeBytes) {
		c := r.coarse()
		r.check(i == 0 || s.coarse[i-1].Origin.Compare(c.Origin) < 0)
		s.coarse = append(s.coarse, c)
	}
}

func (r *tokenReader) part(number uint16) seenPart {
	p := seenPart{partition: number}
	if shown := r.number(uint64(len(r.origins))); shown > 0 {
		p.shown = r.origins[shown-1]
	}
	var last crdt.Origin
	dots := r.count(3)
	p.dots.Grow(dots)
	for i := range dots {
		d := r.dot()
		r.check(i == 0 || last.Compare(d.Origin) < 0)
		last = d.Origin
		p.dots.Raise(d)
	}
	return p
}

func (r *tokenReader) coarse() (c coarseDot) {
	c.Dot = r.dot()
	if bitmap := r.take(scopeBytes); bitmap != nil {
		for i := range c.where {
			c.where[i] = binary.LittleEndian.Uint64(bitmap[8*i:])
		}
	}
	return c
}

func (r *tokenReader) dot() (d crdt.Dot) {
	place := r.number(math.MaxInt32)
	below := r.number(r.base)
	counter := r.number(math.MaxUint16)
	if r.check(place < uint64(len(r.origins))); r.bad {
		return d
	}
	d.Origin = r.origins[place]
	d.Stamp = crdt.StampAt(int64(r.base-below)) + crdt.Stamp(counter)
	r.check(d.Stamp > 0)
	return d
}

// maxMillis is the highest clock reading that a stamp can hold.
const maxMillis = 1<<48 - 1

func (r *tokenReader) check(good bool) {
	if !good {
		r.bad, r.src = true, nil
	}
}

func (r *tokenReader) take(n int) []byte {
	if r.check(n <= len(r.src)); r.bad {
		return nil
	}
	b := r.src[:n]
	r.src = r.src[n:]
	return b
}

func (r *tokenReader) byte() byte {
	if b := r.take(1); b != nil {
		return b[0]
	}
	return 0
}

// number reads a varint in its shortest form.
func (r *tokenReader) number(most uint64) uint64 {
	v, n := binary.Uvarint(r.src)
	if r.check(n > 0 && v <= most && n == max(1, (bits.Len64(v)+6)/7)); r.bad {
		return 0
	}
	r.src = r.src[n:]
	return v
}

// count reads how many items of at least size bytes follow.
func (r *tokenReader) count(size int) int { return int(r.number(uint64(len(r.src) / size))) }
