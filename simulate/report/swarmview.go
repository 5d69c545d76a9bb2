package report

import (
	"fmt"
	"io"
	"time"

	"github.com/atollcache/atoll/simulate"
)

// SwarmView shows how far a swarm is.
type SwarmView struct {
	screen screen
	name   string
	seeds  uint64 // that there are to be; zero if nobody knows
	began  time.Time

	done         uint64
	violated     uint64
	inconclusive uint64
	simulated    time.Duration
	token        string // of the first failure
	hit          map[string]bool
	marks        int
	rates        []float64 // seeds in each frame
	counted      uint64
	counting     time.Time
}

// NewSwarmView gives a view of a swarm. It is live if the output is a terminal.
func NewSwarmView(out io.Writer, live bool, name string, seeds uint64) *SwarmView {
	v := &SwarmView{screen: newScreen(out, live), name: name, seeds: seeds, hit: map[string]bool{}}
	v.began = v.screen.now()
	v.counting = v.began
	return v
}

// Each takes a result, see simulate.SwarmConfig.
func (v *SwarmView) Each(r *simulate.Result) {
	v.done++
	v.simulated += r.Simulated
	v.marks = len(r.Marks)
	for name, n := range r.Marks { // order-free: a set
		v.hit[name] = v.hit[name] || n > 0
	}
	switch r.Verdict {
	case simulate.Violated:
		v.violated++
		if v.token == "" {
			v.token = r.Token
		}
	case simulate.Inconclusive:
		v.inconclusive++
	case simulate.Pass:
	}
	if v.screen.due() {
		v.count()
		v.screen.show(v.lines(), v.line)
	}
}

// Close shows the last that there is to show.
func (v *SwarmView) Close() {
	if v.screen.live && v.done > 0 {
		v.screen.show(v.lines(), v.line)
	}
}

// count notes how fast it goes, once a second.
func (v *SwarmView) count() {
	now := v.screen.now()
	took := now.Sub(v.counting)
	if took < time.Second {
		return
	}
	v.rates = append(v.rates, float64(v.done-v.counted)/took.Seconds())
	v.rates = v.rates[max(0, len(v.rates)-sparks):]
	v.counted, v.counting = v.done, now
}

func (v *SwarmView) perHour() float64 {
	return float64(v.done) / max(v.screen.now().Sub(v.began).Hours(), 1e-9)
}

func (v *SwarmView) line() string {
	return fmt.Sprintf("%d seeds in %s (%.0f an hour): %d violated, %d inconclusive",
		v.done, Span(v.screen.now().Sub(v.began)), v.perHour(), v.violated, v.inconclusive)
}

func (v *SwarmView) lines() []string {
	hit := 0
	for _, yes := range v.hit { // order-free: a count
		if yes {
			hit++
		}
	}
	out := []string{fmt.Sprintf("swarm of %s, %s simulated in %s", v.name, Span(v.simulated), Span(v.screen.now().Sub(v.began)))}
	if v.seeds > 0 {
		out = append(out, fmt.Sprintf("%-*s%s  %d of %d", label, "seeds", bar(float64(v.done)/float64(v.seeds), sparks), v.done, v.seeds))
	} else {
		out = append(out, fmt.Sprintf("%-*s%d", label, "seeds", v.done))
	}
	out = append(out,
		fmt.Sprintf("%-*s%s  %.0f an hour", label, "speed", spark(v.rates, sparks), v.perHour()),
		fmt.Sprintf("%-*s%s  %d of %d hit", label, "marks", bar(float64(hit)/float64(max(v.marks, 1)), sparks), hit, v.marks),
		fmt.Sprintf("%-*s%d violated, %d inconclusive", label, "verdict", v.violated, v.inconclusive),
	)
	if v.token != "" {
		out = append(out, fmt.Sprintf("%-*s%s", label, "replay", v.token))
	}
	return out
}
