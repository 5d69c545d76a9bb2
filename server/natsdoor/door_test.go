package natsdoor_test

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/fxamacker/cbor/v2"
	"github.com/nats-io/nats.go"
	"go.uber.org/goleak"

	"github.com/atollcache/atoll/region"
	"github.com/atollcache/atoll/replica"
	"github.com/atollcache/atoll/server/broker"
	"github.com/atollcache/atoll/server/natsdoor"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// patience bounds every wait of a test.
const patience = 20 * time.Second

// lone is a node that is alone in the world: a replica without loops.
type lone struct {
	mind    *replica.Replica
	drained chan struct{}
}

// later is when the replica has found out that it is alone.
var later = replica.Time{Wall: time.Now().UnixMilli(), Mono: time.Minute}

func newLone() *lone {
	l := &lone{
		mind:    replica.New(replica.Config{Cluster: "test", Region: "eu", Name: "n1", Boot: 1, Instance: 1, Replicas: 1}),
		drained: make(chan struct{}, 1),
	}
	l.mind.Members(replica.Time{Wall: later.Wall}, []region.Node{l.mind.Self()})
	l.mind.Tick(later)
	return l
}

func (l *lone) Do(req *replica.Request, done func(replica.Answer)) { l.mind.Do(later, req, done) }
func (l *lone) Status() any                                        { return map[string]any{"node": "n1", "keys": l.mind.Status(later).Keys} }
func (l *lone) Digests() any                                       { return l.mind.Digests()[:1] }
func (l *lone) Directory() any                                     { return map[string]any{"region": "eu"} }

func (l *lone) Forget(name string) error { return l.mind.Forget(later, name) }
func (l *lone) Drain()                   { l.drained <- struct{}{} }

// open opens a door before a node, and gives a client of it.
func open(t *testing.T, behind natsdoor.Backend, change func(*natsdoor.Config)) (*natsdoor.Door, *nats.Conn) {
	t.Helper()
	b, err := broker.Start(broker.Config{Region: "eu", Name: "n1"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(b.Stop)
	cfg := natsdoor.Config{Conn: connect(t, b.ClientConn), Cluster: "test", Region: "eu", Node: "n1", Behind: behind, Logger: slog.New(slog.DiscardHandler)}
	if change != nil {
		change(&cfg)
	}
	door, err := natsdoor.Open(cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { closeDoor(t, door) })
	return door, connect(t, func(o ...nats.Option) (*nats.Conn, error) { return nats.Connect(b.ClientURL(), o...) })
}

func connect(t *testing.T, dial func(...nats.Option) (*nats.Conn, error)) *nats.Conn {
	t.Helper()
	closed := make(chan struct{})
	conn, err := dial(nats.ClosedHandler(func(*nats.Conn) { close(closed) }))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		conn.Close()
		<-closed
	})
	return conn
}

func closeDoor(t *testing.T, door *natsdoor.Door) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	if err := door.Close(ctx); err != nil {
		t.Errorf("close: %v", err)
	}
}

func eventually(t *testing.T, what string, holds func() bool) {
	t.Helper()
	deadline := time.Now().Add(patience)
	for !holds() {
		if time.Now().After(deadline) {
			t.Fatalf("waited %v in vain for %s", patience, what)
		}
		time.Sleep(time.Millisecond)
	}
}

func request(t *testing.T, conn *nats.Conn, msg *nats.Msg) *nats.Msg {
	t.Helper()
	reply, err := conn.RequestMsg(msg, patience)
	if err != nil {
		t.Fatalf("%s: %v", msg.Subject, err)
	}
	return reply
}

// ask runs a command in JSON.
func ask(t *testing.T, conn *nats.Conn, command, payload string) string {
	t.Helper()
	return string(request(t, conn, &nats.Msg{Subject: "atoll.eu.v1." + command, Data: []byte(payload)}).Data)
}

