package server_test

import (
	"context"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"go.uber.org/goleak"

	"github.com/atollcache/atoll/command"
	"github.com/atollcache/atoll/server"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// patience bounds every wait of a test.
const patience = 20 * time.Second

// local is a lone node on free ports.
func local(name string) server.Config {
	return server.Config{
		Cluster: "test", Region: "eu", Name: name, ClientPort: -1, GossipPort: -1, Pace: server.Fast,
		Logger: slog.New(slog.DiscardHandler),
	}
}

func start(t *testing.T, cfg server.Config) *server.Node {
	t.Helper()
	n, err := server.Start(t.Context(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { stop(t, n) })
	return n
}

func stop(t *testing.T, n *server.Node) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	if err := n.Stop(ctx); err != nil {
		t.Errorf("stop: %v", err)
	}
}

func eventually(t *testing.T, what string, holds func() bool) {
	t.Helper()
	deadline := time.Now().Add(patience)
	for !holds() {
		if time.Now().After(deadline) {
			t.Fatalf("waited %v in vain for %s", patience, what)
		}
		time.Sleep(5 * time.Millisecond)
	}
}

// do runs a command and gives what a person would see of the reply.
func do(t *testing.T, n *server.Node, args ...string) string {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	reply, err := n.Do(ctx, args...)
	if err != nil {
		t.Fatalf("%v: %v", args, err)
	}
	return text(reply)
}

func text(r command.Reply) string {
	switch r.Type {
	case command.Nil:
		return "nil"
	case command.Int:
		return slog.Int64Value(r.Int).String()
	case command.Status:
		return r.Code
	case command.Error:
		return r.Code + " " + string(r.Bytes)
	}
	return string(r.Bytes)
}

// dial connects as any NATS client would.
func dial(t *testing.T, url string) *nats.Conn {
	t.Helper()
	closed := make(chan struct{})
	conn, err := nats.Connect(url, nats.ClosedHandler(func(*nats.Conn) { close(closed) }))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		conn.Close()
		<-closed
	})
	return conn
}

// ask sends a request to a subject and gives the answer.
func ask(t *testing.T, url, subject, payload string) string {
	t.Helper()
	msg, err := dial(t, url).Request(subject, []byte(payload), patience)
	if err != nil {
		t.Fatalf("%s %s: %v", subject, payload, err)
	}
	return string(msg.Data)
}

func TestALoneNodeServes(t *testing.T) {
	cfg := local("n1")
	cfg.Replicas = 1
	n := start(t, cfg)
	if got := ask(t, n.ClientURL(), "atoll.eu.v1.set", `{"args": ["greeting", "hello"], "ack": "region"}`); got != `{"value":"OK","ack":"region"}` {
		t.Errorf("set gave %s", got)
	}
	if got := ask(t, n.ClientURL(), "atoll.eu.v1.get", `{"args": ["greeting"]}`); got != `{"value":"hello"}` {
		t.Errorf("get gave %s", got)
	}
	if got := do(t, n, "incr", "visits"); got != "1" {
		t.Errorf("incr gave %s", got)
	}
	if s := n.Status(); s.State != "serving" || s.Partitions["ready"] != 1024 || s.Keys != 2 {
		t.Errorf("the status is %+v", s)
	}
}

// textLogger writes what a node logs to a builder that is read once the node has stopped.
func textLogger(to *strings.Builder) *slog.Logger {
	return slog.New(slog.NewTextHandler(to, nil))
}
