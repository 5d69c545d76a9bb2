package natsdoor

import (
	"encoding/base64"
	"encoding/binary"
	"slices"
	"time"
	"unicode/utf8"

	"github.com/atollcache/atoll/replica"
)

// plain reads the requests that clients send mostly: a map of known fields, each once, whose strings have no escapes.
// Whatever else comes, right or wrong, it leaves to the strict readers; what it does read, they read in the same way
// (FuzzReadPlain, FuzzReadPlainBatch). It takes a tenth of their time and one allocation in place of twenty-five, since what it gives
// aliases the payload.
type plain struct {
	src []byte
	bad bool // it is something else; what follows reads as nothing

	key, value []byte   // nil if they are not there
	list       [][]byte // the name, then the other arguments
	command    []byte   // the name, in a batch
	ack        string
	timeout    uint64
	items      []*replica.Request // of a batch
	may, met   uint8              // the fields that may be there, and those that were
}

// The fields of requests and batches.
const (
	fieldKey = 1 << iota
	fieldValue
	fieldArgs
	fieldAck
	fieldTimeout
	fieldCommand
	fieldCommands

	ofRequest = fieldKey | fieldValue | fieldArgs | fieldAck | fieldTimeout
	ofBatch   = fieldCommands | fieldAck | fieldTimeout
	ofItem    = fieldCommand | fieldKey | fieldValue | fieldArgs
)

// plainRequest is a request with room for what a small one needs.
type plainRequest struct {
	replica.Request
	room [5][]byte
	name [16]byte
}

// readPlain reads the request of a command, if it is a plain one.
func readPlain(enc encoding, name string, payload []byte) (*replica.Request, bool) {
	r := &plainRequest{}
	p := plain{src: payload, may: ofRequest}
	p.list = append(r.room[:0], append(r.name[:0], name...))
	p.read(enc)
	p.check(len(p.list) <= maxArgs+1)
	r.Args = p.args()
	return &r.Request, p.end(&r.Request)
}

// readPlainBatch reads a batch, if it is a plain one.
func readPlainBatch(enc encoding, payload []byte) ([]*replica.Request, bool) {
	p := plain{src: payload, may: ofBatch}
	p.read(enc)
	return p.items, p.end(p.items...)
}

// end says whether all of the payload was read, and puts the level into what was.
func (p *plain) end(all ...*replica.Request) bool {
	level, regions, err := readLevel(p.ack)
	for _, r := range all {
		r.Level, r.Regions, r.Timeout = level, regions, time.Duration(p.timeout)*time.Millisecond
	}
	return !p.bad && len(p.src) == 0 && p.timeout <= uint64(maxTimeout.Milliseconds()) && err == nil
}

// item reads one command of a batch.
func (p *plain) item(enc encoding) {
	r := &plainRequest{}
	one := plain{src: p.src, may: ofItem, list: append(r.room[:0], nil)}
	one.read(enc)
	p.src, one.list[0] = one.src, one.command
	p.check(!one.bad && len(one.command) > 0 && len(one.list) <= maxArgs+1 && len(p.items) < maxBatch)
	r.Args = one.args()
	p.items = append(p.items, &r.Request)
}

func (p *plain) read(enc encoding) {
	if enc == inCBOR {
		p.readCBOR()
		return
	}
	p.readJSON()
}

// args gives the name, the key, the value and the other arguments.
func (p *plain) args() [][]byte {
	if p.value != nil {
		p.list = slices.Insert(p.list, 1, p.value)
	}
	if p.key != nil {
		p.list = slices.Insert(p.list, 1, p.key)
	}
	return p.list
}

// once checks that a field may be there, and comes for the first time.
func (p *plain) once(field uint8) {
	p.check(p.may&field != 0 && p.met&field == 0)
	p.met |= field
}

func (p *plain) check(good bool) {
	if !good {
		p.bad, p.src = true, nil
	}
}

// readJSON reads an object, and the space around it.
func (p *plain) readJSON() {
	p.token('{')
	for more := !p.closes('}'); more; more = p.follows('}') {
		name := p.text()
		p.token(':')
		switch string(name) {
		case "key":
			p.once(fieldKey)
			p.key = p.text()
		case "value":
			p.once(fieldValue)
			p.value = p.text()
		case "value_b64":
			p.once(fieldValue)
			p.value = p.binary()
		case "args":
			p.once(fieldArgs)
			p.listJSON()
		case "ack":
			p.once(fieldAck)
			p.ack = string(p.text())
		case "timeout_ms":
			p.once(fieldTimeout)
			p.timeout = p.number()
		case "command":
			p.once(fieldCommand)
			p.command = p.text()
		case "commands":
			p.once(fieldCommands)
			p.itemsJSON()
		default:
			p.check(false)
		}
	}
	p.space()
}