func TestCommandsInJSON(t *testing.T) {
	_, conn := open(t, newLone(), nil)
	for _, step := range []struct{ command, payload, want string }{
		{"ping", ``, `{"value":"PONG"}`},
		{"ping", ` {} `, `{"value":"PONG"}`},
		{"get", `{"args":["k"]}`, `{"value":null}`},
		{"set", `{"args":["k","<v> \"é\""]}`, `{"value":"OK"}`},
		{"get", `{"args":["k"]}`, `{"value":"\u003cv\u003e \"é\""}`},
		{"set", `{"args":[{"b64":"AP8="},{"b64":"/wA="}]}`, `{"value":"OK"}`},
		{"get", `{"args":[{"b64":"AP8="}]}`, `{"value_b64":"/wA="}`},
		{"set", `{"args":["k","v"],"ack":"region","timeout_ms":100}`, `{"value":"OK","ack":"region"}`},
		{"set", `{"args":["k","v"],"ack":"regions:1"}`, `{"value":"OK","ack":"regions:1"}`},
		{"type", `{"args":["k"]}`, `{"value":"string"}`},
		{"incr", `{"args":["n"]}`, `{"value":1}`},
		{"decrby", `{"args":["n","9007199254740993"]}`, `{"value":-9007199254740992}`},
		{"hset", `{"args":["h","a","1","b","2"]}`, `{"value":2}`},
		{"hgetall", `{"args":["h"]}`, `{"value":{"a":"1","b":"2"}}`},
		{"hset", `{"args":["h",{"b64":"/w=="},"3"]}`, `{"value":1}`},
		{"hgetall", `{"args":["h"]}`, `{"value":{"pairs":[["a","1"],["b","2"],[{"b64":"/w=="},"3"]]}}`},
		{"smembers", `{"args":["none"]}`, `{"value":[]}`},
		{"zincrby", `{"args":["z","1.5","m"]}`, `{"value":"1.5"}`},
		{"del", `{"args":["k","h","none"]}`, `{"value":2}`},
	} {
		if got := ask(t, conn, step.command, step.payload); got != step.want {
			t.Errorf("%s %s gave %s, want %s", step.command, step.payload, got, step.want)
		}
	}
}

func TestCommandsInCBOR(t *testing.T) {
	_, conn := open(t, newLone(), nil)
	type answer struct {
		Value any    `cbor:"value"`
		Ack   string `cbor:"ack"`
		Error map[string]string
	}
	run := func(command string, req map[string]any) answer {
		payload, err := cbor.Marshal(req)
		if err != nil {
			t.Fatal(err)
		}
		var a answer
		reply := request(t, conn, &nats.Msg{Subject: "atoll.eu.v1." + command, Data: payload})
		if err := cbor.Unmarshal(reply.Data, &a); err != nil {
			t.Fatalf("%s gave %x: %v", command, reply.Data, err)
		}
		return a
	}
	binary := []byte{0, 0xff}
	for _, step := range []struct {
		command string
		req     map[string]any
		want    string
	}{
		{"set", map[string]any{"args": []any{"k", binary}, "ack": "region"}, `"OK" region`},
		{"get", map[string]any{"args": []any{[]byte("k")}}, `[]byte{0x0, 0xff} `},
		{"get", map[string]any{"args": []any{"none"}}, `<nil> `},
		{"incrby", map[string]any{"args": []any{"n", "-300"}}, `-300 `},
		{"incrby", map[string]any{"args": []any{"n", "70000"}}, `0x11044 `},
		{"hset", map[string]any{"args": []any{"h", binary, "1"}}, `0x1 `},
		{"hgetall", map[string]any{"args": []any{"h"}}, `map[interface {}]interface {}{"\x00\xff":[]uint8{0x31}} `},
		{"sadd", map[string]any{"args": []any{"s", "a", "b"}}, `0x2 `},
		{"smembers", map[string]any{"args": []any{"s"}}, `[]interface {}{[]uint8{0x61}, []uint8{0x62}} `},
		{"zincrby", map[string]any{"args": []any{"z", "1.5", "m"}}, `"1.5" `},
		{"get", map[string]any{"args": []any{"h"}}, `<nil> ` + "WRONGTYPE"},
	} {
		a := run(step.command, step.req)
		if got := fmt.Sprintf("%#v %s%s", a.Value, a.Ack, a.Error["code"]); got != step.want {
			t.Errorf("%s %v gave %s, want %s", step.command, step.req, got, step.want)
		}
	}
}

