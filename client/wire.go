package client

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"time"
)

// The major types of CBOR, and three of its simple values.
const (
	cborUint  = 0 << 5
	cborNeg   = 1 << 5
	cborBytes = 2 << 5
	cborText  = 3 << 5
	cborArray = 4 << 5
	cborMap   = 5 << 5
	cborFalse = 0xf4
	cborTrue  = 0xf5
	cborNull  = 0xf6
)

// appendCall writes a command as docs/protocol.md tells it. It is written by hand since every command passes here.
func appendCall(dst []byte, c *Call, ack Ack) []byte {
	fields := uint64(1)
	if ack.Level != Local {
		fields = 3
	}
	dst = appendHead(dst, cborMap, fields)
	dst = appendArgs(dst, c.Args[1:])
	if ack.Level != Local {
		dst = appendAck(dst, ack)
	}
	return dst
}

// appendBatch writes several commands, which share a level.
func appendBatch(dst []byte, calls []*Call, ack Ack) []byte {
	fields := uint64(1)
	if ack.Level != Local {
		fields = 3
	}
	dst = appendHead(dst, cborMap, fields)
	dst = appendHead(appendString(dst, "commands"), cborArray, uint64(len(calls)))
	for _, c := range calls {
		dst = appendString(appendHead(dst, cborMap, 2), "command")
		dst = append(appendHead(dst, cborText, uint64(len(c.Args[0]))), c.Args[0]...)
		dst = appendArgs(dst, c.Args[1:])
	}
	if ack.Level != Local {
		dst = appendAck(dst, ack)
	}
	return dst
}

func appendArgs(dst []byte, args [][]byte) []byte {
	dst = appendHead(appendString(dst, "args"), cborArray, uint64(len(args)))
	for _, arg := range args {
		dst = append(appendHead(dst, cborBytes, uint64(len(arg))), arg...)
	}
	return dst
}

func appendAck(dst []byte, a Ack) []byte {
	dst = appendString(appendString(dst, "ack"), a.String())
	return appendHead(appendString(dst, "timeout_ms"), cborUint, uint64(a.within()/time.Millisecond))
}

func appendString(dst []byte, text string) []byte {
	return append(appendHead(dst, cborText, uint64(len(text))), text...)
}

// appendHead adds a major type with its argument in the shortest form.
func appendHead(dst []byte, major byte, n uint64) []byte {
	switch {
	case n < 24:
		return append(dst, major|byte(n))
	case n <= math.MaxUint8:
		return append(dst, major|24, byte(n))
	case n <= math.MaxUint16:
		return binary.BigEndian.AppendUint16(append(dst, major|25), uint16(n))
	case n <= math.MaxUint32:
		return binary.BigEndian.AppendUint32(append(dst, major|26), uint32(n))
	}
	return binary.BigEndian.AppendUint64(append(dst, major|27), n)
}

var errAnswer = errors.New("the answer cannot be read")

// readAnswer reads the answer to a command. What it gives aliases src.
func readAnswer(src []byte) (Answer, error) {
	r := reader{src: src}
	a := r.answer()
	return a, r.end()
}

// readBatch reads the answers to a batch, of which there must be n.
func readBatch(src []byte, n int) ([]Answer, error) {
	r := reader{src: src}
	var all []Answer
	for range r.size(cborMap, 2) {
		switch string(r.text()) {
		case "results":
			all = r.answers()
		case "error":
			a := Answer{Err: r.failure()}
			if r.end() == nil {
				return nil, a.Err
			}
		default:
			r.reply(0)
		}
	}
	if err := r.end(); err != nil {
		return nil, err
	}
	if len(all) != n {
		return nil, fmt.Errorf("%w: it has %d results for %d commands", errAnswer, len(all), n)
	}
	return all, nil
}

// reader reads CBOR from the front. Once something is bad all that follows reads as zero.
type reader struct {
	src []byte
	bad bool
}

