package remote_test

import (
	"context"
	"errors"
	"net"
	"slices"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"go.uber.org/goleak"

	"github.com/atollcache/atoll/cmd/atoll/remote"
	"github.com/atollcache/atoll/server/broker"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// serve starts the NATS server of a region, where one answer is given to everything.
func serve(t *testing.T, region, answer string) remote.Endpoint {
	t.Helper()
	b, err := broker.Start(broker.Config{Region: region, Name: "n1"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(b.Stop)
	conn, err := b.ClientConn()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(conn.Close)
	if answer != "" {
		if _, err := conn.Subscribe("atoll."+region+".>", func(m *nats.Msg) { _ = m.Respond([]byte(answer)) }); err != nil {
			t.Fatal(err)
		}
	}
	if err := conn.Flush(); err != nil {
		t.Fatal(err)
	}
	return remote.Endpoint{URL: b.ClientURL()}
}

// mute listens and never says a word.
func mute(t *testing.T) remote.Endpoint {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { listener.Close() })
	return remote.Endpoint{URL: "nats://" + listener.Addr().String()}
}

func TestFindByRegion(t *testing.T) {
	eu, us := serve(t, "eu", ""), serve(t, "us", "")
	for _, name := range []string{"eu", "us"} {
		r, err := remote.Find(t.Context(), []remote.Endpoint{mute(t), eu, us}, name, remote.Options{})
		if err != nil {
			t.Fatal(err)
		}
		if r.Name != name {
			t.Errorf("asked for %s, got %s", name, r.Name)
		}
		r.Close()
	}

	_, err := remote.Find(t.Context(), []remote.Endpoint{us, eu, eu}, "mars", remote.Options{})
	unknown, ok := errors.AsType[*remote.UnknownRegionError](err)
	if !ok || !slices.Equal(unknown.Known, []string{"eu", "us"}) {
		t.Errorf("mars: %v", err)
	}
	eu.Region = "mars" // what is said in front of the URL counts
	if r, err := remote.Find(t.Context(), []remote.Endpoint{eu}, "mars", remote.Options{}); err != nil {
		t.Error(err)
	} else {
		r.Close()
	}
}

// Of several that answer it is the first in the list, every time.
func TestFindTheFirst(t *testing.T) {
	eu, us := serve(t, "eu", ""), serve(t, "us", "")
	for _, list := range [][]remote.Endpoint{{us, eu}, {eu, us}} {
		for range 5 {
			r, err := remote.Find(t.Context(), list, "", remote.Options{})
			if err != nil {
				t.Fatal(err)
			}
			if r.Endpoint != list[0] {
				t.Errorf("%v, want %v", r.Endpoint, list[0])
			}
			r.Close()
		}
	}
}

// One that is silent is not waited for if another answers.
func TestFindPastTheSilent(t *testing.T) {
	began := time.Now()
	r, err := remote.Find(t.Context(), []remote.Endpoint{mute(t), serve(t, "eu", "")}, "", remote.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	if took := time.Since(began); took > 1500*time.Millisecond {
		t.Errorf("it took %v", took)
	}
}

func TestFindNobody(t *testing.T) {
	_, err := remote.Find(t.Context(), []remote.Endpoint{{URL: "nats://127.0.0.1:1"}}, "", remote.Options{})
	unreachable, ok := errors.AsType[*remote.UnreachableError](err)
	if !ok || len(unreachable.Failed) != 1 || unreachable.Failed[0].Err.Error() != "connection refused" {
		t.Errorf("%v", err)
	}
}

func TestAll(t *testing.T) {
	eu, us := serve(t, "eu", ""), serve(t, "us", "")
	regions, failed := remote.All(t.Context(), []remote.Endpoint{us, {URL: "nats://127.0.0.1:1"}, eu, us}, remote.Options{})
	defer func() {
		for _, r := range regions {
			r.Close()
		}
	}()
	if len(regions) != 2 || regions[0].Name != "us" || regions[1].Name != "eu" || len(failed) != 1 {
		t.Errorf("%v, %v", regions, failed)
	}
}

func TestDo(t *testing.T) {
	short, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
	defer cancel()
	for name, c := range map[string]struct {
		answer string
		ctx    context.Context
		check  func(remote.Reply, error) bool
	}{
		"a value": {"\xa1\x65value\x42hi", t.Context(), func(r remote.Reply, err error) bool { return err == nil && r.Value == "hi" }},
		"nothing": {"\xa1\x65value\xf6", t.Context(), func(r remote.Reply, err error) bool { return err == nil && r.Value == nil }},
		"a level": {"\xa2\x65value\x20\x65short\xf5", t.Context(), func(r remote.Reply, err error) bool { return err == nil && r.Value == int64(-1) && r.Short }},
		"a refusal": {"\xa1\x65error\xa1\x64code\x63OOM", t.Context(), func(_ remote.Reply, err error) bool {
			refusal, ok := errors.AsType[*remote.CommandError](err)
			return ok && refusal.Code == "OOM"
		}},
		"rubbish": {"{}", t.Context(), func(_ remote.Reply, err error) bool { return err != nil }},
		"nobody": {"", short, func(_ remote.Reply, err error) bool {
			_, ok := errors.AsType[*remote.UnreachableError](err)
			return ok
		}},
	} {
		t.Run(name, func(t *testing.T) {
			r, err := remote.Find(t.Context(), []remote.Endpoint{serve(t, "eu", c.answer)}, "eu", remote.Options{})
			if err != nil {
				t.Fatal(err)
			}
			defer r.Close()
			if reply, err := r.Do(c.ctx, remote.Request{Command: "get", Args: []string{"k"}}); !c.check(reply, err) {
				t.Errorf("%+v, %v", reply, err)
			}
		})
	}
}
