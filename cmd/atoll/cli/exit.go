package cli

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"github.com/atollcache/atoll/cmd/atoll/remote"
	"github.com/atollcache/atoll/cmd/atoll/simulate"
	"github.com/atollcache/atoll/cmd/atoll/up"
)

// The exit codes of the binary.
const (
	exitOK = iota
	exitGeneral
	exitUsage
	exitNotFound
	exitUnreachable
	exitUnauthorised
	exitPartial
	exitCheckFailed
)

// The errors that have a code of their own.
type (
	usageError    struct{ error } // what was typed, or configured
	notFoundError struct{ error }
	shortError    struct{ error } // a level was not reached in time
	absentError   struct{ error } // a region is part of the cluster, and was not asked
	partialError  struct{ error } // stopped early
	checkError    struct{ error }
)

func (e usageError) Unwrap() error    { return e.error }
func (e notFoundError) Unwrap() error { return e.error }
func (e shortError) Unwrap() error    { return e.error }
func (e absentError) Unwrap() error   { return e.error }
func (e partialError) Unwrap() error  { return e.error }
func (e checkError) Unwrap() error    { return e.error }

func exitCode(err error) int {
	switch {
	case err == nil:
		return exitOK
	case is[*simulate.Error](err):
		coded, _ := errors.AsType[*simulate.Error](err)
		return coded.ExitCode()
	case is[usageError](err):
		return exitUsage
	case is[notFoundError](err):
		return exitNotFound
	case is[partialError](err):
		return exitPartial
	case is[checkError](err):
		return exitCheckFailed
	case errors.Is(err, remote.ErrUnauthorised):
		return exitUnauthorised
	case is[*remote.UnknownRegionError](err), errors.Is(err, remote.ErrTooLarge):
		return exitUsage
	case is[shortError](err), is[*remote.UnreachableError](err), is[absentError](err), errors.Is(err, up.ErrNotRunning),
		errors.Is(err, context.DeadlineExceeded):
		return exitUnreachable
	}
	if refusal, ok := errors.AsType[*remote.CommandError](err); ok {
		return refusalCode(refusal.Code)
	}
	return exitGeneral
}

// refusalCode is for a command that a node has refused.
func refusalCode(code string) int {
	switch code {
	case "UNAVAILABLE", "TIMEOUT", "OVERLOADED", "CLOCK":
		return exitUnreachable
	case "BADREQUEST":
		return exitUsage
	}
	return exitGeneral
}

func is[E error](err error) bool {
	_, ok := errors.AsType[E](err)
	return ok
}

// explain is what a person reads of an error: one line, with what to do.
func explain(c *cobra.Command, err error) string {
	text := strings.ReplaceAll(strings.TrimSpace(err.Error()), "\n", "; ")
	if advice := advise(c, err); advice != "" {
		text += "; " + advice
	}
	return text
}

func advise(c *cobra.Command, err error) string {
	switch {
	case errors.Is(err, context.Canceled):
		return ""
	case errors.Is(err, remote.ErrUnauthorised):
		return "give user and password with --credentials FILE"
	case errors.Is(err, remote.ErrTooLarge):
		return "store it in parts"
	case is[*remote.UnreachableError](err):
		return `start it with "atoll up", or name another endpoint with --server`
	case is[usageError](err) && c != nil && !strings.Contains(err.Error(), ";"):
		return fmt.Sprintf("see %s --help", c.CommandPath())
	}
	if refusal, ok := errors.AsType[*remote.CommandError](err); ok {
		return adviseRefusal(refusal)
	}
	return ""
}

// adviseRefusal adds what the texts of Redis, which commands answer with, leave out.
func adviseRefusal(refusal *remote.CommandError) string {
	switch {
	case refusal.Code == "WRONGTYPE":
		return `"atoll type KEY" tells what it holds`
	case refusal.Code == "OOM":
		return "the node is full: delete keys, set TTLs, or give it more with --memory"
	case strings.HasPrefix(refusal.Message, "value is not an integer"), strings.HasPrefix(refusal.Message, "hash value is not an integer"):
		return "nothing was changed"
	}
	return ""
}
