package natsdoor_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/fxamacker/cbor/v2"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/micro"

	"github.com/atollcache/atoll/command"
	"github.com/atollcache/atoll/replica"
	"github.com/atollcache/atoll/server/natsdoor"
)

// send sends a request with headers, given as name and value in turn.
func send(t *testing.T, conn *nats.Conn, subject, payload string, headers ...string) *nats.Msg {
	t.Helper()
	msg := nats.NewMsg(subject)
	msg.Data = []byte(payload)
	for i := 0; i < len(headers); i += 2 {
		msg.Header.Set(headers[i], headers[i+1])
	}
	return request(t, conn, msg)
}

// The service can be found, lists an endpoint with schemas for every command, and counts.
func TestService(t *testing.T) {
	_, conn := open(t, newLone(), nil)
	var ping micro.Ping
	if err := json.Unmarshal(send(t, conn, "$SRV.PING.atoll", "").Data, &ping); err != nil {
		t.Fatal(err)
	}
	if ping.Name != "atoll" || ping.Version != "1.0.0" || ping.Metadata["region"] != "eu" || ping.Metadata["node"] != "n1" {
		t.Errorf("pinged %+v", ping)
	}
	var info micro.Info
	if err := json.Unmarshal(send(t, conn, "$SRV.INFO.atoll."+ping.ID, "").Data, &info); err != nil {
		t.Fatal(err)
	}
	endpoints := map[string]micro.EndpointInfo{}
	for _, e := range info.Endpoints {
		endpoints[e.Name] = e
	}
	for _, c := range command.Table() {
		e := endpoints[c.Name]
		if e.Subject != "atoll.eu.v1."+c.Name || e.QueueGroup != "atoll.eu" || e.Metadata["syntax"] != c.Syntax {
			t.Errorf("the endpoint of %s is %+v", c.Name, e)
		}
	}
	for name, e := range endpoints {
		for key, text := range e.Metadata {
			if strings.HasPrefix(key, "schema.") && !json.Valid([]byte(text)) {
				t.Errorf("%s of %s is no JSON: %s", key, name, text)
			}
		}
	}

	for range 3 {
		ask(t, conn, "ping", "")
	}
	eventually(t, "three pings counted", func() bool {
		var stats micro.Stats
		if err := json.Unmarshal(send(t, conn, "$SRV.STATS.atoll", "").Data, &stats); err != nil {
			t.Fatal(err)
		}
		for _, e := range stats.Endpoints {
			if e.Name == "ping" {
				return e.NumRequests == 3 && strings.Contains(string(e.Data), `"refused":0`)
			}
		}
		return false
	})
}

// Key and value have names of their own, and come before args.
func TestNamedArguments(t *testing.T) {
	_, conn := open(t, newLone(), nil)
	for _, step := range []struct{ command, payload, want string }{
		{"set", `{"key":"k","value":"v","args":["EX","60"]}`, `{"value":"OK"}`},
		{"get", `{"key":"k"}`, `{"value":"v"}`},
		{"ttl", `{"key":"k"}`, `{"value":60}`},
		{"set", `{"key":{"b64":"AP8="},"value_b64":"/wA="}`, `{"value":"OK"}`},
		{"get", `{"key":{"b64":"AP8="}}`, `{"value_b64":"/wA="}`},
		{"hset", `{"key":"h","args":["f",{"b64":"/w=="}]}`, `{"value":1}`},
		{"hvals", `{"key":"h"}`, `{"value":[{"b64":"/w=="}]}`},
		{"incrby", `{"key":"n","args":["9007199254740992"]}`, `{"value":9007199254740992}`},
		{"incr", `{"key":"n"}`, `{"value":9007199254740993,"value_str":"9007199254740993"}`},
		{"echo", `{"value":"hello"}`, `{"value":"hello"}`},
	} {
		if got := ask(t, conn, step.command, step.payload); got != step.want {
			t.Errorf("%s %s gave %s, want %s", step.command, step.payload, got, step.want)
		}
	}
}

