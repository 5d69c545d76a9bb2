package remote

import (
	"context"
	"errors"
	"fmt"
	"reflect"
	"time"

	"github.com/fxamacker/cbor/v2"
	"github.com/nats-io/nats.go"
)

// A Request is one command of the table.
type Request struct {
	Command string // in lower case
	Args    []string
	Ack     string        // the level asked for, "" for local
	Timeout time.Duration // within which the level is to be reached
}

// A Reply is the answer to a command.
type Reply struct {
	Value any    // nil, string, int64, float64, []any or map[string]any
	Ack   string // the level that was reached
	Short bool   // it is less than what was asked for
}

// A CommandError is a refusal: nothing was changed.
type CommandError struct {
	Code    string // a stable word: WRONGTYPE, ERR, OOM, UNAVAILABLE, TIMEOUT
	Message string
}

func (e *CommandError) Error() string { return e.Message }

// ErrTooLarge tells that a request does not fit into a message.
var ErrTooLarge = errors.New("the command is larger than a message may be")

// request and answer are what goes over the wire, in CBOR.
type request struct {
	Args          [][]byte `cbor:"args"`
	Ack           string   `cbor:"ack,omitempty"`
	TimeoutMillis int64    `cbor:"timeout_ms,omitempty"`
}

type answer struct {
	Value cbor.RawMessage `cbor:"value"`
	Ack   string          `cbor:"ack"`
	Short bool            `cbor:"short"`
	Error *struct {
		Code    string `cbor:"code"`
		Message string `cbor:"message"`
	} `cbor:"error"`
}

// decoding makes strings of byte strings, since values are shown as they are.
var decoding = must(cbor.DecOptions{
	IntDec:                cbor.IntDecConvertSignedOrFail,
	DefaultByteStringType: reflect.TypeFor[string](),
	ByteStringToString:    cbor.ByteStringToStringAllowed,
	UTF8:                  cbor.UTF8DecodeInvalid,
	IndefLength:           cbor.IndefLengthForbidden,
	TagsMd:                cbor.TagsForbidden,
	MaxNestedLevels:       8,
	MaxArrayElements:      1 << 22,
	MaxMapPairs:           1 << 21,
}.DecMode())

func must(mode cbor.DecMode, err error) cbor.DecMode {
	if err != nil {
		panic(err)
	}
	return mode
}

// Do runs a command in the region. The context bounds how long it waits.
func (r *Region) Do(ctx context.Context, q Request) (Reply, error) {
	args := make([][]byte, len(q.Args))
	for i, arg := range q.Args {
		args[i] = []byte(arg)
	}
	payload, err := cbor.Marshal(request{Args: args, Ack: q.Ack, TimeoutMillis: q.Timeout.Milliseconds()})
	if err != nil {
		return Reply{}, fmt.Errorf("encode the command: %w", err)
	}
	a, err := r.ask(ctx, fmt.Sprintf("atoll.%s.v1.%s", r.Name, q.Command), payload)
	if err != nil {
		return Reply{}, err
	}

	reply := Reply{Ack: a.Ack, Short: a.Short}
	if reply.Value, err = decodeValue(a.Value); err != nil {
		return Reply{}, fmt.Errorf("region %s: %w", r.Name, err)
	}
	return reply, nil
}

// ask sends a payload and reads the frame of the answer.
func (r *Region) ask(ctx context.Context, subject string, payload []byte) (*answer, error) {
	msg, err := r.conn.RequestMsgWithContext(ctx, &nats.Msg{
		Subject: subject,
		Header:  nats.Header{"Content-Type": {"application/cbor"}},
		Data:    payload,
	})
	if err != nil {
		return nil, r.failure(err)
	}

	var a answer
	if err := decoding.Unmarshal(msg.Data, &a); err != nil {
		return nil, fmt.Errorf("region %s: the answer cannot be read: %w", r.Name, err)
	}
	if a.Error != nil {
		return nil, &CommandError{Code: a.Error.Code, Message: a.Error.Message}
	}
	return &a, nil
}

// failure says what a failed request means.
func (r *Region) failure(err error) error {
	switch {
	case errors.Is(err, nats.ErrMaxPayload):
		return fmt.Errorf("%w, %d bytes", ErrTooLarge, r.conn.MaxPayload())
	case errors.Is(err, nats.ErrNoResponders):
		err = errors.New("no node serves there")
	case errors.Is(err, context.DeadlineExceeded), errors.Is(err, nats.ErrTimeout):
		err = errors.New("no answer in time")
	case errors.Is(err, context.Canceled):
		return err
	case errors.Is(err, nats.ErrPermissionViolation), errors.Is(err, nats.ErrAuthorization):
		err = ErrUnauthorised
	default:
		err = plain(err)
	}
	return &UnreachableError{Region: r.Name, Failed: []Failure{{r.Endpoint, err}}}
}

// decodeValue reads a value as it is shown.
func decodeValue(raw []byte) (any, error) {
	if len(raw) == 0 {
		return nil, nil
	}
	var value any
	if err := decoding.Unmarshal(raw, &value); err != nil {
		return nil, fmt.Errorf("the answer cannot be read: %w", err)
	}
	return named(value), nil
}

// named gives maps the names of their fields as strings.
func named(value any) any {
	switch value := value.(type) {
	case map[any]any:
		m := make(map[string]any, len(value))
		for name, v := range value {
			m[fmt.Sprint(name)] = named(v)
		}
		return m
	case []any:
		for i := range value {
			value[i] = named(value[i])
		}
	}
	return value
}
