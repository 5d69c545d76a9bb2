package natsdoor

import (
	"bytes"
	"encoding/json"
	"slices"
	"strings"
	"testing"

	"github.com/fxamacker/cbor/v2"
	"pgregory.net/rapid"

	"github.com/atollcache/atoll/internal/stopwatch"
	"github.com/atollcache/atoll/replica"
)

// What clients send mostly is read plainly; the rest is left to the strict readers, errors included.
func TestReadPlain(t *testing.T) {
	for _, test := range []struct {
		payload string
		plain   bool
	}{
		{`{}`, true},
		{" {\n} ", true},
		{`{"key":"k"}`, true},
		{`{"args":["k","é\u00e9"]}`, false},
		{`{ "ack" : "regions:2" , "args" : [ "EX" , "5" ] , "key" : "é" , "timeout_ms" : 60000 , "value" : "" }`, true},
		{`{"key":"k","value_b64":"AP8="}`, true},
		{`{"key":"k","value_b64":"AP8"}`, false},
		{`{"key":"k","value":"v","value_b64":"AP8="}`, false},
		{`{"key":"k","key":"l"}`, false},
		{`{"Key":"k"}`, false},
		{`{"key":null}`, false},
		{`{"args":["k",{"b64":"AP8="}]}`, false},
		{`{"args":["k",]}`, false},
		{`{"args":["k"],}`, false},
		{`{"args":["k"]}{`, false},
		{`{"args":["k`, false},
		{`{"timeout_ms":60001}`, false},
		{`{"timeout_ms":05}`, false},
		{`{"timeout_ms":-5}`, false},
		{`{"ack":"regions"}`, false},
		{"{\"key\":\"\xff\"}", false},
		{"{\"key\":\"a\tb\"}", false},
		{``, false},
		{`hello`, false},
		{`{"args":[` + strings.Repeat(`"",`, maxArgs-1) + `""]}`, true},
		{`{"args":[` + strings.Repeat(`"",`, maxArgs) + `""]}`, false},
		{"\xa2\x64args\x82\x61k\x41\xff\x63ack\x66region", true},
		{"\xa1\x65value\x58\x02hi", true},
		{"\xa1\x65value\x9f\x02\xff", false},
		{"\xa1\x63key\x61\xff", false},
		{"\xa1\x63key\xf6", false},
		{"\xa1\x64args\x9b\xff\xff\xff\xff\xff\xff\xff\xff", false},
		{"\xa1\x64args\x80\x00", false},
		{"\xa1", false},
	} {
		if plain := sameAsStrict(t, []byte(test.payload)); plain != test.plain {
			t.Errorf("%.80q is plain: %v, want %v", test.payload, plain, test.plain)
		}
	}
}

// sameAsStrict says whether a payload was read plainly, and wants it read in the same way as it is strictly.
func sameAsStrict(t testing.TB, payload []byte) (plain bool) {
	t.Helper()
	enc := encodingFor("", payload)
	was := bytes.Clone(payload)
	got, plain := readPlain(enc, "get", payload)
	if !bytes.Equal(was, payload) {
		t.Fatalf("%q was changed to %q", was, payload)
	}
	if !plain {
		return false
	}
	want, err := readStrict(enc, "get", payload)
	if err != nil {
		t.Fatalf("%q is read as %q, but it must not be read: %v", payload, got.Args, err)
	}
	sameRequest(t, payload, got, want)
	return true
}

// A batch is read plainly only if all of it is plain.
func TestReadPlainBatch(t *testing.T) {
	for _, test := range []struct {
		payload string
		plain   bool
	}{
		{`{}`, true},
		{`{"commands":[]}`, true},
		{`{"commands":[{"command":"get","key":"k"}, {"args":["k","v"],"command":"set"}],"ack":"region","timeout_ms":5}`, true},
		{`{"commands":[{"command":"get","key":"\u006b"}]}`, false},
		{`{"commands":[{"key":"k"}]}`, false},
		{`{"commands":[{"command":"","key":"k"}]}`, false},
		{`{"commands":[{"command":"get","ack":"region"}]}`, false},
		{`{"commands":[{"command":"get","commands":[]}]}`, false},
		{`{"commands":[{"command":"get"}],"key":"k"}`, false},
		{`{"commands":[{"command":"get"},]}`, false},
		{`{"commands":[{"command":"get"}`, false},
		{`{"commands":[` + strings.Repeat(`{"command":"ping"},`, maxBatch-1) + `{"command":"ping"}]}`, true},
		{`{"commands":[` + strings.Repeat(`{"command":"ping"},`, maxBatch) + `{"command":"ping"}]}`, false},
		{"\xa1\x68commands\x81\xa2\x67command\x63get\x64args\x81\x41k", true},
		{"\xa1\x68commands\x81\xa1\x67command\x60", false},
		{"\xa1\x68commands\x82\xa1\x67command\x63get", false},
	} {
		if plain := sameBatchAsStrict(t, []byte(test.payload)); plain != test.plain {
			t.Errorf("%.80q is plain: %v, want %v", test.payload, plain, test.plain)
		}
	}
}