func (r *reader) end() error {
	if r.bad || len(r.src) > 0 {
		return errAnswer
	}
	return nil
}

func (r *reader) fail() { r.bad, r.src = true, nil }

// maxNesting bounds how deep replies go: a list of pairs is two.
const maxNesting = 8

func (r *reader) answer() (a Answer) {
	for range r.size(cborMap, 2) {
		switch string(r.text()) {
		case "value":
			a.Reply = r.reply(0)
		case "ack":
			a.Reached = string(r.text())
		case "short":
			a.Short = r.boolean()
		case "stale":
			a.Stale = r.boolean()
		case "error":
			a.Err = r.failure()
		default:
			r.reply(0) // of a later release
		}
	}
	return a
}

func (r *reader) answers() []Answer {
	all := make([]Answer, r.size(cborArray, 1))
	for i := range all {
		all[i] = r.answer()
	}
	return all
}

func (r *reader) failure() *Error {
	e := &Error{}
	for range r.size(cborMap, 2) {
		switch string(r.text()) {
		case "code":
			e.Code = Code(r.text())
		case "message":
			e.Message = string(r.text())
		default:
			r.reply(0)
		}
	}
	return e
}

// reply reads a value.
func (r *reader) reply(depth int) Reply {
	if len(r.src) == 0 || depth > maxNesting {
		r.fail()
		return Reply{}
	}
	switch r.src[0] {
	case cborNull:
		r.src = r.src[1:]
		return Reply{}
	case cborTrue, cborFalse:
		return Reply{Kind: Int, Int: int64(r.take(1)[0] & 1)}
	}
	switch r.src[0] & 0xe0 {
	case cborUint:
		return Reply{Kind: Int, Int: r.integer(cborUint)}
	case cborNeg:
		return Reply{Kind: Int, Int: -1 - r.integer(cborNeg)}
	case cborBytes:
		return Reply{Kind: Bytes, Bytes: r.take(r.head(cborBytes))}
	case cborText:
		return Reply{Kind: Text, Bytes: r.text()}
	case cborArray:
		return Reply{Kind: Array, List: r.list(r.size(cborArray, 1), depth)}
	case cborMap:
		return Reply{Kind: Pairs, List: r.list(2*r.size(cborMap, 2), depth)}
	}
	r.fail()
	return Reply{}
}

func (r *reader) list(n, depth int) []Reply {
	all := make([]Reply, n)
	for i := range all {
		all[i] = r.reply(depth + 1)
	}
	return all
}

func (r *reader) integer(major byte) int64 {
	n := r.head(major)
	if n > math.MaxInt64 {
		r.fail()
		return 0
	}
	return int64(n)
}

func (r *reader) text() []byte { return r.take(r.head(cborText)) }

func (r *reader) boolean() bool {
	b := r.take(1)
	if len(b) == 0 || b[0] != cborTrue && b[0] != cborFalse {
		r.fail()
		return false
	}
	return b[0] == cborTrue
}

// size reads how many items follow, each of which takes at least width bytes.
func (r *reader) size(major byte, width int) int {
	n := r.head(major)
	if n > uint64(len(r.src)/width) {
		r.fail()
		return 0
	}
	return int(n)
}

func (r *reader) take(n uint64) []byte {
	if n > uint64(len(r.src)) {
		r.fail()
		return nil
	}
	b := r.src[:n:n]
	r.src = r.src[n:]
	return b
}

// head reads the argument of an item of a major type.
func (r *reader) head(major byte) uint64 {
	if len(r.src) == 0 || r.src[0]&0xe0 != major {
		r.fail()
		return 0
	}
	low := r.src[0] & 0x1f
	r.src = r.src[1:]
	if low < 24 {
		return uint64(low)
	}
	if low > 27 {
		r.fail() // of indefinite length
		return 0
	}
	var n uint64
	for _, b := range r.take(1 << (low - 24)) {
		n = n<<8 | uint64(b)
	}
	return n
}
