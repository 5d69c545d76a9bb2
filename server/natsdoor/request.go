package natsdoor

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/fxamacker/cbor/v2"
	"github.com/nats-io/nats.go"

	"github.com/atollcache/atoll/replica"
)

// contentType is the header that tells the encoding of a message.
const contentType = "Content-Type"

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
func encodingOf(msg *nats.Msg) encoding {
	switch kind, _, _ := strings.Cut(msg.Header.Get(contentType), ";"); strings.TrimSpace(strings.ToLower(kind)) {
	case "application/cbor":
		return inCBOR
	case "application/json":
		return inJSON
	}
	const cborMap, majorType = 0xa0, 0xe0
	if len(msg.Data) > 0 && msg.Data[0]&majorType == cborMap {
		return inCBOR
	}
	return inJSON
}

// Limits of a request. The commands have narrower ones of their own.
const (
	maxArgs    = 4096
	maxTimeout = time.Minute
	maxRegions = 255
)

// request is the map that a client sends.
type request struct {
	Args          []argument `json:"args" cbor:"args"`
	Ack           string     `json:"ack" cbor:"ack"`
	TimeoutMillis int64      `json:"timeout_ms" cbor:"timeout_ms"`
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

// readRequest reads the request of a command. An empty payload is a command without arguments.
func readRequest(enc encoding, name string, payload []byte) (*replica.Request, error) {
	var r request
	if len(bytes.TrimSpace(payload)) > 0 {
		if err := r.read(enc, payload); err != nil {
			return nil, err
		}
	}
	if len(r.Args) > maxArgs {
		return nil, fmt.Errorf("%d arguments, at most %d are taken; send several requests", len(r.Args), maxArgs)
	}
	return r.translate(name)
}

func (r *request) read(enc encoding, payload []byte) error {
	if enc == inCBOR {
		if err := strict.Unmarshal(payload, r); err != nil {
			return fmt.Errorf("the request is no map of args, ack and timeout_ms in CBOR: %w", err)
		}
		return nil
	}
	if err := readJSON(payload, r); err != nil {
		return fmt.Errorf(`the request is no JSON such as {"args": ["key", "value"]}: %w`, err)
	}
	return nil
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
func (r *request) translate(name string) (*replica.Request, error) {
	level, regions, err := readLevel(r.Ack)
	if err != nil {
		return nil, err
	}
	if r.TimeoutMillis < 0 || r.TimeoutMillis > maxTimeout.Milliseconds() {
		return nil, fmt.Errorf("timeout_ms %d is not between 0 and %d", r.TimeoutMillis, maxTimeout.Milliseconds())
	}
	args := make([][]byte, 0, len(r.Args)+1)
	args = append(args, []byte(name))
	for _, a := range r.Args {
		args = append(args, a)
	}
	timeout := time.Duration(r.TimeoutMillis) * time.Millisecond
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
