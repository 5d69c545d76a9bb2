package e2e_test

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"

	"github.com/nats-io/nats.go"

	"github.com/atollcache/atoll/cmd/atoll/up"
)

// What `atoll up` starts tells everybody who subscribes what changes, without a flag; what another region wrote, too.
func TestUpTellsWhatChanges(t *testing.T) {
	ready := filepath.Join(t.TempDir(), "ready.json")
	cmd := exec.Command("atoll", "up", "--regions", "eu,us", "--nodes", "1", "--base-port", "0", "--ready-file", ready)
	cmd.Env = append(os.Environ(), "GORACE=atexit_sleep_ms=0")
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) // gone since then: fine
		_ = cmd.Wait()
	})
	var l up.Layout
	eventually(t, patience, func() string {
		content, err := os.ReadFile(ready)
		if err == nil {
			err = json.Unmarshal(content, &l)
		}
		if err != nil {
			return err.Error()
		}
		return ""
	})

	conns := map[string]*nats.Conn{}
	for _, r := range l.Regions {
		conn, err := nats.Connect(r.NATS)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(conn.Close)
		conns[r.Name] = conn
	}
	events, err := conns["eu"].SubscribeSync("atoll.eu.v1.changes.>")
	if err == nil {
		err = conns["eu"].Flush()
	}
	if err != nil {
		t.Fatal(err)
	}
	for region, key := range map[string]string{"eu": "user.1", "us": "user.2"} {
		if _, err := conns[region].Request("atoll."+region+".v1.set", []byte(`{"key":"`+key+`","value":"Ada"}`), patience); err != nil {
			t.Fatal(err)
		}
		msg, err := events.NextMsg(patience)
		if err != nil {
			t.Fatalf("%s was set in %s: %v", key, region, err)
		}
		var e struct{ Kind, Key, Region string }
		if err := json.Unmarshal(msg.Data, &e); err != nil || e.Kind != "set" || e.Key != key || e.Region != region || msg.Subject != "atoll.eu.v1.changes."+key {
			t.Errorf("%v: %s %s", err, msg.Subject, msg.Data)
		}
	}
}
