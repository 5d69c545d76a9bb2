package server_test

import (
	"encoding/json"
	"testing"

	"github.com/nats-io/nats.go"
)

// A node that was told to publishes what its readers see otherwise.
func TestChangesArePublished(t *testing.T) {
	cfg := local("n1")
	cfg.Changes, cfg.ChangeValues, cfg.Replicas = true, 8, 1
	n := start(t, cfg)
	conn, err := nats.Connect(n.ClientURL())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	events, err := conn.SubscribeSync("atoll.eu.v1.changes.user.>")
	if err != nil {
		t.Fatal(err)
	}
	if err := conn.Flush(); err != nil {
		t.Fatal(err)
	}
	var last uint64
	next := func(subject, kind, value string) {
		t.Helper()
		msg, err := events.NextMsg(patience)
		if err != nil {
			t.Fatalf("wait for %s: %v", kind, err)
		}
		var e struct {
			Kind, Key, Type, Stamp, Region, Value, Node, Epoch string
			Seq                                                uint64
		}
		if err := json.Unmarshal(msg.Data, &e); err != nil {
			t.Fatal(err)
		}
		if msg.Subject != "atoll.eu.v1.changes."+subject || e.Kind != kind || e.Value != value || e.Region != "eu" || e.Node != "n1" || e.Seq != last+1 {
			t.Errorf("%s %s, want %s of %s with %q and seq %d", msg.Subject, msg.Data, kind, subject, value, last+1)
		}
		last = e.Seq
	}
	do(t, n, "set", "user.1 a", "Ada")
	next("user.1%20a", "set", "Ada")
	do(t, n, "set", "other", "x")
	do(t, n, "set", "user.1 a", "too large for it")
	next("user.1%20a", "set", "")
	do(t, n, "pexpire", "user.1 a", "50")
	next("user.1%20a", "expire", "")
	next("user.1%20a", "expired", "")
	do(t, n, "incr", "user.1 a")
	next("user.1%20a", "set", "1")
	do(t, n, "del", "user.1 a")
	next("user.1%20a", "del", "")
}

// A node says now and then how far it has told its partitions, so that the loss of the last event is noticed.
func TestTalliesArePublished(t *testing.T) {
	cfg := local("n1")
	cfg.Changes, cfg.Replicas = true, 1
	n := start(t, cfg)
	conn, err := nats.Connect(n.ClientURL())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	events, err := conn.SubscribeSync("atoll.eu.v1.changes.>")
	if err != nil {
		t.Fatal(err)
	}
	tallies, err := conn.SubscribeSync("atoll.eu.v1.tallies.*")
	if err != nil {
		t.Fatal(err)
	}
	if err := conn.Flush(); err != nil {
		t.Fatal(err)
	}
	var want, got struct {
		Partition int
		Epoch     string
		Seq       uint64
		AgeMS     *int64 `json:"age_ms"`
	}
	for range 3 {
		do(t, n, "incr", "k")
		msg, err := events.NextMsg(patience)
		if err != nil || json.Unmarshal(msg.Data, &want) != nil {
			t.Fatal(err)
		}
	}
	for got.Seq != want.Seq {
		msg, err := tallies.NextMsg(patience)
		if err != nil {
			t.Fatalf("no tally of %+v: %v", want, err)
		}
		var all struct {
			Kind, Node string
			Tallies    []json.RawMessage
		}
		if err := json.Unmarshal(msg.Data, &all); err != nil || all.Kind != "tally" || all.Node != "n1" || msg.Subject != "atoll.eu.v1.tallies.n1" {
			t.Fatalf("%v: %s %s", err, msg.Subject, msg.Data)
		}
		for _, raw := range all.Tallies {
			one := got
			if err := json.Unmarshal(raw, &one); err == nil && one.Partition == want.Partition {
				got = one
			}
		}
	}
	if got.Epoch != want.Epoch || got.AgeMS == nil || *got.AgeMS < 0 {
		t.Errorf("%+v, told was %+v", got, want)
	}
}
