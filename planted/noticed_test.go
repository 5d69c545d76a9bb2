//go:build simbreak

package planted_test

import (
	"context"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/atollcache/atoll/planted"
)

// A witness is one test that notices a bug: it passes without the bug, as the
// whole of the tests shows, and fails with it.
type witness struct {
	bug  planted.ID
	in   string // package
	test string
	args []string
}

// schedules plays the first random schedules of TestLinkRules: which of them
// notices changes with the times at which messages go out.
func schedules(bug planted.ID) witness {
	return witness{bug, "replica", "TestLinkRules", []string{"-seeds", "40"}}
}

func witnesses() []witness {
	return []witness{
		{bug: planted.LWWTie, in: "crdt", test: "TestStories"},
		{bug: planted.LWWArrivalOrder, in: "crdt", test: "TestStories"},
		{bug: planted.ContextWiderThanDelta, in: "crdt", test: "TestObservedRemove"},
		{bug: planted.RemovalCoversUnseen, in: "crdt", test: "TestObservedRemove"},
		{bug: planted.CounterLastNotMax, in: "crdt", test: "TestObservedRemove"},
		{bug: planted.CounterWithoutBirth, in: "crdt", test: "TestObservedRemove"},
		{bug: planted.DuplicateNotIdempotent, in: "crdt", test: "TestJoinLaws"},
		{bug: planted.DeadlineRestarts, in: "replica", test: "TestKeyExpiresWithoutAMessage"},
		{bug: planted.DigestKeyOnly, in: "replica", test: "TestStatusAndDigests"},
		{bug: planted.DigestMissesExpiry, in: "crdt", test: "TestDigestTellsDeadlines"},

		{bug: planted.ContextOverGap, in: "replica", test: "TestGapOfADeadNodeIsClosed"},
		{bug: planted.HLCNotMerged, in: "replica", test: "TestStampIsAboveWhatItReplaces"},
		{bug: planted.PoisonClockAccepted, in: "replica", test: "TestStampsOfTheFuture"},
		{bug: planted.AckBeforeApply, in: "replica", test: "TestRegionWaitsForTheCoOwner"},
		{bug: planted.StubForgottenEarly, in: "replica", test: "TestExtendedOnTheOtherSideOfACut"},
		{bug: planted.StubKept, in: "replica", test: "TestExtendedOnTheOtherSideOfACut"},
		{bug: planted.DrainingIsGone, in: "replica", test: "TestExtendedByAnOwnerThatDrains"},
		{bug: planted.FormerOwnersForgotten, in: "replica", test: "TestExtendedByAnOwnerThatRestarted"},
		{bug: planted.SessionTokenDropped, in: "replica", test: "TestSessionBetweenOwners"},

		{bug: planted.DeltaClearedOnMerge, in: "replica", test: "TestStampingAndQueueingAreOneStep"},
		{bug: planted.RemovalOnlyByRepair, in: "replica", test: "TestLevelOfSeveralKeys"},
		{bug: planted.FlushStuck, in: "replica", test: "TestLastWriteIsNotStuck"},
		{bug: planted.GossipStorm, in: "replica", test: "TestDeltasComeToRest"},
		{bug: planted.OutboxLeak, in: "replica", test: "TestStatusAndDigests"},
		{bug: planted.W4LinkCertifiesSkipped, in: "replica", test: "TestRefusedDeltaIsNotCertified"},

		{bug: planted.L1OtherBoot, in: "replica", test: "TestWatermarkForAnEarlierBoot"},
		{bug: planted.L1OtherTenure, in: "replica", test: "TestWatermarkForAnEarlierTenure"},
		{bug: planted.L1JoinedAnywhere, in: "replica", test: "TestLinkIsNotJoinedInTheMiddle"},
		schedules(planted.L1LeavingKeepsOpen),
		{bug: planted.L2CleanStart, in: "replica", test: "TestRestartWithEmptyMemory"},
		{bug: planted.L2BaseWithoutHigh, in: "replica", test: "TestLinkStartsAboveWhatWasApplied"},
		{bug: planted.L3WatermarkOnAnyBatch, in: "replica", test: "TestOutbox"},
		{bug: planted.L3WatermarkOverGap, in: "replica", test: "TestWatermarkInOrder"},
		{bug: planted.L3QueuedLater, in: "replica", test: "TestRestartWithEmptyMemory"},
		{bug: planted.L3CoalesceAcross, in: "replica", test: "TestOutbox"},
		{bug: planted.L4CoalesceForgetsKills, in: "replica", test: "TestOutbox"},
		{bug: planted.L4OverflowStaysClean, in: "replica", test: "TestOverflowIsMended"},
		{bug: planted.L5NoRelay, in: "replica", test: "TestCutDivergeHeal"},
		{bug: planted.L5RelayUnchanged, in: "replica", test: "TestDeltasComeToRest"},
		{bug: planted.L5RepairsNotRelayed, in: "replica", test: "TestRepairsAreRelayed"},
		{bug: planted.L5CrossCertifiesAll, in: "replica", test: "TestForeignStampsOnALinkBetweenRegions"},
		{bug: planted.L6BaseNotRaised, in: "replica", test: "TestRoundRaisesTheBaseOfLinks"},

		schedules(planted.ContextAfterContent),
		{bug: planted.RepairPingPong, in: "replica", test: "TestAgreementIsQuiet"},
		{bug: planted.OneWayCutBlind, in: "replica", test: "TestOneWayDeadPathInsideARegion"},
		schedules(planted.RepairOnlyAlivePeers),
		{bug: planted.RepairFalseSuccess, in: "replica", test: "TestGapIsClosedWhenEverybodyWasAsked"},
		{bug: planted.L7OwnTenure, in: "replica", test: "TestEqualToAnotherTenure"},
		{bug: planted.L7PeerTenure, in: "replica", test: "TestEqualToAnotherTenure"},
		{bug: planted.L7NoTombstones, in: "replica", test: "TestRemovalSurvivesARollingRestart"},
		{bug: planted.L7JoinsIncomplete, in: "replica", test: "TestInterruptedRoundTeachesNothing"},
		{bug: planted.L7SkippedNotCapped, in: "replica", test: "TestRoundIsCappedByWhatItSkipped"},

		{bug: planted.TenureReusesOrigin, in: "replica", test: "TestPartitionReturnsWithANewEpoch"},
		{bug: planted.L8ContextsAlone, in: "replica", test: "TestGuestEndsAtItsOwners"},
		{bug: planted.L8DropsAtOnce, in: "replica", test: "TestDrainHandsEverythingOver"},
		{bug: planted.L8StaleOffer, in: "replica", test: "TestTakeOverOfWhatHasChangedSince"},
		{bug: planted.L9BootingCertifies, in: "replica", test: "TestNoWatermarkLeavesABootingPartition"},
		{bug: planted.L9BootingServes, in: "replica", test: "TestReadsWhileBothOwnersAreNew"},
		{bug: planted.L10LivingOrigin, in: "replica", test: "TestGapOfANodeThatDrainsIsKept"},
		{bug: planted.L10ClosesUnasked, in: "replica", test: "TestGapIsClosedWhenEverybodyWasAsked"},
		{bug: planted.L10NeverCloses, in: "replica", test: "TestGapOfADeadNodeIsClosed"},
		{bug: planted.OriginReused, in: "simulate/world", test: "TestFaults"},
		{bug: planted.NoRejoin, in: "simulate/world", test: "TestFaults"},
	}
}

