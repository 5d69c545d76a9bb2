package cli

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"github.com/atollcache/atoll/cmd/atoll/up"
)

const switchTimeout = 5 * time.Second

func (a *app) wanCommand() *cobra.Command {
	c := &cobra.Command{
		Use:   "wan",
		Short: "Cut, heal and delay the links between the regions of atoll up",
		Long: "Cuts, heals and delays the links between the regions of a running \"atoll up\". The cuts\n" +
			"are real: TCP connections are reset, or go silent.",
		Example: "  atoll wan cut eu us\n  atoll wan cut eu ap --one-way    # what eu says to ap is lost, not the answers\n" +
			"  atoll wan delay eu us 40ms       # each way, so a round trip takes 80ms\n  atoll wan heal\n  atoll wan status",
		Args: cobra.ArbitraryArgs,
		RunE: func(c *cobra.Command, args []string) error {
			if len(args) > 0 {
				return usageError{fmt.Errorf("unknown command %q for atoll wan; use cut, heal, delay or status", args[0])}
			}
			return c.Help()
		},
	}
	c.PersistentFlags().StringVar(&a.admin, "admin", "", fmt.Sprintf("address of the switch of atoll up\n(default %s; ATOLL_ADMIN)", defaultAdmin()))
	c.AddCommand(a.wanCut(), a.wanHeal(), a.wanDelay(), a.wanStatus())
	return c
}

func (a *app) wanCut() *cobra.Command {
	var oneWay bool
	c := &cobra.Command{
		Use:   "cut REGION REGION",
		Short: "Cut two regions from each other",
		Args:  takes(2, 2),
		RunE: func(c *cobra.Command, args []string) error {
			done := fmt.Sprintf("%s and %s are cut from each other", args[0], args[1])
			if oneWay {
				done = fmt.Sprintf("what %s says to %s is lost", args[0], args[1])
			}
			return a.turn(c.Context(), up.Change{Do: "cut", A: args[0], B: args[1], OneWay: oneWay}, done)
		},
	}
	c.Flags().BoolVar(&oneWay, "one-way", false, "only what the first says to the second")
	return c
}

func (a *app) wanHeal() *cobra.Command {
	return &cobra.Command{
		Use:   "heal [REGION REGION]",
		Short: "Heal the link between two regions, or all links",
		Long:  "Heals the link between two regions, or without any all links. Delays stay.",
		Args: func(c *cobra.Command, args []string) error {
			if len(args) == 1 {
				return usageError{fmt.Errorf("heal takes two regions, or none to heal all")}
			}
			return takes(0, 2)(c, args)
		},
		RunE: func(c *cobra.Command, args []string) error {
			if len(args) == 0 {
				return a.turn(c.Context(), up.Change{Do: "heal"}, "all links are healed")
			}
			return a.turn(c.Context(), up.Change{Do: "heal", A: args[0], B: args[1]}, fmt.Sprintf("%s and %s are joined again", args[0], args[1]))
		},
	}
}

func (a *app) wanDelay() *cobra.Command {
	var oneWay bool
	c := &cobra.Command{
		Use:   "delay REGION REGION DELAY",
		Short: "Let what two regions say to each other arrive later",
		Long:  "Lets what two regions say to each other arrive later by DELAY, each way: a round trip\ntakes twice as long. 0 takes the delay away.",
		Args:  takes(3, 3),
		RunE: func(c *cobra.Command, args []string) error {
			delay, err := time.ParseDuration(args[2])
			if err != nil || delay < 0 {
				return usageError{fmt.Errorf("%q is no delay; write 40ms", args[2])}
			}
			change := up.Change{Do: "delay", A: args[0], B: args[1], OneWay: oneWay, DelayMicros: delay.Microseconds()}
			return a.turn(c.Context(), change, fmt.Sprintf("%s and %s hear each other %v later", args[0], args[1], delay))
		},
	}
	c.Flags().BoolVar(&oneWay, "one-way", false, "only what the first says to the second")
	return c
}

func (a *app) wanStatus() *cobra.Command {
	return &cobra.Command{
		Use:   "status",
		Short: "Print the state of every link, in both directions",
		Args:  takes(0, 0),
		RunE: func(c *cobra.Command, _ []string) error {
			paths, err := a.switchDo(c.Context(), nil)
			if err != nil {
				return err
			}
			return a.print(paths, func(w io.Writer) { printPaths(w, paths) })
		},
	}
}

func printPaths(w io.Writer, paths []up.Path) {
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(t, "FROM\tTO\tSTATE\tDELAY\tSENT")
	for _, p := range paths {
		delay := time.Duration(p.DelayMicros) * time.Microsecond
		fmt.Fprintf(t, "%s\t%s\t%s\t%v\t%s\n", p.From, p.To, p.State, delay, size(int64(p.Bytes)))
	}
	_ = t.Flush() // print says what cannot be written
}

// turn changes the switch, and says so.
func (a *app) turn(ctx context.Context, change up.Change, done string) error {
	paths, err := a.switchDo(ctx, &change)
	if err != nil {
		return err
	}
	return a.print(paths, func(w io.Writer) { fmt.Fprintln(w, done) })
}

func (a *app) switchDo(ctx context.Context, change *up.Change) ([]up.Path, error) {
	ctx, cancel := context.WithTimeout(ctx, switchTimeout)
	defer cancel()
	paths, err := up.Turn(ctx, cmp.Or(a.admin, os.Getenv("ATOLL_ADMIN"), defaultAdmin()), change)
	if errors.Is(err, up.ErrRefused) {
		return nil, usageError{errors.New(strings.TrimPrefix(err.Error(), up.ErrRefused.Error()+": "))}
	}
	return paths, err
}

// size writes a number of bytes in three digits or so.
func size(n int64) string {
	const step = 1024
	value, units := float64(n), []string{"B", "KiB", "MiB", "GiB", "TiB"}
	for value >= 999.5 && len(units) > 1 {
		value /= step
		units = units[1:]
	}
	if units[0] == "B" || value >= 99.5 {
		return fmt.Sprintf("%.0f %s", value, units[0])
	}
	return fmt.Sprintf("%.1f %s", value, units[0])
}
