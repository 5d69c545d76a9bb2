package wire

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"

	"github.com/fxamacker/cbor/v2"
)

// Version is the version of the protocol that this package speaks.
const Version = 1

// Why a message is refused.
var (
	// ErrVersion tells of a message in another version of the protocol.
	ErrVersion = errors.New("wire: unknown protocol version")

	// ErrCluster tells of a message that belongs to another cluster.
	ErrCluster = errors.New("wire: message of another cluster")

	// ErrMalformed tells of bytes that no correct peer sends. Nothing was
	// taken from the message.
	ErrMalformed = errors.New("wire: malformed message")

	// ErrDamaged tells of a message whose bytes are not those that were sent. It
	// is malformed as well.
	ErrDamaged = fmt.Errorf("%w: it was damaged on its way, its checksum is of other bytes", ErrMalformed)
)

// Kind says what the body of an envelope is.
type Kind uint8

// The kinds of messages. A receiver ignores kinds that it does not know.
const (
	KindBatch Kind = iota + 1
	KindAck
	KindAsk
	KindAnswer
	KindForward
	KindForwarded
	KindAnnounce
	KindHandOff
	KindHandedOff
)

// String gives the name of the body's type in lower case, for logs and metrics.
func (k Kind) String() string {
	names := [...]string{
		KindBatch: "batch", KindAck: "ack", KindAsk: "ask", KindAnswer: "answer", KindForward: "forward",
		KindForwarded: "forwarded", KindAnnounce: "announce", KindHandOff: "handoff", KindHandedOff: "handedoff",
	}
	if int(k) < len(names) && names[k] != "" {
		return names[k]
	}
	return fmt.Sprintf("kind %d", uint8(k))
}

// Sender says who sends: a node and which of its boots.
type Sender struct {
	Region string
	Name   string
	Node   uint64 // as in crdt.Origin
	Boot   uint64
}

// Envelope is an opened message.
type Envelope struct {
	Cluster string
	Kind    Kind
	From    Sender
	Body    []byte // aliases the message
}

// header is the CBOR form of all but version and body.
type header struct {
	_       struct{} `cbor:",toarray"`
	Cluster string
	Kind    Kind
	Region  string
	Name    string
	Node    uint64
	Boot    uint64
}

// maxText bounds the names of clusters, regions and nodes.
const maxText = 255

var decoding = decMode() // immutable: a DecMode is safe for concurrent use

// decMode is strict: what it accepts has one meaning and a bounded cost.
func decMode() cbor.DecMode {
	mode, err := cbor.DecOptions{
		DupMapKey:        cbor.DupMapKeyEnforcedAPF,
		MaxNestedLevels:  8,
		MaxArrayElements: 4096,
		MaxMapPairs:      4096,
		IndefLength:      cbor.IndefLengthForbidden,
		TagsMd:           cbor.TagsForbidden,
	}.DecMode()
	if err != nil {
		panic(err)
	}
	return mode
}

// The bytes of CBOR that the envelope is framed by.
const (
	array        = 0x80
	arrayOfFour  = 0x84
	byteString   = 0x40
	bytesOfFour  = 0x44
	length8      = 24 // and the length follows in one byte
	length16     = 25
	length32     = 26
	length64     = 27
	checksumSize = 4 // without the head of its byte string
)

// castagnoli is the polynomial that processors have an instruction for.
var castagnoli = crc32.MakeTable(crc32.Castagnoli) // immutable: the library keeps one table for everybody and writes it once

// Seal appends the message that carries body to dst.
func Seal(dst []byte, cluster string, from Sender, k Kind, body []byte) []byte {
	begin := len(dst)
	dst = append(dst, arrayOfFour, Version, arrayOfSix)
	dst = appendName(dst, cluster)
	dst = appendCount(dst, unsigned, uint64(k))
	dst = appendName(dst, from.Region)
	dst = appendName(dst, from.Name)
	dst = appendCount(dst, unsigned, from.Node)
	dst = appendCount(dst, unsigned, from.Boot)
	dst = appendCount(dst, byteString, uint64(len(body)))
	dst = append(dst, body...)
	return seal(dst, begin)
}

// seal appends the checksum of what begins at begin, its own head included.
func seal(dst []byte, begin int) []byte {
	dst = append(dst, bytesOfFour)
	return binary.LittleEndian.AppendUint32(dst, crc32.Checksum(dst[begin:], castagnoli))
}

