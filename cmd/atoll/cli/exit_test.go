package cli

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/atollcache/atoll/cmd/atoll/remote"
	"github.com/atollcache/atoll/cmd/atoll/simulate"
	"github.com/atollcache/atoll/cmd/atoll/up"
)

func TestExitCodes(t *testing.T) {
	cause := errors.New("cause")
	away := func(err error) error {
		return &remote.UnreachableError{Region: "eu", Failed: []remote.Failure{{Endpoint: remote.Endpoint{URL: "nats://h:1"}, Err: err}}}
	}
	for _, c := range []struct {
		err  error
		want int
	}{
		{nil, 0},
		{cause, 1},
		{&remote.CommandError{Code: "WRONGTYPE"}, 1},
		{&remote.CommandError{Code: "OOM"}, 1},
		{usageError{cause}, 2},
		{&remote.UnknownRegionError{Region: "mars"}, 2},
		{&remote.CommandError{Code: "BADREQUEST"}, 2},
		{remote.ErrTooLarge, 2},
		{notFoundError{cause}, 3},
		{away(cause), 4},
		{shortError{cause}, 4},
		{absentError{cause}, 4},
		{up.ErrNotRunning, 4},
		{context.DeadlineExceeded, 4},
		{&remote.CommandError{Code: "UNAVAILABLE"}, 4},
		{&remote.CommandError{Code: "TIMEOUT"}, 4},
		{&remote.CommandError{Code: "OVERLOADED"}, 4},
		{&remote.CommandError{Code: "CLOCK"}, 4},
		{away(remote.ErrUnauthorised), 5},
		{partialError{away(cause)}, 6},
		{checkError{cause}, 7},
		{&simulate.Error{Code: 9, Err: cause}, 9},
	} {
		for _, err := range []error{c.err, fmt.Errorf("wrapped: %w", c.err)} {
			if c.err == nil {
				err = nil
			}
			if got := exitCode(err); got != c.want {
				t.Errorf("%T: exit %d, want %d", c.err, got, c.want)
			}
		}
	}
}

// Every command has help in which no line is wider than the narrowest terminal.
func TestHelpFits(t *testing.T) {
	root := (&app{}).root()
	lines := [][]string{{}, {"wan", "cut"}, {"wan", "heal"}, {"wan", "delay"}, {"wan", "status"}}
	for _, below := range []string{"run", "swarm", "replay", "shrink", "check", "mutate", "bench", "list"} {
		lines = append(lines, []string{"simulate", below})
	}
	for _, c := range root.Commands() {
		if c.Name() != "completion" && c.Name() != "help" { // cobra's own
			lines = append(lines, []string{c.Name()})
		}
	}
	for _, line := range lines {
		var out, diagnostics bytes.Buffer
		if code := Run(append(line, "--help"), strings.NewReader(""), &out, &diagnostics); code != 0 || diagnostics.Len() > 0 {
			t.Errorf("%v: exit %d, %s", line, code, &diagnostics)
		}
		for text := range strings.Lines(out.String()) {
			if n := len([]rune(strings.TrimRight(text, "\n"))); n > helpColumns {
				t.Errorf("%v: %d columns: %s", line, n, text)
			}
		}
	}
}
