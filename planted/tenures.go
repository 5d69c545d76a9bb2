package planted

// The bugs of ownership and of origins that are over.
const (
	TenureReusesOrigin ID = "w5-tenure-reuses-origin"
	L8ContextsAlone    ID = "l8-contexts-alone"
	L8DropsAtOnce      ID = "l8-drops-at-once"
	L8StaleOffer       ID = "l8-stale-offer"
	L9BootingCertifies ID = "l9-booting-certifies"
	L9BootingServes    ID = "l9-booting-serves"
	L10LivingOrigin    ID = "l10-living-origin"
	L10ClosesUnasked   ID = "l10-closes-unasked"
	L10NeverCloses     ID = "l10-never-closes"
)

func tenures() []Bug {
	return []Bug{
		{
			ID: TenureReusesOrigin, Breaks: "a partition that was dropped and came back is written under the old origin",
			Violates: "W5: an origin is never reused, also per partition",
		},
		{
			ID: L8ContextsAlone, Breaks: "a partition is dropped when contexts are equal, with the only copy of what lies beyond them",
			Violates: "L8: the new owner must cover the highest stamp ever applied",
		},
		{
			ID: L8DropsAtOnce, Breaks: "a partition is dropped as soon as it is owned no more",
			Violates: "L8: a partition is handed over before it is dropped",
		},
		{
			ID: L8StaleOffer, Breaks: "a partition is dropped though something was applied after it was offered",
			Violates: "L8: it freezes, and the new owner completes a pull begun after that",
		},
		{
			ID: L9BootingCertifies, Breaks: "a node that still fetches a partition sends watermarks for it, and passes for one that has it",
			Violates: "L9: watermarks are held back until the stream has ended",
		},
		{
			ID: L9BootingServes, Breaks: "a node that still fetches a partition says that it has all of it",
			Violates: "L9: who bootstraps vouches for nothing",
		},
		{
			ID: L10LivingOrigin, Breaks: "the gap of an origin that lives is closed, over what is still on its way",
			Violates: "L10: never for a living origin",
		},
		{
			ID: L10ClosesUnasked, Breaks: "the gap of a dead origin is closed before the living were asked for what it hides",
			Violates: "L10: only after a completed pull from every live owner",
		},
		{
			ID: L10NeverCloses, Breaks: "an origin that died with a gap pins tombstones for ever",
			Violates: "L10: the gap of a dead origin is closed, and memory is bounded",
		},
	}
}

// The bugs of how a node comes into the world: of the epoch that it starts
// with, and of who tells it which other nodes there are.
const (
	OriginReused ID = "origin-reused-after-crash"
	NoRejoin     ID = "no-rejoin"
)

func worlds() []Bug {
	return []Bug{
		{
			ID: OriginReused, Breaks: "a node that lost its memory starts under the epoch that it had",
			Violates: "W5: an origin is never reused after its memory is lost",
		},
		{
			ID: NoRejoin, Breaks: "a region that was split never becomes one again",
			Violates: "membership heals: nodes that were out of sight are joined again",
		},
	}
}
