package scenario

import (
	"time"

	"go.yaml.in/yaml/v3"
)

// A field is a key of some mapping, bound to its place in a struct.
type field[S any] struct {
	name  string
	about string // for the reference
	value string // as well: what it takes, "a time"

	read  func(r *reader, n *yaml.Node, into *S)
	write func(from *S) *yaml.Node // nil if it is not set
	clear func(of *S)              // takes it back; only of fields made by bind
}

// A notation reads and writes one type of value.
type notation[T any] struct {
	parse  func(string) (T, error)
	format func(T) string
	what   string // for the reference
	zero   bool   // the zero value can be written; else it means "not set"
}

// bind ties a key to its place.
func bind[S any, T comparable](name, about string, n notation[T], place func(*S) *T) field[S] {
	var zero T
	return field[S]{
		name:  name,
		about: about,
		value: n.what,
		read: func(r *reader, node *yaml.Node, into *S) {
			text, ok := r.scalar(node, name)
			if !ok {
				return
			}
			value, err := n.parse(text)
			switch {
			case err != nil:
				r.fail(node, "%s: %v", name, err)
			case value == zero && !n.zero:
				r.fail(node, "%s must be more than nothing; leave the key out for the default", name)
			default:
				*place(into) = value
			}
		},
		write: func(from *S) *yaml.Node {
			if *place(from) == zero {
				return nil
			}
			return word(n.format(*place(from)))
		},
		clear: func(of *S) { *place(of) = zero },
	}
}

// The notations of all types that a key may have.

func aDuration() notation[time.Duration] {
	return notation[time.Duration]{what: "a time", parse: parseDuration, format: formatDuration}
}

// aTime is a duration that may be nothing.
func aTime() notation[time.Duration] {
	return notation[time.Duration]{what: "a time", parse: parseDuration, format: formatDuration, zero: true}
}

func anOffset() notation[time.Duration] {
	return notation[time.Duration]{what: "an offset", parse: parseOffset, format: formatOffset}
}

func aRestart() notation[time.Duration] {
	return notation[time.Duration]{what: "a time, or never", parse: parseRestart, format: formatRestart}
}

func aSize() notation[int64] {
	return notation[int64]{what: "a size", parse: parseBytes, format: formatBytes}
}

func aBandwidth() notation[int64] {
	return notation[int64]{what: "a bandwidth", parse: parseBits, format: formatBits}
}

func aShare() notation[PPM] {
	return notation[PPM]{what: "a share", parse: parseShare, format: formatShare}
}

func aDrift() notation[PPM] {
	return notation[PPM]{what: "a signed share", parse: parseDrift, format: formatDrift}
}

func aRate() notation[Rate] {
	return notation[Rate]{what: "a rate", parse: parseRate, format: formatRate}
}

func aCount() notation[int64] {
	return notation[int64]{what: "a number", parse: parseCount, format: formatCount}
}

func aNumber() notation[int] {
	return notation[int]{what: "a number", parse: parseInt, format: formatInt}
}

func aDelay() notation[Delay] {
	return notation[Delay]{what: "a delay", parse: parseDelay, format: formatDelay}
}

func someKeys() notation[Keys] {
	return notation[Keys]{what: "keys", parse: parseKeys, format: formatKeys}
}

func someSizes() notation[Sizes] {
	return notation[Sizes]{what: "a size, or a range", parse: parseSizes, format: formatSizes}
}

func aSpan() notation[Span] {
	return notation[Span]{what: "a time, or a range", parse: parseSpan, format: formatSpan}
}

func aLevel() notation[Level] {
	return notation[Level]{what: "a level", parse: parseLevel, format: formatLevel, zero: true}
}

func aSwitch() notation[bool] {
	return notation[bool]{what: "a switch", parse: parseYes, format: formatYes, zero: true}
}

// aWord is one of a few words.
func aWord[T ~string](words ...T) notation[T] {
	return notation[T]{what: "a word", parse: oneOf(words), format: func(w T) string { return string(w) }}
}
