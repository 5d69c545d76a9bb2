package natsdoor

import (
	"bytes"
	"encoding/json"
	"errors"
	"runtime"
	"strings"
	"testing"

	"github.com/fxamacker/cbor/v2"
)

// A request over limits is refused before it takes memory, whichever way it is written.
func TestOversizeCostsNoMemory(t *testing.T) {
	const most = 1 << 20
	long := strings.Repeat("v", 4*most)
	head := "\x5a\x00\x40\x00\x00" // a byte string of 4 MiB
	for name, payload := range map[string]string{
		"plain text":    `{"args":["k","` + long + `"]}`,
		"with escapes":  `{"args":["k","\n` + long + `"]}`,
		"only escapes":  `{"key":"` + strings.Repeat(`\u00e9`, most) + `"}`,
		"base64":        `{"args":["k",{"b64":"` + long + `"}]}`,
		"long ack":      `{"ack":"\n` + long + `"}`,
		"not ended":     `{"args":["k","` + long,
		"a long number": `{"args":[` + strings.Repeat("1", 4*most) + `]}`,
		"many":          `{"args":[` + strings.Repeat(`"\u0041",`, most/4) + `""]}`,
		"space":         `{"args":[` + strings.Repeat(" ", 4*most) + `"\n"]}`,
		"CBOR, many":    "\xa1\x64args\x9a\x00\x10\x00\x00" + strings.Repeat("\x40", most),
		"CBOR":          "\xa1\x64args\x82\x41k" + head + long,
		"CBOR, odd":     "\xa2\x63ack\x60\x64args\x82\x41k" + head + long + "\x00",
	} {
		t.Run(name, func(t *testing.T) {
			src := []byte(payload)
			enc := encodingFor("", src)
			var before, after runtime.MemStats
			runtime.ReadMemStats(&before)
			req, err := readRequest(enc, "set", src, most)
			runtime.ReadMemStats(&after)
			if took := after.TotalAlloc - before.TotalAlloc; took > 64<<10 {
				t.Errorf("%d bytes were taken for a request of %d: %v", took, len(src), err)
			}
			if err == nil && len(req.Args[len(req.Args)-1]) <= most || err != nil && codeOf(err) != "TOOLARGE" {
				t.Errorf("%.40q is read as %v, %v", src, req, err)
			}
		})
	}
}

// What is within the limits is not refused for how it is written, and what is longer in any form is.
func FuzzWeigh(f *testing.F) {
	f.Add("plain", 3)
	f.Add("\u00e9<\n\u2028\U0001f600\x00", 9)
	f.Fuzz(func(t *testing.T, text string, most int) {
		most = max(0, min(most, len(text)+3))
		text = strings.ToValidUTF8(text, "?")
		inText, err := json.Marshal(map[string]any{"a": []string{text}})
		if err != nil {
			t.Fatal(err)
		}
		if got, _ := measureJSON(inText); got != max(1, len(text)) {
			t.Errorf("%s is said to have %d bytes, not %d", inText, got, len(text))
		}
		inBytes, err := cbor.Marshal(map[string]any{"a": []any{text, []byte(text)}})
		if err != nil {
			t.Fatal(err)
		}
		if err := weigh(inCBOR, inBytes, most, 1); (err != nil) != (max(1, len(text)) > most) {
			t.Errorf("%d bytes, %d allowed: %v", len(text), most, err)
		}
		for _, payload := range [][]byte{inText, inBytes, bytes.TrimSuffix(inBytes, []byte{0}), []byte(text)} {
			if err := weigh(encodingFor("", payload), payload, most, 1); err != nil && !errors.Is(err, errTooLarge) {
				t.Error(err)
			}
		}
	})
}