// Every bug that can be switched on makes the test fail that is named for it.
func TestNoticed(t *testing.T) {
	runners := map[string]string{}
	named := map[planted.ID]bool{}
	for _, w := range witnesses() {
		named[w.bug] = true
		if runners[w.in] == "" {
			runners[w.in] = compile(t, w.in)
		}
		t.Run(string(w.bug), func(t *testing.T) {
			t.Parallel()
			w.testify(t, runners[w.in])
		})
	}
	for _, b := range planted.All() {
		if b.Applies() && !named[b.ID] {
			t.Errorf("no test is named that notices %s", b.ID)
		}
	}
}

// compile builds the tests of a package with the bugs in them.
func compile(t *testing.T, in string) string {
	t.Helper()
	program := filepath.Join(t.TempDir(), filepath.Base(in))
	build := exec.Command("go", "test", "-tags", "simbreak", "-c", "-o", program, "./"+in)
	build.Dir = root
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("go test -c ./%s: %v\n%s", in, err, out)
	}
	return program
}

// testify runs the test with the bug, and wants it to fail by its own judgement.
func (w *witness) testify(t *testing.T, program string) {
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	args := append([]string{"-test.run", "^" + w.test + "$"}, w.args...)
	if w.in == "crdt" || w.in == "replica" {
		args = append(args, "-rapid.nofailfile", "-rapid.seed=1", "-rapid.checks=1000", "-rapid.shrinktime=1s")
	}
	run := exec.CommandContext(ctx, program, args...)
	run.Dir = filepath.Join(root, w.in)
	run.Env = append(os.Environ(), "ATOLL_BREAK="+string(w.bug))
	out, err := run.CombinedOutput()
	if _, failed := errors.AsType[*exec.ExitError](err); !failed || !strings.Contains(string(out), "--- FAIL: "+w.test) {
		t.Errorf("%s of %s does not notice: %v\n%s", w.test, w.in, err, out)
	}
}