func (p *plain) listJSON() {
	p.token('[')
	for more := !p.closes(']'); more && len(p.list) <= maxArgs; more = p.follows(']') {
		p.list = append(p.list, p.text())
	}
}

func (p *plain) itemsJSON() {
	p.token('[')
	for more := !p.closes(']'); more; more = p.follows(']') {
		p.item(inJSON)
	}
}

func (p *plain) space() {
	for len(p.src) > 0 && (p.src[0] == ' ' || p.src[0] == '\n' || p.src[0] == '\r' || p.src[0] == '\t') {
		p.src = p.src[1:]
	}
}

// next takes the next byte that is no space, 0 at the end.
func (p *plain) next() (c byte) {
	if p.space(); len(p.src) > 0 {
		c, p.src = p.src[0], p.src[1:]
	}
	return c
}

func (p *plain) token(want byte) { p.check(p.next() == want) }

// closes takes the bracket that closes something empty, if it is there.
func (p *plain) closes(bracket byte) bool {
	if p.space(); len(p.src) > 0 && p.src[0] == bracket {
		p.src = p.src[1:]
		return true
	}
	return p.bad
}

// follows takes the comma or the bracket behind an element, and says whether another one follows.
func (p *plain) follows(bracket byte) bool {
	c := p.next()
	p.check(c == ',' || c == bracket)
	return c == ',' && !p.bad
}

// text reads a string without escapes.
func (p *plain) text() []byte {
	p.token('"')
	high := byte(0)
	for i, c := range p.src {
		switch {
		case c == '"':
			text := p.src[:i:i]
			p.src = p.src[i+1:]
			p.check(high < utf8.RuneSelf || utf8.Valid(text))
			return text
		case c < ' ', c == '\\':
			p.check(false)
			return nil
		}
		high |= c
	}
	p.check(false)
	return nil
}

// binary reads a string in base64.
func (p *plain) binary() []byte {
	raw, err := base64.StdEncoding.Strict().AppendDecode([]byte{}, p.text())
	p.check(err == nil)
	return raw
}

// number reads an integer that is not negative, of at most six digits.
func (p *plain) number() (n uint64) {
	p.space()
	i := 0
	for ; i < len(p.src) && i < 6 && p.src[i] >= '0' && p.src[i] <= '9'; i++ {
		n = n*10 + uint64(p.src[i]-'0')
	}
	p.check(i == 1 || i > 1 && p.src[0] != '0')
	if !p.bad {
		p.src = p.src[i:]
	}
	return n
}

// readCBOR reads a map.
func (p *plain) readCBOR() {
	for range p.size(cborMap) {
		switch string(p.bytes(cborText)) {
		case "key":
			p.once(fieldKey)
			p.key = p.argument()
		case "value":
			p.once(fieldValue)
			p.value = p.argument()
		case "args":
			p.once(fieldArgs)
			for range p.size(cborArray) {
				p.list = append(p.list, p.argument())
			}
		case "ack":
			p.once(fieldAck)
			p.ack = string(p.bytes(cborText))
		case "timeout_ms":
			p.once(fieldTimeout)
			p.timeout = p.head(cborUint)
		case "command":
			p.once(fieldCommand)
			p.command = p.bytes(cborText)
		case "commands":
			p.once(fieldCommands)
			for range p.size(cborArray) {
				p.item(inCBOR)
			}
		default:
			p.check(false)
		}
		if p.bad {
			return
		}
	}
}

// argument reads a byte string or a text string.
func (p *plain) argument() []byte {
	if len(p.src) > 0 && p.src[0]&majorType == cborText {
		return p.bytes(cborText)
	}
	return p.bytes(cborBytes)
}

func (p *plain) bytes(major byte) []byte {
	n := p.head(major)
	if p.check(n <= uint64(len(p.src))); p.bad {
		return nil
	}
	b := p.src[:n:n]
	p.src = p.src[n:]
	p.check(major != cborText || utf8.Valid(b))
	return b
}

// size reads how many elements follow, of which each has a byte at least.
func (p *plain) size(major byte) int {
	n := p.head(major)
	if p.check(n <= uint64(len(p.src)) && n <= maxArgs); p.bad {
		return 0
	}
	return int(n)
}

// head reads a major type with its argument.
func (p *plain) head(major byte) (n uint64) {
	const direct, widths = 24, 4 // arguments below 24 stand in the head, then follow 1, 2, 4 or 8 bytes
	if p.check(len(p.src) > 0 && p.src[0]&majorType == major && p.src[0]&^majorType < direct+widths); p.bad {
		return 0
	}
	short := p.src[0] &^ majorType
	p.src = p.src[1:]
	if short < direct {
		return uint64(short)
	}
	width := 1 << (short - direct)
	if p.check(len(p.src) >= width); p.bad {
		return 0
	}
	var wide [8]byte
	copy(wide[8-width:], p.src)
	p.src = p.src[width:]
	return binary.BigEndian.Uint64(wide[:])
}
