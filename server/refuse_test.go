package server_test

import (
	"context"
	"encoding/base64"
	"errors"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/atollcache/atoll/server"
	"github.com/atollcache/atoll/server/broker"
)

// secretFile writes a file that only its owner may read.
func secretFile(t *testing.T, content string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "secret")
	if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// refused starts a node that must not start, and gives the error.
func refused(t *testing.T, cfg server.Config) error {
	t.Helper()
	n, err := server.Start(t.Context(), cfg)
	if err == nil {
		stop(t, n)
		t.Fatal("the node has started")
	}
	return err
}

func TestConfigsThatAreRefused(t *testing.T) {
	for name, test := range map[string]struct {
		change func(*server.Config)
		want   []string
	}{
		"region":           {func(c *server.Config) { c.Region = "eu.west" }, []string{`region "eu.west"`}},
		"cluster":          {func(c *server.Config) { c.Cluster = "a b" }, []string{`cluster "a b"`}},
		"host":             {func(c *server.Config) { c.Host = "example.org" }, []string{"--host", "not an IP address"}},
		"pace":             {func(c *server.Config) { c.Pace = "hectic" }, []string{"--pace", "hectic"}},
		"weight":           {func(c *server.Config) { c.Weight = -1 }, []string{"--weight"}},
		"a value too long": {func(c *server.Config) { c.Limits.MaxValue = 16 << 20 }, []string{"--max-value", "16777216"}},
		"seed":             {func(c *server.Config) { c.Seeds = []string{"nowhere"} }, []string{`"nowhere"`, "host:port", "--seeds"}},
		"advertised":       {func(c *server.Config) { c.GossipAdvertise = "nowhere" }, []string{"--gossip-advertise"}},
		"no URL":           {func(c *server.Config) { c.NATS = "nowhere" }, []string{"--nats"}},
		"secret in it":     {func(c *server.Config) { c.NATS = "nats://u:hunter2@127.0.0.1:1" }, []string{"--nats", "--link-credentials"}},
		"both servers":     {func(c *server.Config) { c.NATS, c.GatewayPort = "nats://127.0.0.1:1", 7222 }, []string{"--nats", "embedded"}},
		"stray login":      {func(c *server.Config) { c.LinkCredentials = "/x" }, []string{"--link-credentials", "--nats"}},
		"exposed gossip": {func(c *server.Config) {
			c.Host, c.ClientCredentials = "0.0.0.0", secretFile(t, "app:secret\n")
		}, []string{"gossip on 0.0.0.0", "--gossip-key", "127.0.0.1", "--insecure"}},
		"exposed clients": {func(c *server.Config) {
			c.Host, c.GossipKey = "0.0.0.0", secretFile(t, base64.StdEncoding.EncodeToString(make([]byte, 32)))
		}, []string{"read and write", "--insecure"}},
		"exposed HTTP": {func(c *server.Config) { c.HTTP = "0.0.0.0:0" }, []string{"HTTP on 0.0.0.0", "--http-token", "--insecure"}},
		"bad HTTP":     {func(c *server.Config) { c.HTTP, c.Insecure = "nowhere", true }, []string{"--http"}},
		"no server":    {func(c *server.Config) { c.NATS = "nats://127.0.0.1:1" }, []string{"127.0.0.1:1", "--nats", "start it"}},
		"no file":      {func(c *server.Config) { c.Secret = "/nowhere" }, []string{"/nowhere", "no such file"}},
		"bad key":      {func(c *server.Config) { c.GossipKey = secretFile(t, "hunter2") }, []string{"base64", "openssl rand"}},
		"empty token":  {func(c *server.Config) { c.HTTPToken = secretFile(t, "\n") }, []string{"it is empty"}},
		"two peers":    {func(c *server.Config) { c.PeerCredentials = secretFile(t, "a:b\nc:d\n") }, []string{"2 lines"}},
		"bad login":    {func(c *server.Config) { c.ClientCredentials = secretFile(t, "hunter2\n") }, []string{"line 1"}},
		"open secret": {func(c *server.Config) {
			c.Secret = secretFile(t, "hunter2")
			if err := os.Chmod(c.Secret, 0o644); err != nil {
				t.Fatal(err)
			}
		}, []string{"chmod 600"}},
		"bad epoch": {func(c *server.Config) {
			c.DataDir = t.TempDir()
			if err := os.WriteFile(filepath.Join(c.DataDir, "epoch"), []byte("later"), 0o600); err != nil {
				t.Fatal(err)
			}
		}, []string{"epoch", "remove it"}},
	} {
		t.Run(name, func(t *testing.T) {
			cfg := local("n1")
			test.change(&cfg)
			err := refused(t, cfg)
			for _, want := range test.want {
				if !strings.Contains(err.Error(), want) {
					t.Errorf("the error %q does not contain %q", err, want)
				}
			}
			if strings.Contains(err.Error(), "hunter2") {
				t.Errorf("the error %q shows a secret", err)
			}
		})
	}
}

