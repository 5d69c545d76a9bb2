package command

import (
	"bytes"
	"errors"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

// anyReply draws a reply that could be sent, some levels deep.
func anyReply(depth int) *rapid.Generator[Reply] {
	return rapid.Custom(func(t *rapid.T) Reply {
		text := rapid.SliceOf(rapid.Byte())
		code := rapid.StringN(1, 8, -1)
		most := Error
		if depth == 0 {
			most = Float
		}
		switch r := (Reply{Type: ReplyType(rapid.IntRange(int(Nil), int(most)).Draw(t, "type"))}); r.Type {
		case Status:
			r.Code = code.Draw(t, "code")
			return r
		case Int:
			r.Int = rapid.Int64().Draw(t, "int")
			return r
		case Bytes, Float:
			r.Bytes = text.Draw(t, "bytes")
			return r
		case Error:
			r.Code, r.Bytes = code.Draw(t, "code"), text.Draw(t, "bytes")
			return r
		case Array, Map:
			r.List = rapid.SliceOfN(anyReply(depth-1), 0, 4).Draw(t, "list")
			if r.Type == Map {
				r.List = r.List[:len(r.List)/2*2]
			}
			return r
		default:
			return r
		}
	})
}

func TestReplyRoundTrip(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		r := anyReply(2).Draw(t, "reply")
		b := r.Append([]byte("before"))
		if !bytes.HasPrefix(b, []byte("before")) {
			t.Fatal("Append lost what was there")
		}
		b = b[len("before"):]
		back, err := DecodeReply(b)
		if err != nil {
			t.Fatalf("%s: %v", show(r), err)
		}
		for i := range b {
			b[i] = '!'
		}
		if show(back) != show(r) || back.Type != r.Type {
			t.Fatalf("got %s, want %s", show(back), show(r))
		}
		if show(r.Clone()) != show(r) {
			t.Fatalf("the clone is %s, want %s", show(r.Clone()), show(r))
		}
	})
}

func TestDecodeRefuses(t *testing.T) {
	good := string(Reply{Type: Bytes, Bytes: []byte("x")}.Append(nil))
	for name, text := range map[string]string{
		"nothing":              "",
		"something after":      good + "\x00",
		"a cut":                good[:len(good)-1],
		"a map":                "\xa0",
		"a tag":                "\xc1" + good,
		"four fields":          "\x84\x00\x00\x40\x60",
		"six fields":           "\x86\x00\x00\x40\x60\x80\x00",
		"an unknown type":      "\x85\x08\x00\x40\x60\x80",
		"a huge type":          "\x85\x19\x01\x00\x00\x40\x60\x80",
		"no end":               "\x9f\x00\x00\x40\x60\x80\xff",
		"a length that lies":   "\x85\x03\x00\x5b\x7f\xff\xff\xff\xff\xff\xff\xff\x60\x80",
		"a list that lies":     "\x85\x05\x00\x40\x60\x9b\x7f\xff\xff\xff\xff\xff\xff\xff",
		"an integer and bytes": "\x85\x03\x01\x40\x60\x80",
		"a status of nothing":  "\x85\x01\x00\x40\x60\x80",
		"a nil with bytes":     "\x85\x00\x00\x41x\x60\x80",
		"bytes with a list":    "\x85\x03\x00\x40\x60\x81\xf6",
		"half a map":           "\x85\x06\x00\x40\x60\x81\xf6",
		"text as bytes":        "\x85\x03\x00\x61x\x60\x80",
		"a code of no text":    "\x85\x01\x00\x40\x61\xff\x80",
		"a wrong element":      "\x85\x05\x00\x40\x60\x81\x85\x08\x00\x40\x60\x80",
		"too deep":             strings.Repeat("\x85\x05\x00\x40\x60\x81", 8) + "\xf6",
	} {
		if r, err := DecodeReply([]byte(text)); !errors.Is(err, ErrMalformed) {
			t.Errorf("%s: got %s, %v", name, show(r), err)
		}
	}
}

func FuzzDecodeReply(f *testing.F) {
	for _, r := range []Reply{
		{},
		status("OK"), integer(-5), bulk([]byte("x")), wrongType(),
		array([]Reply{{}, bulk(nil)}), mapped([]Reply{bulk([]byte("f")), integer(1)}),
		array([]Reply{bulk([]byte("0")), array([]Reply{bulk([]byte("k"))})}),
	} {
		f.Add(r.Append(nil))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		r, err := DecodeReply(text)
		if err != nil {
			return
		}
		again, err := DecodeReply(r.Append(nil))
		if err != nil || show(again) != show(r) {
			t.Errorf("%s became %s, %v", show(r), show(again), err)
		}
	})
}
