package natsdoor

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/fxamacker/cbor/v2"
	"github.com/nats-io/nats.go/micro"

	"github.com/atollcache/atoll/replica"
)

// encoding is how a request, and therefore its answer, is written.
type encoding uint8

const (
	inJSON encoding = iota
	inCBOR
)

// String gives the content type.
func (e encoding) String() string {
	if e == inCBOR {
		return "application/cbor"
	}
	return "application/json"
}

// encodingOf tells the encoding of a request. A map in CBOR begins with a byte that no JSON begins with; what is
// neither is left to the reader of JSON, whose errors people can read.
func encodingOf(req micro.Request) encoding {
	return encodingFor(req.Headers().Get(contentType), req.Data())
}

func encodingFor(header string, payload []byte) encoding {
	switch kind, _, _ := strings.Cut(header, ";"); strings.TrimSpace(strings.ToLower(kind)) {
	case "application/cbor":
		return inCBOR
	case "application/json":
		return inJSON
	}
	if len(payload) > 0 && payload[0]&majorType == cborMap {
		return inCBOR
	}
	return inJSON
}

// Limits of a request. The commands have narrower ones of their own.
const (
	maxArgs    = 4096
	maxFields  = 6
	maxBatch   = 1000
	maxTimeout = time.Minute
	maxRegions = 255
)

// request is the map that a client sends. The arguments of the command are the key, the value and then args, as far as
// they are there.
type request struct {
	Key           *argument `json:"key" cbor:"key"`
	Value         *argument `json:"value" cbor:"value"`
	ValueB64      *string   `json:"value_b64" cbor:"-"`
	Args          arguments `json:"args" cbor:"args"`
	Ack           string    `json:"ack" cbor:"ack"`
	TimeoutMillis int64     `json:"timeout_ms" cbor:"timeout_ms"`
}

// batch is the map of several commands. They share a level.
type batch struct {
	Commands      items  `json:"commands" cbor:"commands"`
	Ack           string `json:"ack" cbor:"ack"`
	TimeoutMillis int64  `json:"timeout_ms" cbor:"timeout_ms"`
}

// item is one command of a batch.
type item struct {
	Command  string    `json:"command" cbor:"command"`
	Key      *argument `json:"key" cbor:"key"`
	Value    *argument `json:"value" cbor:"value"`
	ValueB64 *string   `json:"value_b64" cbor:"-"`
	Args     arguments `json:"args" cbor:"args"`
}

// strict is the CBOR that is read: it has one meaning and a bounded cost.
var strict = strictMode()

func strictMode() cbor.DecMode {
	mode, err := cbor.DecOptions{
		DupMapKey:         cbor.DupMapKeyEnforcedAPF,
		ExtraReturnErrors: cbor.ExtraDecErrorUnknownField,
		MaxNestedLevels:   8,
		MaxArrayElements:  maxArgs,
		MaxMapPairs:       maxArgs,
		IndefLength:       cbor.IndefLengthForbidden,
		TagsMd:            cbor.TagsForbidden,
		UTF8:              cbor.UTF8RejectInvalid,
	}.DecMode()
	if err != nil {
		panic(err)
	}
	return mode
}

// readRequest reads the request of a command. An empty payload is a command without arguments. An argument that is longer
// than most is refused, here or by the command.
func readRequest(enc encoding, name string, payload []byte, most int) (*replica.Request, error) {
	if r, ok := readPlain(enc, name, payload); ok {
		return r, nil
	}
	if err := weigh(enc, payload, most, maxArgs+maxFields); err != nil {
		return nil, err
	}
	return readStrict(enc, name, payload)
}

// readStrict reads every request that there is, and says of others what is wrong.
func readStrict(enc encoding, name string, payload []byte) (*replica.Request, error) {
	var r request
	if len(bytes.TrimSpace(payload)) > 0 {
		if err := enc.read(payload, &r, `{"args": ["key", "value"]}`); err != nil {
			return nil, err
		}
	}
	one := item{name, r.Key, r.Value, r.ValueB64, r.Args}
	return one.translate(r.Ack, r.TimeoutMillis)
}

// readBatch reads several requests.
func readBatch(enc encoding, payload []byte, most int) ([]*replica.Request, error) {
	if all, ok := readPlainBatch(enc, payload); ok {
		return all, nil
	}
	if err := weigh(enc, payload, most, math.MaxInt); err != nil {
		return nil, err
	}
	return readStrictBatch(enc, payload)
}

// readStrictBatch is to readBatch what readStrict is to readRequest.
func readStrictBatch(enc encoding, payload []byte) ([]*replica.Request, error) {
	var b batch
	if err := enc.read(payload, &b, `{"commands": [{"command": "get", "key": "k"}]}`); err != nil {
		return nil, err
	}
	all := make([]*replica.Request, len(b.Commands))
	for i := range b.Commands {
		one := &b.Commands[i]
		if one.Command == "" {
			return nil, fmt.Errorf("item %d names no command", i)
		}
		req, err := one.translate(b.Ack, b.TimeoutMillis)
		if err != nil {
			return nil, fmt.Errorf("item %d: %w", i, err)
		}
		all[i] = req
	}
	return all, nil
}

func (e encoding) read(payload []byte, into any, example string) error {
	name, read := "JSON", readJSON
	if e == inCBOR {
		name, read = "map in CBOR", strict.Unmarshal
	}
	err := read(payload, into)
	switch {
	case err == nil:
		return nil
	case codeOf(err) == codeTooLarge:
		return fmt.Errorf("the request is too large: %w", err)
	}
	return fmt.Errorf("the request is no %s such as %s: %w", name, example, err)
}

