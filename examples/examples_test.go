package examples_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/atollcache/atoll/cmd/atoll/cli"
)

// TestMain makes this binary "atoll" for the process that the examples talk to.
func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){
		"atoll": func() { os.Exit(cli.Run(os.Args[1:], os.Stdin, os.Stdout, os.Stderr)) },
	})
}

// patience bounds every wait. It is long because the machine may be busy.
const patience = 60 * time.Second

// nobody is where no server listens.
const nobody = "nats://127.0.0.1:1"

// cluster is what "atoll up" writes to its ready file.
type cluster struct {
	Regions []struct{ Name, NATS string }
	Admin   string
	up      *process
}

// TestExamples runs all examples against one cluster. The last one cuts it, and ends it.
func TestExamples(t *testing.T) {
	c := started(t)
	t.Run("nats-cli", func(t *testing.T) { natsCommand(t, c) })
	t.Run("node", func(t *testing.T) { node(t, c) })
	t.Run("c", func(t *testing.T) { cProgram(t, c) })
	t.Run("service", func(t *testing.T) { notesService(t, c) })
}

func started(t *testing.T) cluster {
	t.Helper()
	ready := filepath.Join(t.TempDir(), "ready.json")
	up := start(t, exec.Command("atoll", "up", "--base-port", "0", "--nodes", "1", "--ready-file", ready))
	c := cluster{up: up}
	eventually(t, "atoll up is ready", func() bool {
		if up.over() {
			t.Fatalf("atoll up has ended: %s", up.stderr.String())
		}
		content, err := os.ReadFile(ready)
		if errors.Is(err, os.ErrNotExist) {
			return false
		}
		return err == nil && json.Unmarshal(content, &c) == nil // what is there is whole
	})
	return c
}

func natsCommand(t *testing.T, c cluster) {
	needs(t, "bash", "apt-get install bash")
	needs(t, "nats", "go install github.com/nats-io/natscli/nats@v0.4.0")
	out, code := run(t, c.Regions[0].NATS, "bash", "nats-cli/tour.sh")
	if code != 0 {
		t.Errorf("exit code %d", code)
	}
	tells(
		t, out, `atoll │ 1\.0\.0`, `Subject: atoll\.(eu|us|ap)\.v1\.get`, `schema\.request`, `syntax: GET key`, `"num_requests": \d`,
		`< \{"value":"hello"\}`, `< \{"value":5,"ack":"regions:2"\}`, `< any bytes`, `< \{"value":\d\d\}`,
		`< Nats-Service-Error-Code: 409`, `"code":"WRONGTYPE"`, `Atoll-Error: NOTFOUND`, `< No responders`,
		`"kind":"set","key":"tour:visits"`, `"kind":"set","key":"tour:visits"`,
	)
	out, code = run(t, nobody, "bash", "nats-cli/tour.sh")
	tells(t, out, `no answer to atoll\.eu\.v1\.ping at nats://127\.0\.0\.1:1; start it with: atoll up`)
	if code != 1 {
		t.Errorf("without a server it exits with %d", code)
	}
}

func node(t *testing.T, c cluster) {
	needs(t, "node", "apt-get install nodejs npm")
	if _, err := os.Stat("node/node_modules/@nats-io/transport-node"); err != nil {
		t.Skip("@nats-io/transport-node is not there; run npm ci in examples/node")
	}
	out, code := run(t, c.Regions[0].NATS, "node", "node/visits.js")
	want := `set OK
get hello
no such key null
acknowledged by regions:2
nine regions are too many, it reached region
exact 9007199254740993n
refused WRONGTYPE
no such command RequestError
cart book
changed del node:cart
`
	if out != want || code != 0 {
		t.Errorf("exit code %d, and it says\n%s", code, out)
	}
	out, code = run(t, nobody, "node", "node/visits.js")
	tells(t, out, `visits\.js: no NATS server at nats://127\.0\.0\.1:1: connection refused; start one with: atoll up`)
	if code != 1 {
		t.Errorf("without a server it exits with %d", code)
	}
}

