package cli

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/cobra"
)

const about = `Atoll is a cache that lives in many regions at once: every region reads and writes
locally, also while it is cut off, and when the links are back all regions become
equal again.

Start with "atoll up", and in a second terminal:

  atoll set greeting hello --region eu
  atoll get greeting --region ap

Exit codes: 0 ok, 1 general error, 2 usage, 3 not found, 4 unreachable or out of
time, 5 not authorised, 6 stopped early with a partial result, 7 a check failed;
of atoll simulate also 8 inconclusive, 9 not deterministic.`

// helpColumns is the width for which help is written.
const helpColumns = 80

// helpCommand is the one of cobra, but for what it says of an unknown topic.
func helpCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "help [command]",
		Short: "Help about any command",
		RunE: func(c *cobra.Command, args []string) error {
			topic, rest, err := c.Root().Find(args)
			if err != nil || topic == c.Root() && len(rest) > 0 {
				return unknownCommand(c.Root(), args[0])
			}
			topic.InitDefaultHelpFlag()
			return topic.Help()
		},
	}
}

// unknownCommand says what may have been meant.
func unknownCommand(root *cobra.Command, name string) error {
	if name == "" {
		return usageError{errors.New("the command is empty")}
	}
	root.SuggestionsMinimumDistance = 2
	near := slices.DeleteFunc(root.SuggestionsFor(name), func(other string) bool { return other[0] != name[0] })
	if len(near) > 0 {
		return usageError{fmt.Errorf("unknown command %q; did you mean %s?", name, strings.Join(near, " or "))}
	}
	return usageError{fmt.Errorf("unknown command %q", name)}
}

// fitHelp wraps what help says of a command, and of those below it.
func fitHelp(c *cobra.Command) {
	if !c.HasParent() {
		c.SetUsageTemplate(strings.ReplaceAll(c.UsageTemplate(), ".FlagUsages", fmt.Sprintf(".FlagUsagesWrapped %d", helpColumns)))
	}
	c.Long = wrap(c.Long, helpColumns)
	for _, below := range c.Commands() {
		fitHelp(below)
	}
}

// wrap breaks paragraphs into lines. A line that is indented stays as it is.
func wrap(text string, columns int) string {
	var lines []string
	open := false // the last line may take more words
	for line := range strings.Lines(text) {
		line = strings.TrimSuffix(line, "\n")
		if line == "" || line[0] == ' ' {
			lines, open = append(lines, line), false
			continue
		}
		for word := range strings.FieldsSeq(line) {
			last := len(lines) - 1
			if open && len(lines[last])+1+len(word) <= columns {
				lines[last] += " " + word
			} else {
				lines, open = append(lines, word), true
			}
		}
	}
	return strings.Join(lines, "\n")
}
