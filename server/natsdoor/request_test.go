package natsdoor

import (
	"testing"

	"github.com/nats-io/nats.go"
)

// Whatever arrives, reading it does not panic, and what is read is within the limits.
func FuzzReadRequest(f *testing.F) {
	f.Add([]byte(`{"args":["k",{"b64":"AA=="}],"ack":"regions:2","timeout_ms":5}`))
	f.Add([]byte("\xa2\x64args\x82\x61k\x41\xff\x63ack\x66region"))
	f.Add([]byte(`{"args":["\ud800"]}`))
	f.Add([]byte("\xa1\x64args\x9b\xff\xff\xff\xff\xff\xff\xff\xff"))
	f.Fuzz(func(t *testing.T, payload []byte) {
		req, err := readRequest(encodingOf(&nats.Msg{Data: payload}), "get", payload)
		if err != nil {
			return
		}
		total := 0
		for _, arg := range req.Args {
			total += len(arg)
		}
		if len(req.Args) > maxArgs+1 || total > len("get")+len(payload) || req.Timeout < 0 || req.Timeout > maxTimeout {
			t.Errorf("%d arguments of %d bytes were read from %d", len(req.Args), total, len(payload))
		}
	})
}
