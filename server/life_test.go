package server_test

import (
	"errors"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	natsserver "github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"

	"github.com/atollcache/atoll/region"
	"github.com/atollcache/atoll/server"
	"github.com/atollcache/atoll/server/broker"
)

func httpGet(t *testing.T, url string) (status int, body string) {
	t.Helper()
	resp, err := http.Get(url)
	if err != nil {
		t.Fatal(err)
	}
	defer http.DefaultClient.CloseIdleConnections()
	defer resp.Body.Close()
	content, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return resp.StatusCode, string(content)
}

func TestANodeShowsItselfOverHTTP(t *testing.T) {
	cfg := local("n1")
	cfg.HTTP = "127.0.0.1:0"
	n := start(t, cfg)
	do(t, n, "set", "k", "v")
	if status, body := httpGet(t, "http://"+n.HTTPAddr()+"/readyz"); status != 200 {
		t.Errorf("readyz gave %d %s", status, body)
	}
	_, body := httpGet(t, "http://"+n.HTTPAddr()+"/metrics")
	for _, want := range []string{`atoll_commands_total{command="set",outcome="ok"} 1`, "atoll_keys 1", `atoll_partitions{state="ready"} 1024`} {
		if !strings.Contains(body, want) {
			t.Errorf("the metrics lack %s", want)
		}
	}
}

// A node that was asked to leave by its door hands over and ends by itself.
func TestDrainByTheDoor(t *testing.T) {
	b := startBroker(t, broker.Config{Region: "eu", Name: "shared"})
	nodes := startRegion(t, b, "eu", "n1", "n2")
	settled(t, nodes)
	do(t, nodes[1], "set", "k", "v")
	if got := ask(t, b.ClientURL(), "atoll.eu.node.n1.drain", ""); got != `{"value":"draining"}` {
		t.Fatal(got)
	}
	select {
	case <-nodes[0].Done():
	case <-time.After(patience):
		t.Fatalf("the node did not leave: %+v", nodes[0].Status())
	}
	if err := nodes[0].Err(); err != nil {
		t.Error(err)
	}
	if got := do(t, nodes[1], "get", "k"); got != "v" {
		t.Errorf("the key is %s", got)
	}
}

// The epoch rises although the clock was set back by an hour and nobody else is there to tell.
func TestTheEpochIsRemembered(t *testing.T) {
	cfg := local("n1")
	cfg.DataDir = filepath.Join(t.TempDir(), "data")
	path := filepath.Join(cfg.DataDir, "epoch")

	n := start(t, cfg)
	first := n.Status().Boot
	stop(t, n)
	future := first + uint64(time.Hour.Milliseconds())
	if content, err := os.ReadFile(path); err != nil || string(content) != strconv.FormatUint(first, 10)+"\n" {
		t.Fatalf("the file holds %q, %v", content, err)
	}
	if err := os.WriteFile(path, []byte(strconv.FormatUint(future, 10)), 0o600); err != nil {
		t.Fatal(err)
	}

	n = start(t, cfg)
	if boot := n.Status().Boot; boot <= future {
		t.Errorf("the epoch is %d, before it was %d", boot, future)
	}
	entries, err := os.ReadDir(cfg.DataDir)
	if err != nil || len(entries) != 1 {
		t.Errorf("the directory holds %v, %v", entries, err)
	}
}

// The others tell a node that has forgotten everything which epoch it has used.
func TestTheEpochIsLearnedFromTheOthers(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	ahead := uint64(time.Now().Add(time.Hour).UnixMilli())
	if err := os.WriteFile(filepath.Join(dir, "epoch"), []byte(strconv.FormatUint(ahead, 10)), 0o600); err != nil {
		t.Fatal(err)
	}
	addr, port := freeAddr(t)
	other := local("n1")
	other.Region, other.GatewayPort, other.Gateways = "us", port, map[string][]string{"eu": {"127.0.0.1:1"}}
	us := start(t, other)

	cfg := local("n1")
	cfg.GatewayPort, cfg.Gateways, cfg.DataDir = -1, map[string][]string{"us": {addr}}, dir
	eu := start(t, cfg)
	boot := eu.Status().Boot
	eventually(t, "us to know eu", func() bool { return len(us.Status().Regions) == 2 })
	stop(t, eu)

	cfg.DataDir = ""
	again := start(t, cfg)
	if got := again.Status().Boot; boot <= ahead || got <= boot {
		t.Errorf("the epochs are %d, %d and %d, which does not rise", ahead, boot, got)
	}
}

// Two nodes that were set up apart in one region become one region when gossip finds a way.
func TestPartsOfARegionFindEachOther(t *testing.T) {
	t.Parallel()
	b := startBroker(t, broker.Config{Region: "eu", Name: "shared"})
	addr, port := freeAddr(t)
	early := local("n2")
	early.Broker, early.Seeds = b, []string{addr}
	first := start(t, early)
	do(t, first, "set", "k", "v")

	late := local("n1")
	late.Broker, late.GossipPort = b, port
	second := start(t, late)
	settled(t, []*server.Node{first, second})
	eventually(t, "both to hold the key", func() bool { return first.Status().Keys == 1 && second.Status().Keys == 1 })
	if err := errors.Join(first.Err(), second.Err()); err != nil {
		t.Error(err)
	}
}

