package command

import (
	"bytes"
	"errors"
	"fmt"

	"github.com/fxamacker/cbor/v2"
)

// ErrMalformed is what DecodeReply gives, wrapped, for bytes that are no reply.
var ErrMalformed = errors.New("malformed reply")

// encoding and decoding are the one CBOR dialect of replies: deterministic, no
// indefinite lengths, no tags, shallow, and no more elements than the largest
// key can answer with.
var (
	encoding = must(cbor.EncOptions{ // immutable: an EncMode has no setters
		NilContainers: cbor.NilContainerAsEmpty,
		IndefLength:   cbor.IndefLengthForbidden,
		TagsMd:        cbor.TagsForbidden,
	}.UserBufferEncMode())
	decoding = must(cbor.DecOptions{ // immutable: a DecMode has no setters
		IndefLength:      cbor.IndefLengthForbidden,
		TagsMd:           cbor.TagsForbidden,
		MaxNestedLevels:  8,
		MaxArrayElements: 1 << 22,
		UTF8:             cbor.UTF8RejectInvalid,
	}.DecMode())
)

func must[T any](mode T, err error) T {
	if err != nil {
		panic(err)
	}
	return mode
}

// Append adds the reply in CBOR: an array of type, integer, bytes, code and
// list.
func (r Reply) Append(dst []byte) []byte {
	b := bytes.NewBuffer(dst)
	if err := encoding.MarshalToBuffer(r, b); err != nil {
		panic(fmt.Sprintf("encode a reply of type %d: %v", r.Type, err))
	}
	return b.Bytes()
}

// DecodeReply reads a reply that Append wrote, and nothing after it. It shares
// no memory with src.
func DecodeReply(src []byte) (Reply, error) {
	var r Reply
	if err := decoding.Unmarshal(src, &r); err != nil {
		return Reply{}, fmt.Errorf("%w: %w", ErrMalformed, err)
	}
	if !r.valid() {
		return Reply{}, fmt.Errorf("%w: unknown type, or fields that do not belong to it", ErrMalformed)
	}
	return r, nil
}

// valid says whether the fields that are set are those of the type.
func (r *Reply) valid() bool {
	if r.Int != 0 && r.Type != Int || (r.Code != "") != (r.Type == Status || r.Type == Error) {
		return false
	}
	switch r.Type {
	case Nil, Status, Int:
		return len(r.Bytes) == 0 && len(r.List) == 0
	case Bytes, Float, Error:
		return len(r.List) == 0
	case Array, Map:
		return len(r.Bytes) == 0 && r.validList()
	}
	return false
}

func (r *Reply) validList() bool {
	if r.Type == Map && len(r.List)%2 != 0 {
		return false
	}
	for i := range r.List {
		if !r.List[i].valid() {
			return false
		}
	}
	return true
}