// The header tells the encoding, and the answer has the same.
func TestContentType(t *testing.T) {
	_, conn := open(t, newLone(), nil)
	for _, kind := range []string{"application/json", "application/cbor", "Application/JSON; charset=utf-8"} {
		msg := nats.NewMsg("atoll.eu.v1.ping")
		msg.Header.Set("Content-Type", kind)
		reply := request(t, conn, msg)
		want := []byte(`{"value":"PONG"}`)
		if strings.HasSuffix(kind, "cbor") {
			want = []byte("\xa1\x65value\x64PONG")
		}
		if !bytes.Equal(reply.Data, want) || !strings.HasPrefix(strings.ToLower(kind), reply.Header.Get("Content-Type")) {
			t.Errorf("%s gave %q as %s", kind, reply.Data, reply.Header.Get("Content-Type"))
		}
	}
}

func TestWrongRequests(t *testing.T) {
	_, conn := open(t, newLone(), nil)
	if got := ask(t, conn, "sadd", `{"args":["s","m"]}`); got != `{"value":1}` {
		t.Fatal(got)
	}
	big := strings.Repeat("x", 1<<20+1)
	for name, test := range map[string]struct{ command, payload, code, message string }{
		"value twice":      {"set", `{"key":"k","value":"v","value_b64":"dg=="}`, "BADREQUEST", "both"},
		"no base64 value":  {"set", `{"key":"k","value_b64":"!"}`, "BADREQUEST", "no base64"},
		"no list":          {"get", `{"args":{}}`, "BADREQUEST", "not a list"},
		"wrong type":       {"get", `{"args":["s"]}`, "WRONGTYPE", "wrong kind"},
		"arity":            {"get", `{}`, "ERR", "wrong number of arguments"},
		"key too long":     {"get", `{"args":["` + big[:513] + `"]}`, "TOOLARGE", "over the limit of 512"},
		"value too long":   {"set", `{"args":["k","` + big + `"]}`, "TOOLARGE", "over the limit of 1048576"},
		"too many args":    {"del", `{"args":[` + strings.Repeat(`"k",`, 4096) + `"k"]}`, "TOOLARGE", "over the limit of 4096"},
		"no integer":       {"incrby", `{"args":["n","x"]}`, "ERR", "not an integer"},
		"past deadline":    {"set", `{"args":["k","v","EX","0"]}`, "ERR", "expire"},
		"truncated":        {"get", `{"args":["k"`, "BADREQUEST", "no JSON"},
		"trailing":         {"get", `{"args":["k"]} {}`, "BADREQUEST", "something follows"},
		"no map":           {"get", `["k"]`, "BADREQUEST", "no JSON"},
		"unknown field":    {"get", `{"arguments":["k"]}`, "BADREQUEST", `unknown field \"arguments\"`},
		"no UTF-8":         {"get", "{\"args\":[\"\xff\"]}", "BADREQUEST", "b64"},
		"half a surrogate": {"get", `{"args":["\ud800"]}`, "BADREQUEST", "surrogate"},
		"number":           {"get", `{"args":[1]}`, "BADREQUEST", "neither a string"},
		"deep":             {"get", `{"args":[` + strings.Repeat("[", 100) + strings.Repeat("]", 100) + `]}`, "BADREQUEST", "neither a string"},
		"binary and more":  {"get", `{"args":[{"b64":"AA==","x":1}]}`, "BADREQUEST", "neither a string"},
		"no base64":        {"get", `{"args":[{"b64":"!"}]}`, "BADREQUEST", "no base64"},
		"ack":              {"set", `{"args":["k","v"],"ack":"all"}`, "BADREQUEST", "regions:N"},
		"ack of none":      {"set", `{"args":["k","v"],"ack":"regions:0"}`, "BADREQUEST", "regions:N"},
		"timeout":          {"set", `{"args":["k","v"],"timeout_ms":-1}`, "BADREQUEST", "timeout_ms"},
		"CBOR: truncated":  {"get", "\xa1\x64args\x82\x61k", "BADREQUEST", "CBOR"},
		"CBOR: number":     {"get", "\xa1\x64args\x81\x01", "BADREQUEST", "neither a byte string"},
		"CBOR: field":      {"get", "\xa1\x61x\x01", "BADREQUEST", "unknown field"},
		"CBOR: twice":      {"get", "\xa2\x63ack\x60\x63ack\x60", "BADREQUEST", "duplicate"},
		"CBOR: endless":    {"get", "\xa1\x64args\x9f\x61k\xff", "BADREQUEST", "indefinite"},
		"CBOR: tag":        {"get", "\xa1\x64args\x81\xc1\x61k", "BADREQUEST", "tag"},
		"CBOR: claim":      {"get", "\xa1\x64args\x9b\xff\xff\xff\xff\xff\xff\xff\xff", "BADREQUEST", "CBOR"},
		"CBOR: trailing":   {"get", "\xa0\x00", "BADREQUEST", "extraneous"},
	} {
		t.Run(name, func(t *testing.T) {
			inCBOR := test.payload[0]&0xe0 == 0xa0
			var got struct {
				Error struct{ Code, Message string }
			}
			decode := json.Unmarshal
			if inCBOR {
				decode = cbor.Unmarshal
			}
			raw := ask(t, conn, test.command, test.payload)
			if err := decode([]byte(raw), &got); err != nil {
				t.Fatalf("the answer %q: %v", raw, err)
			}
			if got.Error.Code != test.code || !strings.Contains(got.Error.Message, strings.ReplaceAll(test.message, `\"`, `"`)) {
				t.Errorf("the answer is %s", raw)
			}
		})
	}
	if got := ask(t, conn, "scard", `{"args":["s"]}`); got != `{"value":1}` {
		t.Errorf("after all that the set has %s", got)
	}
}

