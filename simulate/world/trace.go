package world

import (
	"strconv"
	"time"

	"github.com/cespare/xxhash/v2"
)

// tracer folds everything that happens into one number, and records it if
// somebody wants that.
type tracer struct {
	hash uint64
	to   func(*Record)
	last Record
}

// recordKind says what a record tells.
type recordKind uint8

const (
	recordTick recordKind = iota + 1
	recordSend
	recordDeliver
	recordLose
	recordAsk
	recordAnswer
	recordStart
	recordStop
	recordView
	recordFault
	recordPhase
	recordBreak
)

func (k recordKind) String() string {
	return [...]string{
		"", "tick", "send", "deliver", "lose", "ask", "answer", "start", "stop", "view", "fault", "phase", "break",
	}[k]
}

// A Record is one event of a trace.
type Record struct {
	At   time.Duration
	Kind string
	Node string // where
	Peer string // the other end, or the operation
	What string // class of a message, command, reason
	Size int
	Hash uint64 // of everything up to here
}

// AppendJSON appends the record as a line of JSON.
func (r *Record) AppendJSON(dst []byte) []byte {
	dst = append(dst, `{"at":`...)
	dst = strconv.AppendInt(dst, int64(r.At), 10)
	for _, f := range [...]struct{ name, text string }{{"kind", r.Kind}, {"node", r.Node}, {"peer", r.Peer}, {"what", r.What}} {
		if f.text != "" {
			dst = append(dst, `,"`+f.name+`":`...)
			dst = strconv.AppendQuoteToASCII(dst, f.text)
		}
	}
	if r.Size > 0 {
		dst = append(dst, `,"size":`...)
		dst = strconv.AppendInt(dst, int64(r.Size), 10)
	}
	dst = append(dst, `,"hash":"`...)
	dst = strconv.AppendUint(dst, r.Hash, 16)
	return append(dst, `"}`+"\n"...)
}

// Hash gives the trace hash: two runs with the same hash were the same run.
func (w *World) Hash() uint64 { return w.trace.hash }

// fold adds an event to the trace hash.
func (w *World) fold(k recordKind, a, b uint64, content []byte) {
	t := &w.trace
	w.totals.Events++
	h := t.hash ^ uint64(w.now)*golden ^ uint64(k)
	h = mix(h + a*golden)
	h ^= b
	if content != nil {
		h ^= xxhash.Sum64(content)
	}
	t.hash = mix(h)
}

// traced says whether anybody wants records: to name what one is about takes
// memory.
func (w *World) traced() bool { return w.trace.to != nil }

// record tells whoever wants a trace what was just folded.
func (w *World) record(k recordKind, node *Node, peer, what string, size int) {
	if !w.traced() {
		return
	}
	t := &w.trace
	t.last = Record{At: w.now, Kind: k.String(), Peer: peer, What: what, Size: size, Hash: t.hash}
	if node != nil {
		t.last.Node = node.String()
	}
	t.to(&t.last)
}
