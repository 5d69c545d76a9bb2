package cli

import (
	"regexp"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

// negative is an argument that looks like a flag and is a number, or a bound.
var negative = regexp.MustCompile(`^-(\d|\.\d|inf$)`)

// allowNegative lets negative numbers be arguments, as in "zrange board 0 -1 --rev": if there are any, it puts the
// flags first, and the arguments in their order behind "--".
func allowNegative(root *cobra.Command, args []string) []string {
	if !slices.ContainsFunc(args, negative.MatchString) {
		return args
	}
	command, rest, err := root.Find(args)
	if err != nil || command == root || strings.HasPrefix(args[0], "__") {
		return args
	}

	path := strings.Fields(command.CommandPath())[1:]
	var flags, positional []string
	for i := 0; i < len(rest); i++ {
		arg := rest[i]
		switch {
		case arg == "--":
			positional = append(positional, rest[i+1:]...)
			i = len(rest)
		case len(arg) < 2 || arg[0] != '-' || negative.MatchString(arg):
			positional = append(positional, arg)
		case takesValue(command, arg) && i+1 < len(rest):
			flags = append(flags, arg, rest[i+1])
			i++
		default:
			flags = append(flags, arg)
		}
	}
	return slices.Concat(path, flags, []string{"--"}, positional)
}

// takesValue says whether the next argument belongs to the flag.
func takesValue(c *cobra.Command, arg string) bool {
	if strings.Contains(arg, "=") {
		return false
	}
	var flag *pflag.Flag
	if name, long := strings.CutPrefix(arg, "--"); long {
		flag = c.Flag(name)
	} else {
		flag = c.Flags().ShorthandLookup(arg[1:2])
	}
	return flag != nil && flag.NoOptDefVal == ""
}
