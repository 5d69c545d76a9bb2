package world

import "github.com/atollcache/atoll/replica"

// Mark is a rare turn of the world itself, beside those of the replicas.
type Mark uint8

// The marks.
const (
	MarkRepairDuringCut   Mark = iota // a repair message arrived somewhere while a link was cut
	MarkEqualMilliseconds             // two regions wrote one key in the same millisecond
	MarkCutAtDelivery                 // a message was under way when its link was cut
	MarkCrashBetween                  // a node died between two effects of one step
	MarkCrashUnacked                  // a node died with operations unanswered
	MarkInboxOverflow                 // a node was too slow for its messages
	MarkTailDrop                      // a queue before a narrow link was full
	MarkFalseDeath                    // a live node was taken for dead by another
	MarkRejoin                        // the rejoin loop brought two nodes together again
	MarkRestartUnnoticed              // a node was back before anybody missed it
	MarkEpochLearned                  // a node took an epoch above its own memory, from its peers
	MarkLearnTimeout                  // a node stopped waiting for others to speak up
	MarkPartsMet                      // two parts of a region found each other
	MarkNameConflict                  // a node stopped since another has its name
	MarkDrained                       // a node left in order
	MarkOpenedLate                    // a door opened before all partitions were there
	MarkPausedOp                      // an operation waited for a node that was paused
	MarkClockBack                     // a wall clock went back
	MarkOverCapacity                  // a message was too large for the carrier
	MarkStaleBoot                     // a message arrived that was meant for an earlier boot
	MarkCorruptRefused                // a damaged message was refused
	MarkReordered                     // a message overtook another
	MarkDuplicated                    // a message came twice
	MarkFailedOver                    // a client went to another node since the first did not serve
	worldMarks
)

var worldMarkNames = [worldMarks]string{
	"cut-while-repair", "equal-milliseconds", "cut-at-delivery", "crash-between-effects", "crash-with-open-operations",
	"inbox-overflowed", "tail-dropped", "false-death", "rejoined", "restart-unnoticed", "epoch-learned",
	"learning-timed-out", "parts-met", "name-conflict", "drained", "opened-late", "operation-waited-for-paused",
	"clock-went-back", "message-too-large", "message-of-an-earlier-boot", "damage-refused", "overtaken", "duplicated",
	"client-failed-over",
}

// MarkNames names all marks: those of the replicas first, then those of the
// world.
func MarkNames() []string {
	var names []string
	for _, m := range replica.Marks() {
		names = append(names, m.String())
	}
	for i := range worldMarkNames {
		names = append(names, worldMarkNames[i])
	}
	return names
}

// MarkCount says how often a mark was hit.
type MarkCount struct {
	Name  string
	Count int
}

// Marks counts how often every mark was hit, in the order of MarkNames.
func (w *World) Marks() []MarkCount {
	out := make([]MarkCount, 0, len(w.marks))
	for i, name := range MarkNames() {
		out = append(out, MarkCount{name, w.marks[i]})
	}
	return out
}

func (w *World) mark(m Mark) { w.marks[len(w.marks)-int(worldMarks)+int(m)]++ }
