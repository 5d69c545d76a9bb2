package cli

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"slices"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"github.com/atollcache/atoll/server"
)

func (a *app) statusCommand() *cobra.Command {
	return a.asksRegions(&cobra.Command{
		Use:   "status",
		Short: "Print regions, nodes, links and repair",
		Long: "Asks every node of every region how it is, and sums up its links by region. LAG is\n" +
			"how long something has waited for an acknowledgement at most, WAITING what is still\n" +
			"to be sent, REPAIR what is being compared or still to be. With --json it prints all that\n" +
			"the nodes say.",
		Args:              takes(0, 0),
		ValidArgsFunction: cobra.NoFileCompletions,
		RunE:              func(c *cobra.Command, _ []string) error { return a.status(c.Context()) },
	})
}

// regionReport is a region as status prints it with --json.
type regionReport struct {
	Name     string          `json:"name"`
	Endpoint string          `json:"endpoint"`
	Nodes    []server.Status `json:"nodes"`
	Silent   []string        `json:"silent"` // nodes that do not answer
}

func (a *app) status(ctx context.Context) error {
	if err := a.checkTimeout(); err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, a.timeout)
	defer cancel()
	places, missing := a.everywhere(ctx)
	defer closeAll(places)
	if len(places) == 0 {
		return missing
	}

	report := make([]regionReport, len(places))
	for i, p := range places {
		report[i] = regionReport{
			Name: p.region.Name, Endpoint: p.region.Endpoint.String(),
			Nodes: append([]server.Status{}, p.nodes...), Silent: append([]string{}, p.silent...),
		}
	}
	document := struct {
		Regions []regionReport `json:"regions"`
	}{report}
	err := a.print(document, func(w io.Writer) { printStatus(w, report) })
	return cmp.Or(err, missing)
}

// printStatus writes two tables: the nodes, and the links between regions.
func printStatus(w io.Writer, report []regionReport) {
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(t, "REGION\tNODE\tSTATE\tUPTIME\tREADY\tBOOTING\tLEAVING\tKEYS\tMEMORY")
	for _, r := range report {
		for _, n := range r.Nodes {
			fmt.Fprintf(t, "%s\t%s\t%s\t%s\t%d\t%d\t%d\t%d\t%s\n", r.Name, n.Node, state(&n), uptime(n.UptimeMS),
				n.Partitions[ready], n.Partitions[booting], n.Partitions["leaving"], n.Keys, size(n.Bytes))
		}
		for _, name := range r.Silent {
			fmt.Fprintf(t, "%s\t%s\tno answer\t-\t-\t-\t-\t-\t-\n", r.Name, name)
		}
	}
	_ = t.Flush() // print says what cannot be written

	fmt.Fprintln(w)
	t = tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(t, "FROM\tTO\tLINKS\tLAG\tRTT\tWAITING\tREPAIR")
	for _, f := range flows(report) {
		fmt.Fprintf(t, "%s\t%s\t%s\t%s\t%s\t%s\t%s\n", f.from, f.to, f.links(), f.since(), span(f.rtt),
			size(int64(f.waiting)), f.repair())
	}
	_ = t.Flush()
}

// state is how a node is, and that it takes no writes if its clock is off.
func state(n *server.Status) string {
	if n.Clock.Stopped {
		return "clock off"
	}
	return n.State
}

// A flow is all links from the nodes of one region to those of another, or of the same.
type flow struct {
	from, to string
	up, all  int
	lag, rtt float64 // milliseconds, of the slowest; lag is 0 if nothing waits
	waiting  int     // bytes
	pulling  int     // repair rounds under way
	stuck    int     // partitions that wait for repair
}

func (f *flow) links() string {
	if f.up == f.all {
		return fmt.Sprintf("%d up", f.up)
	}
	return fmt.Sprintf("%d of %d up", f.up, f.all)
}

func (f *flow) since() string {
	if f.lag == 0 {
		return "-"
	}
	return span(f.lag)
}

func (f *flow) repair() string {
	switch {
	case f.pulling > 0:
		return "running"
	case f.stuck > 0:
		return count(f.stuck, "partition")
	}
	return "idle"
}

// flows sums up the links of all nodes by pairs of regions.
func flows(report []regionReport) []*flow {
	var all []*flow
	between := func(from, to string) *flow {
		for _, f := range all {
			if f.from == from && f.to == to {
				return f
			}
		}
		all = append(all, &flow{from: from, to: to})
		return all[len(all)-1]
	}
	for _, r := range report {
		for _, n := range r.Nodes {
			for _, l := range n.Links {
				between(r.Name, l.Region).addLink(l)
			}
			for _, p := range n.Peers {
				between(r.Name, p.Region).addPeer(p)
			}
		}
	}
	slices.SortStableFunc(all, func(a, b *flow) int { return cmp.Or(cmp.Compare(a.from, b.from), cmp.Compare(a.to, b.to)) })
	return all
}

func (f *flow) addLink(l server.LinkStatus) {
	f.all++
	if l.State == "up" {
		f.up++
	}
	if l.State != "up" || l.OutboxBytes+l.Unacked > 0 {
		f.lag = max(f.lag, l.HeardMillis)
	}
	f.rtt = max(f.rtt, l.RTTMillis)
	f.waiting += l.OutboxBytes
}

func (f *flow) addPeer(p server.PeerStatus) {
	if p.Pulling {
		f.pulling++
	}
	f.stuck += p.Stuck
}

// span writes milliseconds in a few digits.
func span(millis float64) string {
	switch {
	case millis < 1000:
		return fmt.Sprintf("%.1fms", millis)
	case millis < 100_000:
		return fmt.Sprintf("%.1fs", millis/1000)
	}
	return uptime(int64(millis))
}

// uptime writes a long time in one unit.
func uptime(millis int64) string {
	d := time.Duration(millis) * time.Millisecond
	switch {
	case d < 2*time.Minute:
		return fmt.Sprintf("%ds", int(d.Seconds()))
	case d < 2*time.Hour:
		return fmt.Sprintf("%dm", int(d.Minutes()))
	case d < 48*time.Hour:
		return fmt.Sprintf("%dh", int(d.Hours()))
	}
	return fmt.Sprintf("%dd", int(d.Hours()/24))
}
