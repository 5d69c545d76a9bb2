// Command testcount reads the stream of go test -json and ends with one line
// that a person and a script can trust:
//
//	$ go test -json ./... | go run ./internal/testcount
//	ok  	github.com/atollcache/atoll/ring	0.412s
//	SKIP github.com/atollcache/atoll/ring TestHuge
//	212 passed, 0 failed
//
// It shows the verdict of each package and the whole output of whatever
// failed, counts tests and subtests, and exits with 1 when something failed or
// when nothing passed. A package that fails without a failed test (it did not
// build, or it died outside of a test) counts as one failure. Lines that are
// not JSON are passed on. It does not run anything itself.
package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"strings"
)

func main() {
	tally, err := count(os.Stdin, os.Stdout)
	if err != nil {
		fmt.Fprintln(os.Stderr, "testcount:", err)
		os.Exit(1)
	}
	fmt.Printf("%d passed, %d failed\n", tally.passed, tally.failed)
	if tally.failed > 0 || tally.passed == 0 {
		os.Exit(1)
	}
}

// An event is one line of go test -json; see go doc test2json.
type event struct {
	Action  string
	Package string
	Test    string
	Output  string
}

// A tally is what has been seen so far.
type tally struct {
	passed, failed int

	output      map[string]*strings.Builder // what each running test or package printed
	failedTests map[string]int              // by package
}

func count(in io.Reader, out io.Writer) (*tally, error) {
	t := &tally{output: map[string]*strings.Builder{}, failedTests: map[string]int{}}
	lines := bufio.NewReader(in)
	for {
		line, err := lines.ReadString('\n')
		if line != "" {
			var e event
			if json.Unmarshal([]byte(line), &e) != nil || e.Action == "" {
				fmt.Fprintln(out, strings.TrimRight(line, "\n"))
			} else {
				t.take(e, out)
			}
		}
		if err == io.EOF {
			return t, nil
		}
		if err != nil {
			return nil, fmt.Errorf("read the test stream: %w", err)
		}
	}
}

// take counts one event and prints what a reader must see of it.
func (t *tally) take(e event, out io.Writer) {
	name := strings.TrimRight(e.Package+" "+e.Test, " ")
	switch e.Action {
	case "output":
		if t.output[name] == nil {
			t.output[name] = &strings.Builder{}
		}
		t.output[name].WriteString(e.Output)
	case "build-output":
		fmt.Fprint(out, e.Output)
	case "pass", "skip", "fail":
		t.finish(e, name, out)
		delete(t.output, name)
	}
}

// finish counts a test or a package that has ended.
func (t *tally) finish(e event, name string, out io.Writer) {
	isTest := e.Test != ""
	switch {
	case e.Action == "skip" && isTest:
		fmt.Fprintln(out, "SKIP", name)
	case e.Action == "pass" && isTest:
		t.passed++
	case e.Action == "fail" && isTest:
		t.failed++
		t.failedTests[e.Package]++
		fmt.Fprint(out, t.printed(name))
	case e.Action == "fail":
		if t.failedTests[e.Package] == 0 {
			t.failed++
		}
		fmt.Fprint(out, t.printed(name))
	default: // A package passed, or has no tests: its last line says so.
		fmt.Fprint(out, lastLine(t.printed(name)))
	}
}

func (t *tally) printed(name string) string {
	if t.output[name] == nil {
		return ""
	}
	return t.output[name].String()
}

func lastLine(s string) string {
	body := strings.TrimRight(s, "\n")
	return s[strings.LastIndexByte(body, '\n')+1:]
}
