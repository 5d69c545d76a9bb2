package wire

import (
	"encoding/binary"
	"fmt"
	"math"

	"github.com/atollcache/atoll/crdt"
)

// parser reads the parts of a body from the front. After the first error it has
// no more input and reads zeros. It allocates for what is there, never for what
// a length promises.
type parser struct {
	src []byte
	err error
}

func (p *parser) fail(format string, args ...any) {
	if p.err == nil {
		p.err = malformed(format, args...)
	}
	p.src = nil
}

func (p *parser) wrap(err error) {
	if p.err == nil {
		p.err = fmt.Errorf("%w: %w", ErrMalformed, err)
	}
	p.src = nil
}

// end gives the error, if any: bytes that are left over are one.
func (p *parser) end() error {
	if p.err == nil && len(p.src) > 0 {
		p.fail("%d bytes too many", len(p.src))
	}
	return p.err
}

// take cuts n bytes, which alias the input.
func (p *parser) take(n int) []byte {
	if n < 0 || n > len(p.src) {
		p.fail("cut short")
		return nil
	}
	b := p.src[:n:n]
	p.src = p.src[n:]
	return b
}

func (p *parser) byte() byte {
	if len(p.src) == 0 {
		p.fail("cut short")
		return 0
	}
	b := p.src[0]
	p.src = p.src[1:]
	return b
}

// bit reads a byte that is 0 or 1.
func (p *parser) bit() bool {
	b := p.byte()
	if b > 1 {
		p.fail("%d is neither yes nor no", b)
	}
	return b == 1
}

func (p *parser) uint16() uint16 {
	if b := p.take(2); b != nil {
		return binary.LittleEndian.Uint16(b)
	}
	return 0
}

func (p *parser) uint64() uint64 {
	if b := p.take(8); b != nil {
		return binary.LittleEndian.Uint64(b)
	}
	return 0
}

func (p *parser) uvarint() uint64 {
	v, n := binary.Uvarint(p.src)
	if n <= 0 || n > 1 && p.src[n-1] == 0 {
		p.fail("no number")
		return 0
	}
	p.src = p.src[n:]
	return v
}

func (p *parser) uvarint32() uint32 {
	v := p.uvarint()
	if v > math.MaxUint32 {
		p.fail("%d is too large", v)
		return 0
	}
	return uint32(v)
}

// count reads how many items of at least size bytes follow.
func (p *parser) count(size int) int {
	n := p.uvarint()
	if n > uint64(len(p.src)/size) {
		p.fail("%d items cannot be in %d bytes", n, len(p.src))
		return 0
	}
	return int(n)
}

// text reads a string of at most limit bytes.
func (p *parser) text(limit int) string {
	n := p.count(1)
	if n > limit {
		p.fail("a name of %d bytes, at most %d are allowed", n, limit)
		return ""
	}
	return string(p.take(n))
}

// uint64s reads a list of fixed numbers, nil if it is empty.
func (p *parser) uint64s() []uint64 {
	n := p.count(8)
	if n == 0 {
		return nil
	}
	list := make([]uint64, n)
	for i := range list {
		list[i] = p.uint64()
	}
	return list
}

// uvarint32s reads a list of small numbers, nil if it is empty.
func (p *parser) uvarint32s() []uint32 {
	n := p.count(1)
	if n == 0 {
		return nil
	}
	list := make([]uint32, n)
	for i := range list {
		list[i] = p.uvarint32()
	}
	return list
}

// signed reads a number in zigzag form.
func (p *parser) signed() int64 {
	v := p.uvarint()
	return int64(v>>1) ^ -int64(v&1)
}

func appendUvarint(dst []byte, v uint64) []byte { return binary.AppendUvarint(dst, v) }
func appendSigned(dst []byte, v int64) []byte {
	return binary.AppendUvarint(dst, uint64(v)<<1^uint64(v>>63))
}
func appendUint64(dst []byte, v uint64) []byte { return binary.LittleEndian.AppendUint64(dst, v) }

func appendBit(dst []byte, set bool) []byte {
	if set {
		return append(dst, 1)
	}
	return append(dst, 0)
}

func appendText(dst []byte, s string) []byte {
	return append(appendUvarint(dst, uint64(len(s))), s...)
}

func appendUint64s(dst []byte, list []uint64) []byte {
	dst = appendUvarint(dst, uint64(len(list)))
	for _, v := range list {
		dst = appendUint64(dst, v)
	}
	return dst
}

func appendUvarint32s(dst []byte, list []uint32) []byte {
	dst = appendUvarint(dst, uint64(len(list)))
	for _, v := range list {
		dst = appendUvarint(dst, uint64(v))
	}
	return dst
}

// dictionary is what dots are written with: the table of origins and the stamp
// that others differ from.
type dictionary struct {
	actors crdt.Actors
	base   crdt.Stamp
}

func (d *dictionary) reset() {
	d.actors.Reset()
	d.base = 0
}

// anchor makes the highest of the first dots that are written the base, before
// they are written. The base stays 0 only as long as no stamp is written.
func (d *dictionary) anchor(dots []crdt.Dot) {
	if d.base != 0 {
		return
	}
	for i := range dots {
		d.base = max(d.base, dots[i].Stamp)
	}
}

// anchorEntry does as anchor does with all dots of an entry.
func (d *dictionary) anchorEntry(e *crdt.Entry) {
	if d.base == 0 {
		e.Dots(func(dot crdt.Dot) { d.base = max(d.base, dot.Stamp) })
	}
}

// originSize is the size of the smallest origin.
const originSize = 8 + 1

// size bounds the bytes that append takes.
func (d *dictionary) size() int {
	return 2*binary.MaxVarintLen64 + len(d.actors.List())*(8+binary.MaxVarintLen64)
}

func (d *dictionary) append(dst []byte) []byte {
	dst = appendUvarint(dst, uint64(d.base))
	dst = appendUvarint(dst, uint64(len(d.actors.List())))
	for _, o := range d.actors.List() {
		dst = appendUint64(dst, o.Node)
		dst = appendUvarint(dst, o.Epoch)
	}
	return dst
}

func (p *parser) dictionary(d *dictionary) {
	d.base = crdt.Stamp(p.uvarint())
	origins := d.actors.Fill(p.count(originSize))
	for i := range origins {
		origins[i] = crdt.Origin{Node: p.uint64(), Epoch: p.uvarint()}
	}
}

func (d *dictionary) appendContext(dst []byte, c *crdt.Context) []byte {
	return crdt.AppendContext(dst, c, &d.actors, d.base)
}

func (p *parser) context(d *dictionary) (c crdt.Context) {
	p.contextInto(&c, d)
	return c
}

// contextInto reads a context into the memory of c.
func (p *parser) contextInto(c *crdt.Context, d *dictionary) {
	c.Reset()
	if p.err != nil {
		return
	}
	rest, err := crdt.DecodeContext(p.src, c, &d.actors, d.base)
	if err != nil {
		p.wrap(err)
		c.Reset()
		return
	}
	p.src = rest
}

// key reads a key of at most limit bytes, aliasing the input.
func (p *parser) key(limit int) []byte {
	n := p.count(1)
	if n > limit {
		p.wrap(fmt.Errorf("%w: a key of %d bytes", crdt.ErrLimit, n))
		return nil
	}
	return p.take(n)
}
