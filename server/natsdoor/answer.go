package natsdoor

import (
	"encoding/base64"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/fxamacker/cbor/v2"

	"github.com/atollcache/atoll/command"
	"github.com/atollcache/atoll/replica"
)

// failure encodes an error that did not come from a command.
func (e encoding) failure(code, text string) message {
	return e.answer(replica.Answer{Reply: command.Fail(code, "%s", text)})
}

// document encodes an answer that is not the reply to a command.
func (e encoding) document(value any) message {
	body := struct {
		Value any `json:"value"`
	}{value}
	encode := json.Marshal
	if e == inCBOR {
		encode = cbor.Marshal // takes the names of fields from the tags for JSON
	}
	payload, err := encode(body)
	if err != nil {
		return e.failure("ERR", fmt.Sprintf("the answer could not be encoded: %v", err))
	}
	return message{kind: e.String(), payload: payload}
}

// answerRoom is what an answer takes beside a value that is plain.
const answerRoom = 24

// answer encodes what became of a command.
func (e encoding) answer(a replica.Answer) message {
	m := message{kind: e.String(), payload: e.appendAnswer(make([]byte, 0, answerRoom+len(a.Reply.Bytes)), a)}
	m.seen(&a)
	if a.Reply.Type == command.Error {
		m.fail(a.Reply.Code, string(a.Reply.Bytes))
	}
	return m
}

func (e encoding) appendAnswer(dst []byte, a replica.Answer) []byte {
	if e == inCBOR {
		return appendAnswerCBOR(dst, a)
	}
	return appendAnswerJSON(dst, a)
}

// batch encodes the answers to several commands, in their order.
func (e encoding) batch(all []replica.Answer) message {
	m := message{kind: e.String()}
	if e == inCBOR {
		m.payload = appendHead(appendTextCBOR(appendHead(nil, cborMap, 1), "results"), cborArray, uint64(len(all)))
		for i := range all {
			m.payload = appendAnswerCBOR(m.payload, all[i])
		}
		return m
	}
	m.payload = append(m.payload, `{"results":[`...)
	for i := range all {
		if i > 0 {
			m.payload = append(m.payload, ',')
		}
		m.payload = appendAnswerJSON(m.payload, all[i])
	}
	m.payload = append(m.payload, "]}"...)
	return m
}

// levelName names the level that a write has reached, "" for local.
func levelName(a replica.Answer) string {
	switch a.Level {
	case replica.Region:
		return "region"
	case replica.Regions:
		return "regions:" + strconv.Itoa(a.Regions)
	}
	return ""
}

func appendAnswerJSON(dst []byte, a replica.Answer) []byte {
	if r := a.Reply; r.Type == command.Error {
		dst = appendTextJSON(append(dst, `{"error":{"code":`...), r.Code)
		dst = appendTextJSON(append(dst, `,"message":`...), string(r.Bytes))
		return append(dst, "}}"...)
	}
	dst = appendValueJSON(append(dst, '{'), &a.Reply)
	if level := levelName(a); level != "" {
		dst = appendTextJSON(append(dst, `,"ack":`...), level)
	}
	if a.Short {
		dst = append(dst, `,"short":true`...)
	}
	if a.Stale {
		dst = append(dst, `,"stale":true`...)
	}
	return append(dst, '}')
}

// maxExact is the highest integer up to which every reader of JSON has all of them.
const maxExact = 1 << 53

// appendValueJSON adds a reply under the name that tells what it is: value_b64 if it is no text, and value_str beside an
// integer that some readers would round.
func appendValueJSON(dst []byte, r *command.Reply) []byte {
	if r.Type == command.Bytes && !utf8.Valid(r.Bytes) {
		dst = base64.StdEncoding.AppendEncode(append(dst, `"value_b64":"`...), r.Bytes)
		return append(dst, '"')
	}
	dst = appendJSON(append(dst, `"value":`...), r)
	if r.Type == command.Int && (r.Int > maxExact || r.Int < -maxExact) {
		dst = strconv.AppendInt(append(dst, `,"value_str":"`...), r.Int, 10)
		dst = append(dst, '"')
	}
	return dst
}

// appendJSON adds a reply that is no error.
func appendJSON(dst []byte, r *command.Reply) []byte {
	switch r.Type {
	case command.Status:
		return appendTextJSON(dst, r.Code)
	case command.Int:
		return strconv.AppendInt(dst, r.Int, 10)
	case command.Bytes, command.Float:
		return appendBytesJSON(dst, r.Bytes)
	case command.Array:
		return appendListJSON(dst, r.List)
	case command.Map:
		return appendMapJSON(dst, r.List)
	case command.Error:
		return appendTextJSON(dst, r.Code+" "+string(r.Bytes))
	}
	return append(dst, "null"...)
}

func appendTextJSON(dst []byte, text string) []byte {
	if isPlain(text) {
		return append(append(append(dst, '"'), text...), '"')
	}
	quoted, err := json.Marshal(text)
	if err != nil {
		panic(fmt.Sprintf("encode %q: %v", text, err)) // a string always has a form in JSON
	}
	return append(dst, quoted...)
}

