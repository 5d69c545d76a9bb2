package e2e_test

import (
	"fmt"
	"log/slog"
	"strings"
	"testing"

	"github.com/nats-io/nats.go"

	"github.com/atollcache/atoll/cmd/atoll/remote"
	"github.com/atollcache/atoll/server"
)

// TestBadInput sends what a node must refuse through its door. Each gets an error that says what is wrong, the keys and
// the digests stay as they were, and the next request on the same connection is answered.
func TestBadInput(t *testing.T) {
	node, err := server.Start(t.Context(), server.Config{
		Region: "eu", Name: "eu-1", ClientPort: -1, GossipPort: -1, Pace: server.Fast, Logger: slog.New(slog.DiscardHandler),
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { stop(t, node) })
	c := dial(t, node.ClientURL(), remote.Options{})
	for _, script := range []string{
		"set text abc", "set max 9223372036854775807", "set min -9223372036854775808", "hset hash f text n 9223372036854775807",
		"sadd set x", "zadd zset 1 x",
	} {
		if got := c.do(t, strings.Fields(script)...); got != "OK" && got != "1" && got != "2" {
			t.Fatalf("%s gave %s", script, got)
		}
	}
	before := fmt.Sprint(node.Digests())
	unchanged := func(t *testing.T) {
		t.Helper()
		if after := fmt.Sprint(node.Digests()); after != before {
			t.Error("something was changed")
		}
		if got := c.do(t, "get", "text"); got != "abc" {
			t.Errorf("the next request gave %s", got)
		}
	}

	longKey, longValue := strings.Repeat("k", 513), strings.Repeat("v", 1<<20+1)
	for _, bad := range []struct {
		args []string
		want string // begins with the code, then a part of the message
	}{
		{[]string{"set", longKey, "v"}, "TOOLARGE key of 513 bytes is over the limit of 512"},
		{[]string{"incr", longKey}, "TOOLARGE key of 513 bytes is over the limit of 512"},
		{[]string{"set", "big", longValue}, "TOOLARGE value of 1048577 bytes is over the limit of 1048576"},
		{[]string{"hset", "hash", "f", longValue}, "TOOLARGE value of 1048577 bytes is over the limit of 1048576"},
		{[]string{"hset", "hash", strings.Repeat("f", 64<<10+1), "v"}, "TOOLARGE … of 65537 bytes is over the limit of 65536"},
		{[]string{"sadd", "set", strings.Repeat("m", 64<<10+1)}, "TOOLARGE … of 65537 bytes is over the limit of 65536"},
		{[]string{"set", "text", "v", "ex", "0"}, "ERR invalid expire time"},
		{[]string{"set", "text", "v", "px", "-1"}, "ERR invalid expire time"},
		{[]string{"expire", "text", "0"}, "ERR invalid expire time"},
		{[]string{"expire", "text", "-5"}, "ERR invalid expire time"},
		{[]string{"expire", "text", "soon"}, "ERR value is not an integer or out of range"},
		{[]string{"incr", "text"}, "ERR value is not an integer or out of range"},
		{[]string{"incrby", "max", "one"}, "ERR value is not an integer or out of range"},
		{[]string{"hincrby", "hash", "f", "1"}, "ERR hash value is not an integer"},
		{[]string{"zincrby", "zset", "much", "x"}, "ERR value is not a valid float"},
		{[]string{"incr", "max"}, "ERR increment or decrement would overflow"},
		{[]string{"decr", "min"}, "ERR increment or decrement would overflow"},
		{[]string{"hincrby", "hash", "n", "1"}, "ERR increment or decrement would overflow"},
		{[]string{"hset", "text", "f", "v"}, "WRONGTYPE "},
		{[]string{"incr", "hash"}, "WRONGTYPE "},
		{[]string{"sadd", "zset", "x"}, "WRONGTYPE "},
		{[]string{"zadd", "set", "1", "x"}, "WRONGTYPE "},
		{[]string{"get", "set"}, "WRONGTYPE "},
		{[]string{"set", "text"}, "ERR wrong number of arguments"},
		{[]string{"hset", "hash", "f"}, "ERR wrong number of arguments"},
		{[]string{"set", "text", "v", "whatever"}, "ERR syntax error"},
	} {
		t.Run(strings.Join(append([]string{bad.args[0]}, short(bad.args[1:])...), " "), func(t *testing.T) {
			got := c.do(t, bad.args...)
			before, after, _ := strings.Cut(bad.want, "…")
			if !strings.HasPrefix(got, before) || !strings.Contains(got, after) {
				t.Errorf("gave %q, want %q", got, bad.want)
			}
			unchanged(t)
		})
	}

	conn, err := nats.Connect(node.ClientURL())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(conn.Close)
	for _, bad := range []struct {
		subject, kind, payload string
		want                   string // a part of the answer
	}{
		{"set", "", `{"args": ["text", "v"`, `"BADREQUEST"`},
		{"set", "", `{"args": ["text", "v"]} and more`, `"BADREQUEST"`},
		{"set", "", `{"args": ["text", 5]}`, `"BADREQUEST"`},
		{"set", "", `{"args": ["text", "v"], "acks": "region"}`, `"BADREQUEST"`},
		{"set", "", `{"args": ["text", "v"], "ack": "everywhere"}`, `"BADREQUEST"`},
		{"set", "", `{"args": ["text", "v"], "timeout_ms": -1}`, `"BADREQUEST"`},
		{"set", "", `text v`, `"BADREQUEST"`},
		{"set", "", "{\"args\": [\"text\", \"\xff\"]}", `"BADREQUEST"`},
		{"set", "", `{"args": [{"b64": "dGV4dA=="}, {"b64": "!"}]}`, `"BADREQUEST"`},
		{"set", "application/cbor", "\xa1\x64args\x82\x44text", "BADREQUEST"},                         // cut off
		{"set", "application/cbor", "\xbf\x64args\x82\x44text\x41v\xff", "BADREQUEST"},                // of indefinite length
		{"set", "application/cbor", "\xa2\x64args\x82\x44text\x41v\x64args\x80", "BADREQUEST"},        // a name twice
		{"set", "application/cbor", "\xa1\x64args\x82\x44text\xc0\x41v", "BADREQUEST"},                // a tag
		{"set", "application/cbor", "\xa1\x64args\x9b\xff\xff\xff\xff\xff\xff\xff\xff", "BADREQUEST"}, // far too many
		{"batch", "", `{"commands": [{"command": "sett", "args": ["text", "v"]}]}`, `unknown command`},
		{"batch", "", `{"commands": [{"args": ["text", "v"]}]}`, `"BADREQUEST"`},
	} {
		t.Run(fmt.Sprintf("%s %q", bad.subject, bad.payload), func(t *testing.T) {
			request := &nats.Msg{Subject: "atoll.eu.v1." + bad.subject, Data: []byte(bad.payload), Header: nats.Header{}}
			if bad.kind != "" {
				request.Header.Set("Content-Type", bad.kind)
			}
			reply, err := conn.RequestMsg(request, patience)
			if err != nil {
				t.Fatal(err)
			}
			if got := string(reply.Data); !strings.Contains(got, "error") || !strings.Contains(got, bad.want) {
				t.Errorf("gave %q, want %s", got, bad.want)
			}
			unchanged(t)
		})
	}
}

// short makes arguments fit into the name of a test.
func short(args []string) []string {
	var all []string
	for _, arg := range args {
		if len(arg) > 20 {
			arg = fmt.Sprintf("%s…%d", arg[:3], len(arg))
		}
		all = append(all, arg)
	}
	return all
}
