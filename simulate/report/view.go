package report

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/atollcache/atoll/simulate"
	"github.com/atollcache/atoll/simulate/scenario"
)

// View shows a run under way: in place on a terminal, as a line now and then
// elsewhere. It is as wide as 80 columns.
type View struct {
	screen screen
	sc     *scenario.Scenario
	seed   uint64
	all    []simulate.Sample
	last   simulate.Progress
}

// Columns is how wide a view is.
const Columns = 80

// NewView gives a view of a run. It is live if the output is a terminal.
func NewView(out io.Writer, live bool, sc *scenario.Scenario, seed uint64) *View {
	return &View{screen: newScreen(out, live), sc: sc, seed: seed}
}

// Terminal says whether a file is a terminal that can move its cursor.
func Terminal(out io.Writer) bool {
	file, ok := out.(*os.File)
	if !ok || os.Getenv("TERM") == "dumb" || os.Getenv("TERM") == "" {
		return false
	}
	info, err := file.Stat()
	return err == nil && info.Mode()&os.ModeCharDevice != 0
}

// Progress takes what a run tells, see simulate.Config.
func (v *View) Progress(p simulate.Progress) {
	v.all, v.last = append(v.all, p.Fresh...), p
	if v.screen.due() {
		v.screen.show(v.lines(v.phase()), v.line)
	}
}

// Result shows what the run came to.
func (v *View) Result(r *simulate.Result) {
	if len(r.Samples) > 0 {
		v.all = r.Samples
	}
	v.last = simulate.Progress{At: r.Simulated, Phase: v.last.Phase, Events: r.Events, Violations: total(r)}
	if v.screen.live {
		v.screen.show(append(v.lines(strings.ToUpper(string(r.Verdict))), "replay      "+r.Token), v.line)
	}
}

func (v *View) phase() string { return v.last.Phase.String() }

// line sums up how it stands.
func (v *View) line() string {
	now := v.now()
	return fmt.Sprintf("%s of %s, %s: %s differ, reads miss %s at most, %d violations",
		Span(v.last.At), Span(v.sc.Phases.End()), v.phase(), plural(now.Divergent, "partition"), Span(now.Stale), v.last.Violations)
}

func (v *View) now() simulate.Sample {
	if len(v.all) == 0 {
		return simulate.Sample{}
	}
	return v.all[len(v.all)-1]
}

// Measures of the view in columns.
const (
	label    = 12
	sparks   = 44
	maxLinks = 8
)

func (v *View) lines(state string) []string {
	end := v.sc.Phases.End()
	share := float64(v.last.At) / float64(max(end, 1))
	out := []string{
		fmt.Sprintf("%s, seed %d", shorten(v.sc.Name, 50), v.seed),
		fmt.Sprintf("%-*s%s  %s of %s", label, shorten(state, label-1), bar(share, sparks), Span(v.last.At), Span(end)),
	}
	out = append(out, v.links()...)
	now := v.now()
	out = append(out,
		v.chart("divergence", plural(now.Divergent, "partition"), func(s, _ *simulate.Sample) float64 { return float64(s.Divergent) }),
		v.chart("staleness", Span(now.Stale), func(s, _ *simulate.Sample) float64 { return float64(s.Stale) }),
		v.chart("wire", Bytes(int64(v.rate()))+"/s", rateOf),
		fmt.Sprintf("%-*s%d", label, "violations", v.last.Violations),
	)
	return out
}

// links draws a bar for every pair of regions, those that are not well first.
func (v *View) links() []string {
	var bad, good []string
	regions := v.sc.Topology.Regions
	for i := range regions {
		for k := i + 1; k < len(regions); k++ {
			state := LinkAt(v.sc, regions[i], regions[k], v.last.At)
			text := fmt.Sprintf("%*s %s %-10s %s", label-1, shorten(regions[i].Name, label-1), cable(state), shorten(regions[k].Name, 10), state)
			if state == Whole {
				good = append(good, text)
			} else {
				bad = append(bad, text)
			}
		}
	}
	all := slices.Concat(bad, good)
	if len(all) > maxLinks {
		all = append(all[:maxLinks], fmt.Sprintf("%*s and %d more links", label-1, "", len(all)-maxLinks))
	}
	return all
}

