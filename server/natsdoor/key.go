package natsdoor

import (
	"errors"
	"fmt"
	"strings"
)

// EscapeKey writes a key as the end of a subject. Every byte from ! to ~ stands for itself, but for %, * and >; a dot
// does between other bytes, so that keys can be watched by their parts, and not at an end of the key or behind another
// dot. Any other byte is written as % and two hexadecimal digits, A to F in capitals. An empty key has no form.
func EscapeKey(key []byte) string {
	var b strings.Builder
	b.Grow(len(key) + 8)
	for i, c := range key {
		switch {
		case c == '.' && (i == 0 || i == len(key)-1 || key[i-1] == '.'), c <= ' ', c > '~', c == '%', c == '*', c == '>':
			fmt.Fprintf(&b, "%%%02X", c)
		default:
			b.WriteByte(c)
		}
	}
	return b.String()
}

var errKey = errors.New("the key in the subject cannot be read: write bytes outside ! to ~, and % * >, as % and two hexadecimal digits")

// UnescapeKey reads what EscapeKey writes. It takes any byte that is escaped, and digits in small letters.
func UnescapeKey(text string) ([]byte, error) {
	key := make([]byte, 0, len(text))
	for i := 0; i < len(text); i++ {
		c := text[i]
		switch {
		case c == '%':
			if len(text)-i < 3 {
				return nil, errKey
			}
			high, low := digit(text[i+1]), digit(text[i+2])
			if high < 0 || low < 0 {
				return nil, errKey
			}
			key = append(key, byte(high<<4|low))
			i += 2
		case c <= ' ' || c > '~' || c == '*' || c == '>':
			return nil, errKey
		default:
			key = append(key, c)
		}
	}
	if len(key) == 0 {
		return nil, errors.New("the subject ends without a key")
	}
	return key, nil
}

// digit gives the value of a hexadecimal digit, -1 if it is none.
func digit(c byte) int {
	switch {
	case c >= '0' && c <= '9':
		return int(c - '0')
	case c >= 'A' && c <= 'F':
		return int(c-'A') + 10
	case c >= 'a' && c <= 'f':
		return int(c-'a') + 10
	}
	return -1
}