// The vectors are part of the protocol.
func TestKeysInSubjects(t *testing.T) {
	for key, text := range map[string]string{
		"greeting":  "greeting",
		"user:1":    "user:1",
		"user.1":    "user.1",
		"~!$&'()/@": "~!$&'()/@",
		".a":        "%2Ea",
		"a.":        "a%2E",
		"a..b":      "a.%2Eb",
		".":         "%2E",
		"..":        "%2E%2E",
		"a b":       "a%20b",
		"50%":       "50%25",
		"*":         "%2A",
		"a.*.>":     "a.%2A.%3E",
		"é":         "%C3%A9",
		"\x00\x7f":  "%00%7F",
	} {
		if got := natsdoor.EscapeKey([]byte(key)); got != text {
			t.Errorf("%q is written %s, want %s", key, got, text)
		}
		if got, err := natsdoor.UnescapeKey(text); err != nil || string(got) != key {
			t.Errorf("%s is read %q, %v, want %q", text, got, err, key)
		}
	}
	for text, want := range map[string]string{"%61": "a", "%c3%a9": "é"} {
		if got, err := natsdoor.UnescapeKey(text); err != nil || string(got) != want {
			t.Errorf("%s is read %q, %v", text, got, err)
		}
	}
	for _, text := range []string{"", "%", "%4", "%4g", "a b", "é", "a*", ">"} {
		if got, err := natsdoor.UnescapeKey(text); err == nil {
			t.Errorf("%q is read as %q", text, got)
		}
	}
}

func TestRawForm(t *testing.T) {
	_, conn := open(t, newLone(), nil)
	value := "\x00any bytes\xff"
	reply := send(t, conn, "atoll.eu.v1.raw.set.user.1%20a", value, "Atoll-TTL-Ms", "60000", "Atoll-Ack", "regions:1")
	if len(reply.Data) != 0 || reply.Header.Get("Atoll-Ack") != "regions:1" || reply.Header.Get(micro.ErrorHeader) != "" {
		t.Errorf("raw.set gave %q, %v", reply.Data, reply.Header)
	}
	if reply = send(t, conn, "atoll.any.v1.raw.get.user.1%20a", ""); string(reply.Data) != value || len(reply.Header) != 0 {
		t.Errorf("raw.get gave %q, %v", reply.Data, reply.Header)
	}
	if got := ask(t, conn, "ttl", `{"key":"user.1 a"}`); got != `{"value":60}` {
		t.Errorf("the TTL is %s", got)
	}
	if reply = send(t, conn, "atoll.eu.v1.raw.set.empty", ""); reply.Header.Get("Atoll-Error") != "" {
		t.Errorf("an empty value gave %v", reply.Header)
	}
	if reply = send(t, conn, "atoll.eu.v1.raw.get.empty", ""); len(reply.Data) != 0 || len(reply.Header) != 0 {
		t.Errorf("an empty value came back as %q, %v", reply.Data, reply.Header)
	}
	ask(t, conn, "sadd", `{"args":["s","m"]}`)
	for _, bad := range []struct{ subject, header, value, status, code string }{
		{"raw.get.none", "", "", "404", "NOTFOUND"},
		{"raw.get.s", "", "", "409", "WRONGTYPE"},
		{"raw.get.a%2", "", "", "400", "BADREQUEST"},
		{"raw.set.k", "Atoll-TTL-Ms", "soon", "400", "ERR"},
		{"raw.set.k", "Atoll-TTL-Ms", "0", "400", "ERR"},
		{"raw.set.k", "Atoll-Ack", "all", "400", "BADREQUEST"},
		{"raw.set.k", "Atoll-Timeout-Ms", "-1", "400", "BADREQUEST"},
		{"raw.get.k", "Atoll-Session", "?", "400", "BADREQUEST"},
	} {
		headers := []string{}
		if bad.header != "" {
			headers = []string{bad.header, bad.value}
		}
		reply := send(t, conn, "atoll.eu.v1."+bad.subject, "v", headers...)
		h := reply.Header
		if len(reply.Data) != 0 || h.Get(micro.ErrorCodeHeader) != bad.status || h.Get("Atoll-Error") != bad.code || h.Get(micro.ErrorHeader) == "" {
			t.Errorf("%+v gave %q, %v", bad, reply.Data, h)
		}
	}
	if got := ask(t, conn, "exists", `{"args":["k"]}`); got != `{"value":0}` {
		t.Errorf("after all that k exists: %s", got)
	}
}