// readJSON is strict where encoding/json is not: unknown fields, bytes that are no text, and anything after the value
// are errors.
func readJSON(payload []byte, v any) error {
	if !utf8.Valid(payload) {
		return errors.New(`it is not UTF-8; write bytes as {"b64": "…"}`)
	}
	d := json.NewDecoder(bytes.NewReader(payload))
	d.DisallowUnknownFields()
	if err := d.Decode(v); err != nil {
		return err
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return errors.New("something follows the value")
	}
	return nil
}

// translate checks the fields and makes them a command.
func (i *item) translate(ack string, timeoutMillis int64) (*replica.Request, error) {
	level, regions, err := readLevel(ack)
	if err != nil {
		return nil, err
	}
	if timeoutMillis < 0 || timeoutMillis > maxTimeout.Milliseconds() {
		return nil, fmt.Errorf("timeout_ms %d is not between 0 and %d", timeoutMillis, maxTimeout.Milliseconds())
	}
	args := make([][]byte, 0, len(i.Args)+3)
	args = append(args, []byte(i.Command))
	if i.Key != nil {
		args = append(args, *i.Key)
	}
	switch {
	case i.Value != nil && i.ValueB64 != nil:
		return nil, errors.New("value and value_b64 are both there; send one of them")
	case i.Value != nil:
		args = append(args, *i.Value)
	case i.ValueB64 != nil:
		raw, err := base64.StdEncoding.Strict().DecodeString(*i.ValueB64)
		if err != nil {
			return nil, fmt.Errorf("value_b64 is no base64: %w", err)
		}
		args = append(args, raw)
	}
	for _, a := range i.Args {
		args = append(args, a)
	}
	timeout := time.Duration(timeoutMillis) * time.Millisecond
	return &replica.Request{Args: args, Level: level, Regions: regions, Timeout: timeout}, nil
}

// readLevel reads an acknowledgement level: local, region or regions:N.
func readLevel(text string) (replica.Level, int, error) {
	switch text {
	case "", "local":
		return replica.Local, 0, nil
	case "region":
		return replica.Region, 0, nil
	}
	number, found := strings.CutPrefix(text, "regions:")
	n, err := strconv.Atoi(number)
	if !found || err != nil || n < 1 || n > maxRegions {
		return 0, 0, fmt.Errorf("ack %q is not local, region or regions:N", text)
	}
	return replica.Regions, n, nil
}

// arguments and items are lists that are given up as soon as they are too long, before they take memory.
type (
	arguments []argument
	items     []item
)

// UnmarshalJSON reads a list.
func (a *arguments) UnmarshalJSON(src []byte) error {
	return readList(src, maxArgs, "arguments", (*[]argument)(a))
}

// UnmarshalJSON reads a list.
func (i *items) UnmarshalJSON(src []byte) error {
	return readList(src, maxBatch, "commands", (*[]item)(i))
}

// UnmarshalCBOR reads a list, whose length the decoder has bounded.
func (i *items) UnmarshalCBOR(src []byte) error {
	var all []item
	if err := strict.Unmarshal(src, &all); err != nil {
		return err
	}
	if len(all) > maxBatch {
		return tooMany(maxBatch, "commands")
	}
	*i = all
	return nil
}

func tooMany(most int, what string) error {
	return fmt.Errorf("%w of %d %s; send several requests", errTooLarge, most, what)
}

func readList[T any](src []byte, most int, what string, into *[]T) error {
	d := json.NewDecoder(bytes.NewReader(src))
	d.DisallowUnknownFields()
	if open, err := d.Token(); err != nil || open != json.Delim('[') {
		return fmt.Errorf("%s are not a list", what)
	}
	for d.More() {
		if len(*into) == most {
			return tooMany(most, what)
		}
		var one T
		if err := d.Decode(&one); err != nil {
			return err
		}
		*into = append(*into, one)
	}
	return nil
}

// argument is a string of bytes.
type argument []byte

// UnmarshalJSON reads a string or {"b64": "…"}.
func (a *argument) UnmarshalJSON(src []byte) error {
	if len(src) > 0 && src[0] == '"' {
		var text string
		if err := json.Unmarshal(src, &text); err != nil {
			return err
		}
		if strings.ContainsRune(text, utf8.RuneError) && !bytes.ContainsRune(src, utf8.RuneError) && !bytes.Contains(bytes.ToLower(src), []byte(`\ufffd`)) {
			return errors.New(`an argument has half of a surrogate pair; write bytes as {"b64": "…"}`)
		}
		*a = argument(text)
		return nil
	}

	var binary struct {
		B64 *string `json:"b64"`
	}
	if err := readJSON(src, &binary); err != nil || binary.B64 == nil {
		return errors.New(`an argument is neither a string nor {"b64": "…"}`)
	}
	raw, err := base64.StdEncoding.Strict().DecodeString(*binary.B64)
	if err != nil {
		return fmt.Errorf("an argument is no base64: %w", err)
	}
	*a = raw
	return nil
}

// UnmarshalCBOR reads a byte string or a text string.
func (a *argument) UnmarshalCBOR(src []byte) error {
	const bytesType, textType = 2, 3
	if len(src) == 0 {
		return io.ErrUnexpectedEOF
	}
	switch src[0] >> 5 {
	case bytesType:
		return strict.Unmarshal(src, (*[]byte)(a))
	case textType:
		var text string
		if err := strict.Unmarshal(src, &text); err != nil {
			return err
		}
		*a = argument(text)
		return nil
	}
	return errors.New("an argument is neither a byte string nor a text string")
}