func TestReportsOfANode(t *testing.T) {
	node := newLone()
	_, conn := open(t, node, nil)
	for subject, want := range map[string]string{
		"atoll.eu.v1.status":      `{"value":{"keys":0,"node":"n1"}}`,
		"atoll.eu.node.n1.status": `{"value":{"keys":0,"node":"n1"}}`,
		"atoll.eu.node.n1.drain":  `{"value":"draining"}`,
	} {
		if got := string(request(t, conn, nats.NewMsg(subject)).Data); got != want {
			t.Errorf("%s gave %s", subject, got)
		}
	}
	<-node.drained
	for _, subject := range []string{"atoll.eu.node.n1.get", "atoll.eu.v1.digests", "atoll.eu.v1.fly"} {
		if _, err := conn.Request(subject, nil, patience); !errors.Is(err, nats.ErrNoResponders) {
			t.Errorf("%s gave %v", subject, err)
		}
	}
	if got := string(request(t, conn, nats.NewMsg("atoll.eu.node.n1.digests")).Data); !strings.HasPrefix(got, `{"value":[{`) {
		t.Errorf("digests gave %s", got)
	}
	msg := nats.NewMsg("atoll.eu.node.n1.status")
	msg.Header.Set("Content-Type", "application/cbor")
	var got map[string]map[string]any
	if err := cbor.Unmarshal(request(t, conn, msg).Data, &got); err != nil || got["value"]["node"] != "n1" {
		t.Errorf("status in CBOR gave %v, %v", got, err)
	}
}

// stuck is a node that answers when it is told to.
type stuck struct {
	*lone
	mu      sync.Mutex
	waiting []func(replica.Answer)
}

func (s *stuck) Do(_ *replica.Request, done func(replica.Answer)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.waiting = append(s.waiting, done)
}

func (s *stuck) release() {
	s.mu.Lock()
	waiting := s.waiting
	s.waiting = nil
	s.mu.Unlock()
	for _, done := range waiting {
		done(replica.Answer{})
	}
}