func TestErrorsInHeaders(t *testing.T) {
	_, conn := open(t, newLone(), nil)
	ask(t, conn, "sadd", `{"args":["s","m"]}`)
	for _, bad := range []struct{ subject, payload, status, code string }{
		{"atoll.eu.v1.get", `{"key":"s"}`, "409", "WRONGTYPE"},
		{"atoll.eu.v1.get", `{`, "400", "BADREQUEST"},
		{"atoll.eu.v1.get", `{}`, "400", "ERR"},
		{"atoll.any.v1.fly", ``, "404", "UNKNOWN"},
		{"atoll.any.v1.get", `{"key":"s"}`, "409", "WRONGTYPE"},
	} {
		reply := send(t, conn, bad.subject, bad.payload)
		h := reply.Header
		if h.Get(micro.ErrorCodeHeader) != bad.status || h.Get("Atoll-Error") != bad.code || !bytes.Contains(reply.Data, []byte(`"code":"`+bad.code+`"`)) {
			t.Errorf("%+v gave %s, %v", bad, reply.Data, h)
		}
	}
	if reply := send(t, conn, "atoll.eu.v1.get", `{"key":"none"}`); len(reply.Header) != 0 {
		t.Errorf("a request without an error gave the headers %v", reply.Header)
	}
}

func TestBatch(t *testing.T) {
	_, conn := open(t, newLone(), nil)
	payload := `{"commands":[
		{"command":"set","key":"k","value":"v"},
		{"command":"incr","key":"n"},
		{"command":"hset","args":["h","f","1"]},
		{"command":"get","key":"h"},
		{"command":"fly"},
		{"command":"ping"}],"ack":"regions:1"}`
	want := `{"results":[{"value":"OK","ack":"regions:1"},{"value":1,"ack":"regions:1"},{"value":1,"ack":"regions:1"},` +
		`{"error":{"code":"WRONGTYPE","message":"Operation against a key holding the wrong kind of value"}},` +
		`{"error":{"code":"ERR","message":"unknown command 'fly'"}},{"value":"PONG"}]}`
	if got := ask(t, conn, "batch", payload); got != want {
		t.Errorf("the batch gave %s", got)
	}
	if got := string(send(t, conn, "atoll.any.v1.batch", `{"commands":[{"command":"get","key":"k"}]}`).Data); got != `{"results":[{"value":"v"}]}` {
		t.Errorf("the batch of any region gave %s", got)
	}
	if got := ask(t, conn, "batch", `{"commands":[]}`); got != `{"results":[]}` {
		t.Errorf("an empty batch gave %s", got)
	}
	for bad, code := range map[string]string{
		``: "BADREQUEST", `{"commands":[{"key":"k"}]}`: "BADREQUEST",
		`{"commands":[{"command":"get","key":"k","ack":"region"}]}`:                            "BADREQUEST",
		`{"commands":[` + strings.Repeat(`{"command":"ping"},`, 1000) + `{"command":"ping"}]}`: "TOOLARGE",
	} {
		if got := ask(t, conn, "batch", bad); !strings.Contains(got, `"code":"`+code+`"`) {
			t.Errorf("%.60s gave %.200s", bad, got)
		}
	}

	inCBOR, err := cbor.Marshal(map[string]any{"commands": []any{map[string]any{"command": "get", "key": []byte("k")}}})
	if err != nil {
		t.Fatal(err)
	}
	var got struct {
		Results []struct {
			Value []byte `cbor:"value"`
		} `cbor:"results"`
	}
	if err := cbor.Unmarshal([]byte(ask(t, conn, "batch", string(inCBOR))), &got); err != nil || len(got.Results) != 1 || string(got.Results[0].Value) != "v" {
		t.Errorf("in CBOR: %+v, %v", got, err)
	}
}