// isPlain says whether a text stands for itself in JSON, as encoding/json writes it.
func isPlain[T string | []byte](text T) bool {
	for i := range len(text) {
		if c := text[i]; c < ' ' || c >= utf8.RuneSelf || c == '"' || c == '\\' || c == '<' || c == '>' || c == '&' {
			return false
		}
	}
	return true
}

func appendBytesJSON(dst, value []byte) []byte {
	if isPlain(value) {
		return append(append(append(dst, '"'), value...), '"')
	}
	if utf8.Valid(value) {
		return appendTextJSON(dst, string(value))
	}
	dst = append(dst, `{"b64":"`...)
	dst = base64.StdEncoding.AppendEncode(dst, value)
	return append(dst, `"}`...)
}

func appendListJSON(dst []byte, list []command.Reply) []byte {
	dst = append(dst, '[')
	for i := range list {
		if i > 0 {
			dst = append(dst, ',')
		}
		dst = appendJSON(dst, &list[i])
	}
	return append(dst, ']')
}

// appendMapJSON writes keys and values as an object, or as pairs if a key is no text.
func appendMapJSON(dst []byte, list []command.Reply) []byte {
	for i := 0; i < len(list); i += 2 {
		if !utf8.Valid(list[i].Bytes) {
			return appendPairsJSON(dst, list)
		}
	}
	dst = append(dst, '{')
	for i := 0; i+1 < len(list); i += 2 {
		if i > 0 {
			dst = append(dst, ',')
		}
		dst = appendTextJSON(dst, string(list[i].Bytes))
		dst = appendJSON(append(dst, ':'), &list[i+1])
	}
	return append(dst, '}')
}

func appendPairsJSON(dst []byte, list []command.Reply) []byte {
	dst = append(dst, `{"pairs":[`...)
	for i := 0; i+1 < len(list); i += 2 {
		if i > 0 {
			dst = append(dst, ',')
		}
		dst = appendListJSON(dst, list[i:i+2])
	}
	return append(dst, "]}"...)
}

// The major types of CBOR that replies need, and two of its simple values.
const (
	cborUint  = 0 << 5
	cborNeg   = 1 << 5
	cborBytes = 2 << 5
	cborText  = 3 << 5
	cborArray = 4 << 5
	cborMap   = 5 << 5
	cborTrue  = 0xf5
	cborNull  = 0xf6

	majorType = 7 << 5 // where in a head it stands
)

func appendAnswerCBOR(dst []byte, a replica.Answer) []byte {
	if r := a.Reply; r.Type == command.Error {
		dst = appendTextCBOR(appendHead(dst, cborMap, 1), "error")
		dst = appendTextCBOR(appendHead(dst, cborMap, 2), "code")
		dst = appendTextCBOR(dst, r.Code)
		return appendTextCBOR(appendTextCBOR(dst, "message"), string(r.Bytes))
	}

	level, fields := levelName(a), uint64(1)
	if level != "" {
		fields++
	}
	for _, there := range []bool{a.Short, a.Stale} {
		if there {
			fields++
		}
	}
	dst = appendCBOR(appendTextCBOR(appendHead(dst, cborMap, fields), "value"), &a.Reply)
	if level != "" {
		dst = appendTextCBOR(appendTextCBOR(dst, "ack"), level)
	}
	if a.Short {
		dst = append(appendTextCBOR(dst, "short"), cborTrue)
	}
	if a.Stale {
		dst = append(appendTextCBOR(dst, "stale"), cborTrue)
	}
	return dst
}

// appendCBOR adds a reply that is no error.
func appendCBOR(dst []byte, r *command.Reply) []byte {
	switch r.Type {
	case command.Status:
		return appendTextCBOR(dst, r.Code)
	case command.Int:
		if r.Int < 0 {
			return appendHead(dst, cborNeg, uint64(-1-r.Int))
		}
		return appendHead(dst, cborUint, uint64(r.Int))
	case command.Bytes:
		return append(appendHead(dst, cborBytes, uint64(len(r.Bytes))), r.Bytes...)
	case command.Float:
		return appendTextCBOR(dst, string(r.Bytes))
	case command.Array:
		return appendListCBOR(appendHead(dst, cborArray, uint64(len(r.List))), r.List)
	case command.Map:
		return appendListCBOR(appendHead(dst, cborMap, uint64(len(r.List)/2)), r.List)
	case command.Error:
		return appendTextCBOR(dst, r.Code+" "+string(r.Bytes))
	}
	return append(dst, cborNull)
}

func appendListCBOR(dst []byte, list []command.Reply) []byte {
	for i := range list {
		dst = appendCBOR(dst, &list[i])
	}
	return dst
}

func appendTextCBOR(dst []byte, text string) []byte {
	text = strings.ToValidUTF8(text, "\uFFFD")
	return append(appendHead(dst, cborText, uint64(len(text))), text...)
}

// appendHead adds a major type with its argument in the shortest form.
func appendHead(dst []byte, major byte, n uint64) []byte {
	switch {
	case n < 24:
		return append(dst, major|byte(n))
	case n < 1<<8:
		return append(dst, major|24, byte(n))
	case n < 1<<16:
		return binary.BigEndian.AppendUint16(append(dst, major|25), uint16(n))
	case n < 1<<32:
		return binary.BigEndian.AppendUint32(append(dst, major|26), uint32(n))
	}
	return binary.BigEndian.AppendUint64(append(dst, major|27), n)
}
