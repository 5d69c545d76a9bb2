package wire

import (
	"github.com/atollcache/atoll/antientropy"
	"github.com/atollcache/atoll/crdt"
)

// Answer is the serving side's part, without its entries.
type Answer struct {
	Round    uint64
	Step     uint32
	Reply    *antientropy.Reply // to the Request of the Ask
	Contexts []PartitionContext // captured before the content was read; each partition once
	Served   []Want             // ranges whose entries are all here, cut down where they did not fit
	Counts   []uint32           // how many entries are of each of them
	Refused  []uint16           // partitions, ascending, that this node does not serve
	Large    []Large            // within what is served, but left out
	Applied  []Applied          // of the partitions in Served, captured after the content was read
}

// Applied names, per origin, the highest operation whose effect the content of a
// partition may show. A slot that was removed leaves nothing behind, so the
// content does not tell.
type Applied struct {
	Partition uint16
	Context   crdt.Context
}

// flagApplied says that an answer tells what was applied.
const flagApplied = 1 << 1

// AnswerWriter packs the body of an answer. Its zero value is ready after Reset,
// and may be used again and again.
type AnswerWriter struct {
	round    uint64
	step     uint32
	dict     dictionary
	reply    []byte
	contexts list
	served   []Want
	counts   []uint32
	refused  antientropy.Scope
	large    []Large
	applied  list
	entries  block
}

// Reset begins another answer.
func (w *AnswerWriter) Reset(round uint64, step uint32) {
	w.round, w.step = round, step
	w.dict.reset()
	w.reply = w.reply[:0]
	w.contexts.reset()
	w.served, w.counts = w.served[:0], w.counts[:0]
	w.refused = antientropy.Scope{}
	w.large = w.large[:0]
	w.applied.reset()
	w.entries.reset()
}

// Reply sets the reply to the request.
func (w *AnswerWriter) Reply(r *antientropy.Reply) { w.reply = appendReply(w.reply[:0], r) }

// Context adds the context of a partition.
func (w *AnswerWriter) Context(c PartitionContext) {
	w.contexts.bytes = w.dict.appendPartitionContext(w.contexts.bytes, &c)
	w.contexts.n++
}

// Served adds a range, of which that many entries have been packed since the
// range before.
func (w *AnswerWriter) Served(want Want, entries int) {
	w.served = append(w.served, want)
	w.counts = append(w.counts, uint32(entries))
}

// Refuse adds a partition that this node does not serve.
func (w *AnswerWriter) Refuse(partition uint16) { w.refused.Add(partition) }

// Large leaves out an entry that must be wanted in parts.
func (w *AnswerWriter) Large(l Large) { w.large = append(w.large, l) }

// Applied tells what a partition has applied. Once per partition, after all of
// its content.
func (w *AnswerWriter) Applied(partition uint16, ctx *crdt.Context) {
	w.dict.anchor(ctx.Dots())
	w.applied.bytes = appendUvarint(w.applied.bytes, uint64(partition))
	w.applied.bytes = w.dict.appendContext(w.applied.bytes, ctx)
	w.applied.n++
}

// Entry packs an entry. Neither key nor e is kept.
func (w *AnswerWriter) Entry(key []byte, e *crdt.Entry) {
	w.dict.anchorEntry(e)
	w.entries.key(key)
	w.entries.bytes = crdt.AppendEntry(w.entries.bytes, e, &w.dict.actors, w.dict.base)
}

// Entries gives the number of entries packed so far.
func (w *AnswerWriter) Entries() int { return w.entries.n }

// Len gives the bytes that the body has come to; it may be a few less.
func (w *AnswerWriter) Len() int {
	const front, wantBytes = 256, 24
	return front + w.dict.size() + len(w.reply) + len(w.contexts.bytes) + len(w.applied.bytes) + (len(w.served)+len(w.large))*wantBytes + len(w.entries.bytes)
}

// Append appends the body to dst.
func (w *AnswerWriter) Append(dst []byte) []byte {
	return w.entries.append(w.appendFront(dst, 0))
}

// AppendCompressed appends the body to dst with its entries compressed, as
// BatchWriter.AppendCompressed does.
func (w *AnswerWriter) AppendCompressed(dst []byte) []byte {
	if !w.entries.compress() {
		return w.Append(dst)
	}
	return w.entries.appendCompressed(w.appendFront(dst, flagCompressed))
}

func (w *AnswerWriter) appendFront(dst []byte, flags byte) []byte {
	if w.applied.n > 0 {
		flags |= flagApplied
	}
	dst = append(dst, flags)
	dst = appendUint64(dst, w.round)
	dst = appendUvarint(dst, uint64(w.step))
	dst = appendBit(dst, len(w.reply) > 0)
	dst = append(dst, w.reply...)
	dst = w.dict.append(dst)
	dst = w.contexts.append(dst)
	dst = appendWants(dst, w.served)
	dst = appendUvarint32s(dst, w.counts)
	dst = appendScope(dst, &w.refused)
	dst = appendLarge(dst, w.large)
	if w.applied.n > 0 {
		dst = w.applied.append(dst)
	}
	return dst
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
	flags := r.flags(flagCompressed | flagApplied)
	r.Round = r.uint64()
	r.Step = r.uvarint32()
	if r.bit() {
		r.Answer.Reply = r.reply()
	}
	r.dictionary(&r.dict)
	r.Contexts = r.partitionContexts(&r.dict)
	r.Served = r.wants()
	if r.Counts = r.uvarint32s(); r.err == nil && len(r.Counts) != len(r.Served) {
		r.fail("%d ranges with %d counts", len(r.Served), len(r.Counts))
	}
	r.Refused = r.partitions()
	r.Large = r.large()
	if flags&flagApplied != 0 {
		r.Answer.Applied = r.applied(&r.dict)
	}
	r.open(flags)
	if r.err != nil {
		return AnswerReader{}, r.err
	}
	return r, nil
}

// applied reads a list, not empty, in which no partition is named twice.
func (p *parser) applied(d *dictionary) []Applied {
	n := p.count(2)
	if n == 0 || n > antientropy.Partitions {
		p.fail("what %d partitions have applied", n)
		return nil
	}
	var named antientropy.Scope
	list := make([]Applied, 0, n)
	for range n {
		a := Applied{Partition: p.partition(), Context: p.context(d)}
		if named.Has(a.Partition) {
			p.fail("partition %d has applied twice", a.Partition)
		}
		if p.err != nil {
			return nil
		}
		named.Add(a.Partition)
		list = append(list, a)
	}
	return list
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
