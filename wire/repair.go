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
// wanted; To 0 is the end of all hashes. A single hash h is [h, h+1).
type Want struct {
	Partition uint16
	Tenure    uint64 // of the puller: an answer for an older one is void
	From      uint64
	To        uint64
}

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
		dst = appendUvarint(dst, uint64(n)<<1|first.single())
		for _, w := range wants[:n] {
			if w.single() == 1 {
				dst = appendUint64(dst, w.From)
			} else {
				dst = appendRange(dst, w.From, w.To)
			}
		}
		wants = wants[n:]
	}
	return dst
}

// single gives 1 for a single hash, 0 for any other range.
func (w *Want) single() uint64 {
	if w.To == w.From+1 {
		return 1
	}
	return 0
}

func (w *Want) alike(o *Want) bool {
	return w.Partition == o.Partition && w.Tenure == o.Tenure && w.single() == o.single()
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
		n := run >> 1
		if n == 0 || n > uint64(total-len(wants)) {
			p.fail("a run of %d of %d ranges", n, total-len(wants))
		}
		if p.err != nil {
			return nil
		}
		for range n {
			if run&1 == 1 {
				w.From = p.uint64()
				w.To = w.From + 1
			} else {
				w.From, w.To = p.hashRange()
			}
			wants = append(wants, w)
		}
	}
	return wants
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
