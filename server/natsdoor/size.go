package natsdoor

import (
	"encoding/base64"
	"errors"
	"fmt"
	"strconv"

	"github.com/fxamacker/cbor/v2"
)

// errTooLarge refuses a request for its size alone.
var errTooLarge = errors.New("over the limit")

// The codes of requests that cannot be read.
const (
	codeTooLarge = "TOOLARGE"
	codeBad      = "BADREQUEST"
)

func codeOf(err error) string {
	_, elements := errors.AsType[*cbor.MaxArrayElementsError](err)
	if elements || errors.Is(err, errTooLarge) {
		return codeTooLarge
	}
	return codeBad
}

// weigh refuses a request that has a string, or any other token, of more bytes than an argument may have, or more
// elements than so many. It takes no memory; reading what is no plain request takes several times that of the request.
func weigh(enc encoding, payload []byte, most, elements int) error {
	if enc == inCBOR { // the reader counts elements before it takes them
		return refuseLonger(longestCBOR(payload), most)
	}
	longest, commas := measureJSON(payload)
	if commas > elements {
		return tooMany(maxArgs, "arguments")
	}
	return refuseLonger(longest, base64.StdEncoding.EncodedLen(most)) // of {"b64": "…"}
}

func refuseLonger(longest, most int) error {
	if longest <= most {
		return nil
	}
	return fmt.Errorf("an argument of %d bytes, as it is written, is %w of %d", longest, errTooLarge, most)
}

// measureJSON gives the length of the longest token, of a string without its quotes and escapes, and counts commas.
func measureJSON(src []byte) (longest, commas int) {
	inside, length := false, 0
	for i := 0; i < len(src); i++ {
		switch c := src[i]; {
		case c == '"':
			longest, length, inside = max(longest, length), 0, !inside
		case !inside && (c == ',' || c == ':' || c == '[' || c == '{' || c == ']' || c == '}'):
			longest, length = max(longest, length), 0
			if c == ',' {
				commas++
			}
		case inside && c == '\\' && i+5 < len(src) && src[i+1] == 'u':
			length += runeLen(src[i+2 : i+6])
			i += 5
		case inside && c == '\\':
			length++
			i++
		default:
			length++
		}
	}
	return max(longest, length), commas
}

// runeLen gives how many bytes a character in four hexadecimal digits takes; of a surrogate, half of the pair.
func runeLen(digits []byte) int {
	const surrogates, after = 0xd800, 0xe000
	switch n, err := strconv.ParseUint(string(digits), 16, 16); {
	case err != nil, n < 0x80:
		return 1
	case n < 0x800, n >= surrogates && n < after:
		return 2
	}
	return 3
}

// longestCBOR gives the length of the longest string, up to where the payload is no CBOR that is read.
func longestCBOR(src []byte) (longest int) {
	p := plain{src: src}
	for len(p.src) > 0 {
		major := p.src[0] & majorType
		n := p.head(major)
		if major != cborBytes && major != cborText {
			continue
		}
		longest = max(longest, int(min(n, uint64(len(p.src)))))
		if n > uint64(len(p.src)) {
			break
		}
		p.src = p.src[n:]
	}
	return longest
}
