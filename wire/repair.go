package wire

import (
	"math/bits"

	"github.com/atollcache/atoll/antientropy"
)

// Ask is the pulling side's part of a step of repair: it compares, or it wants
// entries, or both.
type Ask struct {
	Round    uint64
	Step     uint32
	Request  *antientropy.Request // nil if nothing is to be compared
	Contexts antientropy.Scope    // partitions whose contexts are wanted, before any content is read
	Wants    []Want
	MaxBytes uint32 // of the entries in one answer
}

// Want is a range of key hashes in one partition, [From, To), whose entries are
// wanted; To 0 is the end of all hashes. A single hash h is [h, h+1), and of a
// single hash one part of several may be wanted.
type Want struct {
	Partition uint16
	Tenure    uint64 // of the peer, as its context named it: one for another tenure is refused
	From      uint64
	To        uint64
	Part      uint32 // of Parts, counted from 0
	Parts     uint32 // 0 for whole entries
}

// Large is a key hash whose entry does not fit into an answer. It is left out,
// and may be wanted in that many parts.
type Large struct {
	Hash  uint64
	Parts uint32
}

// MaxParts bounds the parts of one entry.
const MaxParts = 1 << 16

// Append appends the body to dst.
func (a *Ask) Append(dst []byte) []byte {
	dst = appendUint64(dst, a.Round)
	dst = appendUvarint(dst, uint64(a.Step))
	dst = appendUvarint(dst, uint64(a.MaxBytes))
	dst = appendBit(dst, a.Request != nil)
	if a.Request != nil {
		dst = appendRequest(dst, a.Request)
	}
	dst = appendScope(dst, &a.Contexts)
	return appendWants(dst, a.Wants)
}

// ReadAsk reads the body of an Ask. What the request asks for is checked by
// antientropy.Answer.
func ReadAsk(body []byte) (Ask, error) {
	p := parser{src: body}
	a := Ask{Round: p.uint64(), Step: p.uvarint32(), MaxBytes: p.uvarint32()}
	if p.bit() {
		a.Request = p.request()
	}
	a.Contexts = p.scope()
	a.Wants = p.wants()
	return ended(&p, a)
}

func appendRequest(dst []byte, q *antientropy.Request) []byte {
	dst = appendUint64(dst, q.Round)
	dst = appendUvarint(dst, uint64(q.Seq))
	dst = appendUvarint(dst, uint64(q.MaxBytes))
	dst = appendScope(dst, &q.Scope)
	dst = appendUint64s(dst, q.Groups)
	dst = appendPartitions(dst, q.Compare)
	dst = appendUint64s(dst, q.Children)
	dst = appendUvarint(dst, uint64(len(q.List)))
	for _, s := range q.List {
		dst = appendRange(dst, s.From, s.To)
	}
	return dst
}

func (p *parser) request() *antientropy.Request {
	q := &antientropy.Request{Round: p.uint64(), Seq: p.uvarint32(), MaxBytes: p.uvarint32()}
	q.Scope = p.scope()
	q.Groups = p.uint64s()
	q.Compare = p.partitions()
	q.Children = p.uint64s()
	if n := p.count(rangeSize); n > 0 {
		q.List = make([]antientropy.Span, n)
	}
	for i := range q.List {
		from, to := p.hashRange()
		q.List[i] = antientropy.Span{Partition: antientropy.PartitionOf(from), From: from, To: to}
	}
	return q
}

// rangeSize is the size of the smallest range.
const rangeSize = 2

// rangeShift brings the bits of partition and bucket to the low end, so that
// the ranges of whole buckets take a few bytes.
const rangeShift = 18

func appendRange(dst []byte, from, to uint64) []byte {
	dst = appendUvarint(dst, bits.RotateLeft64(from, rangeShift))
	return appendUvarint(dst, bits.RotateLeft64(to-from, rangeShift))
}

func (p *parser) hashRange() (from, to uint64) {
	from = bits.RotateLeft64(p.uvarint(), -rangeShift)
	return from, from + bits.RotateLeft64(p.uvarint(), -rangeShift)
}

// appendWants writes neighbours of one partition, tenure and sort as one run.
func appendWants(dst []byte, wants []Want) []byte {
	dst = appendUvarint(dst, uint64(len(wants)))
	for len(wants) > 0 {
		first, n := wants[0], 1
		for n < len(wants) && first.alike(&wants[n]) {
			n++
		}
		dst = appendUvarint(dst, uint64(first.Partition))
		dst = appendUvarint(dst, first.Tenure)
		dst = appendUvarint(dst, uint64(n)<<2|uint64(first.sort()))
		for _, w := range wants[:n] {
			dst = w.append(dst)
		}
		wants = wants[n:]
	}
	return dst
}

