package client

import (
	"strings"
	"testing"

	"github.com/atollcache/atoll/command"
)

// The client knows of every command whether it writes, in whichever case it is spelled. A command of which it knows
// nothing may be a write that must not run twice.
func TestEveryCommandIsKnown(t *testing.T) {
	for _, row := range command.Table() {
		for _, name := range []string{row.Name, strings.ToUpper(row.Name)} {
			args := named([][]byte{[]byte(name), []byte("k"), []byte("v"), []byte("w")})
			c := &Call{Args: args}
			if !known(c.Op()) || reads(c) == row.Write {
				t.Errorf("%s: known %t, reads %t", name, known(c.Op()), reads(c))
			}
			if !row.Write && !repeatable(c) {
				t.Errorf("%s changes nothing, and is not repeated", name)
			}
		}
	}
	if c := (&Call{Args: [][]byte{[]byte("getdel"), []byte("k")}}); reads(c) || repeatable(c) {
		t.Error("a command that nobody knows is taken for a read")
	}
}

func TestNameIsOfTheCaller(t *testing.T) {
	mine := [][]byte{[]byte("INCR"), []byte("k")}
	if got := named(mine); string(got[0]) != "incr" || string(mine[0]) != "INCR" {
		t.Errorf("sent is %s, the caller has %s", got[0], mine[0])
	}
}

// Only a write may have been applied without an answer.
func TestMaybe(t *testing.T) {
	for _, c := range []struct {
		op    string
		code  Code
		sent  bool
		maybe bool
	}{
		{"incr", CodeTimeout, false, true},
		{"incr", CodeCanceled, true, true},
		{"incr", CodeUnavailable, true, true},
		{"incr", CodeUnavailable, false, false},
		{"incr", CodeWrongType, false, false},
		{"get", CodeTimeout, true, false},
	} {
		e := NewError(c.code, &Call{Args: [][]byte{[]byte(c.op), []byte("k")}}, "eu", "", nil, c.sent)
		if e.Maybe != c.maybe {
			t.Errorf("%+v: %t", c, e.Maybe)
		}
	}
}
