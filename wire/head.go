package wire

import "encoding/binary"

// arrayOfSix frames a header.
const arrayOfSix = 0x86

// The major types of CBOR that a header consists of.
const (
	unsigned   = 0x00
	textString = 0x60
)

// readHead reads what Seal writes before the body, without the cost of a
// decoder that takes any CBOR: messages are opened more often than anything else
// happens. It says no to whatever is unusual, for the decoder to judge.
func readHead(msg []byte, h *header, known *Names) (rest []byte, ok bool) {
	if len(msg) < 3 || msg[0] != arrayOfFour || msg[1] != Version || msg[2] != arrayOfSix {
		return nil, false
	}
	var kind uint64
	rest, ok = readName(msg[3:], &h.Cluster, known, true)
	rest, ok = readCount(rest, &kind, ok)
	rest, ok = readName(rest, &h.Region, known, ok)
	rest, ok = readName(rest, &h.Name, known, ok)
	rest, ok = readCount(rest, &h.Node, ok)
	rest, ok = readCount(rest, &h.Boot, ok)
	h.Kind = Kind(kind)
	return rest, ok && kind <= uint64(^Kind(0))
}

// readName reads a text in ASCII, which is valid UTF-8 whatever it says.
func readName(src []byte, name *string, known *Names, ok bool) ([]byte, bool) {
	if !ok || len(src) == 0 || src[0]&0xe0 != textString {
		return nil, false
	}
	n, at := int(src[0]&0x1f), 1
	if n == length8 && len(src) > 1 && src[1] >= length8 {
		n, at = int(src[1]), 2
	} else if n >= length8 {
		return nil, false
	}
	if len(src) < at+n {
		return nil, false
	}
	text := src[at : at+n]
	for _, c := range text {
		if c >= 0x80 {
			return nil, false
		}
	}
	*name = known.text(text)
	return src[at+n:], true
}

// Names keeps the names of clusters, regions and nodes that were met, so that
// one that is met again takes no memory. The zero value is ready. It is not safe
// for concurrent use.
type Names struct {
	names map[string]string
	near  [16]string // some of them, each at the place that its length and last letter give
}

// maxNames bounds the names that are kept.
const maxNames = 4096

func (known *Names) text(b []byte) string {
	if known == nil || len(b) == 0 {
		return string(b)
	}
	near := &known.near[(3*len(b)+int(b[len(b)-1]))%len(known.near)]
	if *near == string(b) {
		return *near
	}
	if name, ok := known.names[string(b)]; ok {
		*near = name
		return name
	}
	if known.names == nil || len(known.names) >= maxNames {
		known.names = map[string]string{}
	}
	name := string(b)
	known.names[name] = name
	return name
}

// readCount reads an unsigned integer of any length.
func readCount(src []byte, n *uint64, ok bool) ([]byte, bool) {
	if !ok || len(src) == 0 || src[0]&0xe0 != unsigned {
		return nil, false
	}
	first := src[0]
	if first < length8 {
		*n = uint64(first)
		return src[1:], true
	}
	size := 1 << (first - length8)
	if first > length64 || len(src) < 1+size {
		return nil, false
	}
	var wide [8]byte
	copy(wide[8-size:], src[1:1+size])
	*n = binary.BigEndian.Uint64(wide[:])
	return src[1+size:], true
}

func appendName(dst []byte, name string) []byte {
	return append(appendCount(dst, textString, uint64(len(name))), name...)
}

// appendCount appends the shortest head of a major type that says n.
func appendCount(dst []byte, major byte, n uint64) []byte {
	switch {
	case n < length8:
		return append(dst, major|byte(n))
	case n < 1<<8:
		return append(dst, major|length8, byte(n))
	case n < 1<<16:
		return binary.BigEndian.AppendUint16(append(dst, major|length16), uint16(n))
	case n < 1<<32:
		return binary.BigEndian.AppendUint32(append(dst, major|length32), uint32(n))
	default:
		return binary.BigEndian.AppendUint64(append(dst, major|length64), n)
	}
}
