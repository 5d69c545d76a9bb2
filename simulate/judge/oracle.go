package judge

import (
	"fmt"
	"time"

	"github.com/atollcache/atoll/crdt"
	"github.com/atollcache/atoll/simulate/scenario"
)

// When says at which moments an oracle judges.
type When string

// The moments.
const (
	Always  When = "every event"
	Quiet   When = "while the run quiesces"
	AtFinal When = "final"
)

// Oracle is a row of the table of oracles.
type Oracle struct {
	ID      string // as in O4
	Name    string
	About   string // one sentence
	When    When
	Promise scenario.Promise
	Excuses []string // what it lets pass, each counted when it does; what no promise covers excuses all but O22
}

// Oracles lists the oracles that judge.
func Oracles() []Oracle { return append([]Oracle(nil), oracles...) }

// What more than one oracle lets pass.
const (
	excuseMemory  = "only memory that was lost knew of it"
	excuseExpired = "it has expired"
	excuseBlind   = "the key saw a command that the model does not know"
	excuseTwin    = "two nodes lived under one name"
	excuseSafety  = "the scenario asks for safety only"
	excuseShort   = "the run ended too early to tell"
)

var oracles = []Oracle{ // immutable: nothing writes a row, and Oracles hands out a copy
	{"O1", "convergence", "At the end all replicas of a partition have equal digests.", AtFinal, scenario.Divergence, []string{excuseSafety, excuseShort, excuseFuture, excuseWaits, excuseExpired}},
	{"O2", "digests", "The digest of a partition is that of its entries, and equal digests mean equal cells.", AtFinal, scenario.DigestMismatch, nil},
	{"O3", "values", "What a client reads is what the model says.", Always, scenario.WrongValue, []string{excuseMemory, excuseBlind, excuseFuture, excuseExpired}},
	{"O4", "lost writes", "An acknowledged write is there until an operation that saw it takes it away, and where its level says.", Always, scenario.LostAckedWrite, []string{excuseMemory, excuseExpired, excuseShort, excuseFuture}},
	{"O5", "resurrection", "What a node knows to be removed or expired it never shows again.", Always, scenario.Resurrection, []string{excuseMemory, excuseShort, excuseFuture}},
	{"O6", "removals", "A removal takes away only what it observed.", Always, scenario.UnseenRemoval, []string{excuseMemory}},
	{"O7", "counters", "A counter is the sum of its increments that no reset observed.", AtFinal, scenario.CounterOff, []string{excuseMemory, excuseExpired, excuseShort, excuseFuture}},
	{"O8", "sessions", "A session sees its own writes, and nothing older than it has seen, wherever it goes, or is told that it may; what it writes is later.", Always, scenario.SessionBroken, []string{excuseMemory, excuseStale}},
	{"O9", "stamps", "A write is stamped above all that its node has shown for the key, by an origin that is its alone.", Always, scenario.StampRegress, nil},
	{"O11", "heal time", "Every replica has what was acknowledged before the heal within a bounded time.", Quiet, scenario.SlowHeal, []string{excuseSafety, excuseShort, excuseFuture}},
	{"O12", "repair budget", "Anti-entropy changes no more entries than the network lost.", AtFinal, scenario.ExcessRepair, []string{excuseExpired, excuseBoot, excuseReopened}},
	{"O13", "silence", "Once the replicas are equal nothing changes, nothing is repaired, and hardly anything asked.", Quiet, scenario.Noise, []string{excuseExpired, excuseShort, excuseWaits, excuseFuture}},
	{"O14", "amplification", "A write is delivered as often as there are replicas, and rarely more.", AtFinal, scenario.Amplification, []string{excuseFaults}},
	{"O15", "bounded memory", "Removals, expired keys and outboxes leave nothing behind.", AtFinal, scenario.Leak, []string{excuseBases, excuseOrigins, excuseWaits, excuseSpeaks, excuseShort, excuseRanAhead}},
	{"O16", "deadlines", "A key is there before its deadline and gone from it on, by the clock of the node that is asked.", Always, scenario.MissedDeadline, []string{excusePoison, excuseClocks}},
	{"O17", "clocks", "Stamps do not go back or run away, and a node whose clock is off soon stops stamping.", Always, scenario.PoisonAccepted, []string{excuseAlone, excuseClocks, excusePoison}},
	{"O18", "membership", "At the end every node knows all nodes that live, and no others of a region where somebody lives.", AtFinal, scenario.MembershipStuck, []string{excuseShort, excuseTwin}},
	{"O19", "duplicates", "A message that comes twice, or after a later one, changes nothing.", AtFinal, scenario.DuplicateEffect, nil},
	{"O22", "breakdown", "There is no panic, no step without bound, no message that a healthy peer cannot read, and no damaged one that is taken.", Always, scenario.Breakdown, nil},
}

