package e2e_test

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"
	"go.uber.org/goleak"

	"github.com/atollcache/atoll/cmd/atoll/cli"
	"github.com/atollcache/atoll/cmd/atoll/remote"
	"github.com/atollcache/atoll/command"
	"github.com/atollcache/atoll/server"
)

// TestMain makes this binary "atoll" for the tests that start processes.
func TestMain(m *testing.M) {
	testscript.Main(leakChecked{m}, map[string]func(){
		"atoll": func() { os.Exit(cli.Run(os.Args[1:], os.Stdin, os.Stdout, os.Stderr)) },
	})
}

// leakChecked fails when the tests leave goroutines behind.
type leakChecked struct{ m *testing.M }

func (l leakChecked) Run() int {
	code := l.m.Run()
	if code != 0 {
		return code
	}

	// A probe of memberlist that was under way goes on to its time-out, of some seconds, after Shutdown. Each look takes
	// about a second by itself.
	var err error
	for began := time.Now(); time.Since(began) < patience; {
		if err = goleak.Find(); err == nil {
			return 0
		}
	}
	fmt.Fprintln(os.Stderr, err)
	return 1
}

// patience bounds every wait whose length is not itself under test. It is long because the machine may be busy.
const patience = time.Minute

// eventually waits until there is nothing to complain of, and gives how long that took.
func eventually(t *testing.T, within time.Duration, complaint func() string) time.Duration {
	t.Helper()
	began := time.Now()
	for deadline := began.Add(within); ; time.Sleep(10 * time.Millisecond) {
		last := complaint()
		if last == "" {
			return time.Since(began)
		}
		if time.Now().After(deadline) {
			t.Fatalf("after %v: %s", within, last)
		}
	}
}

// A client talks to one region through one NATS server, as a service would. It is safe for concurrent use.
type client struct {
	region   *remote.Region
	patience time.Duration // for an answer, beside what is waited for on purpose
}

func dial(t *testing.T, endpoint string, options remote.Options) *client {
	t.Helper()
	endpoints, err := remote.ParseEndpoints([]string{endpoint})
	if err != nil {
		t.Fatal(err)
	}
	region, err := remote.Find(t.Context(), endpoints, endpoints[0].Region, options)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(region.Close)
	return &client{region, patience}
}

// ask runs a command at an acknowledgement level. The error says why there is no answer; a refusal is a
// *remote.CommandError.
func (c *client) ask(ack string, timeout time.Duration, args ...string) (remote.Reply, error) {
	ctx, cancel := context.WithTimeout(context.Background(), timeout+c.patience)
	defer cancel()
	return c.region.Do(ctx, remote.Request{Command: args[0], Args: args[1:], Ack: ack, Timeout: timeout})
}

// do runs a command and gives its reply as a person reads it, also if it is a refusal.
func (c *client) do(t *testing.T, args ...string) string {
	t.Helper()
	reply, err := c.ask("", 0, args...)
	if refusal, ok := errors.AsType[*remote.CommandError](err); ok {
		return refusal.Code + " " + refusal.Message
	}
	if err != nil {
		t.Fatalf("%s: %v: %v", c.region.Name, args, err)
	}
	return show(reply.Value)
}

// show writes a value with the names of a map in order: "[a b]", "{f:1 g:2}".
func show(value any) string {
	switch value := value.(type) {
	case nil:
		return "nil"
	case []any:
		elements := make([]string, len(value))
		for i, element := range value {
			elements[i] = show(element)
		}
		return "[" + strings.Join(elements, " ") + "]"
	case map[string]any:
		var fields []string
		for _, name := range slices.Sorted(maps.Keys(value)) {
			fields = append(fields, name+":"+show(value[name]))
		}
		return "{" + strings.Join(fields, " ") + "}"
	}
	return fmt.Sprint(value)
}

// textOf writes the reply of a node in this process as show does.
func textOf(r command.Reply) string {
	switch r.Type {
	case command.Nil:
		return "nil"
	case command.Int:
		return strconv.FormatInt(r.Int, 10)
	case command.Status:
		return r.Code
	case command.Error:
		return r.Code + " " + string(r.Bytes)
	case command.Array:
		elements := make([]string, len(r.List))
		for i := range r.List {
			elements[i] = textOf(r.List[i])
		}
		return "[" + strings.Join(elements, " ") + "]"
	case command.Map:
		var fields []string
		for i := 0; i < len(r.List); i += 2 {
			fields = append(fields, textOf(r.List[i])+":"+textOf(r.List[i+1]))
		}
		return "{" + strings.Join(fields, " ") + "}"
	}
	return string(r.Bytes)
}

// A holding is what one node holds.
type holding struct {
	region, node string
	digests      []server.Digest
}

// partitions is how many there are in every region.
const partitions = 1024

// differ compares all replicas of all partitions, of which there must be so many in every region, all complete. It
// gives the first difference, "" if all is equal.
func differ(all []holding, copies int) string {
	type replica struct {
		at string
		server.Digest
	}
	found := map[string][][]replica{}
	for _, h := range all {
		if found[h.region] == nil {
			found[h.region] = make([][]replica, partitions)
		}
		for _, d := range h.digests {
			found[h.region][d.Partition] = append(found[h.region][d.Partition], replica{h.node, d})
		}
	}

	first := make([]*replica, partitions)
	for _, region := range slices.Sorted(maps.Keys(found)) {
		for partition, replicas := range found[region] {
			if len(replicas) != copies {
				return fmt.Sprintf("partition %d has %d replicas in region %s, not %d", partition, len(replicas), region, copies)
			}
			for _, r := range replicas {
				if r.State != "ready" {
					return fmt.Sprintf("partition %d is %s at %s", partition, r.State, r.at)
				}
				if first[partition] == nil {
					first[partition] = &r
				}
				if one := first[partition]; r.Root != one.Root {
					return fmt.Sprintf("partition %d is %s with %d keys at %s, and %s with %d keys at %s",
						partition, one.Root, one.Keys, one.at, r.Root, r.Keys, r.at)
				}
			}
		}
	}
	return ""
}
