package command

// Match says whether a name matches a pattern of Redis: * for any bytes, ? for
// one, [abc], [a-z] and [^a] for one of a class, and \ before what is meant as
// it is.
//
// When bytes do not fit, only the last star takes one more: an earlier star
// cannot gain from trying again what a later one can. So the work is bounded by
// the product of both lengths, whatever the pattern.
func Match(pattern, name []byte) bool {
	p, n := 0, 0
	star, from := -1, 0 // behind the last star, and where in name its rest began
	for n < len(name) {
		if p < len(pattern) && pattern[p] == '*' {
			p++
			star, from = p, n
			continue
		}
		if next, ok := matchByte(pattern, p, name[n]); ok {
			p = next
			n++
			continue
		}
		if star < 0 {
			return false
		}
		from++
		p, n = star, from
	}
	for p < len(pattern) && pattern[p] == '*' {
		p++
	}
	return p == len(pattern)
}

// matchByte matches one byte with the element of the pattern at p, and gives
// where the next element begins.
func matchByte(pattern []byte, p int, b byte) (next int, ok bool) {
	if p == len(pattern) {
		return p, false
	}
	switch pattern[p] {
	case '?':
		return p + 1, true
	case '[':
		return matchClass(pattern, p+1, b)
	case '\\':
		if p+1 < len(pattern) {
			p++
		}
	}
	return p + 1, pattern[p] == b
}

// matchClass matches one byte with the class that begins behind the bracket at
// p. One that nobody closed ends with the pattern.
func matchClass(pattern []byte, p int, b byte) (next int, ok bool) {
	not := p < len(pattern) && pattern[p] == '^'
	if not {
		p++
	}
	found := false
	for p < len(pattern) && pattern[p] != ']' {
		low, high := pattern[p], pattern[p]
		switch {
		case pattern[p] == '\\' && p+1 < len(pattern):
			p++
			low, high = pattern[p], pattern[p]
		case p+2 < len(pattern) && pattern[p+1] == '-':
			p += 2
			low, high = min(low, pattern[p]), max(low, pattern[p])
		}
		found = found || low <= b && b <= high
		p++
	}
	return min(p+1, len(pattern)), found != not
}