// Open reads an envelope. The caller checks the cluster before it reads the
// body.
func Open(msg []byte) (Envelope, error) { return (*Names)(nil).Open(msg) }

// Open does as the function Open does. Names that were read before cost no
// memory.
func (known *Names) Open(msg []byte) (Envelope, error) {
	if err := checkVersion(msg); err != nil {
		return Envelope{}, err
	}
	content, err := checkSum(msg)
	if err != nil {
		return Envelope{}, err
	}
	var h header
	rest, ok := readHead(content, &h, known)
	if !ok {
		var slow header // h stays off the heap
		if rest, err = decodeHead(content, &slow); err != nil {
			return Envelope{}, err
		}
		h = slow
	}
	if max(len(h.Cluster), len(h.Region), len(h.Name)) > maxText {
		return Envelope{}, malformed("a name is longer than %d bytes", maxText)
	}
	body, err := cutBody(rest)
	if err != nil {
		return Envelope{}, err
	}
	return Envelope{
		Cluster: h.Cluster,
		Kind:    h.Kind,
		From:    Sender{Region: h.Region, Name: h.Name, Node: h.Node, Boot: h.Boot},
		Body:    body,
	}, nil
}

// checkVersion comes first: another version may have another number of elements,
// and no checksum, or another one.
func checkVersion(msg []byte) error {
	if len(msg) < 2 || msg[0]&^0x1f != array {
		return malformed("not an envelope")
	}
	if msg[1] == Version {
		return nil
	}
	var version uint64
	if _, err := decoding.UnmarshalFirst(msg[1:], &version); err != nil {
		return fmt.Errorf("%w: version: %w", ErrMalformed, err)
	}
	if version == Version {
		return malformed("the version is not in its shortest form")
	}
	return fmt.Errorf("%w %d, this node speaks %d: run the same release everywhere", ErrVersion, version, Version)
}

// checkSum gives what stands before the checksum, if it is as it was sent.
func checkSum(msg []byte) (content []byte, err error) {
	at := len(msg) - checksumSize
	if at < 1 {
		return nil, malformed("no checksum")
	}
	if crc32.Checksum(msg[:at], castagnoli) != binary.LittleEndian.Uint32(msg[at:]) {
		return nil, ErrDamaged
	}
	if msg[at-1] != bytesOfFour {
		return nil, malformed("no checksum")
	}
	return msg[:at-1], nil
}

// decodeHead reads any CBOR that stands for version and header.
func decodeHead(msg []byte, h *header) (rest []byte, err error) {
	if len(msg) < 2 || msg[0] != arrayOfFour || msg[1] != Version {
		return nil, malformed("not an envelope")
	}
	rest, err = decoding.UnmarshalFirst(msg[2:], h)
	if err != nil {
		return nil, fmt.Errorf("%w: header: %w", ErrMalformed, err)
	}
	return rest, nil
}

// Check returns ErrCluster unless the message belongs to the cluster.
func (e *Envelope) Check(cluster string) error {
	if e.Cluster == cluster {
		return nil
	}
	return fmt.Errorf("%w: %q sent by %s in %s, this is %q: give both one --cluster, or each a NATS account of its own", ErrCluster, e.Cluster, e.From.Name, e.From.Region, cluster)
}

// cutBody gives the content of the byte string that src must be, without
// copying it, which a CBOR decoder would.
func cutBody(src []byte) ([]byte, error) {
	if len(src) == 0 || src[0]&^0x1f != byteString {
		return nil, malformed("no body")
	}
	n, at := int(src[0]&0x1f), 1
	if n >= length8 {
		if n > length32 {
			return nil, malformed("length of the body")
		}
		at += 1 << (n - length8)
		if len(src) < at {
			return nil, malformed("length of the body")
		}
		n = 0
		for _, b := range src[1:at] {
			n = n<<8 | int(b)
		}
	}
	body := src[at:]
	if n != len(body) {
		return nil, malformed("body of %d bytes, %d are there", n, len(body))
	}
	return body, nil
}

func malformed(format string, args ...any) error {
	return fmt.Errorf("%w: %s", ErrMalformed, fmt.Sprintf(format, args...))
}
