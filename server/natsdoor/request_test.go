package natsdoor

import (
	"testing"
)

// Whatever arrives, reading it does not panic, and what is read is within the limits.
func FuzzReadRequest(f *testing.F) {
	f.Add([]byte(`{"args":["k",{"b64":"AA=="}],"ack":"regions:2","timeout_ms":5}`))
	f.Add([]byte("\xa2\x64args\x82\x61k\x41\xff\x63ack\x66region"))
	f.Add([]byte(`{"args":["\ud800"]}`))
	f.Add([]byte("\xa1\x64args\x9b\xff\xff\xff\xff\xff\xff\xff\xff"))
	f.Fuzz(func(t *testing.T, payload []byte) {
		req, err := readRequest(encodingFor("", payload), "get", payload, 1<<20)
		if err != nil {
			return
		}
		total := 0
		for _, arg := range req.Args {
			total += len(arg)
		}
		if len(req.Args) > maxArgs+3 || total > len("get")+len(payload) || req.Timeout < 0 || req.Timeout > maxTimeout {
			t.Errorf("%d arguments of %d bytes were read from %d", len(req.Args), total, len(payload))
		}
	})
}

func FuzzReadBatch(f *testing.F) {
	f.Add([]byte(`{"commands":[{"command":"get","key":"k"},{"command":"set","key":"k","value_b64":"AA=="}],"ack":"region"}`))
	f.Add([]byte("\xa1\x68commands\x81\xa2\x67command\x63get\x63key\x61k"))
	f.Add([]byte(`{"commands":[` + `{},{},{}` + `]}`))
	f.Fuzz(func(t *testing.T, payload []byte) {
		all, err := readBatch(encodingFor("", payload), payload, 1<<20)
		if err != nil {
			return
		}
		for _, req := range all {
			if len(req.Args) == 0 || len(req.Args) > maxArgs+3 {
				t.Errorf("%d arguments were read", len(req.Args))
			}
		}
		if len(all) > maxBatch {
			t.Errorf("%d commands were read", len(all))
		}
	})
}

func FuzzUnescapeKey(f *testing.F) {
	f.Add("a.b%2E%00", []byte("..a..b. *>%\x00\xff"))
	f.Fuzz(func(t *testing.T, text string, key []byte) {
		if _, err := UnescapeKey(text); err == nil && text == "" {
			t.Error("an empty key is read")
		}
		if len(key) == 0 {
			return
		}
		again, err := UnescapeKey(EscapeKey(key))
		if err != nil || string(again) != string(key) {
			t.Errorf("%q is written %s and read %q, %v", key, EscapeKey(key), again, err)
		}
	})
}
