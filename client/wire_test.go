package client

import (
	"bytes"
	"math"
	"testing"

	"github.com/fxamacker/cbor/v2"
)

// What is written by hand is the CBOR that a library writes.
func TestAppendCall(t *testing.T) {
	type request struct {
		Args   [][]byte `cbor:"args"`
		Ack    string   `cbor:"ack,omitempty"`
		Millis int64    `cbor:"timeout_ms,omitempty"`
	}
	for _, size := range []int{0, 1, 23, 24, 255, 256, 65535, 65536} {
		arg := bytes.Repeat([]byte("x"), size)
		for _, c := range []struct {
			call *Call
			want request
		}{
			{&Call{Args: [][]byte{[]byte("echo"), arg}}, request{Args: [][]byte{arg}}},
			{&Call{Args: [][]byte{[]byte("set"), arg, arg}, Ack: Ack{Level: Regions, Regions: 3}}, request{[][]byte{arg, arg}, "regions:3", 2000}},
		} {
			want, err := cbor.Marshal(c.want)
			if err != nil {
				t.Fatal(err)
			}
			if got := appendCall(nil, c.call, c.call.Ack); !bytes.Equal(got, want) {
				t.Errorf("%d bytes: %x, want %x", size, got[:min(40, len(got))], want[:min(40, len(want))])
			}
		}
	}
}

func TestReadAnswer(t *testing.T) {
	for _, c := range []struct {
		value any
		want  func(a Answer) bool
	}{
		{map[string]any{"value": nil}, func(a Answer) bool { return a.Reply.Kind == Nil }},
		{map[string]any{"value": "OK", "ack": "region", "short": true}, func(a Answer) bool {
			return a.Reply.Kind == Text && string(a.Reply.Bytes) == "OK" && a.Reached == "region" && a.Short
		}},
		{map[string]any{"value": math.MinInt64}, func(a Answer) bool { return a.Reply.Int == math.MinInt64 }},
		{map[string]any{"value": math.MaxInt64, "stale": true}, func(a Answer) bool { return a.Reply.Int == math.MaxInt64 && a.Stale }},
		{map[string]any{"value": [][]byte{{1}, nil}}, func(a Answer) bool { return len(a.Reply.List) == 2 && a.Reply.List[1].Kind == Nil }},
		{map[string]any{"value": map[string]int{"a": 1}}, func(a Answer) bool { return a.Reply.Kind == Pairs && a.Reply.List[1].Int == 1 }},
		{map[string]any{"error": map[string]string{"code": "OOM", "message": "full"}}, func(a Answer) bool {
			return a.Err != nil && a.Err.Code == CodeMemory && a.Err.Message == "full"
		}},
		{map[string]any{"value": 1, "later": map[string]any{"x": []int{1}}}, func(a Answer) bool { return a.Reply.Int == 1 }},
	} {
		raw, err := cbor.Marshal(c.value)
		if err != nil {
			t.Fatal(err)
		}
		if a, err := readAnswer(raw); err != nil || !c.want(a) {
			t.Errorf("%v: %+v, %v", c.value, a, err)
		}
		for cut := range raw {
			if a, err := readAnswer(raw[:cut]); err == nil {
				t.Errorf("%v, cut to %d bytes, reads as %+v", c.value, cut, a)
			}
		}
	}
}

// Whatever arrives, reading it does not panic, and takes memory in proportion.
func FuzzReadAnswer(f *testing.F) {
	f.Add([]byte("\xa1\x65value\x42hi"))
	f.Add([]byte("\xa1\x65error\xa1\x64code\x63OOM"))
	f.Add([]byte("\xa1\x67results\x82\xa1\x65value\xf6\xa0"))
	f.Add([]byte("\xa1\x65value\x9b\xff\xff\xff\xff\xff\xff\xff\xff"))
	f.Add(bytes.Repeat([]byte("\x81"), 1000))
	f.Fuzz(func(t *testing.T, src []byte) {
		if a, err := readAnswer(src); err == nil && len(a.Reply.List) > len(src) {
			t.Errorf("%d items were read from %d bytes", len(a.Reply.List), len(src))
		}
		if all, err := readBatch(src, 1); err == nil && len(all) != 1 {
			t.Errorf("%d answers", len(all))
		}
		p := newPlace("eu", nil)
		if _, err := p.learn(src); err != nil && p.view.Load() != nil {
			t.Error("a directory that cannot be read was learned")
		}
	})
}
