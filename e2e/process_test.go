package e2e_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/atollcache/atoll/cmd/atoll/remote"
)

// A process is one node of region eu, run by "atoll serve".
type process struct {
	name   string
	NATS   string // these four are what it has written to its ready file
	Gossip string
	Route  string
	HTTP   string
	cmd    *exec.Cmd
	ended  chan struct{}
	err    error // set before ended is closed
	log    lockedBuffer
}

// serve starts a node and returns when it serves. It finds its region through the other, if there is one.
func serve(t *testing.T, name string, other *process, flags ...string) *process {
	t.Helper()
	ready := filepath.Join(t.TempDir(), "ready.json")
	args := []string{
		"serve", "--region", "eu", "--name", name, "--client-port", "-1", "--cluster-port", "-1", "--gossip-port", "-1",
		"--ready-file", ready,
	}
	if other != nil {
		args = append(args, "--seeds", other.Gossip, "--routes", other.Route)
	}
	p := &process{name: name, cmd: exec.Command("atoll", append(args, flags...)...), ended: make(chan struct{})}
	p.cmd.Env = append(os.Environ(), "GORACE=atexit_sleep_ms=0") // the race detector makes every process last a second longer
	p.cmd.Stderr = &p.log
	p.cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	if err := p.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	go func() {
		p.err = p.cmd.Wait()
		close(p.ended)
	}()
	t.Cleanup(func() {
		p.kill()
		if t.Failed() {
			t.Logf("%s has logged:\n%s", name, p.log.text())
		}
	})

	eventually(t, patience, func() string { return p.readReady(ready) })
	if p.over() {
		t.Fatalf("%s has ended: %v", name, p.err)
	}
	return p
}

// readReady reads where the node listens. It complains of nothing if the process has ended.
func (p *process) readReady(path string) string {
	content, err := os.ReadFile(path)
	switch {
	case p.over():
		return ""
	case errors.Is(err, os.ErrNotExist):
		return p.name + " is not ready"
	case err != nil:
		return err.Error()
	}
	if err := json.Unmarshal(content, p); err != nil { // what is there is whole
		return err.Error()
	}
	return ""
}

func (p *process) over() bool {
	select {
	case <-p.ended:
		return true
	default:
		return false
	}
}

// kill ends the process as a power cut would, and waits until it is gone.
func (p *process) kill() {
	if !p.over() {
		_ = syscall.Kill(-p.cmd.Process.Pid, syscall.SIGKILL) // gone since then: fine
	}
	<-p.ended
}

// drain asks the process to hand over and to leave, and waits until it has.
func (p *process) drain(t *testing.T) {
	t.Helper()
	if err := p.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	select {
	case <-p.ended:
	case <-time.After(patience):
		t.Fatalf("%s has not left %v after it was told to", p.name, patience)
	}
	if p.err != nil {
		t.Errorf("%s left with %v", p.name, p.err)
	}
}

// boot asks the node for its epoch.
func (p *process) boot(t *testing.T, c *client) uint64 {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	s, err := c.region.Status(ctx, p.name)
	if err != nil {
		t.Fatal(err)
	}
	return s.Boot
}

// unsettled says what a region of processes still lacks until all hold the same, and nothing is on the move.
func unsettled(c *client, processes []*process) string {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	var all []holding
	for _, p := range processes {
		s, err := c.region.Status(ctx, p.name)
		if err != nil {
			return err.Error()
		}
		if len(s.Regions) != 1 || len(s.Regions[0].Nodes) != len(processes) {
			return fmt.Sprintf("%s sees %v", p.name, s.Regions)
		}
		digests, err := c.region.Digests(ctx, p.name)
		if err != nil {
			return err.Error()
		}
		all = append(all, holding{"eu", p.name, digests})
	}
	return differ(all, min(2, len(processes)))
}

func (p *process) dial(t *testing.T) *client {
	t.Helper()
	return dial(t, p.NATS, remote.Options{})
}

// lockedBuffer is written by the process while the test may read it.
type lockedBuffer struct {
	mu   sync.Mutex
	data bytes.Buffer
}

// Write adds to the end.
func (b *lockedBuffer) Write(data []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.data.Write(data)
}

func (b *lockedBuffer) text() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.data.String()
}
