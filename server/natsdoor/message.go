package natsdoor

import (
	"encoding/base64"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/micro"

	"github.com/atollcache/atoll/replica"
)

// The headers of requests and answers.
const (
	contentType   = "Content-Type"
	headerSession = "Atoll-Session"         // the token, in base64 for URLs; in a first request "new"
	headerWait    = "Atoll-Session-Wait-Ms" // how long a command waits for what its session has seen
	headerStale   = "Atoll-Stale"           // "true" if it did not come in time
	headerAck     = "Atoll-Ack"             // of the raw form: the level asked for, and the level reached
	headerTimeout = "Atoll-Timeout-Ms"      // of the raw form: for that level
	headerShort   = "Atoll-Short"           // "true" if the level was not reached in time
	headerTTL     = "Atoll-TTL-Ms"          // of raw.set: how long the value lives
	headerError   = "Atoll-Error"           // the stable code of an error
)

// newSession is the token of a session that has seen nothing.
const newSession = "new"

// message is an answer that is ready to be sent.
type message struct {
	kind    string // its content type
	header  nats.Header
	payload []byte
}

func (m *message) set(name, value string) {
	if m.header == nil {
		m.header = nats.Header{}
	}
	m.header[name] = []string{value}
}

// fail makes the answer an error of the micro framework.
func (m *message) fail(code, text string) {
	m.set(micro.ErrorHeader, oneLine(text))
	m.set(micro.ErrorCodeHeader, strconv.Itoa(statusOf(code)))
	m.set(headerError, code)
}

// oneLine makes a text fit into a header.
func oneLine(text string) string {
	return strings.Map(func(r rune) rune {
		if r < ' ' {
			return ' '
		}
		return r
	}, text)
}

// statuses are the codes of errors as those of HTTP. What is not listed is a request that cannot be run: 400.
var statuses = map[string]int{
	"NOTFOUND":    404,
	"UNKNOWN":     404,
	"WRONGTYPE":   409,
	codeTooLarge:  413,
	"OVERLOADED":  429,
	"OOM":         503,
	"UNAVAILABLE": 503,
	"CLOCK":       503,
	"TIMEOUT":     504,
}

func statusOf(code string) int {
	if status, ok := statuses[code]; ok {
		return status
	}
	return 400
}

// seen puts what a session must know of an answer into its headers.
func (m *message) seen(a *replica.Answer) {
	if a.Session != nil {
		m.set(headerSession, base64.RawURLEncoding.EncodeToString(a.Session))
	}
	if a.Stale {
		m.set(headerStale, "true")
	}
}

// readSession reads the headers of a session into a request.
func readSession(h micro.Headers, into *replica.Request) error {
	token := h.Get(headerSession)
	if token == "" {
		return nil
	}
	into.Session = []byte{}
	if token != newSession {
		raw, err := base64.RawURLEncoding.Strict().DecodeString(token)
		if err != nil || len(raw) > replica.MaxSession {
			return fmt.Errorf("%s is not a token that an answer gave, nor %q", headerSession, newSession)
		}
		into.Session = raw
	}
	wait, err := millis(h, headerWait)
	if into.Wait = wait; h.Get(headerWait) != "" && wait == 0 {
		into.Wait = -1
	}
	return err
}

// millis reads a number of milliseconds, 0 if there is none.
func millis(h micro.Headers, name string) (time.Duration, error) {
	text := h.Get(name)
	if text == "" {
		return 0, nil
	}
	n, err := strconv.ParseInt(text, 10, 64)
	if err != nil || n < 0 || n > maxTimeout.Milliseconds() {
		return 0, fmt.Errorf("%s %q is not between 0 and %d", name, text, maxTimeout.Milliseconds())
	}
	return time.Duration(n) * time.Millisecond, nil
}
