package broker_test

import (
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/atollcache/atoll/server/broker"
)

func TestConfigErrorsSayWhatToDo(t *testing.T) {
	for name, test := range map[string]struct {
		change func(*broker.Config)
		want   []string
	}{
		"no region":         {func(c *broker.Config) { c.Region = "" }, []string{"the name of the region is empty"}},
		"dotted region":     {func(c *broker.Config) { c.Region = "eu.west" }, []string{`region "eu.west"`, "use letters"}},
		"no name":           {func(c *broker.Config) { c.Name = "" }, []string{"the name of the node is empty"}},
		"own region listed": {func(c *broker.Config) { c.Gateways = map[string][]string{"eu": {"h:1"}} }, []string{"region eu is listed"}},
		"region without address": {
			func(c *broker.Config) { c.Gateways = map[string][]string{"us": nil} },
			[]string{"region us has no address", "host:port"},
		},
		"bad gateway address": {
			func(c *broker.Config) { c.Gateways = map[string][]string{"us": {"nowhere"}} },
			[]string{"region us", `"nowhere" is not host:port`},
		},
		"bad route":       {func(c *broker.Config) { c.Routes = []string{"nowhere"} }, []string{`"nowhere" is not host:port`}},
		"port range":      {func(c *broker.Config) { c.ClientPort = 70000 }, []string{"--client-port", "70000"}},
		"same port twice": {func(c *broker.Config) { c.ClientPort, c.GatewayPort = 4222, 4222 }, []string{"--client-port and --gateway-port are both 4222"}},
		"exposed": {
			func(c *broker.Config) { c.Host, c.GatewayPort = "0.0.0.0", -1 },
			[]string{"everybody", "set credentials for clients", "set the credential of the servers", "127.0.0.1", "--insecure"},
		},
		"exposed to servers": {func(c *broker.Config) {
			c.Host, c.ClusterPort, c.Clients = "::", -1, []broker.Credential{{User: "a", Password: "b"}}
		}, []string{"set the credential of the servers"}},
		"reserved user": {
			func(c *broker.Config) { c.Clients = []broker.Credential{{User: "atoll-links", Password: "x"}} },
			[]string{`"atoll-links" is reserved`},
		},
		"half a peer": {func(c *broker.Config) { c.Peer.User = "server" }, []string{"both a user and a password"}},
	} {
		t.Run(name, func(t *testing.T) {
			config := broker.Config{Region: "eu", Name: "n1"}
			test.change(&config)
			b, err := broker.Start(config)
			if err == nil {
				b.Stop()
				t.Fatal("no error")
			}
			for _, want := range test.want {
				if !strings.Contains(err.Error(), want) {
					t.Errorf("the error %q does not contain %q", err, want)
				}
			}
		})
	}
}

func TestExposedWithCredentialsStarts(t *testing.T) {
	clients := []broker.Credential{{User: "app", Password: "secret"}}
	b := start(t, broker.Config{Region: "eu", Name: "n1", Host: "0.0.0.0", GatewayPort: -1, Clients: clients, Peer: testPeer})
	if !strings.HasPrefix(b.ClientURL(), "nats://127.0.0.1:") {
		t.Errorf("ClientURL is %q, want a loopback address", b.ClientURL())
	}
	linkConn(t, b)
}

func TestReadCredentials(t *testing.T) {
	path := write(t, "# users\n\napp:secret\n other:with:colon \n", 0o600)
	got, err := broker.ReadCredentials(path)
	if err != nil {
		t.Fatal(err)
	}
	want := []broker.Credential{{User: "app", Password: "secret"}, {User: "other", Password: "with:colon"}}
	if !slices.Equal(got, want) {
		t.Errorf("read %d credentials: %v", len(got), got)
	}
}

func TestReadCredentialsRefuses(t *testing.T) {
	for name, test := range map[string]struct {
		content string
		mode    os.FileMode
		want    string
	}{
		"readable by others": {"app:secret\n", 0o640, "chmod 600"},
		"no colon":           {"# x\nhunter2\n", 0o600, "line 2 is not user:password"},
		"no password":        {"app:\n", 0o600, "line 1"},
		"empty":              {"\n# nothing\n", 0o600, "no line user:password"},
	} {
		t.Run(name, func(t *testing.T) {
			path := write(t, test.content, test.mode)
			_, err := broker.ReadCredentials(path)
			if err == nil || !strings.Contains(err.Error(), test.want) || !strings.Contains(err.Error(), path) {
				t.Errorf("the error is %v", err)
			}
			if err != nil && (strings.Contains(err.Error(), "hunter2") || strings.Contains(err.Error(), "secret")) {
				t.Errorf("the error %q shows a secret", err)
			}
		})
	}
	if _, err := broker.ReadCredentials(filepath.Join(t.TempDir(), "absent")); err == nil {
		t.Error("a file that is absent gave no error")
	}
}

func TestCredentialsDoNotShow(t *testing.T) {
	credential := broker.Credential{User: "app", Password: "hunter2"}
	var log strings.Builder
	slog.New(slog.NewTextHandler(&log, nil)).Info("x", "credential", credential)
	shown := fmt.Sprintf("%v %+v %s %#v %v", credential, credential, credential, credential, []broker.Credential{credential}) + log.String()
	if strings.Contains(shown, "hunter2") {
		t.Errorf("the password shows in %q", shown)
	}
}

func write(t *testing.T, content string, mode os.FileMode) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "credentials")
	if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(path, mode); err != nil {
		t.Fatal(err)
	}
	return path
}
