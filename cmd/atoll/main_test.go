package main

import (
	"encoding/json"
	"errors"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"
)

func TestMain(m *testing.M) { testscript.Main(m, map[string]func(){"atoll": main}) }

// TestScripts plays the scripts against the binary. They have these commands besides those of testscript:
//
//	ready FILE          waits for the file that up or serve writes, and leads atoll there by its environment
//	exits CODE PROGRAM  runs a program that must end with this exit code
//	fill FILE BYTES     makes a file of so many bytes
func TestScripts(t *testing.T) {
	scripts, err := filepath.Glob("testdata/script/*.txtar")
	if err != nil || len(scripts) == 0 {
		t.Fatalf("no scripts: %v", err)
	}
	for _, script := range scripts { // one by one: each runs a cluster
		t.Run(strings.TrimSuffix(filepath.Base(script), ".txtar"), func(t *testing.T) { play(t, script) })
	}
}

func play(t *testing.T, script string) {
	testscript.Run(t, testscript.Params{
		Files:               []string{script},
		RequireExplicitExec: true,
		RequireUniqueNames:  true,
		Deadline:            time.Now().Add(2 * time.Minute), // what hangs is killed, and named
		Setup:               setup,
		Cmds: map[string]func(ts *testscript.TestScript, neg bool, args []string){
			"ready": ready,
			"exits": exits,
			"fill":  fill,
		},
	})
}

func setup(env *testscript.Env) error {
	env.Setenv("LONG_KEY", strings.Repeat("k", 513))
	env.Setenv("GORACE", "atexit_sleep_ms=0") // the race detector makes every process last a second longer
	return nil
}

// layout is what up writes when it is ready, or serve.
type layout struct {
	Regions []struct{ Name, NATS string }
	Admin   string
	NATS    string
}

// ready sets ATOLL_SERVER and ATOLL_ADMIN, the port of the switch as ADMIN_PORT, that of the first endpoint as
// NATS_PORT, and the endpoint of each region as its name.
func ready(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 1 {
		ts.Fatalf("usage: ready FILE")
	}
	var l layout
	eventually(ts, "the file "+args[0], func() bool {
		content, err := os.ReadFile(ts.MkAbs(args[0]))
		if errors.Is(err, os.ErrNotExist) {
			return false
		}
		ts.Check(err)
		ts.Check(json.Unmarshal(content, &l)) // what is there is whole
		return true
	})

	var endpoints []string
	for _, r := range l.Regions {
		endpoints = append(endpoints, r.NATS)
		ts.Setenv(r.Name, r.NATS)
	}
	if l.NATS != "" {
		endpoints = append(endpoints, l.NATS)
	}
	ts.Setenv("ATOLL_SERVER", strings.Join(endpoints, ","))
	ts.Setenv("ATOLL_ADMIN", l.Admin)
	for name, address := range map[string]string{"ADMIN_PORT": l.Admin, "NATS_PORT": endpoints[0]} {
		u, err := url.Parse(address)
		ts.Check(err)
		ts.Setenv(name, u.Port())
	}
}

func eventually(ts *testscript.TestScript, what string, holds func() bool) {
	for deadline := time.Now().Add(60 * time.Second); !holds(); time.Sleep(10 * time.Millisecond) {
		if time.Now().After(deadline) {
			ts.Fatalf("waited in vain for %s", what)
		}
	}
}

func exits(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: exits CODE PROGRAM [ARG]...")
	}
	want, err := strconv.Atoi(args[0])
	ts.Check(err)

	got := 0
	err = ts.Exec(args[1], args[2:]...)
	if exit, ok := errors.AsType[*exec.ExitError](err); ok {
		got = exit.ExitCode()
	} else {
		ts.Check(err)
	}
	if got != want {
		ts.Fatalf("exit code %d, want %d; %s%s", got, want, ts.ReadFile("stdout"), ts.ReadFile("stderr"))
	}
}

func fill(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 {
		ts.Fatalf("usage: fill FILE BYTES")
	}
	n, err := strconv.Atoi(args[1])
	ts.Check(err)
	ts.Check(os.WriteFile(ts.MkAbs(args[0]), []byte(strings.Repeat("x", n)), 0o600))
}
