package wire

import (
	"encoding/binary"

	"github.com/atollcache/atoll/crdt"
)

// Batch is one step of a link, without its deltas.
type Batch struct {
	Link     uint64 // incarnation of the link
	Seq      uint64
	Receiver uint64 // boot of the node that the link was opened to
	Sent     int64  // the sender's own clock, given back by the Ack

	Enters    []Mark // partitions that join the link, and the base of each
	Raises    []Mark // what completed rounds add to bases
	Watermark []Mark // contexts that the receiver may take over
}

// BatchWriter packs the body of a batch. Its zero value is ready after Reset,
// and may be used again and again.
type BatchWriter struct {
	head       [8 + 8]byte // link, receiver
	seq        uint64
	sent       int64
	dict       dictionary
	enters     list
	raises     list
	watermarks list
	deltas     block
}

// Reset begins another batch.
func (w *BatchWriter) Reset(link, seq, receiver uint64, sent int64) {
	binary.LittleEndian.PutUint64(w.head[:8], link)
	binary.LittleEndian.PutUint64(w.head[8:], receiver)
	w.seq, w.sent = seq, sent
	w.dict.reset()
	w.enters.reset()
	w.raises.reset()
	w.watermarks.reset()
	w.deltas.reset()
}

// Enter adds partitions that join the link.
func (w *BatchWriter) Enter(m Mark) { w.mark(&w.enters, &m) }

// Raise adds what a completed round adds to the bases of partitions.
func (w *BatchWriter) Raise(m Mark) { w.mark(&w.raises, &m) }

// Watermark adds a context that holds once the batch is applied.
func (w *BatchWriter) Watermark(m Mark) { w.mark(&w.watermarks, &m) }

func (w *BatchWriter) mark(l *list, m *Mark) {
	if len(m.Partitions) == 0 {
		return
	}
	l.bytes = w.dict.appendMark(l.bytes, m)
	l.n++
}

// Delta packs a delta. Neither key nor d is kept.
func (w *BatchWriter) Delta(key []byte, d *crdt.Delta) {
	w.dict.anchor(d.Ops)
	w.dict.anchorEntry(&d.Entry)
	w.deltas.key(key)
	w.deltas.bytes = crdt.AppendDelta(w.deltas.bytes, d, &w.dict.actors, w.dict.base)
}

// Deltas gives the number of deltas packed so far.
func (w *BatchWriter) Deltas() int { return w.deltas.n }

// Len gives the bytes that the body has come to; it may be a few less.
func (w *BatchWriter) Len() int {
	lists := len(w.enters.bytes) + len(w.raises.bytes) + len(w.watermarks.bytes) + len(w.deltas.bytes)
	return len(w.head) + 6*binary.MaxVarintLen64 + w.dict.size() + lists
}

// Append appends the body to dst.
func (w *BatchWriter) Append(dst []byte) []byte {
	return w.deltas.append(w.appendFront(dst, 0))
}

// AppendCompressed appends the body to dst with its deltas compressed, if that
// makes them smaller by an eighth at least. It takes as long again as
// packing them, and the receiver memory for them, so it is for links whose bytes
// are dear.
func (w *BatchWriter) AppendCompressed(dst []byte) []byte {
	if !w.deltas.compress() {
		return w.Append(dst)
	}
	return w.deltas.appendCompressed(w.appendFront(dst, flagCompressed))
}

func (w *BatchWriter) appendFront(dst []byte, flags byte) []byte {
	dst = append(dst, flags)
	dst = append(dst, w.head[:]...)
	dst = appendUvarint(dst, w.seq)
	dst = appendSigned(dst, w.sent)
	dst = w.dict.append(dst)
	dst = w.enters.append(dst)
	dst = w.raises.append(dst)
	return w.watermarks.append(dst)
}

// BatchReader reads the body of a batch: what is in front of the deltas at once,
// the deltas one by one. Its zero value is ready for Read.
type BatchReader struct {
	Batch
	items
	first []byte // where the deltas begin
	total int    // of the deltas
}

// ReadBatch reads the front of a body. What lim refuses is refused by Next. The
// reader aliases body.
func ReadBatch(body []byte, lim crdt.Limits) (BatchReader, error) {
	var r BatchReader
	if err := r.Read(body, lim); err != nil {
		return BatchReader{}, err
	}
	return r, nil
}

// Read does as ReadBatch does, in the memory of the body that was read before:
// its marks are then no longer valid.
func (r *BatchReader) Read(body []byte, lim crdt.Limits) error {
	r.parser, r.lim = parser{src: body}, lim.OrDefaults()
	flags := r.flags(flagCompressed)
	r.Link = r.uint64()
	r.Receiver = r.uint64()
	r.Seq = r.uvarint()
	r.Sent = r.signed()
	r.dictionary(&r.dict)
	room := maxMarked
	r.Enters = r.marks(r.Enters, &r.dict, &room)
	r.Raises = r.marks(r.Raises, &r.dict, &room)
	r.Watermark = r.marks(r.Watermark, &r.dict, &room)
	r.open(flags)
	r.first, r.total = r.src, r.left
	return r.err
}

// Left gives the number of deltas that Next has not given yet.
func (r *BatchReader) Left() int { return r.left }

// Rewind goes back to the first delta.
func (r *BatchReader) Rewind() { r.src, r.left, r.err = r.first, r.total, nil }

// Next reads the next delta into d, whose memory it uses again; key and the
// values in d alias the body. It gives false at the end, and at the first
// error, after which the batch must be dropped as a whole. The last delta comes
// only if nothing follows it.
func (r *BatchReader) Next(key *[]byte, d *crdt.Delta) (bool, error) {
	if !r.nextKey(key) {
		return false, r.err
	}
	rest, err := crdt.DecodeDelta(r.src, d, &r.dict.actors, r.dict.base, r.lim)
	if err != nil {
		r.wrap(err)
		return false, r.err
	}
	r.src = rest
	if r.left == 0 {
		r.err = r.end()
	}
	return r.err == nil, r.err
}