func cProgram(t *testing.T, c cluster) {
	needs(t, "cc", "apt-get install gcc libnats-dev")
	if exec.Command("cc", "-fsyntax-only", "-include", "nats/nats.h", "-x", "c", os.DevNull).Run() != nil {
		t.Skip("nats/nats.h is not there; apt-get install libnats-dev")
	}
	program := filepath.Join(t.TempDir(), "visits")
	if out, err := exec.Command("cc", "-Wall", "-Wextra", "-Werror", "-o", program, "c/visits.c", "-lnats").CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	out, code := run(t, c.Regions[0].NATS, program)
	if code != 0 {
		t.Errorf("exit code %d", code)
	}
	tells(
		t, out, `raw\.set\.c:greeting:  \(acknowledged by regions:2\)`, `us\.v1\.raw\.get\.c:greeting: any bytes\n`,
		`raw\.get\.c:nothing: error NOTFOUND`, `incr: \{"value":1,"ack":"regions:2"\}`,
		`changed: \{"kind":"set","key":"c:visits"`, `hget: error WRONGTYPE`,
	)
	out, code = run(t, nobody, program)
	tells(t, out, `visits: nats://127\.0\.0\.1:1: .*; start one with: atoll up`)
	if code != 1 {
		t.Errorf("without a server it exits with %d", code)
	}
}

// needs skips the test if there is no such program.
func needs(t *testing.T, program, install string) {
	t.Helper()
	if _, err := exec.LookPath(program); err != nil {
		t.Skipf("there is no %s; %s", program, install)
	}
}

// tells wants patterns in what a program has said, in this order.
func tells(t *testing.T, out string, patterns ...string) {
	t.Helper()
	rest := out
	for _, pattern := range patterns {
		at := regexp.MustCompile(pattern).FindStringIndex(rest)
		if at == nil {
			t.Fatalf("it does not say %s, or too soon:\n%s", pattern, out)
		}
		rest = rest[at[1]:]
	}
}

// run runs a program to its end, with a home of its own, and gives all that it says.
func run(t *testing.T, url, program string, args ...string) (out string, code int) {
	t.Helper()
	cmd := exec.Command(program, args...)
	cmd.Env = append(os.Environ(), "NATS_URL="+url, "HOME="+t.TempDir(), "COLUMNS=80")
	p := start(t, cmd)
	p.await(t)
	return p.stdout.String() + p.stderr.String(), cmd.ProcessState.ExitCode()
}

// process is a program that runs. What it says may be read when it is over.
type process struct {
	cmd            *exec.Cmd
	stdout, stderr bytes.Buffer
	ended          chan struct{}
}

// start starts a program, which ends with the test at the latest.
func start(t *testing.T, cmd *exec.Cmd) *process {
	t.Helper()
	p := &process{cmd: cmd, ended: make(chan struct{})}
	if cmd.Env == nil {
		cmd.Env = os.Environ()
	}
	cmd.Env = append(cmd.Env, "GORACE=atexit_sleep_ms=0") // the race detector makes every process last a second longer
	if cmd.Stdout == nil {
		cmd.Stdout = &p.stdout
	}
	cmd.Stderr = &p.stderr
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	go func() {
		_ = cmd.Wait() // the test looks at how it has ended
		close(p.ended)
	}()
	t.Cleanup(func() {
		if !p.over() {
			_ = syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) // gone since then: fine
		}
		<-p.ended
		if t.Failed() {
			t.Logf("%s has said:\n%s%s", filepath.Base(cmd.Path), p.stdout.String(), p.stderr.String())
		}
	})
	return p
}

func (p *process) over() bool {
	select {
	case <-p.ended:
		return true
	default:
		return false
	}
}

// await waits for the end.
func (p *process) await(t *testing.T) {
	t.Helper()
	select {
	case <-p.ended:
	case <-time.After(patience):
		t.Fatalf("%s has not ended after %v", strings.Join(p.cmd.Args, " "), patience)
	}
}

func eventually(t *testing.T, what string, holds func() bool) {
	t.Helper()
	for deadline := time.Now().Add(patience); !holds(); time.Sleep(10 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("waited in vain until %s", what)
		}
	}
}
