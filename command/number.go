package command

import (
	"bytes"
	"math"
	"strconv"
)

// parseInt reads an integer in its one canonical form: no plus, no leading
// zeros, no spaces. Anything else is text, and INCR does not touch it.
func parseInt(b []byte) (int64, bool) {
	if string(b) == "0" {
		return 0, true
	}
	digits := b
	if len(b) > 0 && b[0] == '-' {
		digits = b[1:]
	}
	if len(digits) == 0 || len(digits) > 19 || digits[0] < '1' || digits[0] > '9' {
		return 0, false
	}
	n, err := strconv.ParseInt(string(b), 10, 64)
	return n, err == nil
}

// parseFloat reads a score or an increment: decimal, or an infinity. Minus zero
// is zero, because sums of increments could not keep it apart.
func parseFloat(b []byte) (float64, bool) {
	const longest = 512
	if len(b) > longest || bytes.ContainsAny(b, "xX_") {
		return 0, false
	}
	f, err := strconv.ParseFloat(string(b), 64)
	if err != nil || math.IsNaN(f) {
		return 0, false
	}
	return f + 0, true
}

// appendFloat writes the fewest digits that read back as f, in the layout of
// C's %.17g.
func appendFloat(dst []byte, f float64) []byte {
	size := math.Abs(f)
	switch {
	case math.IsInf(f, 1):
		return append(dst, "inf"...)
	case math.IsInf(f, -1):
		return append(dst, "-inf"...)
	case size == 0 || size >= 1e-4 && size < 1e17:
		return strconv.AppendFloat(dst, f, 'f', -1, 64)
	default:
		return strconv.AppendFloat(dst, f, 'e', -1, 64)
	}
}

// float gives a reply with a number that is written into the scratch space.
func (c *Call) float(f float64) Reply {
	from := len(c.scratch)
	c.scratch = appendFloat(c.scratch, f)
	return Reply{Type: Float, Bytes: c.scratch[from:len(c.scratch):len(c.scratch)]}
}

// addInt adds, and says whether the sum is exact.
func addInt(a, b int64) (int64, bool) {
	sum := a + b
	return sum, (sum > a) == (b > 0)
}

// is says whether an option is the given word, which is in lower case.
func is(arg []byte, word string) bool {
	if len(arg) != len(word) {
		return false
	}
	for i := range arg {
		if lowerByte(arg[i]) != word[i] {
			return false
		}
	}
	return true
}

func lowerByte(b byte) byte {
	if b >= 'A' && b <= 'Z' {
		return b + 'a' - 'A'
	}
	return b
}