func TestExposedAndInsecureStartsWithABanner(t *testing.T) {
	var log strings.Builder
	cfg := local("n1")
	cfg.Host, cfg.Insecure, cfg.Logger = "0.0.0.0", true, textLogger(&log)
	n := start(t, cfg)
	if !n.Status().Insecure {
		t.Error("the status does not say that the node is insecure")
	}
	stop(t, n)
	if !strings.Contains(log.String(), "INSECURE") {
		t.Errorf("no banner in %q", log.String())
	}
}

// A port that is taken is named, whichever it is, and nothing is left behind.
func TestTakenPorts(t *testing.T) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	port := listener.Addr().(*net.TCPAddr).Port

	for flag, change := range map[string]func(*server.Config){
		"--client-port":  func(c *server.Config) { c.ClientPort = port },
		"--cluster-port": func(c *server.Config) { c.ClusterPort = port },
		"--gateway-port": func(c *server.Config) { c.GatewayPort = port },
		"--gossip-port":  func(c *server.Config) { c.GossipPort = port },
		"--http":         func(c *server.Config) { c.HTTP = listener.Addr().String() },
	} {
		t.Run(flag, func(t *testing.T) {
			cfg := local("n1")
			change(&cfg)
			err := refused(t, cfg)
			_, number, _ := net.SplitHostPort(listener.Addr().String())
			if !strings.Contains(err.Error(), flag) || !strings.Contains(err.Error(), number) {
				t.Errorf("the error %q does not name %s and %s", err, flag, number)
			}
			if _, ours := errors.AsType[*broker.PortInUseError](err); !ours && strings.HasSuffix(flag, "t-port") && flag != "--gossip-port" {
				t.Errorf("%v is no PortInUseError", err)
			}
		})
	}
}

func TestTwoNodesOfOneName(t *testing.T) {
	b := startBroker(t, broker.Config{Region: "eu", Name: "shared"})
	first := startRegion(t, b, "eu", "n1")[0]
	for how, seeds := range map[string][]string{"by gossip": {first.GossipAddr()}, "by NATS alone": nil} {
		cfg := local("n1")
		cfg.Broker, cfg.Seeds = b, seeds
		if err := refused(t, cfg); !errors.Is(err, server.ErrNameTaken) {
			t.Errorf("%s: the error is %v", how, err)
		}
	}
	if got := do(t, first, "set", "k", "v"); got != "OK" || first.Err() != nil {
		t.Errorf("the first node answers %s and reports %v", got, first.Err())
	}
}

func TestAStartThatIsCalledOffLeavesNothing(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	cfg := local("n1")
	cfg.Seeds = []string{"127.0.0.1:1"}
	if _, err := server.Start(ctx, cfg); !errors.Is(err, context.Canceled) {
		t.Errorf("the error is %v", err)
	}
}
