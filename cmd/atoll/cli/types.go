package cli

import (
	"fmt"
	"strconv"

	"github.com/spf13/cobra"

	"github.com/atollcache/atoll/cmd/atoll/remote"
)

// typeCommands are those for hashes, sets and sorted sets.
func (a *app) typeCommands() []*cobra.Command {
	command := func(use, short string, least, most int, write bool, show shower) *cobra.Command {
		name := (&cobra.Command{Use: use}).Name()
		return a.data(dataCommand{
			use: use, short: short, min: least, max: most, write: write, show: show,
			request: func(args []string) (remote.Request, error) { return remote.Request{Command: name, Args: args}, nil },
		})
	}
	return []*cobra.Command{
		a.hsetCommand(),
		command("hget KEY FIELD", "Print the value of a field", 2, 2, false, showField),
		command("hgetall KEY", "Print all fields and their values, a field a line", 1, 1, false, showFields),
		command("hdel KEY FIELD...", "Remove fields, and print how many there were", 2, -1, true, showValue),
		command("hincrby KEY FIELD AMOUNT", "Add to an integer in a field", 3, 3, true, showValue),

		command("sadd KEY MEMBER...", "Add members, and print how many are new", 2, -1, true, showValue),
		command("srem KEY MEMBER...", "Remove members, and print how many there were", 2, -1, true, showValue),
		command("smembers KEY", "Print all members, one a line", 1, 1, false, showMembers),

		a.zaddCommand(),
		command("zincrby KEY AMOUNT MEMBER", "Add to the score of a member", 3, 3, true, showNumber),
		a.zrangeCommand(),
		command("zrem KEY MEMBER...", "Remove members, and print how many there were", 2, -1, true, showValue),
	}
}

// showField prints the bare value of a field.
func showField(a *app, r result) error {
	if r.Value == nil {
		return notFoundError{fmt.Errorf("%s: the key or the field is not found in region %s", r.Key, r.Region)}
	}
	return showValue(a, r)
}

// pairs wants something with every second argument after the key.
func pairs(args []string, usage string) error {
	if len(args)%2 == 0 {
		return fmt.Errorf("%q stands alone; usage: %s", args[len(args)-1], usage)
	}
	return nil
}

func (a *app) hsetCommand() *cobra.Command {
	const use = "hset KEY FIELD VALUE [FIELD VALUE]..."
	return a.data(dataCommand{
		use: use, short: "Set fields of a hash, and print how many are new", min: 3, max: -1, write: true,
		example: "  atoll hset user:17 name Ada lang en",
		request: func(args []string) (remote.Request, error) {
			return remote.Request{Command: "hset", Args: args}, pairs(args, "atoll "+use)
		},
		show: showValue,
	})
}

func (a *app) zaddCommand() *cobra.Command {
	const use = "zadd KEY SCORE MEMBER [SCORE MEMBER]..."
	names := []string{"nx", "xx", "gt", "lt", "ch"}
	given := make([]bool, len(names))
	return a.data(dataCommand{
		use: use, short: "Set the scores of members, and print how many are new", min: 3, max: -1, write: true,
		example: "  atoll zadd board 17.5 ada 12 grace",
		flags: func(c *cobra.Command) {
			for i, what := range []string{
				"only members that are new", "only members that exist", "only if the score becomes higher",
				"only if the score becomes lower", "print how many have changed",
			} {
				c.Flags().BoolVar(&given[i], names[i], false, what)
			}
		},
		request: func(args []string) (remote.Request, error) {
			q := remote.Request{Command: "zadd", Args: []string{args[0]}}
			for i, name := range names {
				if given[i] {
					q.Args = append(q.Args, name)
				}
			}
			q.Args = append(q.Args, args[1:]...)
			return q, pairs(args, "atoll "+use)
		},
		show: showValue,
	})
}

// rangeOptions are the flags of zrange.
type rangeOptions struct {
	byScore, reverse, scores bool
	offset, limit            int
}

func (a *app) zrangeCommand() *cobra.Command {
	var o rangeOptions
	return a.data(dataCommand{
		use: "zrange KEY START STOP", short: "Print members by rank or score", min: 3, max: 3,
		long: "Prints the members from START to STOP in the order of their scores, one a line.\n" +
			"Ranks count from 0, and from the end with -1.\n\n" +
			"With --by-score START and STOP are scores: \"(5\" leaves 5 out, -inf and inf are open\n" +
			"ends. With --by-score --rev START is the higher one.",
		example: "  atoll zrange board 0 9 --rev --with-scores\n  atoll zrange board 10 inf --by-score",
		flags: func(c *cobra.Command) {
			c.Flags().BoolVar(&o.byScore, "by-score", false, "START and STOP are scores")
			c.Flags().BoolVar(&o.reverse, "rev", false, "from the highest score down")
			c.Flags().BoolVar(&o.scores, "with-scores", false, "print the scores too")
			c.Flags().IntVar(&o.offset, "offset", 0, "leave out so many of the range (--by-score)")
			c.Flags().IntVar(&o.limit, "limit", -1, "print so many at most (--by-score)")
		},
		request: o.request,
		show: func(a *app, r result) error {
			if o.scores {
				return showScored(a, r)
			}
			return showList(a, r)
		},
	})
}

func (o *rangeOptions) request(args []string) (remote.Request, error) {
	q := remote.Request{Command: "zrange", Args: args}
	limited := o.offset != 0 || o.limit >= 0
	if limited && !o.byScore {
		return q, fmt.Errorf("--offset and --limit go with --by-score; without it START and STOP bound the range")
	}
	if o.byScore {
		q.Args = append(q.Args, "BYSCORE")
	}
	if o.reverse {
		q.Args = append(q.Args, "REV")
	}
	if limited {
		q.Args = append(q.Args, "LIMIT", strconv.Itoa(o.offset), strconv.Itoa(o.limit))
	}
	if o.scores {
		q.Args = append(q.Args, "WITHSCORES")
	}
	return q, nil
}