// Of two sets of nodes that claim the name of one region, and do not gossip, the newer gives way.
func TestTwoRegionsOfOneName(t *testing.T) {
	t.Parallel()
	b := startBroker(t, broker.Config{Region: "eu", Name: "shared"})
	first := startRegion(t, b, "eu", "n1")[0]
	second := startRegion(t, b, "eu", "n2")[0]
	select {
	case <-second.Done():
	case <-time.After(patience):
		t.Fatal("both go on")
	}
	if err := second.Err(); !errors.Is(err, region.ErrInstance) || !strings.Contains(err.Error(), "--seeds") {
		t.Errorf("the second says %v", err)
	}
	if got := do(t, first, "set", "k", "v"); got != "OK" || first.Err() != nil {
		t.Errorf("the first answers %s and reports %v", got, first.Err())
	}
}

// external starts a NATS server of somebody else, with an account for each purpose.
func external(t *testing.T, maxPayload int32) string {
	t.Helper()
	links, clients := natsserver.NewAccount("L"), natsserver.NewAccount("C")
	s, err := natsserver.NewServer(&natsserver.Options{
		Host: "127.0.0.1", Port: -1, NoSigs: true, NoLog: true, MaxPayload: maxPayload,
		Accounts: []*natsserver.Account{links, clients},
		Users: []*natsserver.User{
			{Username: "link", Password: "l", Account: links},
			{Username: "door", Password: "d", Account: clients},
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	s.Start()
	t.Cleanup(func() {
		s.Shutdown()
		s.WaitForShutdown()
	})
	if !s.ReadyForConnections(patience) {
		t.Fatal("the NATS server does not listen")
	}
	return s.ClientURL()
}

func TestAnExternalServer(t *testing.T) {
	t.Parallel()
	cfg := local("n1")
	cfg.NATS = external(t, broker.MaxPayload)
	cfg.LinkCredentials, cfg.DoorCredentials = secretFile(t, "link:l\n"), secretFile(t, "door:d\n")
	first := start(t, cfg)

	cfg.Name, cfg.Seeds = "n2", []string{first.GossipAddr()}
	second := start(t, cfg)
	settled(t, []*server.Node{first, second})
	url := strings.Replace(second.ClientURL(), "nats://", "nats://door:d@", 1)
	if got := ask(t, url, "atoll.eu.v1.set", `{"args":["k","v"],"ack":"region"}`); got != `{"value":"OK","ack":"region"}` {
		t.Errorf("set gave %s", got)
	}
	if got := do(t, first, "get", "k"); got != "v" {
		t.Errorf("get gave %s", got)
	}

	cfg.Name, cfg.LinkCredentials = "n3", secretFile(t, "link:wrong\n")
	if err := refused(t, cfg); !strings.Contains(err.Error(), "--link-credentials") || !errors.Is(err, nats.ErrAuthorization) {
		t.Errorf("a wrong password gave %v", err)
	}
}

func TestAnExternalServerOfSmallMessages(t *testing.T) {
	cfg := local("n1")
	cfg.NATS = external(t, 1<<20)
	cfg.LinkCredentials, cfg.DoorCredentials = secretFile(t, "link:l\n"), secretFile(t, "door:d\n")
	if err := refused(t, cfg); !strings.Contains(err.Error(), "max_payload") {
		t.Errorf("the error is %v", err)
	}
}

// Clients need the credentials from the file, nodes of the region the key of gossip and the credential of servers.
func TestANodeWithCredentials(t *testing.T) {
	cfg := local("n1")
	cfg.ClusterPort = -1
	cfg.ClientCredentials, cfg.PeerCredentials = secretFile(t, "app:secret\n"), secretFile(t, "peer:secret\n")
	cfg.GossipKey = secretFile(t, "MDEyMzQ1Njc4OWFiY2RlZg==\n")
	first := start(t, cfg)
	if _, err := nats.Connect(first.ClientURL()); !errors.Is(err, nats.ErrAuthorization) {
		t.Errorf("a stranger got %v", err)
	}

	cfg.Name, cfg.Seeds, cfg.Routes = "n2", []string{first.GossipAddr()}, []string{first.RouteAddr()}
	second := start(t, cfg)
	settled(t, []*server.Node{first, second})
	url := strings.Replace(second.ClientURL(), "nats://", "nats://app:secret@", 1)
	if got := ask(t, url, "atoll.eu.v1.set", `{"args":["k","v"],"ack":"region","timeout_ms":10000}`); got != `{"value":"OK","ack":"region"}` {
		t.Errorf("set gave %s", got)
	}
	if got := do(t, first, "get", "k"); got != "v" {
		t.Errorf("get gave %s", got)
	}
}

// An acknowledgement that cannot come is waited for as long as the client says, whatever the pace of the node.
func TestTheDeadlineOfAClientHolds(t *testing.T) {
	cfg := local("n1")
	cfg.Pace, cfg.Replicas = server.Normal, 1
	n := start(t, cfg)
	for range 3 {
		began := time.Now()
		got := ask(t, n.ClientURL(), "atoll.eu.v1.set", `{"args":["k","v"],"ack":"regions:2","timeout_ms":50}`)
		if took := time.Since(began); got != `{"value":"OK","ack":"region","short":true}` || took < 50*time.Millisecond || took > 500*time.Millisecond {
			t.Errorf("the answer is %s after %v", got, took)
		}
	}
}