// A session goes from answer to request in a header, in every form.
func TestSessionInHeaders(t *testing.T) {
	_, conn := open(t, newLone(), nil)
	if reply := send(t, conn, "atoll.eu.v1.get", `{"key":"k"}`); reply.Header.Get("Atoll-Session") != "" {
		t.Error("a token without a session")
	}
	token := "new"
	step := func(subject, payload string) *nats.Msg {
		reply := send(t, conn, subject, payload, "Atoll-Session", token, "Atoll-Session-Wait-Ms", "0")
		next := reply.Header.Get("Atoll-Session")
		if next == "" || reply.Header.Get("Atoll-Stale") != "" || reply.Header.Get("Atoll-Error") != "" {
			t.Fatalf("%s gave %q, %v", subject, reply.Data, reply.Header)
		}
		token = next
		return reply
	}
	step("atoll.eu.v1.set", `{"key":"k","value":"v"}`)
	step("atoll.eu.v1.raw.get.k", "")
	step("atoll.eu.v1.batch", `{"commands":[{"command":"get","key":"k"},{"command":"incr","key":"n"}]}`)
	if got := step("atoll.any.v1.get", `{"key":"n"}`); string(got.Data) != `{"value":"1"}` {
		t.Errorf("gave %s", got.Data)
	}
	if reply := send(t, conn, "atoll.eu.v1.get", `{"key":"k"}`, "Atoll-Session", token[:12]); reply.Header.Get("Atoll-Error") != "SESSION" {
		t.Errorf("half of a token gave %v", reply.Header)
	}
}

// stale answers as a node does that lags behind a session.
type stale struct{ *lone }

func (s stale) Do(req *replica.Request, done func(replica.Answer)) {
	s.lone.Do(req, func(a replica.Answer) {
		a.Stale = req.Session != nil
		done(a)
	})
}

func TestStaleAnswers(t *testing.T) {
	_, conn := open(t, stale{newLone()}, nil)
	for _, subject := range []string{"atoll.eu.v1.get", "atoll.eu.v1.raw.get.k", "atoll.eu.v1.batch"} {
		payload := map[string]string{"atoll.eu.v1.get": `{"key":"k"}`, "atoll.eu.v1.batch": `{"commands":[{"command":"get","key":"k"}]}`}[subject]
		reply := send(t, conn, subject, payload, "Atoll-Session", "new")
		if reply.Header.Get("Atoll-Stale") != "true" || payload != "" && !bytes.Contains(reply.Data, []byte(`"stale":true`)) {
			t.Errorf("%s gave %s, %v", subject, reply.Data, reply.Header)
		}
	}
}

// Requests that wait may not take more memory than they are allowed together.
func TestOverloadOfBytes(t *testing.T) {
	node := &stuck{lone: newLone()}
	door, conn := open(t, node, func(c *natsdoor.Config) { c.MaxBytes = 1000 })
	inbox, err := conn.SubscribeSync(nats.NewInbox())
	if err != nil {
		t.Fatal(err)
	}
	payload := fmt.Appendf(nil, `{"args":["k",%q]}`, strings.Repeat("x", 600))
	for range 2 {
		if err := conn.PublishRequest("atoll.eu.v1.set", inbox.Subject, payload); err != nil {
			t.Fatal(err)
		}
	}
	msg, err := inbox.NextMsg(patience)
	if err != nil || msg.Header.Get(micro.ErrorCodeHeader) != "429" || door.Refused() != 1 {
		t.Fatalf("one too many was answered with %v, %v; %d refused", msg, err, door.Refused())
	}
	eventually(t, "the node to have the other", func() bool {
		node.mu.Lock()
		defer node.mu.Unlock()
		return len(node.waiting) == 1
	})
	node.release()
	if _, err := inbox.NextMsg(patience); err != nil {
		t.Error(err)
	}
	if _, err := inbox.NextMsg(time.Millisecond); !errors.Is(err, nats.ErrTimeout) {
		t.Errorf("another answer: %v", err)
	}
}
