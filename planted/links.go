package planted

// The bugs of how deltas travel.
const (
	DeltaClearedOnMerge    ID = "delta-cleared-on-merge"
	RemovalOnlyByRepair    ID = "removal-only-by-repair"
	FlushStuck             ID = "flush-stuck-until-next-write"
	GossipStorm            ID = "gossip-storm"
	OutboxLeak             ID = "outbox-leak"
	W4LinkCertifiesSkipped ID = "w4-link-certifies-skipped"
)

func links() []Bug {
	return []Bug{
		{
			ID: DeltaClearedOnMerge, Breaks: "merging what a peer sent empties the outboxes of what waits there",
			Violates: "an acknowledged write is on its way to its peers",
		},
		{
			ID: RemovalOnlyByRepair, Breaks: "a DEL is not sent; a repair round finds it some time later",
			Violates: "links bring what changes; repair has nothing to do where nothing got lost",
		},
		{
			ID: FlushStuck, Breaks: "what waits for company is not sent until somebody writes again",
			Violates: "a batch goes after its linger",
		},
		{
			ID: GossipStorm, Breaks: "every delta is sent back to where it came from",
			Violates: "L5: what is relayed never goes back; amplification is bounded",
		},
		{
			ID: OutboxLeak, Breaks: "what has been sent still counts as waiting, until the outbox seems full",
			Violates: "memory is bounded: an outbox comes back to zero",
		},
		{
			ID: W4LinkCertifiesSkipped, Breaks: "a link whose delta was refused goes on certifying, as if it had been taken",
			Violates: "W4: what was skipped caps the context",
		},
	}
}

// The rules of links, left out one by one.
const (
	L1OtherBoot            ID = "l1-other-boot"
	L1OtherTenure          ID = "l1-other-tenure"
	L1JoinedAnywhere       ID = "l1-joined-anywhere"
	L1LeavingKeepsOpen     ID = "l1-leaving-keeps-open"
	L2CleanStart           ID = "l2-clean-start"
	L2BaseWithoutHigh      ID = "l2-base-without-high"
	L3WatermarkOnAnyBatch  ID = "l3-watermark-on-any-batch"
	L3WatermarkOverGap     ID = "l3-watermark-over-gap"
	L3QueuedLater          ID = "l3-queued-later"
	L3CoalesceAcross       ID = "l3-coalesce-across-seal"
	L4CoalesceForgetsKills ID = "l4-coalesce-forgets-kills"
	L4OverflowStaysClean   ID = "l4-overflow-stays-clean"
	L5NoRelay              ID = "l5-no-relay"
	L5RelayUnchanged       ID = "l5-relay-unchanged"
	L5RepairsNotRelayed    ID = "l5-repairs-not-relayed"
	L5CrossCertifiesAll    ID = "l5-cross-certifies-all"
	L6BaseNotRaised        ID = "l6-base-not-raised"
)

func certifyingRules() []Bug {
	return []Bug{
		{
			ID: L1OtherBoot, Breaks: "a node that has restarted follows the link of the boot before it",
			Violates: "L1: an incarnation is bound to the boot of its receiver",
		},
		{
			ID: L1OtherTenure, Breaks: "a partition that was dropped and came back follows the link of the tenure before it",
			Violates: "L1: an incarnation is bound to the tenure of the partition",
		},
		{
			ID: L1JoinedAnywhere, Breaks: "a receiver follows a link from the first batch that it happens to get",
			Violates: "L1: an incarnation is joined only at its first position",
		},
		{
			ID: L1LeavingKeepsOpen, Breaks: "a link goes on certifying a partition whose writes it carries no more",
			Violates: "L1: leaving the audience closes a link, coming back opens a new one",
		},
		{
			ID: L2CleanStart, Breaks: "a link starts as if its sender had known nothing before",
			Violates: "L2: an incarnation starts from a base",
		},
		{
			ID: L2BaseWithoutHigh, Breaks: "the base of a link leaves out what its sender applied beyond its context",
			Violates: "L2: the base is the higher of the context and the highest stamp applied",
		},
		{
			ID: L3WatermarkOnAnyBatch, Breaks: "a watermark goes with a batch that leaves older deltas waiting",
			Violates: "L3: only a batch that empties the outbox carries a watermark",
		},
		{
			ID: L3WatermarkOverGap, Breaks: "a watermark is taken though a batch before it is missing",
			Violates: "L3: no watermark is taken across a gap",
		},
		{
			ID: L3QueuedLater, Breaks: "a watermark slips in between the stamping of a write and its queueing",
			Violates: "L3: stamping and queueing are one step",
		},
		{
			ID: L3CoalesceAcross, Breaks: "a delta that a sealed outbox has promised is joined to one that goes after the watermark",
			Violates: "L3: coalescing stays within one sealed outbox",
		},
	}
}

func carryingRules() []Bug {
	return []Bug{
		{
			ID: L4CoalesceForgetsKills, Breaks: "of a waiting delta that killed something only the one that is joined to it stays",
			Violates: "L4: coalescing is the join and keeps what the merged deltas killed",
		},
		{
			ID: L4OverflowStaysClean, Breaks: "an outbox that overflows is emptied and its link goes on certifying",
			Violates: "L4: overflow makes a link dirty",
		},
		{
			ID: L5NoRelay, Breaks: "what comes from another region is not passed on, though watermarks say that it was",
			Violates: "L5: a relay forwards whatever changed its state",
		},
		{
			ID: L5RelayUnchanged, Breaks: "what changed nothing is passed on, and circles among three owners",
			Violates: "L5: a relay forwards only what changed its state",
		},
		{
			ID: L5RepairsNotRelayed, Breaks: "what repair brought is not passed on, though watermarks say that it was",
			Violates: "L5: repairs are relayed too",
		},
		{
			ID: L5CrossCertifiesAll, Breaks: "a link to another region certifies what it never carried: the writes of others",
			Violates: "L5: a link to another region certifies its sender's own origin only",
		},
		{
			ID: L6BaseNotRaised, Breaks: "links certify absences that a round taught their sender and that they never carried",
			Violates: "L6: a round that raises the context raises the bases of the links",
		},
	}
}