func TestOverload(t *testing.T) {
	node := &stuck{lone: newLone()}
	door, conn := open(t, node, func(c *natsdoor.Config) { c.MaxInFlight = 3 })
	inbox, err := conn.SubscribeSync(nats.NewInbox())
	if err != nil {
		t.Fatal(err)
	}
	publish := func() {
		if err := conn.PublishRequest("atoll.eu.v1.get", inbox.Subject, []byte(`{"args":["k"]}`)); err != nil {
			t.Fatal(err)
		}
	}
	for range 3 {
		publish()
	}
	eventually(t, "three requests in flight", func() bool { return door.InFlight() == 3 })

	publish()
	msg, err := inbox.NextMsg(patience)
	if err != nil || !bytes.Contains(msg.Data, []byte(`"OVERLOADED"`)) || door.Refused() != 1 {
		t.Fatalf("one too many was answered with %v, %v; %d refused", msg, err, door.Refused())
	}
	eventually(t, "the node to have them", func() bool {
		node.mu.Lock()
		defer node.mu.Unlock()
		return len(node.waiting) == 3
	})
	node.release()
	for range 3 {
		if msg, err := inbox.NextMsg(patience); err != nil || string(msg.Data) != `{"value":null}` {
			t.Errorf("%v, %v", msg, err)
		}
	}
	eventually(t, "no request in flight", func() bool { return door.InFlight() == 0 })
}

// Close answers what is in flight, and lets nobody in meanwhile.
func TestCloseAnswersWhatIsInFlight(t *testing.T) {
	node := &stuck{lone: newLone()}
	door, conn := open(t, node, nil)
	answered := make(chan string, 1)
	go func() {
		msg, err := conn.Request("atoll.eu.v1.get", []byte(`{"args":["k"]}`), patience)
		if err != nil {
			answered <- err.Error()
			return
		}
		answered <- string(msg.Data)
	}()
	eventually(t, "the request to be in flight", func() bool {
		node.mu.Lock()
		defer node.mu.Unlock()
		return len(node.waiting) == 1
	})

	closed := make(chan error, 1)
	go func() { closed <- door.Close(t.Context()) }()
	eventually(t, "the door to be closed to others", func() bool {
		_, err := conn.Request("atoll.eu.v1.get", nil, 50*time.Millisecond)
		return errors.Is(err, nats.ErrNoResponders)
	})
	node.release()
	if err := <-closed; err != nil {
		t.Error(err)
	}
	if got := <-answered; got != `{"value":null}` {
		t.Errorf("the request in flight got %s", got)
	}
}

func TestCloseGivesUpInTime(t *testing.T) {
	node := &stuck{lone: newLone()}
	door, conn := open(t, node, nil)
	if err := conn.Publish("atoll.eu.v1.get", []byte(`{"args":["k"]}`)); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the request to be in flight", func() bool { return door.InFlight() == 1 })
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Millisecond)
	defer cancel()
	if err := door.Close(ctx); err == nil || !strings.Contains(err.Error(), "without an answer") && !strings.Contains(err.Error(), "deadline") {
		t.Errorf("close gave %v", err)
	}
	node.release()
}

// An answer that does not fit into a message is an error that says so.
func TestAnswersThatAreTooLarge(t *testing.T) {
	_, conn := open(t, newLone(), nil)
	value := base64.StdEncoding.EncodeToString(bytes.Repeat([]byte{0xff}, 1<<20-1))
	for i := range 7 {
		payload := fmt.Sprintf(`{"args":["h","field-%d",{"b64":%q}]}`, i, value)
		if got := ask(t, conn, "hset", payload); got != `{"value":1}` {
			t.Fatal(got)
		}
	}
	if got := ask(t, conn, "hgetall", `{"args":["h"]}`); !strings.Contains(got, `"TOOLARGE"`) || !strings.Contains(got, "8388608") {
		t.Errorf("hgetall gave %.200s", got)
	}
}
