package cli

import (
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/atollcache/atoll/cmd/atoll/remote"
)

// keyCommands are those for keys and strings.
func (a *app) keyCommands() []*cobra.Command {
	plain := func(name string) func([]string) (remote.Request, error) {
		return func(args []string) (remote.Request, error) { return remote.Request{Command: name, Args: args}, nil }
	}
	return []*cobra.Command{
		a.data(dataCommand{
			use: "get KEY", short: "Print the value of a key", min: 1, max: 1,
			long:    "Prints the bare value of a string and a newline. A key that does not exist: exit 3,\nand nothing on stdout.",
			example: "  atoll get greeting\n  atoll get greeting --region ap --json",
			request: plain("get"), show: showValue,
		}),
		a.setCommand(),
		a.data(dataCommand{
			use: "del KEY...", short: "Remove keys", min: 1, max: -1, write: true,
			long:    "Removes keys, one by one, and prints how many there were. What another region wrote\nand this one has not seen survives.",
			request: plain("del"), show: showValue,
		}),
		a.data(dataCommand{
			use: "exists KEY...", short: "Count how many of the keys exist", min: 1, max: -1,
			request: plain("exists"), show: showValue,
		}),
		a.data(dataCommand{
			use: "incr KEY [AMOUNT]", short: "Add one, or an amount, to an integer", min: 1, max: 2, write: true,
			long:    "Adds to an integer and prints the sum. Increments of several regions add up.",
			request: countBy("incr"), show: showValue,
		}),
		a.data(dataCommand{
			use: "decr KEY [AMOUNT]", short: "Take one, or an amount, from an integer", min: 1, max: 2, write: true,
			long:    "Takes from an integer and prints what is left. Decrements of several regions add up.",
			request: countBy("decr"), show: showValue,
		}),
		a.data(dataCommand{
			use: "expire KEY TTL", short: "Give a key some time to live", min: 2, max: 2, write: true,
			long:    "TTL is a number of seconds, or a duration such as 90s, 5m or 500ms.",
			example: "  atoll expire session:17 30m",
			request: expire, show: showDone,
		}),
		a.data(dataCommand{
			use: "ttl KEY", short: "Print the seconds that a key has left", min: 1, max: 1,
			long:    "Prints the seconds that a key has left, or -1 if it has no deadline. With --json in\nmilliseconds, or null.",
			request: plain("pttl"), show: showTTL,
		}),
		a.data(dataCommand{
			use: "persist KEY", short: "Take the deadline of a key away", min: 1, max: 1, write: true,
			long:    "Prints 1 if there was a deadline, 0 if not.",
			request: plain("persist"), show: showValue,
		}),
		a.data(dataCommand{
			use: "type KEY", short: "Print what a key holds: string, hash, set or zset", min: 1, max: 1,
			request: plain("type"), show: showType,
		}),
		a.scanCommand(),
	}
}

// setOptions are the flags of set.
type setOptions struct {
	ttl    string
	nx, xx bool
}

func (a *app) setCommand() *cobra.Command {
	var o setOptions
	return a.data(dataCommand{
		use: "set KEY VALUE", short: "Set a key to a string", min: 2, max: 2, write: true,
		long: "Sets a key to a string, whatever it held before. A VALUE of - is read from stdin.\n\n" +
			"--nx and --xx are decided by what the region sees: two regions can both succeed, so\nthey are no lock.",
		example: "  atoll set greeting hello --ttl 10m\n  atoll set greeting hello --ack regions:2\n  atoll set page - < index.html",
		flags: func(c *cobra.Command) {
			c.Flags().StringVar(&o.ttl, "ttl", "", "time to live: seconds, or a duration such as 90s or 500ms")
			c.Flags().BoolVar(&o.nx, "nx", false, "only if the key does not exist")
			c.Flags().BoolVar(&o.xx, "xx", false, "only if the key exists")
		},
		request: func(args []string) (remote.Request, error) { return a.set(args, o) },
		show:    o.show,
	})
}

func (a *app) set(args []string, o setOptions) (remote.Request, error) {
	if o.nx && o.xx {
		return remote.Request{}, errors.New("--nx and --xx exclude each other")
	}
	value := args[1]
	if value == "-" {
		// One byte more than any limit allows is enough to be refused.
		read, err := io.ReadAll(io.LimitReader(a.stdin, maxStdin+1))
		if err != nil {
			return remote.Request{}, fmt.Errorf("read the value from stdin: %w", err)
		}
		value = string(read)
	}
	q := remote.Request{Command: "set", Args: []string{args[0], value}}
	if o.nx {
		q.Args = append(q.Args, "NX")
	}
	if o.xx {
		q.Args = append(q.Args, "XX")
	}
	if o.ttl != "" {
		millis, err := parseTTL(o.ttl)
		if err != nil {
			return q, fmt.Errorf("--ttl %w", err)
		}
		q.Args = append(q.Args, "PX", millis)
	}
	return q, nil
}

// maxStdin is what a message holds at most.
const maxStdin = 8 << 20

// show prints OK, or says which condition did not hold.
func (o *setOptions) show(a *app, r result) error {
	switch {
	case r.Value != nil:
		return showValue(a, r)
	case o.nx:
		return fmt.Errorf("%s exists already in region %s; nothing was changed (--nx)", r.Key, r.Region)
	}
	return notFound(r)
}

// countBy makes the request of incr and decr.
func countBy(name string) func([]string) (remote.Request, error) {
	return func(args []string) (remote.Request, error) {
		if len(args) == 1 {
			return remote.Request{Command: name, Args: args}, nil
		}
		if _, err := strconv.ParseInt(args[1], 10, 64); err != nil {
			return remote.Request{}, fmt.Errorf("the amount %q is no integer of 64 bits", args[1])
		}
		return remote.Request{Command: name + "by", Args: args}, nil
	}
}

func expire(args []string) (remote.Request, error) {
	millis, err := parseTTL(args[1])
	if err != nil {
		return remote.Request{}, fmt.Errorf("TTL %w", err)
	}
	return remote.Request{Command: "pexpire", Args: []string{args[0], millis}}, nil
}

// parseTTL reads seconds or a duration, and gives milliseconds.
func parseTTL(s string) (millis string, err error) {
	d, err := time.ParseDuration(s)
	if err != nil {
		seconds, err := strconv.ParseInt(s, 10, 64)
		if err != nil {
			return "", fmt.Errorf("%q is neither a number of seconds nor a duration such as 90s", s)
		}
		if limit := int64(1 << 48 / 1000); seconds > limit {
			return "", fmt.Errorf("%s is too long, at most %d seconds", s, limit)
		}
		return positive(s, seconds*1000)
	}
	return positive(s, d.Milliseconds())
}

func positive(s string, millis int64) (string, error) {
	if millis <= 0 {
		return "", fmt.Errorf("%s is not above zero; use atoll del to remove a key", strings.TrimSpace(s))
	}
	return strconv.FormatInt(millis, 10), nil
}
