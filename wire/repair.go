package wire

import (
	"math/bits"

	"github.com/atollcache/atoll/antientropy"
	"github.com/atollcache/atoll/crdt"
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

// Answer is the serving side's part, without its entries.
type Answer struct {
	Round    uint64
	Step     uint32
	Reply    *antientropy.Reply // to the Request of the Ask
	Contexts []PartitionContext // captured before the content was read; each partition once
	Served   []Want             // ranges whose entries are all here, cut down where they did not fit
	Refused  []uint16           // partitions, ascending, that this node does not serve
}

// AnswerWriter packs the body of an answer. Its zero value is ready after Reset,
// and may be used again and again.
type AnswerWriter struct {
	round    uint64
	step     uint32
	dict     dictionary
	reply    []byte
	contexts list
	served   []Want
	refused  antientropy.Scope
	entries  list
}

// Reset begins another answer.
func (w *AnswerWriter) Reset(round uint64, step uint32) {
	w.round, w.step = round, step
	w.dict.reset()
	w.reply = w.reply[:0]
	w.contexts.reset()
	w.served = w.served[:0]
	w.refused = antientropy.Scope{}
	w.entries.reset()
}

// Reply sets the reply to the request.
func (w *AnswerWriter) Reply(r *antientropy.Reply) { w.reply = appendReply(w.reply[:0], r) }

// Context adds the context of a partition.
func (w *AnswerWriter) Context(c PartitionContext) {
	w.contexts.bytes = w.dict.appendPartitionContext(w.contexts.bytes, &c)
	w.contexts.n++
}

// Served adds a range whose entries are all in the answer.
func (w *AnswerWriter) Served(want Want) { w.served = append(w.served, want) }

// Refuse adds a partition that this node does not serve.
func (w *AnswerWriter) Refuse(partition uint16) { w.refused.Add(partition) }

// Entry packs an entry. Neither key nor e is kept.
func (w *AnswerWriter) Entry(key []byte, e *crdt.Entry) {
	w.dict.anchorEntry(e)
	l := &w.entries
	l.bytes = appendUvarint(l.bytes, uint64(len(key)))
	l.bytes = append(l.bytes, key...)
	l.bytes = crdt.AppendEntry(l.bytes, e, &w.dict.actors, w.dict.base)
	l.n++
}

// Entries gives the number of entries packed so far.
func (w *AnswerWriter) Entries() int { return w.entries.n }

// Len gives the bytes that the body has come to; it may be a few less.
func (w *AnswerWriter) Len() int {
	const front, wantBytes = 256, 24
	return front + w.dict.size() + len(w.reply) + len(w.contexts.bytes) + len(w.served)*wantBytes + len(w.entries.bytes)
}

// Append appends the body to dst.
func (w *AnswerWriter) Append(dst []byte) []byte {
	dst = append(dst, 0)
	dst = appendUint64(dst, w.round)
	dst = appendUvarint(dst, uint64(w.step))
	dst = appendBit(dst, len(w.reply) > 0)
	dst = append(dst, w.reply...)
	dst = w.dict.append(dst)
	dst = w.contexts.append(dst)
	dst = appendWants(dst, w.served)
	dst = appendScope(dst, &w.refused)
	return w.entries.append(dst)
}

// AnswerReader reads the body of an answer: what is in front of the entries at
// once, the entries one by one.
type AnswerReader struct {
	Answer
	items
}

// ReadAnswer reads the front of a body. What lim refuses is refused by Next. The
// reader aliases body. Whether the reply fits is checked by its round.
func ReadAnswer(body []byte, lim crdt.Limits) (AnswerReader, error) {
	r := AnswerReader{items: items{parser: parser{src: body}, lim: lim.OrDefaults()}}
	if flags := r.byte(); flags != 0 {
		r.fail("unknown flags %x", flags)
	}
	r.Round = r.uint64()
	r.Step = r.uvarint32()
	if r.bit() {
		r.Answer.Reply = r.reply()
	}
	r.dictionary(&r.dict)
	r.Contexts = r.partitionContexts(&r.dict)
	r.Served = r.wants()
	r.Refused = r.partitions()
	r.left = r.count(itemSize)
	if r.err != nil {
		return AnswerReader{}, r.err
	}
	return r, nil
}

// Next reads the next entry into e, as BatchReader.Next does with deltas.
func (r *AnswerReader) Next(key *[]byte, e *crdt.Entry) (bool, error) {
	if !r.nextKey(key) {
		return false, r.err
	}
	rest, err := crdt.DecodeEntry(r.src, e, &r.dict.actors, r.dict.base, r.lim)
	if err != nil {
		r.wrap(err)
		return false, r.err
	}
	r.src = rest
	return true, nil
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