func cable(state Link) string {
	switch state {
	case Parted:
		return "━━━━━━╳      ╳━━━━━━"
	case OneWay:
		return "━━━━━━━━━╳──────────"
	case Marred:
		return "━━━━━━╌╌╌╌╌╌╌╌━━━━━━"
	case Whole:
	}
	return strings.Repeat("━", 20)
}

// bar draws a share from 0 to 1.
func bar(share float64, width int) string {
	full := max(0, min(width, int(share*float64(width))))
	return strings.Repeat("█", full) + strings.Repeat("░", width-full)
}

// chart draws a figure over the whole run, as far as it has come.
func (v *View) chart(name, value string, f func(s, before *simulate.Sample) float64) string {
	columns := make([]float64, sparks)
	reached := 0
	before := &simulate.Sample{}
	for i := range v.all {
		s := &v.all[i]
		c := min(sparks-1, int(int64(s.At)*sparks/int64(max(v.sc.Phases.End(), 1))))
		columns[c], reached = max(columns[c], f(s, before)), c+1
		before = s
	}
	return fmt.Sprintf("%-*s%s  %s", label, name, spark(columns[:reached], sparks), value)
}

func (v *View) rate() float64 {
	if len(v.all) < 2 {
		return 0
	}
	return rateOf(&v.all[len(v.all)-1], &v.all[len(v.all)-2])
}

func rateOf(s, before *simulate.Sample) float64 {
	took := s.At - before.At
	if took <= 0 {
		return 0
	}
	return float64(sum(s.Bytes)-sum(before.Bytes)) / took.Seconds()
}

func sum(bytes map[string]uint64) (all uint64) {
	for _, n := range bytes { // order-free: a sum
		all += n
	}
	return all
}

// spark draws values as a line of blocks, the highest as a full one.
func spark(values []float64, width int) string {
	const blocks = "▁▂▃▄▅▆▇█"
	steps := []rune(blocks)
	highest := 0.0
	for _, x := range values {
		highest = max(highest, x)
	}
	var out strings.Builder
	for _, x := range values[:min(len(values), width)] {
		i := 0
		if highest > 0 {
			i = int(x / highest * float64(len(steps)-1))
		}
		out.WriteRune(steps[i])
	}
	out.WriteString(strings.Repeat(" ", width-min(len(values), width)))
	return out.String()
}

// screen draws lines over those that it drew before, or writes one now and then.
type screen struct {
	out   io.Writer
	live  bool
	now   func() time.Time
	next  time.Time
	drawn int
}

// How often a view changes.
const (
	frame = 100 * time.Millisecond
	quiet = 10 * time.Second
)

func newScreen(out io.Writer, live bool) screen {
	first := quiet
	if live {
		first = frame
	}
	return screen{out: out, live: live, now: time.Now, next: time.Now().Add(first)}
}

// due says whether it is time to show something, and when it will be next.
func (s *screen) due() bool {
	now := s.now()
	if now.Before(s.next) {
		return false
	}
	s.next = now.Add(quiet)
	if s.live {
		s.next = now.Add(frame)
	}
	return true
}

// show draws the lines where they were before, or writes the one line.
func (s *screen) show(lines []string, line func() string) {
	if !s.live {
		fmt.Fprintln(s.out, line())
		return
	}
	var b bytes.Buffer
	b.WriteString("\x1b[?7l") // a narrow terminal cuts lines off, so that their number is right
	if s.drawn > 0 {
		fmt.Fprintf(&b, "\x1b[%dA", s.drawn)
	}
	for _, text := range lines {
		fmt.Fprintf(&b, "\r\x1b[2K%s\n", shorten(text, Columns))
	}
	b.WriteString("\x1b[J\x1b[?7h")
	s.drawn = len(lines)
	_, _ = s.out.Write(b.Bytes()) // who cannot look on misses nothing that the result does not tell
}
