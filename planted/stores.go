package planted

// The bugs of what a node holds, and of its clock.
const (
	ContextOverGap        ID = "context-advances-over-gap"
	HLCNotMerged          ID = "hlc-not-merged"
	PoisonClockAccepted   ID = "poison-clock-accepted"
	AckBeforeApply        ID = "ack-before-apply"
	StubForgottenEarly    ID = "stub-forgotten-early"
	StubKept              ID = "stub-kept"
	DrainingIsGone        ID = "draining-is-gone"
	FormerOwnersForgotten ID = "former-owners-forgotten"
	SessionTokenDropped   ID = "session-token-dropped"
	EvictDeletes          ID = "evict-deletes-elsewhere"
	SnapshotIsAuthority   ID = "snapshot-is-authority"
)

func stores() []Bug {
	return []Bug{
		{
			ID: ContextOverGap, Breaks: "a delta that has arrived raises the context, over those before it that have not",
			Violates: "W3: a context rises only by a complete exchange or a stream without gaps",
		},
		{
			ID: HLCNotMerged, Breaks: "what is written next may be stamped below what it has seen",
			Violates: "a local write is stamped above everything that it sees for the key",
		},
		{
			ID: PoisonClockAccepted, Breaks: "a stamp of the far future is applied, and drags every clock along",
			Violates: "a stamp more than the maximal skew ahead is not applied and moves no clock",
		},
		{
			ID: AckBeforeApply, Breaks: "a write that asks for a level is answered before anybody else has it",
			Violates: "an acknowledgement level says who has applied the write",
		},
		{
			ID: StubForgottenEarly, Breaks: "a key that has expired is forgotten before every origin has passed its deadline",
			Violates: "a stub stays until the context has passed the deadline for every origin",
		},
		{
			ID: StubKept, Breaks: "what is left of a key that has expired stays for ever",
			Violates: "a stub goes when the context has passed the deadline for every origin",
		},
		{
			ID: DrainingIsGone, Breaks: "a node that was seen draining when it vanished is not waited for",
			Violates: "a node has left in order when it has said so, which is when it has handed everything over",
		},
		{
			ID: FormerOwnersForgotten, Breaks: "a key that has expired is forgotten though an epoch that is over may have extended it",
			Violates: "what an owner that was may have extended is kept until its region has told all in a round",
		},
		{
			ID: SessionTokenDropped, Breaks: "a session that moves to another node reads what is older than its own writes",
			Violates: "sessions read their own writes, and read monotonically",
		},
		{
			ID: EvictDeletes, Breaks: "a value that one node evicts is removed at the others",
			Violates: "eviction is not removal: a ghost is no evidence",
			Waits:    "nothing is evicted yet; a full node refuses writes",
		},
		{
			ID: SnapshotIsAuthority, Breaks: "what an old snapshot holds is taken for what is there now",
			Violates: "a snapshot is old news: the node boots as a new origin and loads it as remote data",
			Waits:    "there are no snapshots yet",
		},
	}
}
