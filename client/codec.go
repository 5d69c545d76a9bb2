package client

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/fxamacker/cbor/v2"
)

// A Codec makes bytes of values, and values of bytes.
type Codec interface {
	Marshal(v any) ([]byte, error)
	Unmarshal(data []byte, v any) error
}

// The codecs that come along. JSON can be read by every other client, CBOR is smaller and faster.
var (
	JSON Codec = jsonCodec{} // immutable: it has no state
	CBOR Codec = cborCodec{} // immutable: it has no state
)

type jsonCodec struct{}

// Marshal writes JSON.
func (jsonCodec) Marshal(v any) ([]byte, error) { return json.Marshal(v) }

// Unmarshal reads JSON, of one value and nothing behind it.
func (jsonCodec) Unmarshal(data []byte, v any) error {
	d := json.NewDecoder(bytes.NewReader(data))
	if err := d.Decode(v); err != nil {
		return err
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return errors.New("something follows the value")
	}
	return nil
}

type cborCodec struct{}

// Marshal writes CBOR.
func (cborCodec) Marshal(v any) ([]byte, error) { return cbor.Marshal(v) }

// Unmarshal reads CBOR.
func (cborCodec) Unmarshal(data []byte, v any) error { return cbor.Unmarshal(data, v) }

// Value is a key that holds a value of a type.
type Value[T any] struct {
	c     Commands
	key   string
	codec Codec
}

// ValueOf gives the handle of a typed value: on a client, in a session, or with an acknowledgement level. A nil codec is
// that of the options.
func ValueOf[T any](c Commands, key string, codec Codec) Value[T] {
	if codec == nil {
		codec = c.c.options.Codec
	}
	return Value[T]{c, key, codec}
}

// Get gives the value.
func (v Value[T]) Get(ctx context.Context) (T, error) {
	var value T
	raw, err := v.c.Get(ctx, v.key)
	if err != nil && !soft(err) {
		return value, err
	}
	if err := v.codec.Unmarshal(raw, &value); err != nil {
		return value, &Error{Code: CodeBadAnswer, Op: "get", Key: v.key, Message: fmt.Sprintf("the value is no %T of this codec: %v", value, err), cause: err}
	}
	return value, err
}

// Set sets the value, as [Commands.Set].
func (v Value[T]) Set(ctx context.Context, value T, ttl time.Duration) error {
	raw, err := v.codec.Marshal(value)
	if err != nil {
		return &Error{Code: "ERR", Op: "set", Key: v.key, Message: fmt.Sprintf("the value cannot be encoded: %v", err), cause: err}
	}
	return v.c.Set(ctx, v.key, raw, ttl)
}

// Del removes the value, and says whether there was one.
func (v Value[T]) Del(ctx context.Context) (bool, error) {
	n, err := v.c.Del(ctx, v.key)
	return n > 0, err
}