// Violation is a broken promise.
type Violation struct {
	Oracle string // its ID
	At     time.Duration
	Node   string // where it showed; empty if everywhere
	Key    string
	What   string     // one sentence
	Dots   []crdt.Dot // of the operations concerned
}

// String writes a violation in one line.
func (v Violation) String() string {
	s := fmt.Sprintf("%s at %v", v.Oracle, v.At)
	if v.Node != "" {
		s += " on " + v.Node
	}
	if v.Key != "" {
		s += fmt.Sprintf(", key %q", v.Key)
	}
	return s + ": " + v.What
}

// Excuse is a rule that let something pass, and how often.
type Excuse struct {
	Oracle string
	Why    string
	Count  int
}

// maxViolations of one oracle are kept, the first ones; the others are counted.
const maxViolations = 20

// accuse notes a broken promise, unless something went on that no promise covers.
func (j *Judge) accuse(oracle string, s *site, key string, dots []crdt.Dot, format string, args ...any) {
	if why := j.beyond(oracle); why != "" {
		j.excuse(oracle, why)
		return
	}
	j.accused[oracle]++
	j.total++
	if j.accused[oracle] > maxViolations {
		return
	}
	v := Violation{Oracle: oracle, At: j.now(), Key: key, What: fmt.Sprintf(format, args...), Dots: append([]crdt.Dot(nil), dots...)}
	if s != nil {
		v.Node = s.name
	}
	j.violations = append(j.violations, v)
}

// beyond says what there is in the scenario, from now or from before, against which
// nothing is promised. A panic is one all the same.
func (j *Judge) beyond(oracle string) string {
	if oracle == "O22" {
		return ""
	}
	for _, step := range j.sc.Timeline {
		switch {
		case step.At > j.now():
		case step.Kind == scenario.Twin:
			return excuseTwin
		case step.Kind == scenario.ClockPoison && (oracle == "O16" || oracle == "O15"):
			return excusePoison
		case oracle == "O16" && 3*j.misled(&step) >= j.clocks():
			return excuseClocks
		case oracle == "O15" && j.misled(&step) > 0:
			return excuseRanAhead
		}
	}
	return ""
}

// misled counts the clocks that a step sets wrong by more than is accepted. Where
// it is a third of all a node need not see a majority of right ones: it compares
// itself with those that it has links with, and deadlines pass by the clocks that
// agree. And one that starts under a wrong clock stamps nothing until time has
// caught up, so that others wait for its word before they let go what expired.
func (j *Judge) misled(step *scenario.Step) (clocks int) {
	switch step.Kind {
	case scenario.ClockJump, scenario.ClockSkew, scenario.ClockStrobe:
	default:
		return 0
	}
	if step.Offset.Abs().Milliseconds() <= j.maxSkew() {
		return 0
	}
	for _, region := range j.sc.Topology.Regions {
		for node := range region.Nodes {
			if step.Target.Has(scenario.Place{Region: region.Name, Node: node + 1}) {
				clocks++
			}
		}
	}
	return clocks
}

func (j *Judge) clocks() (n int) {
	for _, region := range j.sc.Topology.Regions {
		n += region.Nodes
	}
	return n
}

// excuse notes that something passed.
func (j *Judge) excuse(oracle, why string) {
	for i := range j.excuses {
		if j.excuses[i].Oracle == oracle && j.excuses[i].Why == why {
			j.excuses[i].Count++
			return
		}
	}
	j.excuses = append(j.excuses, Excuse{oracle, why, 1})
}
