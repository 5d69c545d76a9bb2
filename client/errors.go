package client

import (
	"context"
	"errors"
	"strings"
)

// What callers branch on, with errors.Is. The error itself is an *[Error], which says more.
var (
	ErrNotFound    = errors.New("not found")
	ErrWrongType   = errors.New("the key holds another type")
	ErrUnavailable = errors.New("unavailable")
	ErrTooLarge    = errors.New("too large")
	ErrOverloaded  = errors.New("overloaded")
	ErrTimeout     = errors.New("no answer in time")

	// ErrShort comes with a write that was applied but did not reach the level that was asked for.
	ErrShort = errors.New("the acknowledgement level was not reached")

	// ErrStale comes with a value that may be older than what the session has seen.
	ErrStale = errors.New("the answer may be older than what the session has seen")

	// ErrClosed is the answer of a client that was closed.
	ErrClosed = errors.New("the client is closed")
)

// Code is a stable word for what went wrong. Those in capitals come from a node; docs/protocol.md lists them.
type Code string

// The codes that have a meaning here.
const (
	CodeNotFound    Code = "NOTFOUND"
	CodeWrongType   Code = "WRONGTYPE"
	CodeUnknown     Code = "UNKNOWN"
	CodeTooLarge    Code = "TOOLARGE"
	CodeOverloaded  Code = "OVERLOADED"
	CodeMemory      Code = "OOM"
	CodeUnavailable Code = "UNAVAILABLE"
	CodeClock       Code = "CLOCK"
	CodeTimeout     Code = "TIMEOUT"
	CodeSession     Code = "SESSION"
	CodeBadAnswer   Code = "BADANSWER"
	CodeShort       Code = "SHORT"
	CodeStale       Code = "STALE"
	CodeClosed      Code = "CLOSED"
	CodeCanceled    Code = "CANCELED"
)

// kinds tells which sentinel a code belongs to.
var kinds = map[Code]error{ // immutable: nothing writes it
	CodeNotFound:    ErrNotFound,
	CodeWrongType:   ErrWrongType,
	CodeTooLarge:    ErrTooLarge,
	CodeOverloaded:  ErrOverloaded,
	CodeMemory:      ErrOverloaded,
	CodeUnavailable: ErrUnavailable,
	CodeClock:       ErrUnavailable,
	CodeTimeout:     ErrTimeout,
	CodeShort:       ErrShort,
	CodeStale:       ErrStale,
	CodeClosed:      ErrClosed,
	CodeCanceled:    context.Canceled,
}

// An Error tells what went wrong with which command, and where.
type Error struct {
	Code    Code
	Op      string // the command, in lower case
	Key     string // its first key
	Region  string // that was asked last; "" if none was
	Message string // for people

	// Maybe says that a write may have been applied although nobody has said so: the answer did not come.
	Maybe bool

	cause error
}

// NewError makes the error of a command; sent says whether a node may have run it although no answer came. It is for a
// [Backend].
func NewError(code Code, c *Call, region, message string, cause error, sent bool) *Error {
	return &Error{
		Code: code, Op: c.Op(), Key: c.Key(), Region: region, Message: message,
		Maybe: (sent || code == CodeTimeout) && !reads(c), cause: cause,
	}
}

// Error writes all of it in one line.
func (e *Error) Error() string {
	var b strings.Builder
	for _, part := range []string{e.Op, e.Key} {
		if part != "" {
			b.WriteString(part)
			b.WriteByte(' ')
		}
	}
	if e.Region != "" {
		b.WriteString("in " + e.Region)
	}
	text := strings.TrimRight(b.String(), " ")
	if text != "" {
		text += ": "
	}
	text += e.Message
	if e.Maybe {
		text += "; the write may have been applied"
	}
	return text
}

// Is says whether the code of the error belongs to a sentinel.
func (e *Error) Is(target error) bool { return target != nil && kinds[e.Code] == target }

// Unwrap gives what the error came from, such as that of a context.
func (e *Error) Unwrap() error { return e.cause }

// about completes an error with what it happened to. The original stays as it is: several callers may share it.
func about(err error, call *Call, region string) error {
	if err == nil {
		return nil
	}
	e, ok := errors.AsType[*Error](err)
	if !ok {
		e = &Error{Code: CodeUnavailable, Message: err.Error(), cause: err}
	}
	told := *e
	told.Op, told.Key = call.Op(), call.Key()
	if told.Region == "" {
		told.Region = region
	}
	return &told
}

// ended is the error of a context that is over.
func ended(ctx context.Context, maybe bool) *Error {
	e := &Error{Code: CodeTimeout, Message: "no answer in time", Maybe: maybe, cause: context.Cause(ctx)}
	if errors.Is(ctx.Err(), context.Canceled) {
		e.Code, e.Message = CodeCanceled, "canceled by the caller"
	}
	return e
}
