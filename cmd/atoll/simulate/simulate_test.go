package simulate

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	sim "github.com/atollcache/atoll/simulate"
)

const small = `
version: 1
name: small
config: {partitions: 4}
topology:
  regions: {us: 2, eu: 1}
  rtt: {us-eu: 40ms}
load:
  - {ops: 10/s, keys: 5 uniform, value: 8B..64B}
phases: {warm-up: 5s, chaos: 10s, heal: 5s, quiesce: 20s}
`

// call runs a command line, and gives what it printed and its exit code.
func call(ctx context.Context, t *testing.T, args ...string) (stdout, stderr string, code int) {
	t.Helper()
	asJSON := true
	var out, diagnostics bytes.Buffer
	c := Command(&Env{JSON: &asJSON, Stdout: &out, Stderr: &diagnostics})
	c.SilenceErrors, c.SilenceUsage = true, true
	c.SetArgs(args)
	err := c.ExecuteContext(ctx)
	if coded, ok := errors.AsType[*Error](err); ok {
		code = coded.ExitCode()
	} else if err != nil {
		code = 1
	}
	if err != nil {
		diagnostics.WriteString(err.Error())
	}
	return out.String(), diagnostics.String(), code
}

func file(t *testing.T, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "small.yaml")
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// What is interrupted ends in good order, with what it has.
func TestInterrupted(t *testing.T) {
	path := file(t, small)
	ctx, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
	defer cancel()
	out, said, code := call(ctx, t, "swarm", "--scenario", path, "-j", "2", "--for", "1h")
	var r sim.SwarmResult
	if err := json.Unmarshal([]byte(out), &r); err != nil || code != ExitStopped || !r.Stopped {
		t.Errorf("swarm: exit %d, %v, %s%s", code, err, out, said)
	}

	stopped, cancel := context.WithCancel(t.Context())
	cancel()
	for _, args := range [][]string{
		{"run", path}, {"check"}, {"bench"}, {"replay", path}, {"replay", path, "--key", "k"}, {"replay", path, "--trace", "jsonl"}, {"shrink", path},
	} {
		if _, said, code := call(stopped, t, args...); code != ExitStopped || !strings.Contains(said, "stopped early") {
			t.Errorf("%v: exit %d, %s", args, code, said)
		}
	}
}

// A disk that is full is told, and is nobody's mistake in typing.
func TestNothingCanBeWritten(t *testing.T) {
	asJSON := true
	full, err := os.OpenFile("/dev/full", os.O_WRONLY, 0)
	if err != nil {
		t.Skip("no /dev/full here")
	}
	defer full.Close()
	path := file(t, small)
	for _, args := range [][]string{{"run", path}, {"swarm", "--scenario", path, "--seeds", "1"}, {"replay", path, "--trace", "jsonl"}, {"list", "faults"}} {
		c := Command(&Env{JSON: &asJSON, Stdout: full, Stderr: &bytes.Buffer{}})
		c.SilenceErrors, c.SilenceUsage = true, true
		c.SetArgs(args)
		var coded *Error
		if err := c.ExecuteContext(t.Context()); err == nil || errors.As(err, &coded) || !strings.Contains(err.Error(), "no space left") {
			t.Errorf("%v: %v", args, err)
		}
	}
}

func TestListsAreWhole(t *testing.T) {
	for _, l := range lists {
		items, err := l.give()
		if err != nil || len(items) == 0 {
			t.Errorf("%s: %d items, %v", l.name, len(items), err)
		}
		for _, x := range items {
			if x.ID == "" || x.About == "" && l.name != "marks" || !x.Able && x.Why == "" {
				t.Errorf("%s: %+v says too little", l.name, x)
			}
		}
	}
}

func TestSpan(t *testing.T) {
	for d, want := range map[time.Duration]string{
		0: "0s", 1234: "1.23µs", 1234567: "1.23ms", 1234567890: "1.23s", 83 * time.Second: "1m23.4s",
	} {
		if d == 83*time.Second {
			d += 412 * time.Millisecond
		}
		if got := span(d); got != want {
			t.Errorf("%d is written as %s, want %s", d, got, want)
		}
	}
}
