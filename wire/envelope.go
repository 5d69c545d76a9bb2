package wire

import (
	"errors"
	"fmt"

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
	arrayOfThree = 0x83
	byteString   = 0x40
	length8      = 24 // and the length follows in one byte
	length16     = 25
	length32     = 26
	length64     = 27
)

// Seal appends the message that carries body to dst.
func Seal(dst []byte, cluster string, from Sender, k Kind, body []byte) []byte {
	dst = append(dst, arrayOfThree, Version, arrayOfSix)
	dst = appendName(dst, cluster)
	dst = appendCount(dst, unsigned, uint64(k))
	dst = appendName(dst, from.Region)
	dst = appendName(dst, from.Name)
	dst = appendCount(dst, unsigned, from.Node)
	dst = appendCount(dst, unsigned, from.Boot)
	dst = appendCount(dst, byteString, uint64(len(body)))
	return append(dst, body...)
}

// Open reads an envelope. The caller checks the cluster before it reads the
// body.
func Open(msg []byte) (Envelope, error) {
	var h header
	rest, ok := readHead(msg, &h)
	if !ok {
		var err error
		if rest, err = decodeHead(msg, &h); err != nil {
			return Envelope{}, err
		}
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

// decodeHead reads any CBOR that stands for version and header.
func decodeHead(msg []byte, h *header) (rest []byte, err error) {
	if len(msg) < 2 || msg[0] != arrayOfThree {
		return nil, malformed("not an envelope")
	}
	var version uint64
	rest, err = decoding.UnmarshalFirst(msg[1:], &version)
	if err != nil {
		return nil, fmt.Errorf("%w: version: %w", ErrMalformed, err)
	}
	if version != Version {
		return nil, fmt.Errorf("%w %d, this node speaks %d: run the same release everywhere", ErrVersion, version, Version)
	}
	rest, err = decoding.UnmarshalFirst(rest, h)
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
	return fmt.Errorf("%w: %q sent by %s in %s, this is %q", ErrCluster, e.Cluster, e.From.Name, e.From.Region, cluster)
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