func sameBatchAsStrict(t testing.TB, payload []byte) (plain bool) {
	t.Helper()
	enc := encodingFor("", payload)
	got, plain := readPlainBatch(enc, payload)
	if !plain {
		return false
	}
	want, err := readStrictBatch(enc, payload)
	if err != nil || len(got) != len(want) {
		t.Fatalf("%q is read as %d commands, want %d, %v", payload, len(got), len(want), err)
	}
	for i := range got {
		sameRequest(t, payload, got[i], want[i])
	}
	return true
}

func sameRequest(t testing.TB, payload []byte, got, want *replica.Request) {
	t.Helper()
	if !slices.EqualFunc(got.Args, want.Args, bytes.Equal) || got.Level != want.Level || got.Regions != want.Regions || got.Timeout != want.Timeout {
		t.Fatalf("%q is read as %q %v %v %v, want %q %v %v %v", payload,
			got.Args, got.Level, got.Regions, got.Timeout, want.Args, want.Level, want.Regions, want.Timeout)
	}
}

func FuzzReadPlainBatch(f *testing.F) {
	f.Add([]byte(`{"commands":[{"command":"set","key":"k","value":"v"},{"command":"get","args":["k"]}],"ack":"regions:2","timeout_ms":5}`))
	f.Add([]byte("\xa2\x63ack\x66region\x68commands\x82\xa2\x67command\x63get\x64args\x81\x41k\xa1\x67command\x64ping"))
	f.Fuzz(func(t *testing.T, payload []byte) { sameBatchAsStrict(t, payload) })
}

func FuzzReadPlain(f *testing.F) {
	f.Add([]byte(`{"key":"k","value":"v","args":["EX","5"],"ack":"regions:2","timeout_ms":5}`))
	f.Add([]byte(`{"args":["k",{"b64":"AA=="}],"value_b64":"AP8=","Key":null}`))
	f.Add([]byte("\xa4\x64args\x82\x61k\x41\xff\x63ack\x66region\x63key\x41\x00\x6atimeout_ms\x19\x01\x00"))
	f.Fuzz(func(t *testing.T, payload []byte) { sameAsStrict(t, payload) })
}

// Whatever a client writes with a library is read as it was meant, plainly or not.
func TestReadWhatLibrariesWrite(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		text := rapid.OneOf(rapid.StringMatching(`[a-zA-Z0-9:._ é-]*`), rapid.String())
		args := rapid.SliceOfN(text, 1, 5).Draw(t, "args")
		request := map[string]any{"args": args, "ack": "region", "timeout_ms": rapid.IntRange(0, 60000).Draw(t, "timeout")}
		want := append([]string{"set"}, args...)
		if rapid.Bool().Draw(t, "split") {
			request["key"], request["value"], request["args"] = args[0], "v", args[1:]
			want = append([]string{"set", args[0], "v"}, args[1:]...)
		}
		encode := rapid.SampledFrom([]func(any) ([]byte, error){json.Marshal, cbor.Marshal}).Draw(t, "encode")
		payload, err := encode(request)
		if err != nil {
			t.Fatal(err)
		}
		got, err := readRequest(encodingFor("", payload), "set", payload, 1<<20)
		if err != nil {
			t.Fatalf("%q: %v", payload, err)
		}
		if !slices.EqualFunc(got.Args, want, func(a []byte, b string) bool { return string(a) == b }) {
			t.Fatalf("%q is read as %q, want %q", payload, got.Args, want)
		}
	})
}

// Text is written as encoding/json writes it.
func FuzzAppendText(f *testing.F) {
	f.Add("plain")
	f.Add("<\"é\\\x00\x7f\u2028\xff&>")
	f.Fuzz(func(t *testing.T, text string) {
		want, err := json.Marshal(text)
		if err != nil {
			t.Fatal(err)
		}
		if got := appendTextJSON(nil, text); !bytes.Equal(got, want) {
			t.Errorf("%q is written %s, want %s", text, got, want)
		}
	})
}

func BenchmarkReadRequest(b *testing.B) {
	for _, test := range []struct {
		name    string
		enc     encoding
		payload string
	}{
		{"json", inJSON, `{"args":["key","0123456789abcdef"]}`},
		{"cbor", inCBOR, "\xa1\x64args\x82\x43key\x500123456789abcdef"},
	} {
		for _, way := range []struct {
			name string
			read func(encoding, string, []byte) error
		}{
			{"plain", func(enc encoding, name string, payload []byte) error {
				_, err := readRequest(enc, name, payload, 1<<20)
				return err
			}},
			{"strict", func(enc encoding, name string, payload []byte) error {
				_, err := readStrict(enc, name, payload)
				return err
			}},
		} {
			b.Run(test.name+"/"+way.name, func(b *testing.B) {
				stopwatch.Loop(b, func() {
					if err := way.read(test.enc, "set", []byte(test.payload)); err != nil {
						b.Fatal(err)
					}
				})
			})
		}
	}
}
