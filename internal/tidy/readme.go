package tidy

import (
	"fmt"
	"regexp"
	"strings"
)

// The README's session runs the command from the source; the script that tests
// it runs the binary.
const (
	readmeCommand = "go run ./cmd/atoll"
	scriptCommand = "atoll"
)

var (
	comment   = regexp.MustCompile(`\s#.*$`)
	separator = regexp.MustCompile(`;|&&|&`)
)

// readmeSession lists the commands of the first sh block of the README that
// run atoll, one by one, as "atoll get greeting".
func readmeSession(readme string) []string {
	_, rest, ok := strings.Cut(readme, "```sh\n")
	if !ok {
		return nil
	}
	block, _, _ := strings.Cut(rest, "\n```")

	var commands []string
	for line := range strings.Lines(block) {
		for _, part := range separator.Split(comment.ReplaceAllString(" "+strings.TrimSpace(line), ""), -1) {
			if args, ok := strings.CutPrefix(strings.TrimSpace(part), readmeCommand); ok {
				commands = append(commands, normal(scriptCommand+args))
			}
		}
	}
	return commands
}

// scriptSession lists the lines of a test script that run atoll.
func scriptSession(script string) []string {
	var commands []string
	for line := range strings.Lines(script) {
		words := strings.Fields(comment.ReplaceAllString(strings.TrimSpace(line), ""))
		for len(words) > 0 && (words[0] == "!" || words[0] == "?" || words[0] == "exec") {
			words = words[1:]
		}
		if len(words) > 0 && words[0] == scriptCommand {
			commands = append(commands, normal(strings.Join(words, " ")))
		}
	}
	return commands
}

// normal drops what a shell does not pass on: extra blanks, quotes, a final &.
func normal(command string) string {
	words := strings.Fields(strings.NewReplacer(`'`, "", `"`, "").Replace(command))
	for len(words) > 0 && strings.HasPrefix(words[len(words)-1], "&") {
		words = words[:len(words)-1]
	}
	return strings.Join(words, " ")
}

// checkSession wants every command of the README in the script, in the same
// order. The script may run more in between, and may add flags to "up", since
// a test must not take the default ports.
func checkSession(readme, script string) []finding {
	shown, tested := readmeSession(readme), scriptSession(script)
	if len(shown) == 0 {
		return []finding{{"README.md", "its first sh block runs no " + readmeCommand + "; show the session there"}}
	}
	for _, command := range shown {
		at := 0
		for at < len(tested) && !sameCommand(command, tested[at]) {
			at++
		}
		if at == len(tested) {
			return []finding{{"README.md", fmt.Sprintf("shows %q, which the script does not run at this point; make the two agree", command)}}
		}
		tested = tested[at+1:]
	}
	return nil
}

func sameCommand(shown, tested string) bool {
	return shown == tested || shown == scriptCommand+" up" && strings.HasPrefix(tested, shown+" ")
}