// The sorts of wants.
const (
	aRange byte = iota
	aHash
	aPart
	sorts
)

func (w *Want) sort() byte {
	switch {
	case w.Parts > 0:
		return aPart
	case w.To == w.From+1:
		return aHash
	}
	return aRange
}

func (w *Want) append(dst []byte) []byte {
	switch w.sort() {
	case aPart:
		dst = appendUint64(dst, w.From)
		dst = appendUvarint(dst, uint64(w.Part))
		return appendUvarint(dst, uint64(w.Parts))
	case aHash:
		return appendUint64(dst, w.From)
	}
	return appendRange(dst, w.From, w.To)
}

func (w *Want) alike(o *Want) bool {
	return w.Partition == o.Partition && w.Tenure == o.Tenure && w.sort() == o.sort()
}

func (p *parser) wants() []Want {
	total := p.count(rangeSize)
	if total == 0 {
		return nil
	}
	wants := make([]Want, 0, total)
	for len(wants) < total {
		w := Want{Partition: p.partition(), Tenure: p.uvarint()}
		run := p.uvarint()
		n := run >> 2
		if n == 0 || n > uint64(total-len(wants)) || byte(run&3) >= sorts {
			p.fail("a run of %d of %d ranges, sort %d", n, total-len(wants), run&3)
		}
		if p.err != nil {
			return nil
		}
		for range n {
			p.want(&w, byte(run&3))
			wants = append(wants, w)
		}
	}
	return wants
}

// want reads where a want of that sort begins and ends.
func (p *parser) want(w *Want, sort byte) {
	if sort == aRange {
		w.From, w.To = p.hashRange()
		return
	}
	w.From = p.uint64()
	w.To = w.From + 1
	if sort == aPart {
		w.Part, w.Parts = p.uvarint32(), p.uvarint32()
		if w.Parts == 0 || w.Parts > MaxParts || w.Part >= w.Parts {
			p.fail("part %d of %d", w.Part, w.Parts)
		}
	}
}

// largeSize is the size of the smallest hash with its number of parts.
const largeSize = 8 + 1

func appendLarge(dst []byte, large []Large) []byte {
	dst = appendUvarint(dst, uint64(len(large)))
	for _, l := range large {
		dst = appendUint64(dst, l.Hash)
		dst = appendUvarint(dst, uint64(l.Parts))
	}
	return dst
}

func (p *parser) large() []Large {
	n := p.count(largeSize)
	if n == 0 {
		return nil
	}
	large := make([]Large, n)
	for i := range large {
		large[i] = Large{Hash: p.uint64(), Parts: p.uvarint32()}
		if p.err == nil && (large[i].Parts == 0 || large[i].Parts > MaxParts) {
			p.fail("an entry in %d parts", large[i].Parts)
		}
	}
	return large
}

func appendReply(dst []byte, r *antientropy.Reply) []byte {
	dst = appendUint64(dst, r.Round)
	dst = appendUvarint(dst, uint64(r.Seq))
	dst = appendUvarint(dst, uint64(r.Differ))
	dst = appendUint64s(dst, r.Roots)
	dst = appendUvarint32s(dst, r.Keys)
	dst = appendUvarint(dst, uint64(len(r.Children)))
	for _, mask := range r.Children {
		dst = append(dst, byte(mask), byte(mask>>8))
	}
	dst = appendUint64s(dst, r.Buckets)
	dst = appendUvarint32s(dst, r.Counts)
	dst = appendUvarint(dst, uint64(len(r.Versions)))
	for _, v := range r.Versions {
		dst = appendUint64(dst, v.Hash)
		dst = appendUint64(dst, v.Digest)
	}
	return appendBit(dst, r.Cut)
}

func (p *parser) reply() *antientropy.Reply {
	r := &antientropy.Reply{Round: p.uint64(), Seq: p.uvarint32(), Differ: p.uvarint32()}
	r.Roots = p.uint64s()
	r.Keys = p.uvarint32s()
	if n := p.count(2); n > 0 {
		r.Children = make([]uint16, n)
	}
	for i := range r.Children {
		r.Children[i] = p.uint16()
	}
	r.Buckets = p.uint64s()
	r.Counts = p.uvarint32s()
	if n := p.count(16); n > 0 {
		r.Versions = make([]antientropy.Version, n)
	}
	for i := range r.Versions {
		r.Versions[i] = antientropy.Version{Hash: p.uint64(), Digest: p.uint64()}
	}
	r.Cut = p.bit()
	return r
}
