package planted

// The bugs of repair.
const (
	ContextAfterContent  ID = "context-read-after-content"
	RepairOnlyAlivePeers ID = "repair-only-alive-peers"
	RepairFalseSuccess   ID = "repair-false-success"
	RepairPingPong       ID = "repair-ping-pong"
	OneWayCutBlind       ID = "one-way-cut-blind"
	L7NoTombstones       ID = "l7-no-tombstones"
	L7OwnTenure          ID = "l7-own-tenure"
	L7PeerTenure         ID = "l7-peer-tenure"
	L7JoinsIncomplete    ID = "l7-joins-incomplete"
	L7SkippedNotCapped   ID = "l7-skipped-not-capped"
)

func rounds() []Bug {
	return []Bug{
		{
			ID: ContextAfterContent, Breaks: "the context of a round is read after its content, and covers what was written in between",
			Violates: "W2 and L7: the context is read before the content",
		},
		{
			ID: RepairOnlyAlivePeers, Breaks: "a peer that did not answer once is never asked again",
			Violates: "when the links are up all replicas become equal, after a cut of any length",
		},
		{
			ID: RepairFalseSuccess, Breaks: "a round that ended early passes for one that fetched everything",
			Violates: "a finished round is an agreement, and only a finished one",
		},
		{
			ID: RepairPingPong, Breaks: "serving a round makes one in return due, for ever",
			Violates: "after convergence there is silence",
		},
		{
			ID: OneWayCutBlind, Breaks: "nobody notices that a peer is not heard any more, so no detour is taken",
			Violates: "a cut that membership does not see is found by the links, and repair runs through a third region",
		},
		{
			ID: L7NoTombstones, Breaks: "a round does not fetch removals that run ahead of the context",
			Violates: "L7: repair carries tombstones and DEL vectors beyond the context",
		},
		{
			ID: L7OwnTenure, Breaks: "a round goes on in a partition that was dropped here and came back meanwhile",
			Violates: "L7: a round is bound to the tenure of the side that pulls",
		},
		{
			ID: L7PeerTenure, Breaks: "a round goes on with a partition that was dropped there and came back meanwhile",
			Violates: "L7: a round is bound to the tenure of the side that serves",
		},
		{
			ID: L7JoinsIncomplete, Breaks: "a round that ended early joins the peer's context all the same",
			Violates: "L7: contexts are joined only when a round is complete",
		},
		{
			ID: L7SkippedNotCapped, Breaks: "the context that a round joins covers what it did not take",
			Violates: "W4 and L7: what was skipped caps the context",
		},
	}
}
