package natsdoor_test

import (
	"bytes"
	"strings"
	"testing"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/micro"

	"github.com/atollcache/atoll/server/natsdoor"
)

// A key or value over its limit is refused in every form with the same code, and changes nothing.
func TestTooLarge(t *testing.T) {
	_, conn := open(t, newLone(), nil)
	key, value, name := strings.Repeat("k", 513), strings.Repeat("v", 1<<20+1), strings.Repeat("f", 64<<10+1)
	wide := func(s string) string { // a byte string with a length of four bytes
		n := len(s)
		return "\x5a" + string([]byte{byte(n >> 24), byte(n >> 16), byte(n >> 8), byte(n)}) + s
	}
	for what, test := range map[string]struct{ subject, payload string }{
		"JSON key":         {"get", `{"key":"` + key + `"}`},
		"JSON, odd key":    {"get", `{"args":["\u006b` + key + `"]}`},
		"JSON value":       {"set", `{"key":"k","value":"` + value + `"}`},
		"JSON, odd value":  {"set", `{"args":["k","\n` + value + `"]}`},
		"JSON, b64":        {"set", `{"key":"k","value_b64":"` + strings.Repeat("AAAA", 1<<19) + `"}`},
		"JSON field":       {"hset", `{"args":["k","` + name + `","v"]}`},
		"JSON, many":       {"del", `{"args":[` + strings.Repeat(`"k",`, 4096) + `"k"]}`},
		"JSON, any region": {"any", `{"key":"k","value":"` + value + `"}`},
		"JSON batch":       {"batch", `{"commands":[{"command":"set","key":"k","value":"` + strings.Repeat("v", 2<<20) + `"}]}`},
		"CBOR key":         {"get", "\xa1\x63key" + wide(key)},
		"CBOR value":       {"set", "\xa2\x63key\x61k\x65value" + wide(value)},
		"CBOR, many":       {"del", "\xa1\x64args\x99\x10\x01" + strings.Repeat("\x41k", 4097)},
		"CBOR batch":       {"batch", "\xa1\x68commands\x81\xa3\x67command\x63set\x63key\x61k\x65value" + wide(value)},
		"raw key":          {"raw.get." + key, ""},
		"raw, key to set":  {"raw.set." + natsdoor.EscapeKey([]byte(key)), "v"},
		"raw value":        {"raw.set.k", value},
	} {
		t.Run(what, func(t *testing.T) {
			subject := "atoll.eu.v1." + test.subject
			if test.subject == "any" {
				subject = "atoll.any.v1.set"
			}
			answer, err := conn.RequestMsg(&nats.Msg{Subject: subject, Data: []byte(test.payload)}, patience)
			if err != nil {
				t.Fatal(err)
			}
			if test.subject == "batch" { // each command fails alone
				if !bytes.Contains(answer.Data, []byte("TOOLARGE")) || !bytes.Contains(answer.Data, []byte("results")) {
					t.Errorf("%.80q", answer.Data)
				}
				return
			}
			h := answer.Header
			if h.Get(micro.ErrorCodeHeader) != "413" || h.Get("Atoll-Error") != "TOOLARGE" || h.Get(micro.ErrorHeader) == "" {
				t.Errorf("%.80q with headers %v", answer.Data, h)
			}
		})
	}
	if got := ask(t, conn, "exists", `{"args":["k"]}`); got != `{"value":0}` {
		t.Errorf("something was stored: %s", got)
	}
}
